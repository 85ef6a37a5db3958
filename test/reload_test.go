package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// change writes the server's configuration with other words in it.
func (s *server) change(words ...string) {
	s.t.Helper()
	file := filepath.Join(s.dir, "bifrons.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	to := strings.NewReplacer(words...).Replace(string(text))
	if to == string(text) {
		s.t.Fatalf("%q changes nothing in\n%s", words, text)
	}
	if err := os.WriteFile(file, []byte(to), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// TestReload: a call at hand keeps the policy, the routes and the limits that it began with, a new one gets the new ones; a broken file
// changes nothing and says why; listeners come and go; all that served the old configuration is given back.
func TestReload(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.T1 = 100 * time.Millisecond })
	caller, callee := s.phones()
	old := s.connect(caller, callee)
	hidden := func(c *call) bool { return !strings.Contains(c.offer.raw, "ims.example.org") }
	answered := s.metric("bifrons_b2bua_calls_answered_total")

	s.change("max: 0", "max: lots")
	if got := s.bifrons(false, "ctl", "reload", "--admin", s.api); !strings.Contains(got, "bifrons.yaml:") || !strings.Contains(got, "`lots` is not a number") || !strings.Contains(got, "nothing has changed") {
		t.Error(got)
	}
	s.change("max: lots", "max: 2", "carrier.example.net", "other.example.net", "5060', 'tcp:"+s.ip(1)+":5060'", "5060', 'udp:"+s.ip(1)+":5070'")
	want := "~ sides.core.listen[1]: tcp:" + s.ip(1) + ":5060 -> udp:" + s.ip(1) + ":5070\n~ sides.carrier.domain: carrier.example.net -> other.example.net\n~ calls.max: 0 -> 2\n"
	if got := s.bifrons(true, "check", "--diff", "bifrons.yaml", "--admin", s.api); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := s.bifrons(true, "ctl", "reload", "--admin", s.api); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if n := s.metric("bifrons_b2bua_calls_answered_total"); n < answered {
		t.Errorf("%v answered calls after %v", n, answered)
	}
	if n := s.calls(); n != 1 {
		t.Errorf("%d calls after the reload", n)
	}
	second := s.connect(caller, callee)
	if !strings.Contains(second.offer.raw, "other.example.net") || strings.Contains(old.offer.raw, "other.example.net") || !hidden(second) {
		t.Errorf("first\n%s\nsecond\n%s", old.offer.raw, second.offer.raw)
	}
	// The limit counts the call that was there before.
	refused := caller.dialogTo("bob")
	refused.accept(caller.answer(refused.send("INVITE", sdp(s.media(s.caller()), 31000, 1)), 503))
	old.hangUp(old.b, old.a)
	second.hangUp(second.a, second.b)
	s.idle()
	if got := s.bifrons(true, "ctl", "config", "--admin", s.api); !strings.Contains(got, "other.example.net") {
		t.Error(got)
	}
	if l := s.phoneAt(":5070"); !l {
		t.Error("nobody listens at the new address")
	}
	// The old listener goes with the last call of its server, timers included.
	eventually(t, 45*time.Second, "the old listener is closed", func() bool { return !listening(t, s.ip(1)+":5060") })
	eventually(t, patience, "all is given back", func() bool {
		now := s.counts()
		return now.goroutines <= s.base.goroutines+2 && now.files <= s.base.files+2
	})
	s.change("drain: 2s", "drain: 3s", "max: 2", "max: 3", "file: cdr.jsonl", "file: other.jsonl")
	s.cmd.Process.Signal(syscall.SIGHUP)
	eventually(t, patience, "SIGHUP reloads", func() bool {
		return strings.Contains(s.log.String(), "restart=cdr") && strings.Contains(s.bifrons(true, "ctl", "config", "--admin", s.api), "max: 3")
	})
}

// phoneAt tells whether core has a socket at a port.
func (s *server) phoneAt(port string) bool { return bound(s.t, s.ip(1)+port) }

// TestReloadUnderLoad: while calls come and go the configuration is changed again and again, and none of them fails. A round of calls
// follows another until there were five changes, however slow the machine.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	need(t, "sipp")
	s := start(t, func(set *settings) { set.build, set.Log, set.T1 = product, "warn", 50*time.Millisecond })
	var reloads atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for limit := "0"; ; {
			select {
			case <-stop:
				return
			case <-time.After(250 * time.Millisecond):
				next := fmt.Sprint(20001 + reloads.Load())
				s.change("max: "+limit+"}", "max: "+next+"}")
				s.bifrons(true, "ctl", "reload", "--admin", s.api)
				limit = next
				reloads.Add(1)
			}
		}
	}()
	calls := 0
	for begun := time.Now(); calls == 0 || reloads.Load() < 5 && time.Since(begun) < time.Minute; {
		s.load(t, soakCalls(t), 100)
		calls += soakCalls(t)
	}
	close(stop)
	<-stopped
	s.idle()
	if got, n := s.metric("bifrons_b2bua_call_attempts_total"), reloads.Load(); got != float64(calls) || n < 5 {
		t.Errorf("%v of %d calls, %d reloads", got, calls, n)
	}
	eventually(t, 45*time.Second, "all is given back", func() bool {
		now := s.counts()
		return now.goroutines <= s.base.goroutines+2 && now.files <= s.base.files+2
	})
}
