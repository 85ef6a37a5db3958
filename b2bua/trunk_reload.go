package b2bua

import "slices"

// A trunk outlives a reload: the successor's registers on, with the same Call-ID and a higher CSeq, and the elder's is gone. One that is
// gone from the configuration, or has another registrar, Contact or listener, ends its registration (RFC 3261 10.2.2) before its server
// ends; one that comes back meanwhile goes on from there, and the registrar tells by the CSeq which word is the last.

// succeeds tells whether a trunk is that of an elder, which has the registration: the side still listens where that one's Contact leads.
func (t *trunk) succeeds(o *trunk) bool {
	return !o.gone.Load() && t.side.Name == o.side.Name && t.AOR == o.AOR && t.Registrar.label() == o.Registrar.label() &&
		slices.ContainsFunc(t.side.Locals, func(l *Local) bool { return t.contactAt(l) == o.now.Load().Contact })
}

// inheritTrunks gives the trunks their places in identifiers: those of their elders', or such as no elder's has, since answers to elders
// still come. Their registrations are known from the beginning. Where reloads have left no place free, a new trunk takes that of one that
// is ending, with numbers that come after its own.
func (s *Server) inheritTrunks() {
	var taken [trunkPlaces]bool
	var ending [trunkPlaces]uint32 // numbers of elders' trunks
	var fresh []*trunk
	for g := s.elder.Load(); g != nil; g = g.elder.Load() {
		for _, t := range g.trunks {
			if !t.gone.Load() {
				ending[t.slot-trunkSlots] = max(ending[t.slot-trunkSlots], t.now.Load().number, 1)
			}
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
		t.slot, t.born, t.number = old.slot, old.born, max(t.number, i.number+1<<8)
		if !old.parting.Load() { // else it is ending, and who comes back begins anew
			t.until = i.until
			t.routes.Store(old.routes.Load())
		}
		taken[t.slot-trunkSlots] = true
	}
	for _, t := range fresh {
		next := vacant(&taken, &ending)
		t.slot, taken[next] = trunkSlots+uint8(next), true
		if ending[next] != 0 {
			t.number = max(t.number, ending[next]+1<<8)
		}
	}
}

// vacant finds a place that nobody has, else one that no trunk of the newest server has: there are more places than it may have trunks.
func vacant(taken *[trunkPlaces]bool, ending *[trunkPlaces]uint32) (place int) {
	for i := range taken {
		switch {
		case taken[i]:
		case ending[i] == 0:
			return i
		case taken[place]:
			place = i
		}
	}
	return place
}

// parted lets the trunks go that a successor has not, and takes those that it has: an elder's that was about to end is no longer.
func (s *Server) parted(successor *Server) {
	for g := s; g != nil; g = g.elder.Load() {
		for _, t := range g.trunks {
			switch {
			case slices.ContainsFunc(successor.trunks, func(n *trunk) bool { return n.succeeds(t) }):
				t.gone.Store(true)
			case g == s:
				t.parting.Store(true)
			}
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
