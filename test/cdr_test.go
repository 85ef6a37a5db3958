package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNodeFailure: calls of a server that is killed get their stop from the next one, with the cause node-failure; the call
// that had ended and the one that was never answered are left as they are.
func TestNodeFailure(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	c.hangUp(c.a, c.b)
	s.records(1)
	s.connect(caller, callee)
	line := func() []string {
		b, _ := os.ReadFile(filepath.Join(s.dir, "cdr.jsonl"))
		return strings.Split(strings.TrimSpace(string(b)), "\n")
	}
	eventually(t, patience, "the second call's start is written", func() bool { return len(line()) == 3 })
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.done
	next := s.again()
	r := next.records(2)[1]
	if r.Record != "stop" || r.Cause != "node-failure" || r.By != "bifrons" || r.Answer.IsZero() || r.End.Before(r.Answer) || r.End.After(time.Now()) {
		t.Errorf("the orphan's record is %+v", r)
	}
	if n := len(line()); n != 4 {
		t.Errorf("%d lines, want 4", n)
	}
	next.stop(patience)
	if last := next.again(); len(last.records(2)) != 2 {
		t.Error("calls are ended twice")
	}
}

// TestRecordsOnAFullDisk: calls go on, the alarm is raised once, records are counted and kept in memory.
func TestRecordsOnAFullDisk(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.CDR = "{file: /dev/full}" })
	caller, callee := s.phones()
	for range 3 {
		c := s.connect(caller, callee)
		c.hangUp(c.a, c.b)
	}
	s.idle()
	eventually(t, patience, "the alarm", func() bool { return s.metric(`bifrons_cdr_failing{store="file"}`) == 1 })
	if n := s.metric(`bifrons_cdr_records_waiting{store="file"}`); n != 6 {
		t.Errorf("%v records wait, want 6", n)
	}
	if n := strings.Count(s.log.String(), "call records cannot be written"); n != 1 {
		t.Errorf("the alarm was logged %d times", n)
	}
	s.stop(patience)
	if !strings.Contains(s.log.String(), "call records lost") {
		t.Error("nobody is told what was lost")
	}
}

// TestRecordFields: docs/cdr.md has every field of a record.
func TestRecordFields(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	c.hangUp(c.a, c.b)
	s.records(1)
	b, err := os.ReadFile(filepath.Join(s.dir, "cdr.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/cdr.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		for name := range fields {
			if !strings.Contains(string(page), "| `"+name+"` |") {
				t.Errorf("docs/cdr.md does not know %s", name)
			}
		}
	}
}
