package b2bua

import (
	"bytes"
	"strings"
	"sync"

	"github.com/bifrons/bifrons/b2bua/audit"
	"github.com/bifrons/bifrons/internal/leak"
	"github.com/bifrons/bifrons/sip"
)

// ear returns what a leg's party has told so far.
func (l *Leg) ear() *audit.Ear {
	if l.hears == nil {
		l.hears = ears.Get().(*audit.Ear)
		l.hears.Reset(l.Heard)
		l.hears.Own = &l.side.common
	}
	return l.hears
}

// quiet tells whether no message is expected soon: all legs are answered and acknowledged, or over.
func (c *Call) quiet() bool {
	for _, l := range c.Legs {
		if l.Phase == Trying {
			return false
		}
		for _, t := range l.Txs {
			switch {
			case t.State == sip.Calling, t.State == sip.Trying, t.State == sip.Proceeding, t.State == sip.Accepted && t.Kind == sip.InviteServer && t.Last != nil:
				return false
			}
		}
	}
	return true
}

// ears are those of legs without transactions, for others.
var ears = sync.Pool{New: func() any { return new(audit.Ear) }}

// rest gives the ear of a leg back that will not hear anything soon; what it heard stays, while the call lasts.
func (l *Leg) rest(ended bool) {
	if l.hears == nil {
		return
	}
	if l.Heard = nil; !ended {
		l.Heard = bytes.Clone(l.hears.Arena())
	}
	ears.Put(l.hears)
	l.hears = nil
}

// hear takes in what a party says of itself.
func (c *Call) hear(l *Leg, m *sip.Message) {
	c.noted(l, l.local, false, m.Source, m.Raw())
	if c.srv.cfg.Audit == leak.Off {
		return
	}
	e := l.ear()
	e.Hear(m, &l.side.public)
	l.Heard = e.Arena()
}

// seal copies a finished message out of the scratch buffer, after a look for secrets of the other parties in it. A message
// that must not be sent is nil, and the call ends when the step is over.
func (c *Call) seal(l *Leg, b []byte) []byte {
	b = c.prove(l, b)
	if !c.clean(l, b) {
		c.runner.scratch = b[:0]
		return nil
	}
	return c.exact(b)
}

// leakedTo marks a secret that has gone to a leg already.
const leakedTo = 0x80

// clean tells whether a message to a leg's party may be sent.
func (c *Call) clean(l *Leg, b []byte) bool {
	if c.srv.cfg.Audit == leak.Off {
		return true
	}
	clean := true
	for _, x := range c.Legs {
		if x == l || len(x.Heard) == 0 {
			continue
		}
		where := audit.NewLocator(b)
		for e, at := x.ear(), 0; ; {
			hit, ok := e.Next(b, at)
			if !ok {
				break
			}
			if at = hit.End; !hit.Kind.Identifier() {
				at = hit.Start + 1 // one may be part of a name
			}
			if e.Marked(hit, l.Slot+1) {
				continue
			}
			field := where.At(hit.Start)
			if c.srv.policy(x.side, l.side).Means(field, hit.Kind, c.srv.cfg.Anchor) {
				continue
			}
			if !e.Marked(hit, leakedTo|l.Slot) && c.known(l, e.Token(hit)) {
				e.Mark(hit, l.Slot+1)
				continue
			}
			e.Mark(hit, leakedTo|l.Slot) // what it repeats from now on it has from us
			clean = false
			c.leaked(x, l, hit.Kind, field, e.Token(hit))
		}
	}
	return clean || c.srv.cfg.Audit != leak.Block
}

// known tells whether a token is no secret to a leg's party: it told us, it is addressed by it, or it is our own name there.
func (c *Call) known(l *Leg, token []byte) bool {
	var at [64]byte
	if l.ear().Has(token) || l.side.names.Has(token) || bytes.Contains(l.Dest.AppendTo(at[:0]), token) || strings.Contains(l.Target, string(token)) {
		return true
	}
	for _, r := range l.Routes {
		if strings.Contains(r, string(token)) {
			return true
		}
	}
	return false
}

// leaked counts a leak, tells of it, and in leak.Block has the call end.
func (c *Call) leaked(from, to *Leg, k leak.Kind, f audit.Field, token []byte) {
	s := c.srv
	s.metrics.leaks.WithLabelValues(f.String()).Inc()
	if s.leakLog.allow(s.now()) {
		s.log.Warn("secret of one party in a message to another", "call", c.ID, "from", from.Side, "to", to.Side, "field", f.String(),
			"name", f.Name, "kind", k.String(), "secret", string(token), "blocked", s.cfg.Audit == leak.Block)
	}
	if s.cfg.Audit == leak.Block && c.spill == "" {
		c.spill = k.String() + " of the other party in " + f.String()
	}
}

