package test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// probing makes the server ask both telephones every 400 ms, and give one up after two failures.
func probing(s *settings) {
	s.Side = ", liveness: {probe: {method: OPTIONS, every: 400ms, timeout: 100ms, strikes: 2}}"
}

// soon is how long a dead call may stand: every + strikes x timeout, and what a busy machine adds.
const soon = 600*time.Millisecond + 6*time.Second

// TestPartyVanishes: a telephone that no longer answers is known to be lost; both get BYE with a Reason, the record says who and why.
func TestPartyVanishes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, status, who, cause, evidence string
	}{
		{"callee is silent", "", "callee", "408", "no answer to 2 probes"},
		{"caller is silent", "", "caller", "408", "no answer to 2 probes"},
		{"callee has forgotten the call", "481 Call/Transaction Does Not Exist", "callee", "481", "481 to a probe"},
		{"caller has forgotten the call", "481 Call/Transaction Does Not Exist", "caller", "481", "481 to a probe"},
		{"404", "404 Not Found", "callee", "404", "2 failed probes, the last with 404"},
		{"408", "408 Request Timeout", "caller", "408", "2 failed probes, the last with 408"},
		{"410", "410 Gone", "callee", "410", "2 failed probes, the last with 410"},
		{"480", "480 Temporarily Unavailable", "callee", "480", "2 failed probes, the last with 480"},
		{"500", "500 Server Internal Error", "callee", "500", "2 failed probes, the last with 500"},
		{"503", "503 Service Unavailable", "caller", "503", "2 failed probes, the last with 503"},
		{"604", "604 Does Not Exist Anywhere", "callee", "604", "2 failed probes, the last with 604"},
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
			for _, u := range []*ua{other, dead} { // it may be there all the same
				bye := u.request("BYE")
				u.reply(bye, "200 OK", "", "")
				if want := "SIP;cause=" + c.cause; bye.get("Reason") != want {
					t.Errorf("BYE has the Reason %q, want %q", bye.get("Reason"), want)
				}
			}
			s.idle()
			r := s.records(1)[0]
			if r.By != c.who || r.Evidence != c.evidence || r.Cause != "party lost" {
				t.Errorf("recorded as by %s, %s, %q; want by %s on %q", r.By, r.Cause, r.Evidence, c.who, c.evidence)
			}
			if d := r.End.Sub(r.Answer); d > soon {
				t.Errorf("the dead call stood for %s", d)
			}
			var page struct{ Records []record }
			if text, err := s.get("/v1/records"); err != nil || json.Unmarshal([]byte(text), &page) != nil || len(page.Records) != 1 || page.Records[0].Evidence != c.evidence {
				t.Errorf("/v1/records: %v, %+v", err, page)
			}
		})
	}
}

// TestBothVanish: both telephones are silent, and one of them is found out first.
func TestBothVanish(t *testing.T) {
	t.Parallel()
	s := start(t, probing)
	caller, callee := s.phones()
	s.connect(caller, callee)
	s.idle()
	r := s.records(1)[0]
	if r.Evidence != "no answer to 2 probes" || r.By != "caller" && r.By != "callee" || r.End.Sub(r.Answer) > soon {
		t.Errorf("%+v", r)
	}
	caller.request("BYE")
	callee.request("BYE")
}

// TestLivingParties: telephones that answer probes in any way of their own keep their call.
func TestLivingParties(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"405 Method Not Allowed", "501 Not Implemented"},
		{"200 OK", "486 Busy Here"},
		{"403 Forbidden", "415 Unsupported Media Type"},
		{"491 Request Pending", "603 Decline"},
		{"400 Bad Request", "488 Not Acceptable Here"},
	} {
		t.Run(c[0]+", "+c[1], func(t *testing.T) {
			t.Parallel()
			s := start(t, probing)
			caller, callee := s.phones()
			caller.always("OPTIONS", c[0])
			callee.always("OPTIONS", c[1])
			call := s.connect(caller, callee)
			eventually(t, patience, "both have been asked three times", func() bool {
				return s.metric("bifrons_b2bua_probes_sent_total") >= 6
			})
			if n := s.calls(); n != 1 {
				t.Fatalf("%d calls, want 1", n)
			}
			call.hangUp(call.a, call.b)
			s.ended(hungUp)
		})
	}
}

// TestLossyNetwork: a quarter of all datagrams is lost both ways; the telephones answer, and keep their call.
func TestLossyNetwork(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) {
		set.T1 = 30 * time.Millisecond
		set.Side = ", liveness: {probe: {every: 300ms, timeout: 250ms, strikes: 3}}"
	})
	caller, callee := s.phones()
	call := s.connect(caller, callee)
	for i, u := range []*ua{caller, callee} {
		random := rand.New(rand.NewPCG(uint64(i), 7))
		u.always("OPTIONS", "200 OK")
		u.losing(func() bool { return random.IntN(4) == 0 })
	}
	eventually(t, 20*time.Second, "forty probes have been sent", func() bool {
		if s.calls() != 1 {
			t.Fatal("the call is gone")
		}
		return s.metric("bifrons_b2bua_probes_sent_total") >= 40
	})
	caller.losing(nil)
	callee.losing(nil)
	call.hangUp(call.a, call.b)
	s.ended(hungUp)
}

