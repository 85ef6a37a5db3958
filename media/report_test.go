package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"golang.org/x/sys/unix"
)

func marshal(t *testing.T, p ...rtcp.Packet) []byte {
	t.Helper()
	b, err := rtcp.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRoundTrip: what a party says of a sender report that crossed tells how far it is, what it heard, and how that sounds.
func TestRoundTrip(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{})
	_, seenByB := talk(t, a, b)
	rtcpPort := func(p *phone) netip.AddrPort { return netip.AddrPortFrom(loopback, p.to.Local.Port()+1) }
	a.write(a.rtcp, rtcpPort(a), marshal(t, &rtcp.SenderReport{SSRC: a.ssrc, NTPTime: 0x1111222233334444, RTPTime: 7}))
	if b.read(b.rtcp, 5*time.Second) == nil {
		t.Fatal("no report crossed")
	}
	<-time.After(50 * time.Millisecond)
	b.write(b.rtcp, rtcpPort(b), marshal(t, &rtcp.ReceiverReport{SSRC: b.ssrc, Reports: []rtcp.ReceptionReport{
		{SSRC: seenByB, LastSenderReport: 0x22223333, Delay: 65536 / 50, FractionLost: 64, TotalLost: 3, Jitter: 80}}}))
	s := eventually(t, r, b.to.ID, "the round trip", func(s Stats) bool { return s.RoundTripMs > 0 })
	if s.RoundTripMs < 25 || s.RoundTripMs > 2000 || s.Far == nil || *s.Far != (Far{Lost: 3, LossPercent: 25, JitterMs: 10}) {
		t.Fatalf("%+v, %+v", s, s.Far)
	}
	if s.MOS < 4 || s.MOS > 4.5 || r.Stats(a.to.ID).MOS < 4 {
		t.Fatalf("MOS %v", s.MOS)
	}
}

// TestReportsOfOurOwn: a party whose far end sends no RTCP gets reports all the same, and none if it wants none.
func TestReportsOfOurOwn(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{})
	talk(t, a, b)
	a.seq += 3 // three are lost
	a.say("x")
	eventually(t, r, a.to.ID, "three lost", func(s Stats) bool { return s.Lost == 3 })
	r.mu.Lock()
	p := r.lookup(a.to.ID)
	th := r.threads[p.thread]
	now := r.now()
	for _, id := range []PortID{a.to.ID, b.to.ID} {
		r.lookup(id).traffic.report = 0
	}
	r.reports(th, now)
	early := len(r.reports(th, now+reportFirst-1))
	out := r.reports(th, now+reportFirst)
	quiet := r.lookup(b.to.ID)
	quiet.quiet = true
	later := r.reports(th, now+reportFirst+reportEvery)
	r.mu.Unlock()
	if early != 0 || len(out) != 2 || len(later) != 1 {
		t.Fatalf("%d early, %d due, %d later", early, len(out), len(later))
	}
	got, err := rtcp.Unmarshal(out[0].data)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v: %x", err, out[0].data)
	}
	sr, ok := got[0].(*rtcp.SenderReport)
	if !ok || len(sr.Reports) != 1 || sr.Reports[0].SSRC != a.ssrc || sr.Reports[0].TotalLost != 3 || sr.Reports[0].FractionLost == 0 || sr.PacketCount != 1 {
		t.Fatalf("%+v", got[0])
	}
	other, err := rtcp.Unmarshal(out[1].data)
	if err != nil {
		t.Fatal(err)
	}
	cname := func(p rtcp.Packet) string { return p.(*rtcp.SourceDescription).Chunks[0].Items[0].Text }
	if len(cname(got[1])) != 2*cnameLen || cname(got[1]) != cname(other[1]) { // both ports are of one leg here
		t.Fatalf("CNAMEs %q and %q", cname(got[1]), cname(other[1]))
	}
}

func TestMOS(t *testing.T) {
	for _, tt := range []struct {
		name               string
		pt                 uint8
		loss, jitter, trip float64
		min, max           float64
	}{
		{"perfect G.711", 8, 0, 0, 0, 4.3, 4.5},
		{"5 % loss", 8, 5, 0, 0, 3.6, 4.1},
		{"G.729", 18, 0, 0, 0, 3.9, 4.2},
		{"far away", 8, 0, 0, 800, 2.5, 3.8},
		{"half is lost", 8, 50, 100, 0, 1, 1.8},
		{"all is lost, never below 1", 18, 100, 500, 5000, 1, 1},
	} {
		if got := mos(tt.pt, tt.loss, tt.jitter, tt.trip); got < tt.min || got > tt.max {
			t.Errorf("%s: %.2f, want %.1f to %.1f", tt.name, got, tt.min, tt.max)
		}
	}
}

// TestDSCP: all sockets of a port are marked, those of another one are not.
func TestDSCP(t *testing.T) {
	r := newRelay(t, nil)
	six := netip.IPv6Loopback()
	for _, tt := range []struct {
		local netip.Addr
		dscp  uint8
	}{{loopback, 46}, {loopback, 0}, {six, 34}} {
		id, err := r.Open(Place{Call: 1, Local: tt.local, DSCP: tt.dscp})
		if err != nil && tt.local == six {
			t.Skip("no IPv6 here:", err)
		} else if err != nil {
			t.Fatal(err)
		}
		r.mu.Lock()
		fds := r.lookup(id.ID).fd[:2]
		r.mu.Unlock()
		for _, fd := range fds {
			level, option := unix.IPPROTO_IP, unix.IP_TOS
			if tt.local.Is6() {
				level, option = unix.IPPROTO_IPV6, unix.IPV6_TCLASS
			}
			if got, err := unix.GetsockoptInt(int(fd), level, option); err != nil || got != int(tt.dscp)<<2 {
				t.Errorf("%s: %#x, %v, want %#x", tt.local, got, err, tt.dscp<<2)
			}
		}
	}
}
