package media

import (
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/internal/leak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddr("127.0.0.1")

func newRelay(t *testing.T, change func(*Config)) *Relay {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Min, cfg.Max = 20000, 60000
	cfg.Quarantine = 0
	cfg.Audit = leak.Block // RTCP with a name or source of the other party would not arrive
	if change != nil {
		change(&cfg)
	}
	r, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Shutdown)
	return r
}

// phone is a party: an RTP socket and an RTCP socket.
type phone struct {
	t    testing.TB
	rtp  *net.UDPConn
	rtcp *net.UDPConn
	to   Port // where it sends
	ssrc uint32
	seq  uint16
	time uint32
}

func newPhone(t testing.TB, ssrc uint32) *phone { t.Helper(); return newPhoneAt(t, loopback, ssrc) }

func newPhoneAt(t testing.TB, host netip.Addr, ssrc uint32) *phone {
	t.Helper()
	p := &phone{t: t, ssrc: ssrc, seq: uint16(ssrc * 77), time: ssrc * 991}
	for _, c := range []**net.UDPConn{&p.rtp, &p.rtcp} {
		u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 0)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = u.Close() })
		*c = u
	}
	return p
}

func addrOf(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

func (p *phone) remote() Remote {
	return Remote{Port: p.to.ID, RTP: addrOf(p.rtp), RTCP: addrOf(p.rtcp), Send: true, Receive: true}
}

// packet makes the next RTP packet.
func (p *phone) packet(payload string) []byte {
	b := []byte{0x80, 8}
	b = binary.BigEndian.AppendUint16(b, p.seq)
	b = binary.BigEndian.AppendUint32(b, p.time)
	b = binary.BigEndian.AppendUint32(b, p.ssrc)
	p.seq, p.time = p.seq+1, p.time+160
	return append(b, payload...)
}

func (p *phone) say(payload string) { p.write(p.rtp, p.to.Local, p.packet(payload)) }

func (p *phone) write(c *net.UDPConn, to netip.AddrPort, b []byte) {
	p.t.Helper()
	if _, err := c.WriteToUDPAddrPort(b, to); err != nil {
		p.t.Fatal(err)
	}
}

func (p *phone) hear() []byte { p.t.Helper(); return p.read(p.rtp, 5*time.Second) }

// read returns the next packet, nil if none comes in time.
func (p *phone) read(c *net.UDPConn, wait time.Duration) []byte {
	p.t.Helper()
	b := make([]byte, 4096)
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		p.t.Fatal(err)
	}
	n, _, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return nil
	}
	return b[:n]
}

// pair makes two phones joined by a relay.
func pair(t testing.TB, r *Relay, join Join) (a, b *phone) {
	t.Helper()
	a, b = newPhone(t, 0xa1a2a3a4), newPhone(t, 0xb1b2b3b4)
	for _, p := range []*phone{a, b} {
		var err error
		if p.to, err = r.Open(Place{Call: 7, Local: loopback}); err != nil {
			t.Fatal(err)
		}
		r.Do(p.remote())
	}
	join.A, join.B = a.to.ID, b.to.ID
	r.Do(join)
	return a, b
}

func TestRelayBothWays(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{StripExtensions: true})
	for i := range 5 {
		a.say("from a")
		got := b.hear()
		if string(got[12:]) != "from a" {
			t.Fatalf("b heard %q", got)
		}
		b.say("from b")
		if got := a.hear(); string(got[12:]) != "from b" {
			t.Fatalf("a heard %q", got)
		}
		if i == 0 {
			continue
		}
		if s := r.Stats(a.to.ID); s.Latched != addrOf(a.rtp) {
			t.Fatalf("latched %v", s.Latched)
		}
	}
}

// TestRelayBetweenFamilies joins a party on IPv4 with one on IPv6.
func TestRelayBetweenFamilies(t *testing.T) {
	six := netip.IPv6Loopback()
	if c, err := net.ListenUDP("udp6", net.UDPAddrFromAddrPort(netip.AddrPortFrom(six, 0))); err != nil {
		t.Skip("no IPv6 here:", err)
	} else {
		_ = c.Close()
	}
	r := newRelay(t, nil)
	a, b := newPhone(t, 1), newPhoneAt(t, six, 2)
	var err error
	if a.to, err = r.Open(Place{Call: 7, Local: loopback}); err != nil {
		t.Fatal(err)
	}
	if b.to, err = r.Open(Place{Call: 7, Local: six, Number: 0}); err != nil {
		t.Fatal(err)
	}
	r.Do(a.remote())
	r.Do(b.remote())
	r.Do(Join{A: a.to.ID, B: b.to.ID})
	for range 3 {
		a.say("four")
		if got := b.hear(); got == nil || string(got[12:]) != "four" {
			t.Fatalf("b heard %q", got)
		}
		b.say("six")
		if got := a.hear(); got == nil || string(got[12:]) != "six" {
			t.Fatalf("a heard %q", got)
		}
	}
	if s := r.Stats(b.to.ID); s.Latched != addrOf(b.rtp) || s.Strays != 0 {
		t.Fatalf("%+v", s)
	}
}

// TestPartyWithClosedSocket: reports of the kernel about unreachable ports do no harm to what comes after them.
func TestPartyWithClosedSocket(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{})
	talk(t, a, b)
	at := b.rtp.LocalAddr().(*net.UDPAddr)
	if err := b.rtp.Close(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		a.say("to nobody")
	}
	eventually(t, r, b.to.ID, "sent to b", func(s Stats) bool { return s.Sent.Packets == 6 })
	again, err := net.ListenUDP("udp4", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	b.rtp = again
	b.say("back")
	if got := a.hear(); got == nil || string(got[12:]) != "back" {
		t.Fatalf("a heard %q", got)
	}
	a.say("welcome")
	if got := b.hear(); got == nil || string(got[12:]) != "welcome" {
		t.Fatalf("b heard %q", got)
	}
}
