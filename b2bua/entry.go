package b2bua

import "github.com/bifrons/bifrons/sip"

// Entry returns the address of ours that a request was sent to: that of its first Route, or its Request-URI; "" when neither
// is one of the side's. An S-CSCF may tell in it for which session case it asks (TS 24.229 5.7.1.3A).
func (s *Side) Entry(m *sip.Message) string {
	uri := m.RequestURI
	if first, _ := sip.CutValue(m.Get(sip.HdrRoute)); len(first) > 0 {
		a, err := sip.ParseAddress(first)
		if err != nil {
			return ""
		}
		uri = a.URI
	}
	if s.named(uri) {
		return string(uri)
	}
	return ""
}

// named tells whether a URI is an address of the side's own: one of its listeners, or its domain.
func (s *Side) named(uri []byte) bool {
	u, err := sip.ParseURI(uri)
	return err == nil && u.IsSIP() && (s.owns(u.Host, u.Port) || sip.EqualFold(u.Host, s.Domain) && (u.Port == 0 || s.listens(u.Port)))
}

// listens tells whether a listener of the side has that port.
func (s *Side) listens(port uint16) bool {
	for _, l := range s.Locals {
		if _, p := splitHostPort([]byte(l.Advertise)); p == port || l.Addr.Port() == port {
			return true
		}
	}
	return false
}

// Entry returns the address of ours that the caller's request was sent to, "" if it names none.
func (s *Step) Entry() (uri string) {
	s.live(func() {
		if m := s.call.Invite.Message; m != nil {
			uri = s.call.Legs[0].side.Entry(m)
		}
	})
	return uri
}
