package cdr

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"encoding/json"
)

// store is a Store in memory that fails when it is told to.
type store struct {
	mu      sync.Mutex
	kept    []Record
	commits int
	lives   int
	err     error
	closed  bool
}

func (s *store) Commit(group []Record) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits++
	if s.err != nil {
		return 0, s.err
	}
	s.kept = append(s.kept, group...)
	return 0, nil
}

func (s *store) Alive(time.Time) error { s.lives++; return nil }

func (s *store) Close() error { s.closed = true; return nil }

func (s *store) fail(err error) {
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestGroups: one commit for many records, at most 50 ms late; a sign of life every ten seconds; nothing waits after Close.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		w := NewWriter(s, quiet())
		begun := time.Now()
		for i := range uint64(100) {
			w.Write(Record{Call: i})
		}
		for w.Status().Written == 0 {
			time.Sleep(time.Millisecond)
		}
		if late := time.Since(begun); late > 50*time.Millisecond || s.commits != 1 || len(s.kept) != 100 {
			t.Errorf("after %v %d commits, %d records", late, s.commits, len(s.kept))
		}
		time.Sleep(35 * time.Second)
		synctest.Wait()
		if s.lives != 3 {
			t.Errorf("%d signs of life in 35 s, want 3", s.lives)
		}
		w.Write(Record{Call: 100})
		w.Close()
		if len(s.kept) != 101 || !s.closed || w.Status() != (Status{Written: 101}) {
			t.Errorf("%d records, closed %v, %+v", len(s.kept), s.closed, w.Status())
		}
	})
}

// TestFullDisk: while the store fails records wait in their order, the oldest beyond the bound are lost and counted, and
// everything that is left is written when it takes them again.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{err: errors.New("no space left on device")}
		w := NewWriter(s, quiet())
		w.max = 10
		for i := range uint64(13) {
			w.Write(Record{Call: i})
			time.Sleep(time.Second)
		}
		if st := w.Status(); !st.Failing || st.Waiting != 10 || st.Lost != 3 || st.Written != 0 || st.Failures < 3 {
			t.Errorf("%+v", st)
		}
		s.fail(nil)
		time.Sleep(latest + time.Second)
		synctest.Wait()
		if st := w.Status(); st.Failing || st.Waiting != 0 || st.Written != 10 || len(s.kept) != 10 || s.kept[0].Call != 3 || s.kept[9].Call != 12 {
			t.Errorf("%+v, kept %v", st, s.kept)
		}
		s.fail(errors.New("gone"))
		w.Write(Record{})
		w.Close()
		if st := w.Status(); st.Lost != 4 || !s.closed {
			t.Errorf("after the end: %+v", st)
		}
	})
}

func read(t *testing.T, path string) (out []Record) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var r Record
		if json.Unmarshal([]byte(line), &r) == nil {
			out = append(out, r)
		}
	}
	return out
}

func commit(t *testing.T, f *File, group ...Record) {
	t.Helper()
	if n, err := f.Commit(group); n != 0 || err != nil {
		t.Fatal(n, err)
	}
}

func openFile(t *testing.T, path string, r Rotate) *File {
	t.Helper()
	f, err := OpenFile(path, r)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestOrphans: a process that dies leaves starts without stops, a torn line, and starts in a file that was rotated away; the
// next one ends those calls when the dead one was last alive, and only those.
func TestOrphans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cdr.jsonl")
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	f := openFile(t, path, Rotate{Size: 100})
	commit(t, f, Record{Kind: Start, Call: 1, From: "<sip:a@x>", Start: at, Answer: at, Legs: []Leg{{Side: "core", CallID: "c"}}})
	commit(t, f, Record{Kind: Start, Call: 2, Start: at, Answer: at.Add(time.Second)}, Record{Kind: Attempt, Call: 3, Status: 486}) // in a new file
	commit(t, f, Record{Kind: Stop, Call: 2, Start: at, Answer: at.Add(time.Second), Status: 200}, Record{Kind: Start, Call: 4, Start: at, Answer: at.Add(2 * time.Second)})
	if err := f.Alive(at.Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_ = f.f.Close() // as a kill does
	torn, _ := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if _, err := torn.WriteString(`{"record":"start","call":9,"fro`); err != nil {
		t.Fatal(err)
	}
	_ = torn.Close()
	if err := os.Chtimes(path, time.Time{}, at.Add(10*time.Second)); err != nil {
		t.Fatal(err)
	}

	f = openFile(t, path, Rotate{})
	if f.Orphans != 2 {
		t.Errorf("%d orphans, want 2", f.Orphans)
	}
	ended := map[uint64]Record{}
	for _, r := range read(t, path) {
		if r.Cause == NodeFailure {
			ended[r.Call] = r
		}
	}
	if r := ended[1]; len(ended) != 2 || r.Kind != Stop || r.By != "bifrons" || r.Duration != 10 || r.From != "<sip:a@x>" || len(r.Legs) != 1 || !r.End.Equal(at.Add(10*time.Second)) {
		t.Errorf("closed %+v", ended)
	}
	if ended[4].Duration != 8 {
		t.Errorf("call 4 lasted %v s, want 8", ended[4].Duration)
	}
	again := openFile(t, path, Rotate{})
	if !again.Shared || again.Orphans != 0 {
		t.Error("a second process closes the calls of the first")
	}
	_ = again.Close()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f = openFile(t, path, Rotate{}); f.Orphans != 0 || f.Shared {
		t.Errorf("closed again: %d, shared %v", f.Orphans, f.Shared)
	}
	_ = f.Close()
	if left, _ := filepath.Glob(path + openSuffix + "*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRotation: by size, by age, by somebody else; no record is lost or doubled, and old files go.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cdr.jsonl")
	f := openFile(t, path, Rotate{Size: 600, Keep: 2})
	for i := range uint64(40) {
		commit(t, f, Record{Kind: Attempt, Call: i})
	}
	old, _ := filepath.Glob(filepath.Join(dir, "cdr-*.jsonl"))
	if len(old) != 2 {
		t.Errorf("kept %v, want 2 files", old)
	}
	f.rotate = Rotate{Age: time.Nanosecond}
	commit(t, f, Record{Kind: Attempt, Call: 40})
	if got := read(t, path); len(got) != 1 || got[0].Call != 40 {
		t.Errorf("after an age: %v", got)
	}
	f.rotate = Rotate{}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	commit(t, f, Record{Kind: Attempt, Call: 41})
	if got := read(t, path); len(got) != 1 || got[0].Call != 41 {
		t.Errorf("after somebody moved it: %v", got)
	}
	_ = f.Close()
	total := 0
	f = openFile(t, filepath.Join(dir, "all.jsonl"), Rotate{Size: 400})
	for i := range uint64(40) {
		commit(t, f, Record{Kind: Attempt, Call: i})
	}
	_ = f.Close()
	all, _ := filepath.Glob(filepath.Join(dir, "all*"))
	for _, name := range all {
		total += len(read(t, name))
	}
	if total != 40 {
		t.Errorf("%d records in %d files, want 40", total, len(all))
	}
}

// TestNoRoom: a device that is always full gives the error, and keeps nothing.
func TestNoRoom(t *testing.T) {
	f := openFile(t, "/dev/full", Rotate{Size: 1})
	defer func() { _ = f.Close() }()
	if _, err := f.Commit([]Record{{Call: 1}}); err == nil {
		t.Error("a full device takes records")
	}
	if _, err := OpenFile(filepath.Join(t.TempDir(), "no", "such", "dir"), Rotate{}); err == nil {
		t.Error("a path without a directory is taken")
	}
}
