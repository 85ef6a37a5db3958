package test

import "testing"

// TestCountsAreRight: an INVITE that comes twice, two 180, a hold and its end, a BYE that comes twice are one attempt, one answer,
// one set-up, one end.
func TestCountsAreRight(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	a := caller.dialogTo("bob")
	inv := a.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	caller.raw(s.core(), inv.raw)
	req := callee.request("INVITE")
	for range 2 {
		callee.reply(req, "180 Ringing", "hidden-tag", "")
	}
	caller.answer(inv, 180)
	callee.reply(req, "200 OK", "hidden-tag", sdp(s.media(s.callee()), 32000, 1), "Contact: <sip:hidden-phone@"+callee.addr+">")
	a.accept(caller.answer(inv, 200))
	a.ack("")
	callee.request("ACK")
	hold := a.send("INVITE", sdp(s.media(s.caller()), 31000, 2, "a=sendonly"))
	callee.reply(callee.request("INVITE"), "200 OK", "", sdp(s.media(s.callee()), 32000, 2, "a=recvonly"), "Contact: <sip:hidden-phone@"+callee.addr+">")
	a.accept(caller.answer(hold, 200))
	a.ack("")
	callee.request("ACK")
	bye := a.send("BYE", "")
	caller.raw(s.core(), bye.raw)
	caller.answer(bye, 200)
	callee.reply(callee.request("BYE"), "200 OK", "", "")
	s.records(1)
	for name, want := range map[string]float64{
		"bifrons_b2bua_call_attempts_total":               1,
		"bifrons_b2bua_calls_answered_total":              1,
		"bifrons_b2bua_call_set_up_seconds_count":         1,
		"bifrons_b2bua_post_dial_delay_seconds_count":     1,
		`bifrons_b2bua_calls_ended_total{class="2xx"}`:    1,
		`bifrons_b2bua_calls_ended_total{class="4xx"}`:    0,
		`bifrons_cdr_records_written_total{store="file"}`: 2,
		"bifrons_b2bua_calls":                             0,
	} {
		if got := s.metric(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if s.metric("bifrons_b2bua_step_seconds_count") < 8 {
		t.Error("steps are not measured")
	}
}
