package test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// answers fills a scenario with how a phone answers probes, and with the cause its BYE shall have.
func answers(status, cause string) map[string]string {
	code, reason, _ := strings.Cut(status, " ")
	return map[string]string{"CODE": code, "REASON": reason, "CAUSE": cause}
}

// TestProbedPhones: phones that answer probes in ways of their own keep their calls until they hang up.
func TestProbedPhones(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"200 OK", "405 Method Not Allowed", "501 Not Implemented"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			s := start(t, probing)
			callee := phone{scenario: "callee-probed.xml", fill: answers(status, ""), calls: 10}.start(t, s.callee(), "")
			caller := phone{scenario: "caller-probed.xml", fill: answers(status, ""), calls: 10}.start(t, s.caller(), s.core())
			caller.wait()
			callee.wait()
			s.ended(slices.Repeat([]ending{hungUp}, 10)...)
		})
	}
}

// TestDoomedPhones: 481 ends a call at once, 500 and its like when they come often enough.
func TestDoomedPhones(t *testing.T) {
	t.Parallel()
	for status, cause := range map[string]string{"481 Call/Transaction Does Not Exist": "481", "500 Server Internal Error": "500",
		"480 Temporarily Unavailable": "480", "604 Does Not Exist Anywhere": "604"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			s := start(t, probing)
			callee := phone{scenario: "callee-doomed.xml", fill: answers(status, cause), calls: 5}.start(t, s.callee(), "")
			caller := phone{scenario: "caller-doomed.xml", fill: answers("200 OK", cause), calls: 5}.start(t, s.caller(), s.core())
			caller.wait()
			callee.wait()
			s.idle()
			for _, r := range s.records(5) {
				if r.By != "callee" || r.Cause != "party lost" || r.End.Sub(r.Answer) > soon {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// TestLostAnswers: a third of the callee's answers to probes is lost.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) {
		set.T1 = 50 * time.Millisecond
		set.Side = ", liveness: {probe: {every: 500ms, timeout: 500ms, strikes: 3}}"
	})
	callee := phone{scenario: "callee-loses.xml", calls: 10}.start(t, s.callee(), "")
	caller := phone{scenario: "caller-probed.xml", fill: answers("200 OK", ""), calls: 10}.start(t, s.caller(), s.core())
	caller.wait()
	callee.wait()
	s.ended(slices.Repeat([]ending{hungUp}, 10)...)
}

// kill ends a phone's process in the middle of its calls.
func (r *sipp) kill() {
	r.t.Helper()
	if err := r.cmd.Process.Kill(); err != nil {
		r.t.Fatal(err)
	}
	_ = r.cmd.Wait()
}

// TestPhonesDie: the processes of the caller, of the callee, or of both are killed; the other one is hung up in time.
func TestPhonesDie(t *testing.T) {
	t.Parallel()
	for _, dead := range []string{"caller", "callee", "both"} {
		t.Run(dead, func(t *testing.T) {
			t.Parallel()
			const calls = 5
			s := start(t, probing)
			callee := phone{scenario: "callee-doomed.xml", fill: answers("200 OK", "408"), calls: calls}.start(t, s.callee(), "")
			caller := phone{scenario: "caller-doomed.xml", fill: answers("200 OK", "408"), calls: calls}.start(t, s.caller(), s.core())
			eventually(t, patience, "all calls are up", func() bool {
				text, err := s.get("/v1/calls")
				return err == nil && strings.Count(text, `"state": "confirmed"`) == 3*calls // the call and its legs
			})
			died := time.Now()
			if dead != "callee" {
				caller.kill()
			}
			if dead != "caller" {
				callee.kill()
			}
			s.idle()
			if dead == "caller" {
				callee.wait()
			}
			if dead == "callee" {
				caller.wait()
			}
			for _, r := range s.records(calls) {
				if r.Evidence != "no answer to 2 probes" || dead != "both" && r.By != dead || r.End.Sub(died) > soon {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// TestPhonesFallSilent: the call ends when speech has stopped for as long as the side allows.
func TestPhonesFallSilent(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Side = ", liveness: {probe: {every: 0s}, media: {silence: 800ms}}" })
	dir := t.TempDir()
	fill := func(name string, d time.Duration) map[string]string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, bytes.Repeat([]byte{0xd5}, int(8000*d/time.Second)), 0o644); err != nil {
			t.Fatal(err)
		}
		return map[string]string{"FILE": file, "CAUSE": "408"}
	}
	callee := phone{scenario: "callee-falls-silent.xml", fill: fill("bob", 2*time.Second)}.start(t, s.callee(), "")
	caller := phone{scenario: "caller-falls-silent.xml", fill: fill("alice", 5*time.Second)}.start(t, s.caller(), s.core())
	caller.wait()
	callee.wait()
	s.idle()
	r := s.records(1)[0]
	if d := r.End.Sub(r.Answer); r.By != "callee" || r.Evidence != "no media for 800ms" || d < 2500*time.Millisecond || d > 4*time.Second {
		t.Errorf("after %s: %+v", d, r)
	}
}

// TestSessions: session timers with phones: refreshed by us, not refreshed by them, too short for us, too short for them.
func TestSessions(t *testing.T) {
	t.Parallel()
	lost := ending{408, "callee"}
	for _, c := range []struct {
		caller, callee phone
		want           ending
	}{
		{phone{scenario: "caller-hears-bye.xml", fill: map[string]string{"USER": "bob"}}, phone{scenario: "callee-refreshed.xml"}, ending{200, "callee"}},
		{phone{scenario: "caller-doomed.xml", fill: answers("200 OK", "408")}, phone{scenario: "callee-never-refreshes.xml", fill: answers("", "408")}, lost},
		{phone{scenario: "caller-too-short.xml"}, phone{scenario: "callee.xml"}, hungUp},
		{phone{scenario: "caller.xml"}, phone{scenario: "callee-wants-longer.xml"}, hungUp},
	} {
		t.Run(c.callee.scenario+" "+c.caller.scenario, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(set *settings) { set.Side = ", liveness: {probe: {every: 0s}}" })
			callee := c.callee.start(t, s.callee(), "")
			caller := c.caller.start(t, s.caller(), s.core())
			caller.wait()
			callee.wait()
			s.ended(c.want)
		})
	}
}

// TestTargetsUnderLoad: nobody is at the first target, so that every call fails over; then somebody is, and gets the calls.
func TestTargetsUnderLoad(t *testing.T) {
	t.Parallel()
	s := start(t, twoTargets("try: 300ms, ping: 0s, strikes: 2, recover: 1s"))
	at := s.addr(13, 5060)
	load := []string{"-r", "30", "-d", "100"}
	second := phone{scenario: "callee.xml", calls: 40}.start(t, s.callee(), "")
	caller := phone{scenario: "caller.xml", calls: 40, args: load}.start(t, s.caller(), s.core())
	caller.wait()
	second.wait()
	if n := s.metric("bifrons_b2bua_failovers_total"); n == 0 || n > 20 {
		t.Errorf("%v failovers of 40 calls: a target that is down is tried again and again", n)
	}
	first := phone{scenario: "callee.xml", calls: 20}.start(t, at, "")
	eventually(t, patience, "the first target is up", func() bool { return s.state(at) == "up" })
	caller = phone{scenario: "caller.xml", calls: 20, args: load}.start(t, s.caller(), s.core())
	caller.wait()
	first.wait()
	s.ended(slices.Repeat([]ending{hungUp}, 60)...)
}
