package b2bua

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// withTrunks is a server with some trunks that leads after its elder.
func withTrunks(elder *Server, aors ...string) *Server {
	local := &Local{Advertise: "192.0.2.1:5060"}
	side := &Side{Name: "carrier", Locals: []*Local{local}}
	s := &Server{}
	if elder != nil {
		s.elder.Store(elder)
	}
	for _, aor := range aors {
		t := &trunk{Trunk: Trunk{AOR: aor, Contact: aor}, side: side, number: 1, born: rand.Uint32()}
		s.trunks = append(s.trunks, t)
	}
	s.inheritTrunks()
	for _, t := range s.trunks {
		if t.until == 0 { // it registers at once
			t.until = time.Hour
		}
		t.now.Store(&TrunkInfo{Contact: t.contactAt(local), until: t.until, number: t.number})
	}
	if elder != nil {
		elder.parted(s)
		elder.retired.Store(true)
	}
	return s
}

// TestTrunkComesBack: one that a reload removed and the next one has again takes the registration that is ending over, with a higher CSeq;
// the elder does no more about it.
func TestTrunkComesBack(t *testing.T) {
	first := withTrunks(nil, "sip:a@c")
	second := withTrunks(first, "sip:b@c")
	old := first.trunks[0]
	if !old.parting.Load() || !first.tied() || second.trunks[0].slot == old.slot {
		t.Fatalf("parting %v, slots %d and %d", old.parting.Load(), old.slot, second.trunks[0].slot)
	}
	third := withTrunks(second, "sip:b@c", "sip:a@c")
	back := third.trunks[1]
	if back.slot != old.slot || back.number <= old.number || third.trunks[0].slot != second.trunks[0].slot {
		t.Errorf("slots %d after %d, %d after %d; number %d after %d", back.slot, old.slot, third.trunks[0].slot, second.trunks[0].slot, back.number, old.number)
	}
	if back.born != old.born {
		t.Error("a registration that goes on has another Call-ID")
	}
	if !old.gone.Load() || first.tied() {
		t.Error("the elder still ends what is its successor's")
	}
	fourth := withTrunks(third, "sip:b@c")
	if !back.parting.Load() || !third.tied() || first.tied() || len(fourth.trunks) != 1 {
		t.Error("removed once more, it does not end")
	}
}

// TestTrunkSlots: who comes back after its registration has ended gets a slot of its own, not the one that another has now.
func TestTrunkSlots(t *testing.T) {
	first := withTrunks(nil, "sip:a@c")
	second := withTrunks(first)
	first.trunks[0].gone.Store(true)
	third := withTrunks(second, "sip:b@c")
	fourth := withTrunks(third, "sip:b@c", "sip:a@c")
	if fourth.trunks[0].born != third.trunks[0].born || fourth.trunks[1].born == first.trunks[0].born {
		t.Error("a new registration has the Call-ID of one that has ended, and its numbers begin below (RFC 3261 10.3)")
	}
	if b, a := fourth.trunks[0].slot, fourth.trunks[1].slot; a == b || b != third.trunks[0].slot {
		t.Errorf("slots %d and %d after %d", b, a, third.trunks[0].slot)
	}
}

// TestTrunkPlaces: with as many trunks as there may be, all of them new, each has a slot that no other one of its generation has, and a number
// that no answer to an elder's can have.
func TestTrunkPlaces(t *testing.T) {
	t.Parallel()
	var s *Server
	for generation := range 4 {
		aors := make([]string, maxTrunks)
		for i := range aors {
			aors[i] = fmt.Sprintf("sip:%d-%d@c", generation, i)
		}
		s = withTrunks(s, aors...)
		used := map[uint8]bool{}
		for _, k := range s.trunks {
			if used[k.slot] || k.slot < trunkSlots || k.slot == askSlot {
				t.Errorf("generation %d: slot %d twice, or no trunk's", generation, k.slot)
			}
			used[k.slot] = true
			for g := s.elder.Load(); g != nil; g = g.elder.Load() {
				for _, o := range g.trunks {
					if o.slot == k.slot && o.number >= k.number {
						t.Errorf("generation %d: number %d after %d", generation, k.number, o.number)
					}
				}
			}
		}
	}
}