// spilled ends a call one of whose messages was stopped.
func (c *Call) spilled() {
	if c.spill == "" {
		return
	}
	evidence := c.spill
	c.spill = ""
	c.end(Cause{Status: 500, By: ByBifrons, Text: "leak stopped", Evidence: evidence})
}

// learnCommon collects the names of ours that no side need be spared: those that all sides know.
func (s *Server) learnCommon(side *Side) {
	side.names.Each(0, func(k leak.Kind, name []byte) {
		for _, other := range s.cfg.Sides {
			if !other.names.Has(name) {
				return
			}
		}
		side.common.Add(k, name)
	})
}

// learnPublic finds the headers that every policy from a side carries.
func (s *Server) learnPublic(from *Side) {
	for id := range from.public {
		from.public[id] = true
	}
	for _, to := range s.cfg.Sides {
		p := s.policy(from, to)
		for id := sip.HdrOther + 1; id < sip.NumHeaders; id++ {
			if p.Headers[id].Action != Carry {
				from.public[id] = (id == sip.HdrFrom || id == sip.HdrTo) && p.Names && from.public[id]
			}
		}
		from.public[sip.HdrOther] = from.public[sip.HdrOther] && p.Rest == Carry && len(p.Others) == 0
	}
}

// learnNames collects the names and addresses of ours that a side may know.
func (s *Side) learnNames() {
	for _, name := range audit.PublicNames {
		s.names.Add(leak.Host, []byte(name))
	}
	s.names.Add(leak.Host, []byte(s.Domain))
	for _, l := range s.Locals {
		s.names.Add(leak.Address, []byte(l.Addr.Addr().String()))
		s.names.Add(leak.Port, []byte(l.Addr.String()))
		host, _ := splitHostPort([]byte(l.Advertise))
		s.names.Add(leak.Host, trimBrackets(host))
		s.names.Add(leak.Port, []byte(l.Advertise))
	}
	for _, h := range append([]NextHop{s.NextHop}, hops(s.Targets)...) {
		host, _ := splitHostPort([]byte(h.Host))
		s.names.Add(leak.Host, trimBrackets(host))
	}
	if s.Media.IsValid() {
		s.names.Add(leak.Address, []byte(s.Media.String()))
	}
	if s.MediaAdvertise.IsValid() {
		s.names.Add(leak.Address, []byte(s.MediaAdvertise.String()))
	}
}

func hops(targets []Target) (out []NextHop) {
	for _, t := range targets {
		out = append(out, t.NextHop)
	}
	return out
}

// Means tells whether a policy carries a token of that kind in that field on purpose. Identifiers of dialogs cross on purpose only
// in a charging identity that is carried, for some networks make it of them (RFC 7315 4.6 leaves the form open); what describes a
// media source never does; without anchored media the addresses in descriptions do.
func (p *Policy) Means(f audit.Field, k leak.Kind, anchored bool) bool {
	switch k {
	case leak.CallID, leak.Tag, leak.Branch, leak.CNAME: // Identifier
		return f.ICID && k != leak.CNAME && p.lets(f) || f.Place == audit.SDP && !anchored && k == leak.CNAME
	case leak.Origin: // elsewhere the same digits are something else
		return f.Place != audit.SDP || f.Name != "o="
	case leak.Software:
		return f.Place == audit.Header && p.lets(f) || f.Place == audit.Body && p.body([]byte(f.Name)) == Carry
	}
	switch f.Place {
	case audit.StartLine:
		return p.Names && k == leak.Host
	case audit.Header:
		if f.Header == sip.HdrFrom || f.Header == sip.HdrTo {
			return p.Names && k == leak.Host
		}
		return p.lets(f)
	case audit.SDP:
		return !anchored && f.Name != "o="
	}
	return p.body([]byte(f.Name)) == Carry
}

// lets tells whether a policy carries values of a header.
func (p *Policy) lets(f audit.Field) bool {
	r := p.Headers[f.Header]
	if f.Header == sip.HdrOther {
		r = p.RuleFor(f.Name)
	}
	return r.Action == Carry || r.Action == Filter || r.Action == Map
}
