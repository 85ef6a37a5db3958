package test

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// stream is one end of an RTP stream with its RTCP.
type stream struct {
	t         *testing.T
	rtp, rtcp *net.UDPConn
	to        [2]*net.UDPAddr // where the other end's RTP and RTCP go
}

// newStream opens port and port+1 of ip and sends to where the description says.
func newStream(t *testing.T, ip string, port int, body string) *stream {
	t.Helper()
	s := &stream{t: t}
	open := func(port int) *net.UDPConn {
		c := listenUDP(t, net.JoinHostPort(ip, fmt.Sprint(port)))
		t.Cleanup(func() { c.Close() })
		return c
	}
	s.rtp, s.rtcp = open(port), open(port+1)
	toIP, toPort := audio(t, body)
	for i := range s.to {
		s.to[i] = &net.UDPAddr{IP: net.ParseIP(toIP), Port: toPort + i}
	}
	return s
}

// ssrc is the synchronisation source of every telephone; a relay shows another one (RFC 3550 makes it an identifier).
const ssrc = "\x12\x34\xab\xcd"

// packet is an RTP packet whose payload says who sent it and as which one.
func packet(n int, mark string) []byte {
	b := []byte{0x80, 8}
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	b = binary.BigEndian.AppendUint32(b, uint32(n*160))
	b = append(b, ssrc...)
	return append(b, fmt.Sprintf("%-156s%04d", mark, n)...)
}

// report is an RTCP sender report without blocks, and an SDES with the CNAME mark.
func report(mark string) []byte {
	b := append([]byte{0x80, 200, 0, 6}, ssrc...)
	b = append(b, make([]byte, 20)...)
	item := append([]byte{1, byte(len(mark))}, mark...)
	for item = append(item, 0); len(item)%4 != 0; {
		item = append(item, 0)
	}
	b = append(b, 0x81, 202, 0, byte(1+len(item)/4))
	return append(append(b, ssrc...), item...)
}

// play sends packets first to first+n-1 at 5 ms, and one report.
func (s *stream) play(first, n int, mark string) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := range n {
		if _, err := s.rtp.WriteToUDP(packet(first+i, mark), s.to[0]); err != nil {
			s.t.Fatal(err)
		}
		<-tick.C
	}
	if _, err := s.rtcp.WriteToUDP(report(mark), s.to[1]); err != nil {
		s.t.Fatal(err)
	}
}

// heard reads RTP until packet last came or a second passed, and counts what carries the mark and came from where it should.
func (s *stream) heard(last int, mark string) (n int) {
	s.t.Helper()
	buf := make([]byte, 2048)
	s.rtp.SetReadDeadline(time.Now().Add(time.Second))
	for {
		l, from, err := s.rtp.ReadFromUDP(buf)
		if err != nil {
			return n
		}
		if from.String() != s.to[0].String() {
			s.t.Errorf("RTP came from %v, want %v", from, s.to[0])
		}
		if l == 172 && string(buf[12:12+len(mark)]) == mark {
			n++
			if string(buf[8:12]) == ssrc {
				s.t.Errorf("RTP has the SSRC of the other telephone")
			}
			if string(buf[168:172]) == fmt.Sprintf("%04d", last) {
				return n
			}
		}
	}
}

// TestMediaRelayed sends RTP and RTCP both ways through a call.
func TestMediaRelayed(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	a := newStream(t, s.media(s.caller()), 31000, c.answer.body)
	b := newStream(t, s.media(s.callee()), 32000, c.offer.body)
	if ip, _ := audio(t, c.answer.body); ip != s.ip(1) {
		t.Errorf("the caller was told to send to %s, want %s", ip, s.ip(1))
	}
	if ip, _ := audio(t, c.offer.body); ip != s.ip(2) {
		t.Errorf("the callee was told to send to %s, want %s", ip, s.ip(2))
	}
	// The first packets of each side teach the relay its address; from then on none may be lost.
	a.play(1, 2, "from alice")
	b.play(1, 2, "from bob")
	a.heard(2, "from bob")
	b.heard(2, "from alice")
	const many = 50
	a.play(10, many, "from alice")
	b.play(10, many, "from bob")
	if n := b.heard(9+many, "from alice"); n != many {
		t.Errorf("the callee heard %d of %d packets", n, many)
	}
	if n := a.heard(9+many, "from bob"); n != many {
		t.Errorf("the caller heard %d of %d packets", n, many)
	}
	for who, end := range map[string]*stream{"caller": a, "callee": b} {
		buf := make([]byte, 1500)
		end.rtcp.SetReadDeadline(time.Now().Add(time.Second))
		n, from, err := end.rtcp.ReadFromUDP(buf)
		if err != nil {
			t.Errorf("no RTCP reached the %s: %v", who, err)
		} else if from.String() != end.to[1].String() || n < 8 || buf[1] != 200 {
			t.Errorf("the %s got %d bytes of RTCP (type %d) from %v, want a sender report from %v", who, n, buf[1], from, end.to[1])
		} else if text := string(buf[:n]); strings.Contains(text, ssrc) || strings.Contains(text, "from ") {
			t.Errorf("the %s was shown SSRC or CNAME of the other telephone: %q", who, text)
		}
	}
	c.hangUp(c.a, c.b)
	for i, leg := range s.ended(hungUp)[0].Legs {
		if m := leg.Media; len(m) != 1 || m[0].Received.Packets != many+2 || m[0].Sent.Packets < many {
			t.Errorf("leg %d of the record has the statistics %+v, want %d packets received", i, m, many+2)
		}
	}
}

