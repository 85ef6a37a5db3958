package b2bua

import (
	"net/netip"
	"strings"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/registrar"
)

// register obeys a REGISTER on a side that has the registrar (RFC 3261 10.3). Who has proved to be a user registers himself; who was
// admitted by address or certificate, and anybody on the loopback interface, may give any name.
func (s *Server) register(l *Local, m *sip.Message) {
	status, extra := s.tryRegister(l, m)
	s.metrics.registrations.WithLabelValues(l.side.Name, sip.ReasonPhrase(status)).Inc()
	s.refuse(l, m, status, extra)
}

func (s *Server) tryRegister(l *Local, m *sip.Message) (status int, extra string) {
	if not := unsupported(l.side, m); not != "" {
		return 420, not
	}
	target, err := sip.ParseURI(m.RequestURI)
	to, errTo := sip.ParseAddress(m.Get(sip.HdrTo))
	of, errOf := sip.ParseURI(to.URI)
	switch {
	case err != nil || errTo != nil || errOf != nil || len(m.RequestURI) == 0 || !of.IsSIP(): // RFC 3261 10.2, To: "MUST be a SIP URI or SIPS URI"
		return 400, ""
	case len(of.User) == 0 || len(of.User) > 128:
		return 404, ""
	case !target.IsSIP() || !l.side.serves(&target) || !l.side.serves(&of): // steps 1 and 5: of our domain, and no proxy for others
		return 404, ""
	}
	user := nameOf(of.User)
	switch {
	case m.User != "" && user != m.User && !s.identifies(m.User, user): // step 4
		return 403, ""
	case m.User == "" && !m.Source.Addr().Unmap().IsLoopback() && len(l.side.Allow)+len(l.side.AllowNames) == 0:
		return 403, ""
	}
	from := registrar.Origin{Side: l.side.Name, Local: l.index(), Source: m.Source}
	r := s.cfg.Registrar.Register(m, l.side.aor(user), from, s.table.keys(m)[0], s.cfg.Clock.Wall())
	return r.Status, string(r.Headers)
}

// nameOf returns the name in a user part: without parameters and password, its escapes resolved.
func nameOf(user []byte) string {
	name, _, _ := cutParams(user)
	plain, _, _ := strings.Cut(string(name), ":")
	return registrar.Unescape(plain)
}

// identifies tells whether a name is that of the identity that is asserted for a user.
func (s *Server) identifies(user, name string) bool {
	u, err := sip.ParseURI([]byte(s.cfg.Users[user].Identity))
	if err != nil {
		return false
	}
	if !u.IsSIP() {
		return nameOf(u.Opaque) == name
	}
	return nameOf(u.User) == name
}

// aor is the key of a name's bindings.
func (s *Side) aor(name string) string { return name + "@" + strings.ToLower(s.Domain) }

// serves tells whether a URI is of this side's domain; on the loopback interface localhost is, too.
func (s *Side) serves(u *sip.URI) bool {
	return s.Is(u) || s.Locals[0].Addr.Addr().IsLoopback() && sip.EqualFold(u.Host, "localhost") || strings.EqualFold(string(u.Host), s.Domain)
}

// bindings returns where a called party is registered, the best first: it must be of the domain of the side that asks or of the
// one that would have it.
func (s *Server) bindings(from, to *Side, uri string) []registrar.Binding {
	if s.cfg.Registrar == nil {
		return nil
	}
	u, err := sip.ParseURI([]byte(uri))
	if err != nil {
		return nil
	}
	user := u.User
	switch {
	case !u.IsSIP():
		user = u.Opaque
	case !from.serves(&u) && !to.serves(&u):
		return nil
	}
	all := s.cfg.Registrar.Find(to.aor(nameOf(user)), s.cfg.Clock.Wall())
	n := 0
	for _, b := range all {
		if side := s.sides[b.Side]; side != nil && int(b.Local) < len(side.Locals) {
			all[n] = b
			n++
		}
	}
	return all[:n]
}

