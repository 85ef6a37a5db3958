package test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// refusals are what the callee says and what the caller hears of it.
var refusals = []struct {
	name    string
	callee  string
	headers []string
	want    int
}{
	{"not acceptable", "488 Not Acceptable Here", nil, 488},
	{"busy everywhere", "600 Busy Everywhere", nil, 600},
	{"unavailable", "503 Service Unavailable", []string{"Retry-After: 30"}, 500},                                              // RFC 3261 16.7: not to be passed on
	{"challenge", "407 Proxy Authentication Required", []string{`Proxy-Authenticate: Digest realm="hidden", nonce="1"`}, 403}, // meant for us
	{"redirection", "302 Moved Temporarily", []string{"Contact: <sip:hidden-other@203.0.113.9>"}, 480},                        // not followed
	{"bad extension", "420 Bad Extension", []string{"Unsupported: hidden-option"}, 500},
}

// TestRefusals: a failure crosses with its status where that means the same to the caller, and with nothing of the callee's leg.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	for i, c := range refusals {
		d := caller.dialogTo("bob")
		inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
		req := callee.request("INVITE")
		callee.reply(req, c.callee, fmt.Sprint("hidden-tag-", i), "", c.headers...)
		callee.request("ACK")
		res := caller.final(inv)
		d.ackFailure(res)
		if res.status() != c.want {
			t.Errorf("%s: %q was shown to the caller as %q, want %d", c.name, c.callee, res.start, c.want)
		}
	}
	forbid(t, "the caller", caller.heard, "hidden", "203.0.113.9", s.media(s.callee()))
	s.idle()
	s.records(len(refusals))
}

// TestNobodyThere: nobody listens at the next hop. The caller hears of it, at the latest after 64*T1.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.T1 = 50 * time.Millisecond })
	caller := newUA(t, s.caller(), s.core(), "secret")
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	res := caller.final(inv)
	d.ackFailure(res)
	if code := res.status(); code != 408 && code != 480 && code/100 != 5 {
		t.Errorf("the caller was answered %s", res.start)
	}
	s.idle()
	s.records(1)
}

// TestByeEarly: RFC 3261 15: the caller may end an early dialog by BYE.
func TestByeEarly(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	req := callee.request("INVITE")
	callee.reply(req, "180 Ringing", "hidden-tag-y", "")
	d.accept(caller.answer(inv, 180))
	bye := d.send("BYE", "")
	caller.answer(bye, 200)
	failed := caller.answer(inv, 487)
	d.invite = inv
	d.ackFailure(failed)
	callee.reply(callee.request("CANCEL"), "200 OK", "", "")
	callee.reply(req, "487 Request Terminated", "hidden-tag-y", "")
	callee.request("ACK")
	s.idle()
	s.records(1)
}

// TestCancelReinvite: a cancelled re-INVITE ends with 487, and the call is as it was.
func TestCancelReinvite(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	hold := c.a.send("INVITE", sdp(s.media(s.caller()), 31000, 2, "a=sendonly"))
	req := callee.request("INVITE")
	callee.reply(req, "100 Trying", "", "")
	caller.answer(c.a.cancel(), 200)
	callee.reply(callee.request("CANCEL"), "200 OK", "", "")
	callee.reply(req, "487 Request Terminated", "", "")
	callee.request("ACK")
	c.a.ackFailure(caller.answer(hold, 487))
	if n := s.calls(); n != 1 {
		t.Errorf("%d calls after the re-INVITE was cancelled, want 1", n)
	}
	c.hangUp(c.b, c.a)
	s.ended(ending{200, "callee"})
}

// TestByeDuringReinvite: BYE overtakes a re-INVITE that is not answered yet.
func TestByeDuringReinvite(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	hold := c.a.send("INVITE", sdp(s.media(s.caller()), 31000, 2, "a=sendonly"))
	req := callee.request("INVITE")
	bye := c.a.send("BYE", "")
	caller.answer(bye, 200)
	c.a.ackFailure(caller.answer(hold, 487)) // RFC 3261 15.1.2: what is pending gets 487
	callee.reply(callee.request("BYE"), "200 OK", "", "")
	callee.reply(req, "487 Request Terminated", "", "")
	callee.request("ACK")
	s.ended(hungUp)
}