// TestMediaFromElsewhere: a telephone may send from another address than its SDP says; it is answered there.
func TestMediaFromElsewhere(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	a := newStream(t, s.ip(21), 41000, c.answer.body) // not 31000 at the caller's address
	b := newStream(t, s.media(s.callee()), 32000, c.offer.body)
	a.play(1, 5, "from alice")
	if n := b.heard(5, "from alice"); n == 0 {
		t.Error("the callee heard nothing")
	}
	b.play(1, 20, "from bob")
	if n := a.heard(20, "from bob"); n != 20 {
		t.Errorf("the caller heard %d of 20 packets where it sends from", n)
	}
	c.hangUp(c.b, c.a)
	s.ended(ending{200, "callee"})
}

// TestPortsReturned makes more calls, one after the other, than there are ports for.
func TestPortsReturned(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Ports = "20000-20007" }) // four pairs: two calls at once
	caller, callee := s.phones()
	rest := time.NewTicker(200 * time.Millisecond) // longer than media.quarantine
	defer rest.Stop()
	for range 6 {
		c := s.connect(caller, callee)
		if _, p := audio(t, c.answer.body); p < 20000 || p > 20006 || p%2 != 0 {
			t.Fatalf("the caller was given port %d, want an even one of 20000-20007", p)
		}
		c.hangUp(c.a, c.b)
		s.idle()
		<-rest.C
		<-rest.C
	}
	eventually(t, patience, "as many open files as before the calls", func() bool { return s.counts().files <= s.base.files })
	s.records(6)
}

// TestNoPortsLeft: a call that gets no ports is refused with a 5xx, the running ones go on.
func TestNoPortsLeft(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Ports = "20000-20003" })
	caller, callee := s.phones()
	var up []*call
	for range 5 {
		d := caller.dialogTo("bob")
		inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
		res, ok := caller.within(300*time.Millisecond, func(m message) bool { return m.status() >= 300 && m.get("Call-ID") == d.callID })
		if ok {
			d.ackFailure(res)
			if res.status() != 503 {
				t.Errorf("the call without ports was refused with %s, want 503", res.start)
			}
			if len(up) == 0 {
				t.Error("the first call was refused")
			}
			break
		}
		req := callee.request("INVITE")
		to := unique("hidden-tag-")
		ok200 := callee.reply(req, "200 OK", to, sdp(s.media(s.callee()), 32000, 1))
		d.accept(caller.answer(inv, 200))
		d.ack("")
		callee.request("ACK")
		up = append(up, &call{server: s, caller: caller, callee: callee, a: d, b: callee.answered(req, ok200)})
	}
	if len(up) == 5 {
		t.Error("five calls were made with four ports")
	}
	for _, c := range up {
		c.hangUp(c.a, c.b)
	}
	s.idle()
}

// TestMediaNotAnchored: with anchor: false the descriptions pass, and no port is opened.
func TestMediaNotAnchored(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Anchor, set.Policy = false, "transparent" })
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	if ip, port := audio(t, c.offer.body); ip != s.media(s.caller()) || port != 31000 {
		t.Errorf("the callee was told to send to %s:%d, want the caller", ip, port)
	}
	for _, a := range udpSockets(t) {
		if ip := a.Addr().String(); (ip == s.ip(1) || ip == s.ip(2)) && a.Port() != 5060 {
			t.Errorf("a media port is open: %v", a)
		}
	}
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}
