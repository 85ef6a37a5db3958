package b2bua

import "github.com/bifrons/bifrons/sip"

// trunk returns the trunk by which calls leave on a side: the first that is registered, else the first.
func (s *Side) trunk() *trunk {
	for _, t := range s.trunks {
		if t.up.Load() {
			return t
		}
	}
	if len(s.trunks) > 0 {
		return s.trunks[0]
	}
	return nil
}

// byTrunk lets a hop take the way that the registrar has told (RFC 3608 6.1).
func (h *hop) byTrunk() {
	t := h.side.trunk()
	if t == nil || !t.up.Load() || len(h.routes) > 0 || h.target != "" {
		return
	}
	if routes := t.routes.Load(); routes != nil && len(*routes) > 0 {
		h.routes = *routes
		if to, by, ok := uriAddr([]byte(bare(h.routes[0])), h.by); ok {
			h.addr, h.by = to, by
		}
	}
}

// callFrom puts the trunk's address of record into the From of a leg that leaves by it, unless the caller is hidden or an App has set one. It
// tells whether From is not the caller's own.
func (l *Leg) callFrom(d *Draft) bool {
	for _, f := range d.Headers {
		if sip.HeaderIDOf([]byte(f.Name)) == sip.HdrFrom {
			return true
		}
	}
	t := l.side.trunk()
	if t == nil || t.CallerFrom || l.Us == anonymous {
		return l.Us == anonymous
	}
	if a, err := sip.ParseAddress([]byte(l.Us)); err == nil {
		l.Us = withoutParams(sip.Address{Display: a.Display, URI: []byte(t.AOR)})
	}
	return true
}

// called puts the address of record of a trunk in the place of the Contact that a call for it comes to, so that routes and
// applications see who is called.
func (s *Side) called(m *sip.Message) {
	if len(s.trunks) == 0 {
		return
	}
	u, err := sip.ParseURI(m.RequestURI)
	if err != nil || !u.IsSIP() || !s.Is(&u) {
		return
	}
	for _, t := range s.trunks {
		if string(u.User) == t.Contact {
			m.RequestURI = []byte(t.AOR)
			return
		}
	}
}
