package test

import (
	"strings"
	"testing"
	"time"
)

// TestRefreshedByReinvite: telephones that do not allow UPDATE are refreshed by a re-INVITE with the very description they know, o= line
// and all; the other one hears nothing of it, and a refresh that stays out ends both legs.
func TestRefreshedByReinvite(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Side = ", liveness: {probe: {every: 0s}}" })
	caller, callee := s.phones()
	const timer, ours = "Supported: timer", "Session-Expires: 6;refresher=uac"
	d := caller.dialogTo("bob")
	// Something on the way has asked for a session; the caller itself does not know the timer, so we refresh.
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1), "Session-Expires: 6", "Allow: INVITE, ACK, BYE, CANCEL")
	offer := callee.request("INVITE")
	to := unique("hidden-tag-")
	callee.reply(offer, "200 OK", to, sdp(s.media(s.callee()), 32000, 1), timer, ours, "Allow: INVITE, ACK, BYE, CANCEL")
	answer := caller.answer(inv, 200)
	if got := answer.get("Session-Expires"); got != "6;refresher=uas" {
		t.Errorf("the caller's session is %q", got)
	}
	d.accept(answer)
	d.ack("")
	callee.request("ACK")

	for _, x := range []struct {
		u     *ua
		known string
		mine  string
	}{{callee, offer.body, sdp(s.media(s.callee()), 32000, 1)}, {caller, answer.body, sdp(s.media(s.caller()), 31000, 1)}} {
		re := x.u.request("INVITE")
		if re.body != x.known {
			t.Errorf("%s is refreshed with another description:\n%s\nit knows\n%s", x.u.addr, re.body, x.known)
		}
		if se := re.get("Session-Expires"); !strings.HasPrefix(se, "6") && !strings.HasPrefix(se, "90") {
			t.Errorf("%s is asked for a session of %q", x.u.addr, se)
		}
		x.u.reply(re, "200 OK", "", x.mine, timer, "Session-Expires: 6;refresher=uac", "Contact: <sip:"+x.u.mark+"-phone@"+x.u.addr+">")
		x.u.request("ACK")
	}
	begun := time.Now() // no more answers from now on: the second refresh is in vain
	caller.request("BYE")
	callee.request("BYE")
	if d := time.Since(begun); d > 15*time.Second {
		t.Errorf("the sessions ended after %s", d)
	}
	s.idle()
	if r := s.records(1)[0]; r.Cause != "party lost" || !strings.Contains(r.Evidence, "session") {
		t.Errorf("%+v", r)
	}
}

// TestUpdateRefreshes: a telephone refreshes its session by UPDATE, and is told when that is too short.
func TestUpdateRefreshes(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	res := caller.answer(c.a.send("UPDATE", "", "Supported: timer", "Session-Expires: 20"), 422)
	if res.get("Min-SE") != "90" {
		t.Errorf("422 has Min-SE %q", res.get("Min-SE"))
	}
	res = caller.answer(c.a.send("UPDATE", "", "Supported: timer", "Session-Expires: 120;refresher=uac"), 200)
	if res.get("Session-Expires") != "120;refresher=uac" || res.get("Contact") == "" {
		t.Errorf("200 to UPDATE:\n%s", res.raw)
	}
	callee.silent(100*time.Millisecond, "a request that is not its own", func(m message) bool { return m.status() == 0 })
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}
