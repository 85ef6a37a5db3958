package test

import (
	"strings"
	"testing"
	"time"
)

// TestCallRecorded makes one call and looks at everything the operator sees of it.
func TestCallRecorded(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	if n := s.calls(); n != 1 {
		t.Errorf("/v1/calls lists %d calls during the call, want 1", n)
	}
	if got := hostPort(c.a.target); got != s.core() {
		t.Errorf("Contact shown to the caller is at %s, want %s", got, s.core())
	}
	if got := hostPort(c.b.target); got != s.carrier() {
		t.Errorf("Contact shown to the callee is at %s, want %s", got, s.carrier())
	}
	if c.offer.source != s.carrier() || !strings.HasPrefix(c.offer.get("Via"), "SIP/2.0/UDP "+s.carrier()) {
		t.Errorf("INVITE came from %s with Via %s, want both %s", c.offer.source, c.offer.get("Via"), s.carrier())
	}
	c.hangUp(c.a, c.b)
	r := s.ended(hungUp)[0]
	if !strings.Contains(r.From, "sip:alice@") || !strings.Contains(r.To, "sip:bob@") || len(r.Legs) != 2 {
		t.Fatalf("the record does not name both parties and both legs: %+v", r)
	}
	if a, b := r.Legs[0], r.Legs[1]; a.Side != "core" || a.CallID != c.a.callID || b.Side != "carrier" || b.CallID != c.b.callID {
		t.Errorf("the record has the legs %+v and %+v, want core with %s and carrier with %s", a, b, c.a.callID, c.b.callID)
	}
}

// TestLegsUnlinkable gives every identifier of one telephone a mark and looks for the marks at the other one. What belongs to
// a leg never crosses, whatever the policy; untrusted lets no other header cross that is not named either.
func TestLegsUnlinkable(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"untrusted", "ims-home", "transparent"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(set *settings) { set.Policy = policy })
			unlinkable(t, s, policy == "untrusted")
		})
	}
}

func unlinkable(t *testing.T, s *server, headers bool) {
	t.Helper()
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	request, response := []string{"Record-Route: <sip:secret-proxy.invalid;lr>"}, []string{"Contact: <sip:hidden-phone@" + callee.addr + ">"}
	if headers {
		request = append(request, "User-Agent: secret-handset/1.0", "Server: secret-handset/1.0", "Organization: secret-organisation", "Call-Info: <http://secret-host.invalid/>",
			"X-Secret: secret-extension", "P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=secret-cell", "P-Charging-Vector: icid-value=secret-icid",
			"Session-ID: secret000000000000000000000000000;remote=00000000000000000000000000000000")
		response = append(response, "Server: hidden-pbx/2.0", "User-Agent: hidden-pbx/2.0", `Warning: 399 hidden-host "hidden-warning"`, "X-Hidden: hidden-extension")
	}
	hold := c.a.send("INVITE", sdp(s.media(s.caller()), 31000, 2, "a=sendonly"), request...)
	req := callee.request("INVITE")
	callee.reply(req, "200 OK", "", sdp(s.media(s.callee()), 32000, 2, "a=recvonly"), response...)
	c.a.accept(caller.answer(hold, 200))
	c.a.ack("")
	callee.request("ACK")
	c.hangUp(c.b, c.a)

	// An address is looked for with what may follow it, so that 127.61.7.1 is not found in 127.61.7.12.
	forbid(t, "the callee", callee.heard, "secret", s.media(s.caller()), "phone-31000", "m=audio 31000", session, s.ip(1)+":", s.ip(1)+" ", s.ip(1)+"\r")
	forbid(t, "the caller", caller.heard, "hidden", s.media(s.callee()), "phone-32000", "m=audio 32000", session, s.ip(2)+":", s.ip(2)+" ", s.ip(2)+"\r")
	for _, own := range []string{c.offer.get("Call-ID"), tag(c.offer.get("From")), param(c.offer.get("Via"), "branch")} {
		forbid(t, "the caller", caller.heard, own)
	}
}

// forbid looks for marks in what a telephone heard.
func forbid(t *testing.T, who string, heard []string, marks ...string) {
	t.Helper()
	for _, raw := range heard {
		for line := range strings.SplitSeq(raw, "\n") {
			for _, mark := range marks {
				if strings.Contains(line, mark) {
					t.Errorf("%s was shown %q in %q of\n%s", who, mark, line, raw)
				}
			}
		}
	}
}

// TestBothHangUp lets the BYEs cross on the wire: each is answered, by 200 or, where the other one came first, by 481.
func TestBothHangUp(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	byeA, byeB := c.a.send("BYE", ""), c.b.send("BYE", "")
	for u, bye := range map[*ua]message{caller: byeA, callee: byeB} {
		if code := u.final(bye).status(); code != 200 && code != 481 {
			t.Errorf("BYE from %s was answered %d, want 200 or 481", u.addr, code)
		}
	}
	for _, u := range []*ua{caller, callee} {
		if m, ok := u.within(300*time.Millisecond, func(m message) bool { return m.status() == 0 && m.method() == "BYE" }); ok {
			u.reply(m, "200 OK", "", "")
		}
	}
	s.idle()
	s.records(1)
	// A late BYE is answered, never met with silence: some phones give up their registration otherwise.
	again := c.a.send("BYE", "")
	if code := caller.final(again).status(); code != 481 && code != 200 {
		t.Errorf("late BYE was answered %d, want 481 or 200", code)
	}
}

