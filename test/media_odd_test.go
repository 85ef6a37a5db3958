package test

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestPortChangesMidCall: address translation gives a phone a new port; it is heard and answered there, in the same stream.
func TestPortChangesMidCall(t *testing.T) {
	endures(t, func(s *server, c *call, a, b *odd) {
		a.say(10, "before")
		before := b.hear(10)
		<-time.After(500 * time.Millisecond)
		moved := speak(t, s.media(s.caller()), 31010, c.answer.body, 0)
		moved.Header = a.Header
		moved.say(10, "after")
		wantStream(t, append(before, b.hear(10)...), 20, nil)
		b.say(3, "answer")
		if got := moved.hear(3); len(got) != 3 {
			t.Errorf("the phone heard %d packets at its new port, want 3", len(got))
		}
		a.nothing(50*time.Millisecond, "at the old port")
	})
}

// TestPortStaysWithLatchOnce: where the side says so, the first source stays.
func TestPortStaysWithLatchOnce(t *testing.T) {
	endures(t, func(s *server, c *call, _, b *odd) {
		<-time.After(500 * time.Millisecond)
		moved := speak(t, s.media(s.caller()), 31010, c.answer.body, 7)
		moved.say(10, "after")
		b.nothing(100*time.Millisecond, "a second source")
		if e := s.ears()[0]; e.Strays != 10 {
			t.Errorf("%d strays, want 10", e.Strays)
		}
	}, func(set *settings) { set.CoreMedia = "latch: latch-once" })
}

// TestStrictSide: only the signalled address is believed.
func TestStrictSide(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.CoreMedia = "latch: strict" })
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	elsewhere := speak(t, s.ip(21), 31000, c.answer.body, 7)
	b := speak(t, s.media(s.callee()), 32000, c.offer.body, 9)
	elsewhere.say(10, "from elsewhere")
	b.nothing(100*time.Millisecond, "a source that was not signalled")
	a := speak(t, s.media(s.caller()), 31000, c.answer.body, 8)
	a.say(5, "from where it said")
	wantStream(t, b.hear(5), 5, nil)
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestSSRCChangesMidCall: a phone starts its stream anew; the other one hears it go on.
func TestSSRCChangesMidCall(t *testing.T) {
	endures(t, func(_ *server, _ *call, a, b *odd) {
		a.say(5, "first")
		got := b.hear(5)
		a.SSRC, a.SequenceNumber, a.Timestamp = 99, 40000, 5
		a.say(5, "second")
		got = append(got, b.hear(5)...)
		wantStream(t, got, 10, nil)
		for i := 1; i < 10; i++ {
			if step := int32(got[i].Timestamp - got[i-1].Timestamp); step <= 0 || step > 8000 {
				t.Errorf("timestamp %d after %d", got[i].Timestamp, got[i-1].Timestamp)
			}
		}
	})
}

// TestReinviteKeepsTheStream: a phone moves to another address by re-INVITE and starts anew; the other hears one stream.
func TestReinviteKeepsTheStream(t *testing.T) {
	endures(t, func(s *server, c *call, a, b *odd) {
		a.say(5, "first")
		got := b.hear(5)
		inv := c.a.send("INVITE", sdp(s.ip(21), 31020, 2))
		req := c.callee.request("INVITE")
		ok := c.callee.reply(req, "200 OK", "", sdp(s.media(s.callee()), 32000, 1), "Contact: <sip:hidden-phone@"+c.callee.addr+">")
		res := c.caller.answer(inv, 200)
		c.a.ack("")
		c.callee.request("ACK")
		_ = ok
		moved := speak(t, s.ip(21), 31020, res.body, 0x77)
		moved.say(5, "second")
		wantStream(t, append(got, b.hear(5)...), 10, nil)
		b.say(2, "to the new place")
		if n := len(moved.hear(2)); n != 2 {
			t.Errorf("%d packets at the new address, want 2", n)
		}
	})
}

// TestReorderedAndDoubled: what the network does to packets is left as it is, and numbers stay true.
func TestReorderedAndDoubled(t *testing.T) {
	endures(t, func(_ *server, _ *call, a, b *odd) {
		var p [][]byte
		for range 6 {
			p = append(p, a.next("x"))
		}
		for _, i := range []int{0, 2, 1, 3, 5, 4, 4, 5} {
			a.write(p[i])
		}
		wantStream(t, b.hear(8), 8, []int{2, -1, 2, 2, -1, 0, 1})
	})
}

// TestLossAndJitter: 5 % of the packets are lost and every second one is late; that is told, live and in the record.
func TestLossAndJitter(t *testing.T) {
	rec := endures(t, func(s *server, _ *call, a, b *odd) {
		heard := 0
		for i := range 200 {
			p := a.next("x")
			if i%20 == 10 {
				continue
			}
			if i%2 == 1 {
				<-time.After(3 * time.Millisecond)
			}
			a.write(p)
			heard++
		}
		got := b.hear(heard)
		if len(got) != heard || got[heard-1].SequenceNumber != got[0].SequenceNumber+199 {
			t.Fatalf("heard %d of %d packets", len(got), heard)
		}
		e := s.ears()[0]
		if e.Lost != 10 || e.LossPercent < 4 || e.LossPercent > 6 || e.JitterMs <= 0 || e.MOS < 3 || e.MOS > 4.2 {
			t.Errorf("live statistics: %+v", e)
		}
	})
	if m := rec[0].Legs[0].Media; len(m) != 1 || m[0].Lost != 10 || m[0].MOS < 3 || m[0].JitterMs <= 0 || m[0].LossPercent < 4 {
		t.Errorf("record: %+v", m)
	}
}

