package b2bua

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// hunted makes a server with targets of two priorities: 1 with the weights 3 and 1, and 2.
func hunted(t *testing.T, clock Clock, health Health) (*Server, *Side) {
	t.Helper()
	addr := netip.MustParseAddrPort("192.0.2.1:5060")
	side := &Side{Name: "core", Domain: "example.org", Health: health, Locals: []*Local{{Conn: &nowhere{}, Addr: addr, Advertise: addr.String()}}}
	for i, x := range []struct{ priority, weight int }{{1, 3}, {1, 1}, {2, 1}} {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(11 + i)}), 5060)
		side.Targets = append(side.Targets, Target{NextHop: NextHop{Host: at.String(), Addr: at}, Priority: x.priority, Weight: x.weight})
	}
	s, err := New(Config{Sides: []*Side{side}, Timers: sip.DefaultTimers(), MaxForwards: 70, Clock: clock, Random: rand.New(rand.NewPCG(3, 4)).Uint64})
	if err != nil {
		t.Fatal(err)
	}
	return s, side
}

// shares picks ten thousand times and returns what each target got, in percent.
func shares(t *testing.T, s *Server, side *Side, tried uint64) (out [3]int) {
	t.Helper()
	for range 10_000 {
		at, ok := s.pick(side, tried)
		if !ok {
			t.Fatal("no target")
		}
		out[at]++
	}
	for i := range out {
		out[i] = (out[i] + 50) / 100
	}
	return out
}

func near(got, want [3]int, by int) bool {
	for i := range got {
		if d := got[i] - want[i]; d > by || -d > by {
			return false
		}
	}
	return true
}

// TestShares: priority first, then weight; a target that is down gets nothing, one that returns gets more and more.
func TestShares(t *testing.T) {
	clock := &hours{now: time.Second}
	h := DefaultHealth()
	s, side := hunted(t, clock, h)
	check := func(when string, tried uint64, want [3]int) {
		t.Helper()
		if got := shares(t, s, side, tried); !near(got, want, 2) {
			t.Errorf("%s: shares %v, want %v", when, got, want)
		}
	}
	check("all are up", 0, [3]int{75, 25, 0})
	check("the first was tried", 1, [3]int{0, 100, 0})
	check("both were tried", 3, [3]int{0, 0, 100})
	s.failed(side.goals[0], 0)
	check("one failure of two", 0, [3]int{75, 25, 0})
	s.failed(side.goals[0], 0)
	check("the first is down", 0, [3]int{0, 100, 0})
	s.failed(side.goals[1], time.Minute)
	check("both are down, one by Retry-After", 0, [3]int{0, 0, 100})
	s.succeeded(side.goals[1])
	check("an answer does not undo Retry-After", 0, [3]int{0, 0, 100})
	s.succeeded(side.goals[0])
	check("the first has come back", 0, [3]int{5, 0, 95})
	clock.now += h.Recover / 2
	check("half way", 0, [3]int{50, 0, 50})
	clock.now += h.Recover
	check("back", 0, [3]int{100, 0, 0})
	s.failed(side.goals[0], 0)
	s.failed(side.goals[0], 0)
	s.succeeded(side.goals[0])
	s.failed(side.goals[0], 0)
	check("one more failure while it returns", 0, [3]int{0, 0, 100})
	s.failed(side.goals[2], 0)
	s.failed(side.goals[2], 0)
	check("all are down: the first is tried all the same", 0, [3]int{100, 0, 0})
}

// TestOurBranch: the datagrams that ICMP errors quote are cut anywhere, and may be anybody's.
func TestOurBranch(t *testing.T) {
	s, _ := hunted(t, &hours{now: time.Second}, DefaultHealth())
	r := ref{call: 9, slot: 1, number: 3}
	text := "INVITE sip:b@192.0.2.11 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK" + string(s.mint.append(nil, idBranch, r)) + "\r\nFrom: <sip:a@b>"
	for n := range len(text) + 1 {
		got, ok := s.mint.find(ourBranch([]byte(text[:n])), idBranch)
		if whole := n >= len(text)-len("\r\nFrom: <sip:a@b>"); ok != whole || ok && got != r {
			t.Errorf("of %d bytes: %v, %v", n, got, ok)
		}
	}
	for _, other := range []string{"", "\r\n", "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK" + string(s.mint.append(nil, idBranch, r)) + "\r\n"} {
		if b := ourBranch([]byte(other)); len(b) > 0 {
			t.Errorf("%q has the branch %q", other, b)
		}
	}
}