// TestCancelSameTag: RFC 3261 9.2: the 487 has the To tag of the 180.
func TestCancelSameTag(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	req := callee.request("INVITE")
	callee.reply(req, "180 Ringing", "hidden-tag-c", "")
	ringing := caller.answer(inv, 180)
	cancel := d.cancel()
	caller.answer(cancel, 200)
	at := callee.request("CANCEL")
	callee.reply(at, "200 OK", "", "")
	callee.reply(req, "487 Request Terminated", "hidden-tag-c", "")
	callee.request("ACK")
	res := caller.answer(inv, 487)
	d.ackFailure(res)
	if tag(ringing.get("To")) == "" || tag(res.get("To")) != tag(ringing.get("To")) {
		t.Errorf("487 has the To tag %q, the 180 had %q", tag(res.get("To")), tag(ringing.get("To")))
	}
	if branch := param(at.get("Via"), "branch"); branch != param(req.get("Via"), "branch") {
		t.Errorf("CANCEL has the branch %q, its INVITE had %q", branch, param(req.get("Via"), "branch"))
	}
	s.ended(ending{487, "caller"})
}

// TestCancelBeforeProvisional: RFC 3261 9.1: no CANCEL goes out before a provisional response came in.
func TestCancelBeforeProvisional(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	req := callee.request("INVITE")
	caller.answer(d.cancel(), 200)
	callee.silent(300*time.Millisecond, "CANCEL before any provisional response", func(m message) bool { return m.method() == "CANCEL" })
	callee.reply(req, "180 Ringing", "hidden-tag-early", "")
	callee.reply(callee.request("CANCEL"), "200 OK", "", "")
	callee.reply(req, "487 Request Terminated", "hidden-tag-early", "")
	callee.request("ACK")
	d.ackFailure(caller.answer(inv, 487))
	s.ended(ending{487, "caller"})
}

// TestCancelRaces200 lets the callee answer while the CANCEL is on its way: that leg is acknowledged and hung up.
func TestCancelRaces200(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	req := callee.request("INVITE")
	callee.reply(req, "180 Ringing", "hidden-tag-r", "")
	caller.answer(inv, 180)
	caller.answer(d.cancel(), 200)
	at := callee.request("CANCEL")
	callee.reply(req, "200 OK", "hidden-tag-r", sdp(s.media(s.callee()), 32000, 1))
	callee.reply(at, "200 OK", "", "")
	callee.request("ACK")
	callee.reply(callee.request("BYE"), "200 OK", "", "")
	d.ackFailure(caller.answer(inv, 487))
	s.ended(ending{487, "caller"})
}

