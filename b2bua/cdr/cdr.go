// Package cdr holds call detail records and the sinks they go to. A sink never blocks the call: File keeps records for a
// goroutine of its own, which writes them in groups, at most 50 ms late, and ends with Close.
package cdr

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bifrons/bifrons/media"
)

// Record is one ended call. Ringing and Answer are absent for a call that did not get so far; Status is the SIP status that
// tells the cause best, By who ended it: caller, callee or bifrons. Evidence is there for a party that was lost: it is the one
// in By.
type Record struct {
	Call     uint64    `json:"call"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Start    time.Time `json:"start"`
	Ringing  time.Time `json:"ringing,omitzero"`
	Answer   time.Time `json:"answer,omitzero"`
	End      time.Time `json:"end"`
	Status   int       `json:"status"`
	By       string    `json:"by"`
	Cause    string    `json:"cause"`
	Evidence string    `json:"evidence,omitempty"`
	Legs     []Leg     `json:"legs"`
}

// Leg is one leg of an ended call, the caller's first; Media has the statistics of each of its m-lines.
type Leg struct {
	Side   string        `json:"side"`
	CallID string        `json:"callid"`
	Media  []media.Stats `json:"media,omitempty"`
}

// Sink takes records; it must not block.
type Sink interface{ Write(Record) }

// Discard drops every record.
type Discard struct{}

// Write does nothing.
func (Discard) Write(Record) {}

// maxWaiting bounds the records kept for a writer that cannot keep up.
const maxWaiting = 65536

// gather is how long a record waits for others, so that one write serves many.
const gather = 50 * time.Millisecond

// File writes one JSON line per record.
type File struct {
	mu      sync.Mutex
	waiting []Record
	wake    chan struct{}
	done    sync.WaitGroup

	// Lost counts records dropped because the writer could not keep up, or failed.
	Lost atomic.Uint64
}

// NewFile starts the writing goroutine.
func NewFile(w io.Writer) *File {
	f := &File{wake: make(chan struct{}, 1)}
	f.done.Go(func() { f.run(w) })
	return f
}

func (f *File) run(w io.Writer) {
	out := bufio.NewWriterSize(w, 1<<16)
	e := json.NewEncoder(out)
	for open := true; open; {
		if _, open = <-f.wake; open {
			time.Sleep(gather)
		}
		f.mu.Lock()
		batch := f.waiting
		f.waiting = nil
		f.mu.Unlock()
		for i := range batch {
			if e.Encode(&batch[i]) != nil {
				f.Lost.Add(1)
			}
		}
		if out.Flush() != nil {
			f.Lost.Add(uint64(len(batch)))
			out.Reset(w)
		}
	}
}

// Write keeps a record for the writer.
func (f *File) Write(r Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) >= maxWaiting {
		f.Lost.Add(1)
		return
	}
	f.waiting = append(f.waiting, r)
	if len(f.waiting) == 1 {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// Close writes what waits and ends the goroutine; no Write may follow.
func (f *File) Close() {
	close(f.wake)
	f.done.Wait()
}
