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

	reading sync.Mutex // held by who looks whether the file has changed; the others go on with what there is

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
	f.refresh()
	return f, f.err
}

// due tells whether nobody has looked at the file lately.
func (f *File) due() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.looked) >= recheck
}

// Name implements Source.
func (f *File) Name() string { return "file" }

// Load implements Source.
func (f *File) Load(_ context.Context, q Query) (*Subscriber, error) {
	if f.due() && f.reading.TryLock() {
		f.refresh()
		f.reading.Unlock()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
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

// refresh reads the file if it has changed. The lock reading is held, or nobody else has the File yet.
func (f *File) refresh() {
	f.mu.Lock()
	changed, size := f.changed, f.size
	f.looked = time.Now()
	f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err == nil && info.ModTime().Equal(changed) && info.Size() == size {
		return
	}
	var index map[Query]*Subscriber
	if changed = (time.Time{}); err == nil {
		changed, size = info.ModTime(), info.Size()
		index, err = f.read()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changed, f.size, f.err = changed, size, nil
	if err != nil {
		f.err = fmt.Errorf("read subscribers: %w", err)
		return
	}
	f.index = index
}

// read reads the whole file.
func (f *File) read() (map[Query]*Subscriber, error) {
	b, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	index, err := parseSubscribers(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return index, nil
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
