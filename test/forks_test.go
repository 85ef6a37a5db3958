package test

import (
	"testing"
	"time"
)

// TestForksSpeak: two forks send early media to one port. The caller hears the one that described itself last, then the one that answers,
// and never the other.
func TestForksSpeak(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	req := callee.request("INVITE")
	ip := s.media(s.callee())
	one := speak(t, ip, 32000, req.body, 0xb1b1b1b1)
	two := speak(t, ip, 32100, req.body, 0xb2b2b2b2)
	contact := "Contact: <sip:hidden-phone@" + callee.addr + ">"

	callee.reply(req, "183 Session Progress", "hidden-fork-one", sdp(ip, 32000, 1), contact)
	first := caller.answer(inv, 183)
	ear := speak(t, s.media(s.caller()), 31000, first.body, 0xa1a1a1a1)
	heard := func(o *odd, mark string) {
		t.Helper()
		o.say(5, mark)
		got := ear.hear(5)
		if len(got) != 5 || string(got[4].Payload) != mark {
			t.Errorf("the caller hears %d packets, want 5 of %s", len(got), mark)
		}
	}
	unheard := func(o *odd, mark string) {
		t.Helper()
		o.say(5, mark)
		ear.nothing(100*time.Millisecond, mark)
	}
	heard(one, "fork one")

	callee.reply(req, "183 Session Progress", "hidden-fork-two", sdp(ip, 32100, 1), contact)
	second := caller.answer(inv, 183)
	if first.get("To") == second.get("To") {
		t.Errorf("both forks are shown as %s", first.get("To"))
	}
	unheard(one, "fork one, early")
	heard(two, "fork two")
	unheard(one, "fork one, early still")

	callee.reply(req, "200 OK", "hidden-fork-one", sdp(ip, 32000, 1), contact)
	d.accept(caller.answer(inv, 200))
	d.ack("")
	callee.request("ACK")
	unheard(two, "fork two, late")
	heard(one, "fork one, answered")
	unheard(two, "fork two, late still")

	bye := d.send("BYE", "")
	caller.answer(bye, 200)
	callee.reply(callee.request("BYE"), "200 OK", "", "")
	s.ended(hungUp)
}
