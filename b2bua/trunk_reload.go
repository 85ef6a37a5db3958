package b2bua

// A trunk outlives a reload: the successor's registers on, with the same Call-ID and a higher CSeq. One that is gone from the
// configuration, or has another registrar, Contact or listener, ends its registration (RFC 3261 10.2.2) before its server ends.

// same tells whether another generation's trunk is this one.
func (t *trunk) same(o *trunk) bool {
	return t.side.Name == o.side.Name && t.AOR == o.AOR && t.Registrar.label() == o.Registrar.label() && t.contact() == o.contact()
}

// trunkLike finds the server's trunk that is another generation's, nil if there is none.
func (s *Server) trunkLike(o *trunk) *trunk {
	for _, t := range s.trunks {
		if t.same(o) {
			return t
		}
	}
	return nil
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
			old = g.trunkLike(t)
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
		if successor.trunkLike(t) == nil {
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