// TestRequestProvesLife: a telephone that answers no probe but sends requests of its own lives.
func TestRequestProvesLife(t *testing.T) {
	t.Parallel()
	s := start(t, probing)
	caller, callee := s.phones()
	caller.always("OPTIONS", "200 OK")
	call := s.connect(caller, callee)
	for range 15 {
		callee.answer(call.b.send("OPTIONS", ""), 200)
		callee.silent(150*time.Millisecond, "BYE", func(m message) bool { return m.method() == "BYE" && m.status() == 0 })
	}
	call.hangUp(call.a, call.b)
	s.ended(hungUp)
}

// TestSpeechProvesLife: a telephone that answers no probe but speaks lives as long as it speaks.
func TestSpeechProvesLife(t *testing.T) {
	t.Parallel()
	s := start(t, probing)
	caller, callee := s.phones()
	caller.always("OPTIONS", "200 OK")
	c := s.connect(caller, callee)
	b := newStream(t, s.media(s.callee()), 32000, c.offer.body)
	for i := range 10 {
		b.play(1+40*i, 40, "from bob")
	}
	if s.calls() != 1 {
		t.Fatal("a call with speech is over")
	}
	stopped := time.Now()
	s.idle()
	if r := s.records(1)[0]; r.By != "callee" || r.Evidence != "no answer to 2 probes" || r.End.Sub(stopped) > soon {
		t.Errorf("%s after the last word: %+v", r.End.Sub(stopped), r)
	}
}

// TestSilentMedia: the call ends when a telephone's speech stops, not while there is RTP or RTCP, and not on hold.
func TestSilentMedia(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) {
		set.Side = ", liveness: {probe: {every: 0s}, media: {silence: 700ms, hold_silence: 2s}}"
	})
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	a := newStream(t, s.media(s.caller()), 31000, c.answer.body)
	b := newStream(t, s.media(s.callee()), 32000, c.offer.body)
	for i := range 8 { // 200 ms each: the caller speaks, the callee has but RTCP to send
		a.play(1+40*i, 40, "from alice")
		if _, err := b.rtcp.WriteToUDP(report("from bob"), b.to[1]); err != nil {
			t.Fatal(err)
		}
	}
	if s.calls() != 1 {
		t.Fatal("a call with speech is over")
	}
	held := time.Now()
	re := c.b.send("INVITE", sdp(s.media(s.callee()), 32000, 2, "a=sendonly"))
	there := caller.request("INVITE")
	caller.reply(there, "200 OK", unique("secret-tag-"), sdp(s.media(s.caller()), 31000, 2, "a=recvonly"))
	callee.answer(re, 200)
	c.b.ack("")
	caller.request("BYE")
	callee.request("BYE")
	if d := time.Since(held); d < 1500*time.Millisecond || d > 10*time.Second {
		t.Errorf("the held call stood for %s, want 2 s", d)
	}
	s.idle()
	if r := s.records(1)[0]; r.Evidence != "no media for 2s" || r.Cause != "party lost" {
		t.Errorf("%+v", r)
	}
}

// TestSpeechStops: no hold, no speech, no call.
func TestSpeechStops(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Side = ", liveness: {probe: {every: 0s}, media: {silence: 500ms}}" })
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	a := newStream(t, s.media(s.caller()), 31000, c.answer.body)
	b := newStream(t, s.media(s.callee()), 32000, c.offer.body)
	for i := range 5 { // the callee's speech, in between, stops with its first packets
		if i == 0 {
			b.play(1, 10, "from bob")
		}
		a.play(1+40*i, 40, "from alice")
	}
	caller.request("BYE")
	callee.request("BYE")
	s.idle()
	if r := s.records(1)[0]; r.By != "callee" || r.Evidence != "no media for 500ms" {
		t.Errorf("%+v", r)
	}
}

// TestLongestCall: a call is cut at its limit.
func TestLongestCall(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Side = ", liveness: {max_duration: 1s}" })
	caller, callee := s.phones()
	s.connect(caller, callee)
	for _, u := range []*ua{caller, callee} {
		bye := u.request("BYE")
		u.reply(bye, "200 OK", "", "")
		if !strings.Contains(bye.get("Reason"), "cause=31") {
			t.Errorf("BYE has the Reason %q", bye.get("Reason"))
		}
	}
	s.idle()
	if r := s.records(1)[0]; r.By != "bifrons" || r.Cause != "maximum duration" || r.End.Sub(r.Answer) < 900*time.Millisecond {
		t.Errorf("%+v", r)
	}
}
