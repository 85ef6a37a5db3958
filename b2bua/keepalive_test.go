package b2bua

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/bifrons/bifrons/sip"
)

// TestVerdictsAreThePage: the decision table of docs/liveness.md is the code's.
func TestVerdictsAreThePage(t *testing.T) {
	page, err := os.ReadFile("../docs/liveness.md")
	if err != nil {
		t.Fatal(err)
	}
	names := [...]string{alive: "alive", strike: "strike", gone: "gone", undecided: "undecided"}
	var want strings.Builder
	for _, v := range verdicts {
		status := fmt.Sprint(v.from)
		switch {
		case v.from == 0:
			status = "no answer"
		case v.to != v.from:
			status = fmt.Sprintf("%d-%d", v.from, v.to)
		}
		fmt.Fprintf(&want, "| %s | %s | %s |\n", status, names[v.is], v.why)
	}
	if !strings.Contains(string(page), want.String()) {
		t.Errorf("docs/liveness.md does not hold this table:\n%s", want.String())
	}
}

// TestVerdicts: RFC 5057 5.1, as the issue of a dead telephone behind a proxy has it.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		want     verdict
		statuses []int
	}{
		{alive, []int{200, 202, 299, 300, 400, 401, 403, 405, 407, 415, 486, 488, 491, 501, 600, 603}},
		{strike, []int{0, 404, 408, 410, 480, 500, 502, 503, 504, 580, 599, 604}},
		{gone, []int{481}},
		{undecided, []int{100, 183}},
	} {
		for _, s := range c.statuses {
			if got := verdictOn(s); got != c.want {
				t.Errorf("%d: verdict %d, want %d", s, got, c.want)
			}
		}
	}
}

// TestLifeIsSmall: what a leg keeps for its probes, limits and session timer, and its call's place in the wheel.
func TestLifeIsSmall(t *testing.T) {
	n := unsafe.Sizeof(Life{}) + unsafe.Sizeof(Session{}) + unsafe.Sizeof((*Call)(nil))
	t.Logf("%d bytes a leg", n)
	if n > 200 {
		t.Errorf("%d bytes a leg, want at most 200", n)
	}
}

// nowhere takes datagrams and counts them.
type nowhere struct{ sent int }

func (n *nowhere) Send([]byte, netip.AddrPort) error {
	n.sent++
	return nil
}

// hours is a clock that is turned by hand.
type hours struct{ now time.Duration }

func (h *hours) Now() time.Duration { return h.now }
func (h *hours) Wall() time.Time    { return time.Unix(0, int64(h.now)) }

// watched makes a call with one confirmed leg, the callee's.
func watched(t rapid.TB, out Conn, clock Clock, rules Liveness) (*Call, *Leg) {
	addr := netip.MustParseAddrPort("192.0.2.1:5060")
	l := &Local{Conn: out, Addr: addr, Advertise: addr.String()}
	side := &Side{Name: "core", Locals: []*Local{l}, Domain: "example.org", Liveness: rules}
	s, err := New(Config{Sides: []*Side{side}, Timers: sip.DefaultTimers(), MaxForwards: 70, Clock: clock, Random: rand.New(rand.NewPCG(1, 2)).Uint64,
		Key: [16]byte{7}})
	if err != nil {
		t.Fatal(err)
	}
	caller := &Leg{Side: "core", side: side, local: l, Phase: Over, Counted: true}
	callee := &Leg{Side: "core", side: side, local: l, Slot: 1, UAC: true, Phase: Confirmed, Us: "<sip:a@example.org>", Them: "<sip:b@example.org>",
		Dialogs: []*Dialog{{RemoteTag: "r", Target: "sip:b@192.0.2.9:5060", Confirmed: true}}}
	c := &Call{srv: s, State: State{ID: 7, Keys: [2]uint64{1, 2}, Branches: make([]Branch, 1), Legs: []*Leg{caller, callee}, Winner: 1}}
	c.recount()
	if s.table.add(c) != addedNew {
		t.Fatal("not added")
	}
	return c, callee
}

// BenchmarkProbes is one probe of one leg with its answer: what 100 000 legs cost each every 30 s, but for the sockets.
func BenchmarkProbes(b *testing.B) {
	out, clock := &nowhere{}, &hours{now: time.Second}
	c, leg := watched(b, out, clock, Liveness{Every: 30 * time.Second, Timeout: 2 * time.Second, Strikes: 3})
	c.runner = c.srv.fence.join(nil)
	c.settle()
	b.ReportAllocs()
	for b.Loop() {
		clock.now = leg.Life.Probe + wheelTick
		c.handle(event{})
		number := leg.Life.Number
		if number == 0 {
			b.Fatal("no probe is out")
		}
		m := sip.Message{Source: leg.local.Addr}
		if err := m.Parse([]byte(probeAnswer(c, leg))); err != nil {
			b.Fatal(err)
		}
		c.handle(event{msg: &m, local: leg.local, ref: ref{7, 1, number}})
	}
	if leg.Life.Strikes != 0 || out.sent == 0 {
		b.Fatalf("%d strikes, %d sent", leg.Life.Strikes, out.sent)
	}
}

func probeAnswer(c *Call, l *Leg) string {
	return fmt.Sprintf("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=%s\r\nFrom: <sip:a@example.org>;tag=x\r\nTo: <sip:b@example.org>;tag=r\r\n"+
		"Call-ID: %s\r\nCSeq: %d OPTIONS\r\nContent-Length: 0\r\n\r\n", c.appendBranch(nil, l, l.Life.Number), c.appendCallID(nil, l), l.Life.CSeq)
}
