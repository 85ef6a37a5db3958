package test

import (
	"testing"
	"time"
)

// probing makes the server ask both telephones every 400 ms, and give one up after two failures.
func probing(s *settings) {
	s.Side = ", liveness: {probe: {every: 400ms, timeout: 100ms, strikes: 2}}"
}

// TestPartyVanishes: a telephone that no longer answers is known to be lost; the other one gets BYE, the record says who and why.
func TestPartyVanishes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, status, who, evidence string
	}{
		{"callee is silent", "", "callee", "no answer to 2 probes"},
		{"callee has forgotten the call", "481 Call/Transaction Does Not Exist", "callee", "481 to a probe"},
		{"a proxy answers for the callee", "480 Temporarily Unavailable", "callee", "2 failed probes, the last with 480"},
		{"caller is silent", "", "caller", "no answer to 2 probes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, probing)
			caller, callee := s.phones()
			dead, other := callee, caller
			if c.who == "caller" {
				dead, other = caller, callee
			}
			other.always("OPTIONS", "200 OK")
			if c.status != "" {
				dead.always("OPTIONS", c.status)
			}
			s.connect(caller, callee)
			other.always("BYE", "200 OK")
			s.idle()
			dead.request("BYE") // it may be there all the same
			r := s.records(1)[0]
			if r.By != c.who || r.Evidence != c.evidence || r.Cause != "party lost" {
				t.Errorf("recorded as by %s, %s, %q; want by %s on %q", r.By, r.Cause, r.Evidence, c.who, c.evidence)
			}
			if d := r.End.Sub(r.Answer); d > 3*time.Second {
				t.Errorf("the dead call stood for %s", d)
			}
		})
	}
}

// TestLivingParties: telephones that answer probes in any way of their own keep their call.
func TestLivingParties(t *testing.T) {
	t.Parallel()
	s := start(t, probing)
	caller, callee := s.phones()
	caller.always("OPTIONS", "405 Method Not Allowed")
	callee.always("OPTIONS", "501 Not Implemented")
	c := s.connect(caller, callee)
	eventually(t, 5*time.Second, "both have been asked three times", func() bool {
		return s.metric("bifrons_b2bua_probes_sent_total") >= 6
	})
	if n := s.calls(); n != 1 {
		t.Fatalf("%d calls, want 1", n)
	}
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestTargetFailsOver: the first of two next hops is not there; the second gets the INVITE.
func TestTargetFailsOver(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) {
		set.Targets = "[{uri: 'sip:" + set.addr(13, 5060) + "', priority: 1}, {uri: 'sip:" + set.callee() + "', priority: 2}]"
		set.Side = ", health: {try: 300ms, ping: 0s, timeout: 200ms, strikes: 2, recover: 1s}"
	})
	first := newUA(t, s.addr(13, 5060), s.carrier(), "hidden-first")
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	inv := first.request("INVITE")
	first.reply(inv, "180 Ringing", "hidden-tag-late", "")
	first.reply(first.request("CANCEL"), "200 OK", "", "")
	first.reply(inv, "487 Request Terminated", "hidden-tag-late", "")
	first.request("ACK")
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
	if body, err := s.get("/v1/targets"); err != nil || body == "" {
		t.Errorf("no targets: %v", err)
	}
}
