package ims

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/bifrons/bifrons/diameter/sh"
)

// recheck is how long a file is taken as unchanged after a look at it.
const recheck = time.Second

// File is a source that reads a YAML file: a list of subscribers. A changed file is read again; a broken one keeps the
// last good content and tells its error with each look-up that finds nothing.
type File struct {
	path string

	mu      sync.Mutex
	index   map[Query]*Subscriber
	looked  time.Time
	changed time.Time
	size    int64
	err     error
}

// NewFile reads the file for the first time.
func NewFile(path string) (*File, error) {
	f := &File{path: path}
	f.refresh(time.Now())
	return f, f.err
}

// Name implements Source.
func (f *File) Name() string { return "file" }

// Load implements Source.
func (f *File) Load(_ context.Context, q Query) (*Subscriber, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= recheck {
		f.refresh(now)
	}
	s := f.index[Query{q.By, q.normal()}]
	switch {
	case s != nil:
		c := *s
		return &c, nil
	case f.err != nil:
		return nil, f.err
	}
	return nil, ErrNotFound
}

// refresh reads the file if it has changed. The lock is held, or nobody else has the File yet.
func (f *File) refresh(now time.Time) {
	f.looked = now
	info, err := os.Stat(f.path)
	if err != nil {
		f.err = fmt.Errorf("read subscribers: %w", err)
		return
	}
	if info.ModTime().Equal(f.changed) && info.Size() == f.size {
		return
	}
	f.changed, f.size = info.ModTime(), info.Size()
	b, err := os.ReadFile(f.path)
	if err != nil {
		f.err = fmt.Errorf("read subscribers: %w", err)
		return
	}
	index, err := parseSubscribers(b)
	if err != nil {
		f.err = fmt.Errorf("read subscribers from %s: %w", f.path, err)
		return
	}
	f.index, f.err = index, nil
}

// parseSubscribers reads the list and files each subscriber under all its keys.
func parseSubscribers(b []byte) (map[Query]*Subscriber, error) {
	var list []*Subscriber
	if err := yaml.UnmarshalWithOptions(b, &list, yaml.Strict()); err != nil {
		return nil, errors.New(yaml.FormatError(err, false, true))
	}
	index := make(map[Query]*Subscriber)
	for i, s := range list {
		if s == nil {
			return nil, fmt.Errorf("subscriber %d is empty", i+1)
		}
		for _, k := range s.keys() {
			if other := index[k]; other != nil && other != s {
				return nil, fmt.Errorf("subscriber %d: %s %s belongs to another", i+1, k.By, k.Value)
			}
			index[k] = s
		}
	}
	return index, nil
}

// keys returns all that a subscriber may be looked up by.
func (s *Subscriber) keys() (out []Query) {
	for i, p := range s.Public {
		s.Public[i] = sh.Canonical(p)
		out = append(out, Query{ByIMPU, s.Public[i]})
	}
	for _, p := range s.Private {
		out = append(out, Query{ByIMPI, p})
	}
	for _, n := range s.MSISDN {
		out = append(out, Query{ByMSISDN, Query{ByMSISDN, n}.normal()})
	}
	for _, k := range []Query{{ByIMSI, s.IMSI}, {ByUsername, s.Username}, {ByUUID, s.UUID}} {
		if k.Value != "" {
			out = append(out, k)
		}
	}
	return out
}
