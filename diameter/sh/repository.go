package sh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Repository is transparent data as it was read.
type Repository struct {
	Service string
	// Data is the inside of ServiceData; nil means that there is none.
	Data RawXML
	// Sequence is the stored number; it says nothing when Data is nil.
	Sequence uint16
}

// NextSequence returns the number that an update must carry (TS 29.328 6.1.2): 0 creates, then one more than what is
// stored, and after 65535 comes 1.
func NextSequence(exists bool, stored uint16) uint16 {
	switch {
	case !exists:
		return 0
	case stored == 65535:
		return 1
	}
	return stored + 1
}

// ValidSequence tells whether an HSS takes the number: what NextSequence returns, and nothing else.
func ValidSequence(exists bool, stored, sent uint16) bool {
	return NextSequence(exists, stored) == sent
}

// RepositoryData reads the transparent data of a service. No data is no error.
func (c *Client) RepositoryData(ctx context.Context, id Identity, service string) (Repository, error) {
	r := Repository{Service: service}
	a, err := c.UDR(ctx, &UDR{Identity: id, References: []Reference{RefRepositoryData}, ServiceIndications: []string{service}})
	if err != nil {
		return r, err
	}
	for _, d := range a.Data.Repository {
		if d.ServiceIndication == service {
			r.Data, r.Sequence = d.ServiceData, d.SequenceNumber
		}
	}
	return r, nil
}

// PutRepositoryData writes over what r was read as; nil data deletes. It returns what is stored afterwards. Another writer
// in between is TransparentDataOutOfSync.
func (c *Client) PutRepositoryData(ctx context.Context, id Identity, r Repository, data RawXML) (Repository, error) {
	if r.Data == nil && data == nil {
		return r, nil
	}
	next := Repository{r.Service, data, NextSequence(r.Data != nil, r.Sequence)}
	_, err := c.PUR(ctx, &PUR{
		Identity: id, References: []Reference{RefRepositoryData},
		Data: &Data{Repository: []RepositoryData{{r.Service, next.Sequence, data}}},
	})
	if err != nil {
		return r, err
	}
	return next, nil
}

// updateAttempts bounds how often UpdateRepositoryData meets other writers before it gives up.
const updateAttempts = 8

// UpdateRepositoryData reads, lets change make the new data from the old, and writes; when another writer was faster it
// begins anew. Old is nil when there is no data; a nil result deletes; an error of change ends it. Change may be called
// several times.
func (c *Client) UpdateRepositoryData(ctx context.Context, id Identity, service string,
	change func(old RawXML) (RawXML, error)) (Repository, error) {
	var err error
	for attempt := range updateAttempts {
		var r Repository
		if r, err = c.RepositoryData(ctx, id, service); err != nil {
			return r, err
		}
		data, cerr := change(bytes.Clone(r.Data))
		if cerr != nil {
			return r, cerr
		}
		var written Repository
		if written, err = c.PutRepositoryData(ctx, id, r, data); err == nil {
			return written, nil
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Action() != ActionReread && e.Action() != ActionRetry {
			return r, err
		}
		if werr := pause(ctx, attempt); werr != nil {
			return r, werr
		}
	}
	return Repository{Service: service}, fmt.Errorf("update %s: gave up after %d attempts: %w", service, updateAttempts, err)
}

// pause waits a short random time, longer with each attempt, so that two writers get out of step.
func pause(ctx context.Context, attempt int) error {
	t := time.NewTimer(rand.N(5 * time.Millisecond << min(attempt, 5)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
