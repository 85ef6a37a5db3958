package b2bua

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bifrons/bifrons/sip"
)

// hostile is a network between one confirmed leg and its party that loses, delays, copies and reorders at will.
type hostile struct {
	t     *rapid.T
	clock *hours
	call  *Call
	leg   *Leg
	rules Liveness

	out    []probe
	wire   []delivery
	probes map[time.Duration]bool // that the network has decided about, by their deadline: lost for good
	sent   map[time.Duration]int  // copies of each
	doomed int                    // lost for good in a row
	dead   bool                   // the party answers no more
	proof  time.Duration          // when the party was last heard
}

// probe is a copy of one that was sent.
type probe struct {
	data   []byte
	number uint32
	limit  time.Duration
}

type delivery struct {
	at     time.Duration
	data   []byte
	number uint32
	alive  bool
}

var (
	livingStatuses = []int{200, 202, 301, 400, 401, 403, 405, 407, 415, 486, 488, 491, 501, 600, 603}
	strikeStatuses = []int{404, 408, 410, 480, 500, 502, 503, 504, 604}
)

// Send takes a probe to the network, where its fate is decided when the step is over.
func (h *hostile) Send(b []byte, _ netip.AddrPort) error {
	if bytes.HasPrefix(b, []byte("OPTIONS ")) && !h.dead {
		h.out = append(h.out, probe{bytes.Clone(b), h.leg.Life.Number, h.leg.Life.Probe})
	}
	return nil
}

// step runs a step of the call, and then decides what becomes of the probes it sent.
func (h *hostile) step(e event) {
	h.call.handle(e)
	for _, p := range h.out {
		h.decide(p)
	}
	h.out = nil
}

func (h *hostile) decide(p probe) {
	var m sip.Message
	if err := m.Parse(p.data); err != nil {
		h.t.Fatal(err)
	}
	number := p.number
	lost, known := h.probes[p.limit]
	if !known {
		lost = h.doomed < h.rules.Strikes-1 && rapid.Bool().Draw(h.t, "lose this probe")
		h.probes[p.limit] = lost
		if h.doomed++; !lost {
			h.doomed = 0
		}
	}
	h.sent[p.limit]++
	switch {
	case lost && rapid.Bool().Draw(h.t, "a proxy answers"):
		h.answer(&m, number, rapid.SampledFrom(strikeStatuses).Draw(h.t, "status"), h.rules.Timeout/3)
	case lost && rapid.Bool().Draw(h.t, "the answer is late"):
		h.answer(&m, number, 200, 2*h.rules.Timeout)
	case lost:
	case h.sent[p.limit] == 1 && rapid.Bool().Draw(h.t, "lose this copy"):
	default:
		h.answer(&m, number, rapid.SampledFrom(livingStatuses).Draw(h.t, "status"), h.rules.Timeout/3)
	}
}

// answer puts one to three copies of an answer on their way.
func (h *hostile) answer(m *sip.Message, number uint32, status int, slowest time.Duration) {
	b := sip.AppendBody(m.AppendResponseHead(nil, status, "Answer", []byte("r")), nil)
	at := h.clock.now + time.Duration(rapid.Int64Range(0, int64(slowest)).Draw(h.t, "delay"))
	for i := range rapid.IntRange(1, 3).Draw(h.t, "copies") {
		h.wire = append(h.wire, delivery{at, b, number, verdictOn(status) == alive && i == 0}) // a copy proves nothing
		at += time.Duration(rapid.Int64Range(0, int64(3*h.rules.Every)).Draw(h.t, "the copy's delay"))
	}
}

// next runs what comes next: a delivery, or a tick of the wheel.
func (h *hostile) next() {
	due := h.call.due + wheelTick - 1
	due -= due % wheelTick
	i := -1
	for k := range h.wire {
		if i < 0 || h.wire[k].at < h.wire[i].at {
			i = k
		}
	}
	if i < 0 || h.call.due > 0 && due < h.wire[i].at {
		h.clock.now = max(h.clock.now, due)
		h.step(event{})
		return
	}
	d := h.wire[i]
	h.wire = slices.Delete(h.wire, i, i+1)
	h.clock.now = max(h.clock.now, d.at)
	m := sip.Message{Source: netip.MustParseAddrPort("192.0.2.9:5060")}
	if err := m.Parse(bytes.Clone(d.data)); err != nil {
		h.t.Fatal(err)
	}
	before := h.leg.Life
	doubt := before != nil && (before.Strikes > 0 || before.Number != 0)
	h.step(event{msg: &m, local: h.leg.local, ref: ref{h.call.ID, h.leg.Slot, d.number}})
	if after := h.leg.Life; d.alive && doubt && after != nil && after.Strikes == 0 && after.Number == 0 {
		h.proof = h.clock.now
	}
}

// interfere sends another request in the dialog, which the party leaves unanswered.
func (h *hostile) interfere() {
	h.step(event{order: func(c *Call) {
		if c.Cause == nil {
			c.send(h.leg, h.leg.confirmed(), sip.INFO, outgoing{}).Own = true
		}
	}})
}

// TestLossKillsNobody: whatever the network loses, delays, copies or reorders, a party whose probes are not all lost `strikes`
// times in a row keeps its call; one that is dead loses it within every + strikes x timeout of its last sign of life.
func TestLossKillsNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := func(name string, from, to int64) time.Duration {
			return time.Duration(rapid.Int64Range(from, to).Draw(t, name)) * time.Millisecond
		}
		r := Liveness{Every: ms("every", 200, 60_000), Strikes: rapid.IntRange(1, 5).Draw(t, "strikes")}
		r.Timeout = ms("timeout", 100, min(5000, int64(r.Every/time.Millisecond)))
		h := &hostile{t: t, clock: &hours{now: time.Second}, rules: r, probes: map[time.Duration]bool{}, sent: map[time.Duration]int{}}
		h.call, h.leg = watched(t, h, h.clock, r)
		h.call.runner = h.call.srv.fence.join(nil)
		defer h.call.srv.fence.leave(h.call.runner)
		h.call.settle()
		h.proof = h.clock.now
		for range rapid.IntRange(0, 150).Draw(t, "steps of life") {
			if rapid.IntRange(0, 9).Draw(t, "interfere") == 0 {
				h.interfere()
			}
			if h.next(); h.call.Cause != nil {
				t.Fatalf("a living party was given up: %+v", *h.call.Cause)
			}
		}
		h.dead, h.proof = true, max(h.proof, h.clock.now)
		limit := func() time.Duration {
			return h.proof + r.Every + time.Duration(r.Strikes)*r.Timeout + time.Duration(r.Strikes+2)*wheelTick
		}
		for h.call.Cause == nil {
			if rapid.IntRange(0, 4).Draw(t, "interfere") == 0 {
				h.interfere()
			}
			if h.next(); h.clock.now > limit() {
				t.Fatalf("a dead party has a call %s after its last sign of life, every %s, timeout %s, strikes %d", h.clock.now-h.proof, r.Every, r.Timeout, r.Strikes)
			}
		}
		if c := h.call.Cause; c.Text != "party lost" || c.By != ByCallee || c.Evidence == "" {
			t.Fatalf("the cause is %+v", *c)
		}
	})
}