// TestStrangersAtTenTimesTheRate: they are counted and never heard, wherever they send from.
func TestStrangersAtTenTimesTheRate(t *testing.T) {
	endures(t, func(s *server, c *call, a, b *odd) {
		far := speak(t, s.ip(66), 31000, c.answer.body, 0xe1)
		near := speak(t, s.media(s.caller()), 31500, c.answer.body, 0xe2)
		for range 50 {
			for range 5 {
				far.write(far.next("stranger"))
				near.write(near.next("stranger"))
			}
			a.say(1, "friend")
		}
		got := b.hear(50)
		wantStream(t, got, 50, nil)
		for _, p := range got {
			if string(p.Payload) != "friend" {
				t.Fatalf("heard %q", p.Payload)
			}
		}
		b.nothing(50*time.Millisecond, "more")
		eventually(t, patience, "all strays are counted", func() bool { return s.ears()[0].Strays == 500 })
	})
}

// TestClosedPort: a phone closes its port for a while; the call and the other direction go on.
func TestClosedPort(t *testing.T) {
	endures(t, func(s *server, c *call, a, b *odd) {
		b.conn.Close()
		a.say(20, "to nobody")
		b2 := speak(t, s.media(s.callee()), 32000, c.offer.body, 0)
		b2.Header = b.Header
		b2.say(5, "back")
		wantStream(t, a.hear(5), 5, nil)
		a.say(5, "welcome")
		wantStream(t, b2.hear(5), 5, nil)
	})
}

// TestTruncatedAndGiant: what is no RTP, or longer than any packet, ends here.
func TestTruncatedAndGiant(t *testing.T) {
	endures(t, func(s *server, _ *call, a, b *odd) {
		for _, bad := range [][]byte{{}, {0x80}, []byte("\x80\x08\x00\x01"), make([]byte, 12), []byte("\x9f\x08\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01"), make([]byte, 9000)} {
			a.write(bad)
		}
		a.say(5, "fine")
		wantStream(t, b.hear(5), 5, nil)
		e := s.ears()[0]
		if e.Dropped["giant"] != 1 || e.Dropped["malformed"] != 5 {
			t.Errorf("dropped %v, want 1 giant and 5 malformed", e.Dropped)
		}
	})
}

// TestRTCPOnly: a phone that sends no RTP yet is heard by RTCP, under our name.
func TestRTCPOnly(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	open := func(ip string, port int, body string) (*net.UDPConn, *net.UDPAddr) {
		conn := listenUDP(t, net.JoinHostPort(ip, itoa(port)))
		t.Cleanup(func() { conn.Close() })
		toIP, toPort := audio(t, body)
		return conn, &net.UDPAddr{IP: net.ParseIP(toIP), Port: toPort + 1}
	}
	a, to := open(s.media(s.caller()), 31001, c.answer.body)
	b, _ := open(s.media(s.callee()), 32001, c.offer.body)
	in, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 0xabcdef}, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{
		{Source: 0xabcdef, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "alice@secret-host"}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.WriteToUDP(in, to); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1500)
	b.SetReadDeadline(time.Now().Add(patience))
	n, err := b.Read(buf)
	if err != nil {
		t.Fatal("no RTCP:", err)
	}
	got, err := rtcp.Unmarshal(buf[:n])
	if err != nil {
		t.Fatal(err)
	}
	rr, ok := got[0].(*rtcp.ReceiverReport)
	if !ok || rr.SSRC == 0xabcdef || len(got) != 2 || got[1].(*rtcp.SourceDescription).Chunks[0].Items[0].Text == "alice@secret-host" {
		t.Errorf("heard %v", got)
	}
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestReportsAndRoundTrip: a phone whose far end sends no RTCP gets reports of ours, and its answer tells the round trip.
func TestReportsAndRoundTrip(t *testing.T) {
	endures(t, func(s *server, c *call, a, b *odd) {
		conn := listenUDP(t, net.JoinHostPort(s.media(s.callee()), "32001"))
		defer conn.Close()
		buf := make([]byte, 1500)
		var sr *rtcp.SenderReport
		for end := time.Now().Add(12 * time.Second); sr == nil; {
			if time.Now().After(end) {
				t.Fatal("no sender report")
			}
			a.say(1, "x")
			conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			if n, err := conn.Read(buf); err == nil {
				if p, err := rtcp.Unmarshal(buf[:n]); err == nil {
					sr, _ = p[0].(*rtcp.SenderReport)
				}
			}
		}
		if len(sr.Reports) != 1 || sr.Reports[0].SSRC != 0xb1b2b3b4 || sr.PacketCount == 0 {
			t.Errorf("report %v", sr)
		}
		out, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: b.SSRC, Reports: []rtcp.ReceptionReport{
			{SSRC: sr.SSRC, LastSenderReport: uint32(sr.NTPTime >> 16), TotalLost: 2, Jitter: 80}}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.WriteToUDP(out, &net.UDPAddr{IP: b.to.IP, Port: b.to.Port + 1}); err != nil {
			t.Fatal(err)
		}
		eventually(t, patience, "the round trip is known", func() bool {
			e := s.ears()[1]
			return e.RoundTripMs > 0 && e.Far != nil && e.Far.Lost == 2
		})
	})
}