// TestGlare lets two re-INVITEs cross. Each telephone refuses the other's with 491 (RFC 3261 14.2); the server tries the
// caller's again after the back-off of RFC 3261 14.1, with a new CSeq.
func TestGlare(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	fromA := c.a.send("INVITE", sdp(s.media(s.caller()), 31000, 2, "a=sendonly"))
	atB := callee.request("INVITE")
	fromB := c.b.send("INVITE", sdp(s.media(s.callee()), 32000, 2, "a=sendonly"))
	c.b.ackFailure(callee.answer(fromB, 491))
	callee.reply(atB, "491 Request Pending", "", "")
	callee.request("ACK")
	caller.silent(200*time.Millisecond, "a re-INVITE that was refused", func(m message) bool { return m.status() == 0 && m.method() == "INVITE" })

	again := callee.request("INVITE") // at most 4 s later
	if sequence(again) <= sequence(atB) || again.body != atB.body {
		t.Errorf("the second try has CSeq %s after %s and the body\n%s\nwant\n%s", again.get("CSeq"), atB.get("CSeq"), again.body, atB.body)
	}
	callee.reply(again, "200 OK", "", sdp(s.media(s.callee()), 32000, 3, "a=recvonly"), "Contact: <sip:hidden-phone@"+callee.addr+">")
	held := caller.answer(fromA, 200)
	c.a.accept(held)
	c.a.ack("")
	callee.request("ACK")
	if !strings.Contains(held.body, "a=recvonly") {
		t.Errorf("the hold was answered without a=recvonly:\n%s", held.body)
	}
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestRouteSet has proxies on both legs that stay in the path: each leg's route set is its own, in the order of RFC 3261 12.1.
func TestRouteSet(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	proxyA, proxyB := newUA(t, s.addr(21, 5060), s.core(), "secret"), newUA(t, s.addr(22, 5060), s.carrier(), "hidden")
	nearA, farA := "<sip:"+proxyA.addr+";lr>", "<sip:secret-edge.invalid;lr>"
	nearB, farB := "<sip:"+proxyB.addr+";lr>", "<sip:hidden-edge.invalid;lr>"

	a := caller.dialogTo("bob")
	inv := a.send("INVITE", sdp(s.media(s.caller()), 31000, 1), "Record-Route: "+nearA+", "+farA)
	req := callee.request("INVITE")
	if rr := req.all("Record-Route"); len(rr) != 0 {
		t.Errorf("the callee was shown Record-Route %q", rr)
	}
	callee.reply(req, "180 Ringing", "hidden-tag-rr", "", "Record-Route: "+farB, "Record-Route: "+nearB)
	res := callee.reply(req, "200 OK", "hidden-tag-rr", sdp(s.media(s.callee()), 32000, 1), "Record-Route: "+farB, "Record-Route: "+nearB)
	for _, status := range []int{180, 200} {
		m := caller.answer(inv, status)
		if got := values(m.all("Record-Route")); got != nearA+", "+farA {
			t.Errorf("the %d has Record-Route %q, want %q", status, got, nearA+", "+farA)
		}
		a.accept(m)
	}
	a.ack("")
	toCallee := "Route " + nearB + ", " + farB
	if m := proxyB.request("ACK"); "Route "+values(m.all("Route")) != toCallee || !strings.HasPrefix(m.start, "ACK sip:hidden-phone@") {
		t.Errorf("ACK came to the proxy with %s and Route %q, want %s", m.start, m.all("Route"), toCallee)
	}
	bye := callee.answered(req, res).send("BYE", "")
	callee.answer(bye, 200)
	atA := proxyA.request("BYE")
	if got := values(atA.all("Route")); got != nearA+", "+farA || !strings.HasPrefix(atA.start, "BYE sip:secret-phone@") {
		t.Errorf("BYE came to the proxy with %s and Route %q, want %q", atA.start, got, nearA+", "+farA)
	}
	proxyA.reply(atA, "200 OK", "", "")
	s.ended(ending{200, "callee"})
}

// values joins the values of a header that may stand on one line or on many.
func values(lines []string) string {
	var list []string
	for _, l := range lines {
		for v := range strings.SplitSeq(l, ",") {
			list = append(list, strings.TrimSpace(v))
		}
	}
	return strings.Join(list, ", ")
}

// TestInviteRetransmitted: copies of an INVITE make no second call, and are answered with what was said last.
func TestInviteRetransmitted(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	trying := caller.answer(inv, 100)
	req := callee.request("INVITE")
	caller.raw(s.core(), inv.raw)
	caller.raw(s.core(), inv.raw)
	eventually(t, patience, "100 again for a copy of the INVITE", func() bool { return caller.received(trying) >= 2 })
	callee.reply(req, "180 Ringing", "hidden-tag-i", "")
	ringing := caller.answer(inv, 180)
	caller.raw(s.core(), inv.raw)
	eventually(t, patience, "180 again for a copy of the INVITE", func() bool { return caller.received(ringing) >= 2 })
	callee.silent(200*time.Millisecond, "another INVITE", func(m message) bool { return m.method() == "INVITE" })
	callee.reply(req, "486 Busy Here", "hidden-tag-i", "")
	d.ackFailure(caller.answer(inv, 486))
	s.ended(ending{486, "callee"})
}

// TestMerged: RFC 3261 8.2.2.2: the same request by another path is refused.
func TestMerged(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	req := callee.request("INVITE")
	callee.reply(req, "180 Ringing", "hidden-tag-m", "")
	caller.answer(inv, 180)
	merged := d.sendAs("INVITE", d.cseq, unique("z9hG4bKother"), inv.body)
	d2 := *d
	d2.invite = merged
	d2.ackFailure(caller.answer(merged, 482))
	callee.reply(req, "486 Busy Here", "hidden-tag-m", "")
	d.ackFailure(caller.answer(inv, 486))
	s.ended(ending{486, "callee"})
}

// TestSpiral: a call of ours that a proxy sends back to us is a new call, not a merged one.
func TestSpiral(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	first := callee.request("INVITE")
	via := "Via: SIP/2.0/UDP " + callee.addr + ";branch=" + unique("z9hG4bKspiral")
	head, rest, _ := strings.Cut(first.raw, "\r\n")
	callee.raw(s.carrier(), head+"\r\n"+via+"\r\n"+rest)
	second := caller.request("INVITE")
	if second.get("Call-ID") == first.get("Call-ID") || second.get("Call-ID") == inv.get("Call-ID") {
		t.Errorf("the second turn has the Call-ID of another leg: %s", second.get("Call-ID"))
	}
	caller.reply(second, "486 Busy Here", "secret-tag-s", "")
	busy := callee.await(patience, "486", func(m message) bool { return m.status() == 486 })
	up, _, _ := strings.Cut(busy.raw, via+"\r\n")
	_, below, _ := strings.Cut(busy.raw, via+"\r\n")
	callee.raw(s.carrier(), up+below)
	d.ackFailure(caller.answer(inv, 486))
	s.ended(ending{486, "callee"}, ending{486, "callee"})
}
