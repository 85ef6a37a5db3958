package test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// twoTargets gives the side carrier two next hops: address 13, then the callee's telephone.
func twoTargets(health string) func(*settings) {
	return func(set *settings) {
		set.Targets = "[{uri: 'sip:" + set.addr(13, 5060) + "', priority: 1}, {uri: 'sip:" + set.callee() + "', priority: 2}]"
		set.Side = ", health: {" + health + "}"
	}
}

// state returns how /v1/targets describes a target.
func (s *server) state(target string) string {
	s.t.Helper()
	var page struct {
		Targets []struct{ Target, State string }
	}
	text, err := s.get("/v1/targets")
	if err != nil || json.Unmarshal([]byte(text), &page) != nil {
		s.t.Fatalf("/v1/targets: %v\n%s", err, text)
	}
	for _, x := range page.Targets {
		if x.Target == target {
			return x.State
		}
	}
	s.t.Fatalf("/v1/targets has no %s:\n%s", target, text)
	return ""
}

func (s *server) up(target string) float64 {
	return s.metric(fmt.Sprintf(`bifrons_b2bua_target_up{side="carrier",target="%s"}`, target))
}

// TestTargetFailsOver: the first of two next hops is silent; the second gets the INVITE. The first is cancelled when it wakes up.
func TestTargetFailsOver(t *testing.T) {
	t.Parallel()
	s := start(t, twoTargets("try: 300ms, ping: 0s, timeout: 200ms, strikes: 2, recover: 1s"))
	first := newUA(t, s.addr(13, 5060), s.carrier(), "hidden-first")
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	inv := first.request("INVITE")
	first.silent(100*time.Millisecond, "CANCEL before it has said anything", func(m message) bool { return m.method() == "CANCEL" })
	first.reply(inv, "180 Ringing", "hidden-tag-late", "")
	first.reply(first.request("CANCEL"), "200 OK", "", "")
	first.reply(inv, "487 Request Terminated", "hidden-tag-late", "")
	first.request("ACK")
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestAbandonedTargetAnswers: the target left behind answers after all, and is hung up at once.
func TestAbandonedTargetAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, twoTargets("try: 300ms, ping: 0s, timeout: 200ms, strikes: 5, recover: 1s"))
	first := newUA(t, s.addr(13, 5060), s.carrier(), "hidden-first")
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	inv := first.request("INVITE")
	first.reply(inv, "200 OK", "hidden-tag-late", sdp(s.ip(13), 33000, 1))
	first.request("ACK")
	first.reply(first.request("BYE"), "200 OK", "", "")
	callee.silent(200*time.Millisecond, "BYE", func(m message) bool { return m.method() == "BYE" })
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestTargetGone: nobody listens at the first target, or it says 503: the second has the INVITE at once, whatever try is.
func TestTargetGone(t *testing.T) {
	t.Parallel()
	for _, c := range []string{"", "503 Service Unavailable"} {
		t.Run("refused "+c, func(t *testing.T) {
			t.Parallel()
			s := start(t, twoTargets("try: 30s, ping: 0s, strikes: 1, recover: 1m"))
			if c != "" {
				newUA(t, s.addr(13, 5060), s.carrier(), "hidden-first").always("INVITE", c)
			}
			caller, callee := s.phones()
			begun := time.Now()
			call := s.connect(caller, callee)
			if d := time.Since(begun); d > 10*time.Second {
				t.Errorf("set up in %s", d)
			}
			call.hangUp(call.a, call.b)
			s.ended(hungUp)
			if got := s.state(s.addr(13, 5060)); got != "down" || s.up(s.addr(13, 5060)) != 0 {
				t.Errorf("the first target is %s", got)
			}
		})
	}
}

// TestTargetsOwnAnswers: what the callee says himself goes to the caller, and to no other target.
func TestTargetsOwnAnswers(t *testing.T) {
	t.Parallel()
	for status, seen := range map[string]int{"486 Busy Here": 486, "603 Decline": 603, "600 Busy Everywhere": 600, "604 Does Not Exist Anywhere": 604,
		"606 Not Acceptable": 606, "404 Not Found": 404, "488 Not Acceptable Here": 488} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			s := start(t, twoTargets("try: 2s, ping: 0s"))
			first := newUA(t, s.addr(13, 5060), s.carrier(), "hidden-first")
			caller, callee := s.phones()
			d := caller.dialogTo("bob")
			inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
			first.reply(first.request("INVITE"), status, "hidden-tag-first", "")
			d.ackFailure(caller.answer(inv, seen))
			callee.silent(300*time.Millisecond, "INVITE", func(m message) bool { return m.method() == "INVITE" })
			s.ended(ending{seen, "callee"})
		})
	}
}

// TestTargetReturns: a target that answers no ping is down and gets no call; when it answers again it returns, slowly.
func TestTargetReturns(t *testing.T) {
	t.Parallel()
	s := start(t, twoTargets("try: 300ms, ping: 200ms, timeout: 100ms, strikes: 2, recover: 2s"))
	caller, callee := s.phones()
	callee.always("OPTIONS", "200 OK")
	at := s.addr(13, 5060)
	eventually(t, patience, "the first target alone is down", func() bool { return s.state(at) == "down" && s.state(s.callee()) == "up" })
	begun := time.Now()
	c := s.connect(caller, callee)
	if d := time.Since(begun); d > 250*time.Millisecond {
		t.Logf("set up in %s: busy machine, or the dead target was tried", d)
	}
	c.hangUp(c.a, c.b)
	if n := s.metric("bifrons_b2bua_failovers_total"); n != 0 {
		t.Errorf("%v failovers: the dead target was tried", n)
	}
	first := newUA(t, at, s.carrier(), "hidden-first")
	first.always("OPTIONS", "404 Not Found") // an answer is an answer
	eventually(t, patience, "the first target returns", func() bool { return s.state(at) == "returning" && s.up(at) == 0.5 })
	eventually(t, patience, "the first target is up", func() bool { return s.state(at) == "up" && s.up(at) == 1 })
	first.always("INVITE", "486 Busy Here")
	d := caller.dialogTo("bob")
	d.ackFailure(caller.answer(d.send("INVITE", sdp(s.media(s.caller()), 31000, 1)), 486))
	s.ended(hungUp, ending{486, "callee"})
}

// TestUnreachableRoute: behind an S-CSCF, a Route where nobody is, or nobody answers, is reported in time for default handling.
func TestUnreachableRoute(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		least  time.Duration
		most   time.Duration
	}{"nobody there": {500, 0, 5 * time.Second}, "nobody answers": {408, 400 * time.Millisecond, 5 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(set *settings) { set.Side = ", health: {try: 500ms}" })
			if c.status == 408 {
				newUA(t, s.addr(13, 5060), s.core(), "silent")
			}
			scscf, _ := s.phones()
			d := scscf.dialogTo("bob")
			begun := time.Now()
			inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1), "Route: <sip:"+s.core()+";lr>, <sip:odi-4711@"+s.addr(13, 5060)+";lr>")
			scscf.answer(inv, 100)
			res := scscf.final(inv)
			if took := time.Since(begun); res.status() != c.status || took < c.least || took > c.most {
				t.Errorf("%d after %s, want %d", res.status(), took, c.status)
			}
			d.ackFailure(res)
			s.ended(ending{c.status, "callee"})
		})
	}
}
