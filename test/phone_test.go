package test

import (
	"encoding/json"
	"net"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// odd is a telephone's speech that the test makes packet by packet.
type odd struct {
	t    *testing.T
	conn *net.UDPConn
	to   *net.UDPAddr
	rtp.Header
}

// speak opens a port of ip and sends to where a description says.
func speak(t *testing.T, ip string, port int, body string, ssrc uint32) *odd {
	t.Helper()
	conn := listenUDP(t, net.JoinHostPort(ip, itoa(port)))
	t.Cleanup(func() { conn.Close() })
	toIP, toPort := audio(t, body)
	return &odd{t, conn, &net.UDPAddr{IP: net.ParseIP(toIP), Port: toPort},
		rtp.Header{Version: 2, PayloadType: 8, SSRC: ssrc, SequenceNumber: uint16(ssrc), Timestamp: ssrc * 7}}
}

// next makes the next packet without sending it.
func (o *odd) next(mark string) []byte {
	o.t.Helper()
	p := rtp.Packet{Header: o.Header, Payload: []byte(mark)}
	b, err := p.Marshal()
	if err != nil {
		o.t.Fatal(err)
	}
	o.SequenceNumber++
	o.Timestamp += 160
	return b
}

func (o *odd) write(b []byte) {
	o.t.Helper()
	if _, err := o.conn.WriteToUDP(b, o.to); err != nil {
		o.t.Fatal(err)
	}
}

// say sends n packets, 5 ms apart.
func (o *odd) say(n int, mark string) {
	o.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range n {
		o.write(o.next(mark))
		<-tick.C
	}
}

// hear takes packets until n have come, or none for a second.
func (o *odd) hear(n int) (out []rtp.Packet) {
	o.t.Helper()
	buf := make([]byte, 4096)
	for len(out) < n {
		o.conn.SetReadDeadline(time.Now().Add(time.Second))
		k, err := o.conn.Read(buf)
		if err != nil {
			return out
		}
		var p rtp.Packet
		if err := p.Unmarshal(append([]byte(nil), buf[:k]...)); err != nil {
			o.t.Errorf("malformed RTP: %v", err)
			continue
		}
		out = append(out, p)
	}
	return out
}

// nothing fails if a packet comes within d.
func (o *odd) nothing(d time.Duration, what string) {
	o.t.Helper()
	buf := make([]byte, 4096)
	o.conn.SetReadDeadline(time.Now().Add(d))
	if n, err := o.conn.Read(buf); err == nil {
		o.t.Errorf("heard %s: %x", what, buf[:n])
	}
}

// stream wants packets of one source whose numbers follow by the given steps; nil is one each.
func wantStream(t *testing.T, got []rtp.Packet, n int, steps []int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("heard %d packets, want %d", len(got), n)
	}
	for i := 1; i < n; i++ {
		step := 1
		if i-1 < len(steps) {
			step = steps[i-1]
		}
		if a, b := got[i-1], got[i]; b.SSRC != a.SSRC || b.SequenceNumber != a.SequenceNumber+uint16(step) {
			t.Fatalf("packet %d is %x/%d after %x/%d, want a step of %d", i, b.SSRC, b.SequenceNumber, a.SSRC, a.SequenceNumber, step)
		}
	}
}

// ear is what the API and the record tell of a port.
type ear struct {
	Received, Sent             struct{ Packets, Bytes int }
	RTCPReceived, RTCPSent     int
	Strays                     int
	Dropped                    map[string]int
	Lost                       int
	LossPercent, JitterMs, MOS float64
	RoundTripMs                float64
	Far                        *struct{ Lost int }
	Silent                     bool
	Latched                    string
}

// streams returns the live statistics of each port of each leg of the first call.
func (s *server) streams() (legs [][]ear) {
	s.t.Helper()
	text, err := s.get("/v1/calls")
	if err != nil {
		s.t.Fatal(err)
	}
	var page struct {
		Calls []struct {
			Legs []struct{ Media []ear }
		}
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		s.t.Fatalf("%v\n%s", err, text)
	}
	if len(page.Calls) > 0 {
		for _, l := range page.Calls[0].Legs {
			legs = append(legs, l.Media)
		}
	}
	return legs
}

// ears returns those of the first port of each leg.
func (s *server) ears() (out []ear) {
	s.t.Helper()
	for _, ports := range s.streams() {
		if len(ports) > 0 {
			out = append(out, ports[0])
		}
	}
	return out
}

// speech connects the call's telephones to the relay and lets each be heard.
func (c *call) speech() (a, b *odd) {
	t := c.server.t
	t.Helper()
	a = speak(t, c.server.media(c.caller.addr), 31000, c.answer.body, 0xa1a2a3a4)
	b = speak(t, c.server.media(c.callee.addr), 32000, c.offer.body, 0xb1b2b3b4)
	for range 2 { // when the second packet is heard, the latch is complete
		a.say(1, "hello from a")
		b.say(1, "hello from b")
		if len(a.hear(1)) != 1 || len(b.hear(1)) != 1 {
			t.Fatal("no speech")
		}
	}
	return a, b
}

// endures makes a call for an odd telephone, gives the test its speech, and hangs up.
func endures(t *testing.T, f func(s *server, c *call, a, b *odd), change ...func(*settings)) []record {
	t.Helper()
	t.Parallel()
	s := start(t, change...)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	a, b := c.speech()
	f(s, c, a, b)
	c.hangUp(c.a, c.b)
	return s.ended(hungUp)
}