// TestSecondInvite: RFC 3261 14.2: a second INVITE before the first one's final response gets 500 with Retry-After.
func TestSecondInvite(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	first := c.a.send("INVITE", sdp(s.media(s.caller()), 31000, 2, "a=sendonly"))
	req := callee.request("INVITE")
	second := c.a.send("INVITE", sdp(s.media(s.caller()), 31000, 3, "a=inactive"))
	res := caller.answer(second, 500)
	c.a.ackFailure(res)
	if res.get("Retry-After") == "" {
		t.Errorf("the 500 has no Retry-After:\n%s", res.raw)
	}
	callee.reply(req, "200 OK", "", sdp(s.media(s.callee()), 32000, 2, "a=recvonly"), "Contact: <sip:hidden-phone@"+callee.addr+">")
	c.a.accept(caller.answer(first, 200))
	c.a.invite = first
	c.a.ack("")
	callee.request("ACK")
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestOldSequence: RFC 3261 12.2.2: a request that is older than the last one gets 500.
func TestOldSequence(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	c.a.cseq = 50
	info := c.a.send("INFO", "Signal=1\r\n", "Content-Type: application/dtmf-relay")
	callee.reply(callee.request("INFO"), "200 OK", "", "")
	caller.answer(info, 200)
	old := c.a.sendAs("INFO", 7, caller.branch(), "Signal=2\r\n", "Content-Type: application/dtmf-relay")
	caller.answer(old, 500)
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestCodecChange: a re-INVITE with other codecs crosses with them, and the o= line of each side counts up by one.
func TestCodecChange(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	wide := func(body string) string {
		return strings.NewReplacer("RTP/AVP 8 101", "RTP/AVP 97 101", "a=rtpmap:8 PCMA/8000", "a=rtpmap:97 AMR-WB/16000\r\na=fmtp:97 mode-set=0,2,8").Replace(body)
	}
	inv := c.a.send("INVITE", wide(sdp(s.media(s.caller()), 31000, 9)))
	req := callee.request("INVITE")
	callee.reply(req, "200 OK", "", wide(sdp(s.media(s.callee()), 32000, 9)), "Contact: <sip:hidden-phone@"+callee.addr+">")
	res := caller.answer(inv, 200)
	c.a.accept(res)
	c.a.ack("")
	callee.request("ACK")
	for who, m := range map[string][2]message{"callee": {c.offer, req}, "caller": {c.answer, res}} {
		if !strings.Contains(m[1].body, "RTP/AVP 97 101\r\n") || !strings.Contains(m[1].body, "a=fmtp:97 mode-set=0,2,8\r\n") {
			t.Errorf("the %s was shown\n%s", who, m[1].body)
		}
		before, after := origin(t, m[0].body), origin(t, m[1].body)
		if after[0] != before[0] || after[1] != before[1]+1 {
			t.Errorf("o= shown to the %s has session and version %v, then %v", who, before, after)
		}
	}
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// origin reads session identifier and version of the o= line.
func origin(t *testing.T, body string) (o [2]int64) {
	t.Helper()
	for line := range strings.SplitSeq(body, "\r\n") {
		if f := strings.Fields(line); strings.HasPrefix(line, "o=") && len(f) == 6 {
			if _, err := fmt.Sscan(f[1]+" "+f[2], &o[0], &o[1]); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
	}
	return o
}

// TestReinviteRefused: a re-INVITE that the callee refuses leaves the call as it was.
func TestReinviteRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	inv := c.a.send("INVITE", sdp(s.media(s.caller()), 31000, 2, "a=sendonly"))
	callee.reply(callee.request("INVITE"), "488 Not Acceptable Here", "", "")
	callee.request("ACK")
	c.a.ackFailure(caller.answer(inv, 488))
	if n := s.calls(); n != 1 {
		t.Errorf("%d calls after the re-INVITE was refused, want 1", n)
	}
	a := newStream(t, s.media(s.caller()), 31000, c.answer.body)
	b := newStream(t, s.media(s.callee()), 32000, c.offer.body)
	a.play(1, 5, "from alice")
	if n := b.heard(5, "from alice"); n == 0 {
		t.Error("the callee hears nothing any more")
	}
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestDialogLost: RFC 3261 12.2.1.2: 481 to a request inside the call means that the party has lost it; the other one is released.
func TestDialogLost(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	inv := c.a.send("INVITE", sdp(s.media(s.caller()), 31000, 2, "a=sendonly"))
	callee.reply(callee.request("INVITE"), "481 Call/Transaction Does Not Exist", "", "")
	callee.request("ACK")
	c.a.ackFailure(caller.final(inv))
	caller.reply(caller.request("BYE"), "200 OK", "", "")
	if m, ok := callee.within(200*time.Millisecond, func(m message) bool { return m.status() == 0 && m.method() == "BYE" }); ok {
		callee.reply(m, "481 Call/Transaction Does Not Exist", "", "")
	}
	s.ended(ending{481, "callee"})
}

// TestTooManyCalls: calls.max refuses a call with 503 and leaves the running one alone.
func TestTooManyCalls(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Max = 1 })
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31002, 1))
	d.ackFailure(caller.answer(inv, 503))
	c.hangUp(c.a, c.b)
	s.idle()
	c = s.connect(caller, callee)
	c.hangUp(c.a, c.b)
	s.idle()
}

