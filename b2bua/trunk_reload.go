package b2bua

import "slices"

// A trunk outlives a reload: the successor's registers on, with the same Call-ID and a higher CSeq. One that is gone from the
// configuration, or has another registrar, Contact or listener, ends its registration (RFC 3261 10.2.2) before its server ends.

// succeeds tells whether a trunk is that of an elder: the side still listens where that one's Contact leads.
func (t *trunk) succeeds(o *trunk) bool {
	return t.side.Name == o.side.Name && t.AOR == o.AOR && t.Registrar.label() == o.Registrar.label() &&
		slices.ContainsFunc(t.side.Locals, func(l *Local) bool { return t.contactAt(l) == o.now.Load().Contact })
}

// inheritTrunks gives the trunks their places in identifiers: those of their elders', or such as no elder's has, since answers to elders
// still come. Their registrations are known from the beginning.
func (s *Server) inheritTrunks() {
	var taken [maxTrunks]bool
	var fresh []*trunk
	for g := s.elder.Load(); g != nil; g = g.elder.Load() {
		for _, t := range g.trunks {
			taken[t.slot-trunkSlots] = taken[t.slot-trunkSlots] || !t.gone.Load()
		}
	}
	for _, t := range s.trunks {
		var old *trunk
		for g := s.elder.Load(); g != nil && old == nil; g = g.elder.Load() {
			if i := slices.IndexFunc(g.trunks, t.succeeds); i >= 0 {
				old = g.trunks[i]
			}
		}
		if old == nil {
			fresh = append(fresh, t)
			continue
		}
		i := old.now.Load()
		t.slot, t.until, t.number = old.slot, i.until, max(t.number, i.number+1<<8)
		t.routes.Store(old.routes.Load())
		taken[t.slot-trunkSlots] = true
	}
	next := 0
	for _, t := range fresh {
		for next < maxTrunks-1 && taken[next] {
			next++
		}
		t.slot, taken[next] = trunkSlots+uint8(next), true
	}
}

// parted lets the trunks go that a successor has not.
func (s *Server) parted(successor *Server) {
	for _, t := range s.trunks {
		if !slices.ContainsFunc(successor.trunks, func(n *trunk) bool { return n.succeeds(t) }) {
			t.parting.Store(true)
		}
	}
}

// tied tells whether a retired server has still a registration to end.
func (s *Server) tied() bool {
	for _, t := range s.trunks {
		if t.parting.Load() && !t.gone.Load() {
			return true
		}
	}
	return false
}
