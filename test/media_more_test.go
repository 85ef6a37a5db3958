package test

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestTwoPhonesBehindOneNAT: both say the same private address and are seen at one public one; neither hears the other's call.
func TestTwoPhonesBehindOneNAT(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	type side struct {
		d, far *dialog
		a, b   *odd
	}
	var both []side
	for i := range 2 {
		d := caller.dialogTo("bob")
		inv := d.send("INVITE", sdp("10.0.0.5", 4000, 1))
		req := callee.request("INVITE")
		res := callee.reply(req, "200 OK", unique("hidden-tag-"), sdp(s.media(s.callee()), 32000+100*i, 1))
		ok := caller.answer(inv, 200)
		d.accept(ok)
		d.ack("")
		callee.request("ACK")
		both = append(both, side{d, callee.answered(req, res), speak(t, s.ip(30), 50000+2*i, ok.body, uint32(i+1)),
			speak(t, s.media(s.callee()), 32000+100*i, req.body, uint32(i+11))})
	}
	for range 5 {
		for i, c := range both {
			c.a.say(1, fmt.Sprint("up ", i))
			c.b.say(1, fmt.Sprint("down ", i))
			for dir, got := range map[string]*odd{"up": c.b, "down": c.a} {
				if p := got.hear(1); len(p) != 1 || string(p[0].Payload) != fmt.Sprint(dir, " ", i) {
					if dir == "down" && len(p) == 0 { // sent to the private address before the phone was heard
						continue
					}
					t.Fatalf("call %d, %s: %v", i, dir, p)
				}
			}
		}
	}
	for _, c := range both {
		bye := c.d.send("BYE", "")
		caller.answer(bye, 200)
		callee.reply(callee.request("BYE"), "200 OK", "", "")
	}
	s.ended(hungUp, hungUp)
}

// TestHairpin: a call goes through the server twice and comes back to the side it came from; speech and DTMF take the whole way.
func TestHairpin(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Targets = "'sip:" + set.carrier() + "'" }) // itself
	phone := newUA(t, s.caller(), s.core(), "secret")
	a := phone.dialogTo("alice")
	inv := a.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	req := phone.request("INVITE")
	if req.get("Call-ID") == a.callID {
		t.Fatal("the INVITE came back as it was sent")
	}
	res := phone.reply(req, "200 OK", unique("hidden-tag-"), sdp(s.media(s.caller()), 31100, 1))
	ok := phone.answer(inv, 200)
	a.accept(ok)
	a.ack("")
	phone.request("ACK")
	if n := s.calls(); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	x, y := speak(t, s.media(s.caller()), 31000, ok.body, 1), speak(t, s.media(s.caller()), 31100, req.body, 2)
	for range 3 {
		x.say(1, "there")
		y.say(1, "and back")
		x.hear(1)
		y.hear(1)
	}
	x.say(20, "there")
	wantStream(t, y.hear(20), 20, nil)
	y.say(20, "and back")
	wantStream(t, x.hear(20), 20, nil)
	_ = phone.answered(req, res)
	bye := a.send("BYE", "")
	phone.answer(bye, 200)
	phone.reply(phone.request("BYE"), "200 OK", "", "")
	s.idle()
	if n := len(s.records(2)); n != 2 {
		t.Errorf("%d records", n)
	}
}

// TestBetweenFamilies: speech crosses from a side on IPv4 to one on IPv6, as the descriptions say.
func TestBetweenFamilies(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		t.Skip("no IPv6 here:", err)
	}
	defer conn.Close()
	s := start(t, func(set *settings) { set.CarrierMedia = "address: '::1'" })
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	req := callee.request("INVITE")
	if !strings.Contains(req.body, "c=IN IP6 ::1\r\n") || !strings.Contains(req.body, " IN IP6 ::1\r\ns=") || strings.Contains(req.body, "IP4") {
		t.Fatalf("the callee is shown\n%s", req.body)
	}
	_, port := audio(t, strings.ReplaceAll(req.body, "c=IN IP6", "c=IN IP4"))
	own := conn.LocalAddr().(*net.UDPAddr).Port
	answer := strings.ReplaceAll(sdp("::1", own, 1), "IN IP4", "IN IP6")
	callee.reply(req, "200 OK", unique("hidden-tag-"), answer)
	ok := caller.answer(inv, 200)
	d.accept(ok)
	d.ack("")
	callee.request("ACK")
	if strings.Contains(ok.body, "IP6") {
		t.Errorf("the caller is shown\n%s", ok.body)
	}
	a := speak(t, s.media(s.caller()), 31000, ok.body, 5)
	b := &odd{t, conn, &net.UDPAddr{IP: net.IPv6loopback, Port: port}, a.Header}
	b.SSRC = 6
	a.say(1, "four")
	b.hear(1)
	b.say(10, "six")
	wantStream(t, a.hear(10), 10, nil)
	a.say(10, "four")
	wantStream(t, b.hear(10), 10, nil)
	bye := d.send("BYE", "")
	caller.answer(bye, 200)
	callee.reply(callee.request("BYE"), "200 OK", "", "")
	s.ended(hungUp)
}