// TestFromCarrier makes the call in the other direction.
func TestFromCarrier(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(callee, caller)
	if got := hostPort(c.a.target); got != s.carrier() {
		t.Errorf("Contact shown to the caller is at %s, want %s", got, s.carrier())
	}
	c.hangUp(c.a, c.b)
	r := s.ended(hungUp)[0]
	if r.Legs[0].Side != "carrier" || r.Legs[1].Side != "core" {
		t.Errorf("the legs are on %s and %s, want carrier and core", r.Legs[0].Side, r.Legs[1].Side)
	}
}

// TestRedirectFollowed: with redirect: follow the call is made again for whom the callee points at, by the same next hop: a
// Contact makes the server send nowhere else.
func TestRedirectFollowed(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Side = ", redirect: follow" })
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	first := callee.request("INVITE")
	callee.reply(first, "302 Moved Temporarily", "hidden-tag-moved", "", "Contact: <sip:bob-mobile@203.0.113.9>")
	callee.request("ACK")
	second := callee.request("INVITE")
	if second.get("Call-ID") == first.get("Call-ID") || !strings.HasPrefix(second.start, "INVITE sip:bob-mobile@") || !strings.HasPrefix(second.body, "v=0") {
		t.Errorf("after the 302 the next hop got\n%s", second.raw)
	}
	res := callee.reply(second, "200 OK", "hidden-tag-other", sdp(s.media(s.callee()), 32000, 1))
	d.accept(caller.answer(inv, 200))
	d.ack("")
	callee.request("ACK")
	(&call{server: s, a: d}).hangUp(d, callee.answered(second, res))
	s.ended(hungUp)
}

// TestStrangersForbidden: with forbid a stranger gets 403, and a flood of requests a few.
func TestStrangersForbidden(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) {
		set.Side = fmt.Sprintf(", strangers: forbid, allow: [%s/32, %s/32]", set.ip(11), set.ip(12))
	})
	stranger := newUA(t, s.addr(31, 5060), s.core(), "secret")
	for range 200 {
		stranger.dialogTo("bob").send("OPTIONS", "")
	}
	stranger.await(patience, "403", func(m message) bool { return m.status() == 403 })
	more := 0
	for {
		if _, ok := stranger.within(300*time.Millisecond, func(m message) bool { return m.status() > 0 }); !ok {
			break
		}
		more++
	}
	if more > 20 {
		t.Errorf("%d more answers to a flood", more)
	}
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestStrangers: allow lists who may send to a side; others make no call.
func TestStrangers(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Side = fmt.Sprintf(", allow: [%s/32, %s/32]", set.ip(11), set.ip(12)) })
	stranger := newUA(t, s.addr(31, 5060), s.core(), "secret")
	inv := stranger.dialogTo("bob").send("INVITE", sdp(s.ip(31), 31000, 1))
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	if c.offer.get("From") == "" || s.calls() != 1 {
		t.Errorf("%d calls, want the caller's alone", s.calls())
	}
	stranger.silent(100*time.Millisecond, "an answer other than a refusal", func(m message) bool { return m.status() < 400 && m.get("Call-ID") == inv.get("Call-ID") })
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}
