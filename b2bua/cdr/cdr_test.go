package cdr

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// writer counts writes, and fails them when it is told to.
type writer struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	writes int
	err    error
}

func (w *writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes++
	if w.err != nil {
		return 0, w.err
	}
	return w.buf.Write(b)
}

// TestRecordsAreWrittenInGroups: a line per record, one write for many, at most 50 ms late.
func TestRecordsAreWrittenInGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{}
		f := NewFile(w)
		for i := range uint64(100) {
			f.Write(Record{Call: i, Status: 200, Legs: []Leg{{Side: "core", CallID: "x"}}})
		}
		time.Sleep(gather + time.Millisecond)
		synctest.Wait()
		if w.writes != 1 {
			t.Errorf("%d writes, want 1", w.writes)
		}
		f.Write(Record{Call: 100})
		f.Close()
		lines := strings.Split(strings.TrimSpace(w.buf.String()), "\n")
		if len(lines) != 101 {
			t.Fatalf("%d lines, want 101", len(lines))
		}
		var r Record
		if err := json.Unmarshal([]byte(lines[100]), &r); err != nil || r.Call != 100 {
			t.Errorf("last line %s: %v", lines[100], err)
		}
		if strings.Contains(lines[100], "answer") {
			t.Errorf("a call without answer tells when: %s", lines[100])
		}
	})
}

// TestLostRecordsAreCounted: a writer that fails or cannot keep up costs records, and each is counted.
func TestLostRecordsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{err: errors.New("disk full")}
		f := NewFile(w)
		f.Write(Record{})
		f.Write(Record{})
		time.Sleep(time.Second)
		synctest.Wait()
		if n := f.Lost.Load(); n != 2 {
			t.Errorf("%d lost, want 2", n)
		}
		w.mu.Lock()
		w.err = nil
		w.mu.Unlock()
		f.Write(Record{Call: 7})
		f.Close()
		if !strings.Contains(w.buf.String(), `"call":7`) {
			t.Error("the writer does not recover")
		}
	})
	f := &File{wake: make(chan struct{}, 1)}
	for range maxWaiting + 3 {
		f.Write(Record{})
	}
	if n := f.Lost.Load(); n != 3 {
		t.Errorf("%d lost for want of room, want 3", n)
	}
}