// registered tells whether a route to whom is registered leads anywhere.
func (s *Server) registered(from *Side, r *Route, d *Draft) bool {
	return len(s.bindings(from, s.sides[r.To], d.RequestURI)) > 0
}

// toBinding makes a hop of the binding that a Dial names, or of the best; beside it ring all of the same q.
func (s *Server) toBinding(all []registrar.Binding, contact string) hop {
	best := all[0]
	var beside []string
	for _, b := range all[1:] {
		switch {
		case contact != "" && b.URI == contact:
			best = b
		case contact == "" && b.Q == best.Q:
			beside = append(beside, b.URI)
		}
	}
	side := s.sides[best.Side]
	local := side.Locals[best.Local]
	at, flow := best.Source, true
	if to, by, ok := uriAddr([]byte(best.URI), local.Transport); ok && by == sip.UDP && len(best.Path) == 0 && sameMachine(to.Addr(), at.Addr()) && !s.listensAt(to) {
		at, flow = to, false
	}
	return hop{side: side, local: local, addr: at, by: local.Transport, host: at.String(), routes: best.Path, target: requestURI([]byte(best.URI)), beside: beside, aor: best.AOR, flow: flow}
}

// sameMachine tells whether who sent from one address may ask for messages to the other.
func sameMachine(a, b netip.Addr) bool {
	return a == b.Unmap() || a.IsLoopback() && b.Unmap().IsLoopback() && a.Is4() == b.Unmap().Is4()
}

// listensAt tells whether an address is one of ours: a call to a Contact there would come back to us, and be called again.
func (s *Server) listensAt(a netip.AddrPort) bool {
	for _, side := range s.cfg.Sides {
		for _, l := range side.Locals {
			if l.Addr == a || l.Advertise == a.String() {
				return true
			}
		}
	}
	return false
}

// fork rings the callee's other contacts in branches of their own.
func (c *Call) fork(inv Invite, contacts []string, share int) {
	for _, contact := range contacts {
		if c.Cause != nil || len(c.Branches) >= maxBranches {
			return
		}
		d := inv.Draft.copy()
		d.Next.Contact = contact
		b := Branch{Parent: uint8(inv.Branch), From: uint8(len(c.Chain)), Dialed: d.Next, URI: d.RequestURI, Set: d.Headers, Breadth: share}
		c.Branches = append(c.Branches, b)
		n := len(c.Branches) - 1
		c.dial(&Walk{Branch: uint8(n)}, Invite{Draft: d, Branch: n})
	}
}

// unreachable is the refusal of a call that no route takes: a user of ours who is not registered is known, but not there.
func (s *Server) unreachable(from *Side, uri string) int {
	u, err := sip.ParseURI([]byte(uri))
	if err == nil && u.IsSIP() && from.serves(&u) {
		if _, known := s.cfg.Users[nameOf(u.User)]; known && s.cfg.Registrar != nil {
			return 480
		}
	}
	return 404
}

// Bindings returns who is registered, by address of record.
func (s *Server) Bindings() []BindingInfo {
	out := []BindingInfo{}
	if s.cfg.Registrar == nil {
		return out
	}
	now := s.cfg.Clock.Wall()
	for _, b := range s.cfg.Registrar.All(now) {
		out = append(out, BindingInfo{AOR: b.AOR, Contact: b.URI, Q: float64(b.Q) / 1000, Side: b.Side, Source: b.Source.String(), Path: b.Path,
			Seconds: int(b.Expires.Sub(now).Seconds())})
	}
	return out
}

// BindingInfo is a binding as people see it.
type BindingInfo struct {
	AOR     string   `json:"aor"`
	Contact string   `json:"contact"`
	Q       float64  `json:"q"`
	Side    string   `json:"side"`
	Source  string   `json:"source"` // where it registered from, and where calls to it go
	Path    []string `json:"path,omitempty"`
	Seconds int      `json:"seconds"` // until it expires
}