// TestAdvertised: a side behind address translation shows the address it is seen at, in all that it sends.
func TestAdvertised(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.CoreMedia = "advertise: 192.0.2.77" })
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	if ip, _ := audio(t, c.answer.body); ip != "192.0.2.77" || strings.Contains(c.answer.body, s.ip(1)) {
		t.Errorf("the caller is shown\n%s", c.answer.body)
	}
	if ip, _ := audio(t, c.offer.body); ip != s.ip(2) || strings.Contains(c.offer.body, "192.0.2.77") {
		t.Errorf("the callee is shown\n%s", c.offer.body)
	}
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestSilenceIsTold: the API tells of a party that has fallen silent, and that it is back.
func TestSilenceIsTold(t *testing.T) {
	endures(t, func(s *server, _ *call, a, b *odd) {
		eventually(t, patience, "both are silent", func() bool { e := s.ears(); return e[0].Silent && e[1].Silent })
		a.say(3, "back")
		b.hear(3)
		if e := s.ears(); e[0].Silent || !e[1].Silent {
			t.Errorf("after speech: %v and %v", e[0].Silent, e[1].Silent)
		}
	}, func(set *settings) { set.Media = ", silence: 300ms" })
}

// TestDSCPSeen: what the carrier's side is sent is marked, what the core's is sent is not.
func TestDSCPSeen(t *testing.T) {
	endures(t, func(_ *server, _ *call, a, b *odd) {
		for _, x := range []struct {
			who      string
			from, to *odd
			tos      byte
		}{{"callee", a, b, 46 << 2}, {"caller", b, a, 0}} {
			tosOf(t, x.to.conn)
			x.from.say(1, "marked?")
			if got := readTOS(t, x.to.conn); got != x.tos {
				t.Errorf("the %s gets packets marked %#x, want %#x", x.who, got, x.tos)
			}
		}
	}, func(set *settings) { set.CarrierMedia = "address: " + set.ip(2) + ", dscp: 46" })
}

// events makes the packets of a key: pressed for steps of 20 ms.
func (o *odd) events(pt, code uint8, steps int) {
	o.t.Helper()
	at := o.Timestamp
	o.PayloadType = pt
	for i := 1; i <= steps+2; i++ {
		end := byte(0)
		if i >= steps {
			end = 0x80
		}
		o.Timestamp, o.Marker = at, i == 1
		o.write(o.next(string(binary.BigEndian.AppendUint16([]byte{code, end | 10}, uint16(min(i, steps)*160)))))
	}
	o.Timestamp, o.Marker, o.PayloadType = at+uint32(steps*160), false, 8
}

// answerWith makes a call whose callee answers with its own description.
func (s *server) answerWith(caller, callee *ua, offer, answer string) *call {
	s.t.Helper()
	c := &call{server: s, caller: caller, callee: callee, a: caller.dialogTo("bob")}
	inv := c.a.send("INVITE", offer)
	c.offer = callee.request("INVITE")
	res := callee.reply(c.offer, "200 OK", unique("hidden-tag-"), answer)
	c.answer = caller.answer(inv, 200)
	c.a.accept(c.answer)
	c.a.ack("")
	callee.request("ACK")
	c.b = callee.answered(c.offer, res)
	return c
}

// TestDigitsBetweenNumbers: each telephone has its own number for telephone events.
func TestDigitsBetweenNumbers(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.answerWith(caller, callee, sdp(s.media(s.caller()), 31000, 1), strings.ReplaceAll(sdp(s.media(s.callee()), 32000, 1), "101", "96"))
	if !strings.Contains(c.answer.body, "RTP/AVP 8 101\r\n") || !strings.Contains(c.answer.body, "a=rtpmap:101 telephone-event/8000\r\n") {
		t.Errorf("the caller is shown\n%s", c.answer.body)
	}
	a, b := c.speech()
	a.events(101, 5, 8)
	got := b.hear(10)
	wantStream(t, got, 10, nil)
	for i, p := range got {
		if p.PayloadType != 96 || p.Payload[0] != 5 || binary.BigEndian.Uint16(p.Payload[2:]) != uint16(min(i+1, 8)*160) || p.Timestamp != got[0].Timestamp {
			t.Fatalf("packet %d: %v %x", i, p.Header, p.Payload)
		}
	}
	b.events(96, 11, 3)
	if got := a.hear(5); len(got) != 5 || got[4].PayloadType != 101 || got[4].Payload[0] != 11 {
		t.Errorf("the caller hears %v", got)
	}
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestDigitsAsInfo: the callee knows INFO only; keys of either become what the other one knows.
func TestDigitsAsInfo(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	plain := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio 32000 RTP/AVP 8\r\n", s.media(s.callee()))
	c := s.answerWith(caller, callee, sdp(s.media(s.caller()), 31000, 1), plain)
	a, b := c.speech()
	a.events(101, 10, 8)
	info := callee.request("INFO")
	if info.get("Content-Type") != "application/dtmf-relay" || info.body != "Signal=*\r\nDuration=160\r\n" {
		t.Errorf("INFO %q with %q", info.get("Content-Type"), info.body)
	}
	callee.reply(info, "200 OK", "", "")
	a.say(3, "speech")
	wantStream(t, b.hear(3), 3, nil) // and no event among it
	asked := c.b.send("INFO", "Signal=4\r\nDuration=80\r\n", "Content-Type: application/dtmf-relay")
	callee.answer(asked, 200)
	caller.silent(100*time.Millisecond, "an INFO", func(m message) bool { return m.method() == "INFO" })
	got := a.hear(6)
	wantStream(t, got, 6, nil)
	for i, p := range got {
		if p.PayloadType != 101 || p.Payload[0] != 4 || (i >= 3) != (p.Payload[1]&0x80 != 0) || binary.BigEndian.Uint16(p.Payload[2:]) != uint16(min(i+1, 4)*160) {
			t.Fatalf("packet %d: %v %x", i, p.Header, p.Payload)
		}
	}
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}
