package test

import (
	"strings"
	"testing"
)

// TestDebugOfOneNumber: one number's calls are told step by step although the log is at warn, others are not, and it can be
// switched off.
func TestDebugOfOneNumber(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Log = "warn" })
	caller, callee := s.phones()
	if c := s.connect(caller, callee); true {
		c.hangUp(c.a, c.b)
	}
	s.records(1)
	if strings.Contains(s.log.String(), "msg=message") {
		t.Error("a call is told without need")
	}
	if out := s.ctl("debug", "bob", "--for", "5m"); !strings.Contains(out, "new calls of bob") {
		t.Errorf("ctl debug: %s", out)
	}
	if out := s.ctl("debug"); !strings.Contains(out, "bob") {
		t.Errorf("ctl debug: %s", out)
	}
	c := s.connect(caller, callee)
	c.hangUp(c.a, c.b)
	s.records(2)
	told := s.log.String()
	for _, part := range []string{"level=DEBUG msg=message", `line="INVITE sip:bob@`, "sent=true", "msg=end"} {
		if !strings.Contains(told, part) {
			t.Errorf("the log has no %s:\n%s", part, told)
		}
	}
	s.ctl("debug", "bob", "--off")
	c = s.connect(caller, callee)
	c.hangUp(c.a, c.b)
	s.records(3)
	if more := s.log.String(); strings.Count(more, "msg=message") != strings.Count(told, "msg=message") {
		t.Error("it goes on after it was switched off")
	}
}
