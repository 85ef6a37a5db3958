package b2bua

import (
	"bytes"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/sip"
)

// Bound limits the calls that pass somewhere; 0 is no bound.
type Bound struct {
	Max  int // at once
	Rate int // new ones in any second
}

// Class is why a call is exempt from limits; it is counted all the same.
type Class uint8

// The classes: emergency calls are those to urn:service:sos (RFC 5031) and to numbers of the configuration, priority calls have a
// Resource-Priority (RFC 4412) of the configuration and come from a side at home.
const (
	Ordinary Class = iota
	Emergency
	Priority
)

var classNames = [...]string{"ordinary", "emergency", "priority"}

// gate counts the calls that have passed it and are still there, and refuses those beyond its limit.
type gate struct {
	name   string
	limit  Bound
	calls  *atomic.Int64
	window *window

	refusedCalls, refusedRate prometheus.Counter
}

// enter counts a call, an exempt one beyond the limit, too; false when it is one too many.
func (g *gate) enter(now time.Duration, exempt bool) bool {
	n := g.calls.Add(1)
	switch {
	case exempt:
		g.window.take(now, 0)
		return true
	case g.limit.Max > 0 && n > int64(g.limit.Max):
		g.refusedCalls.Inc()
	case g.limit.Rate > 0 && !g.window.take(now, g.limit.Rate):
		g.refusedRate.Inc()
	default:
		return true
	}
	g.calls.Add(-1)
	return false
}

// window counts events so that no second sees more than a number of them: what the second before had counts for the part of it
// that is still less than a second ago. It is one word: the second, the count before, the count now.
type window struct{ atomic.Uint64 }

// take counts an event; with a rate, only if there is room for it.
func (w *window) take(now time.Duration, rate int) bool {
	for {
		old := w.Load()
		second, before, count := uint32(old>>32), uint16(old>>16), uint16(old)
		switch at := uint32(now / time.Second); {
		case at == second+1:
			second, before, count = at, count, 0
		case at > second:
			second, before, count = at, 0, 0
		}
		left := time.Second - now%time.Second
		if rate > 0 && (int64(before)*int64(left)/int64(time.Second))+int64(count) >= int64(rate) {
			return false
		}
		if count < 1<<16-1 {
			count++
		}
		if w.CompareAndSwap(old, uint64(second)<<32|uint64(before)<<16|uint64(count)) {
			return true
		}
	}
}

// openGates makes the gates: one for all calls, two for each side, and one for each route that has a limit.
func (s *Server) openGates() {
	add := func(name string, l Bound) *gate {
		g := &gate{name: name, limit: l, calls: new(atomic.Int64), window: new(window), refusedCalls: s.metrics.turnedAway.WithLabelValues(name, "calls"), refusedRate: s.metrics.turnedAway.WithLabelValues(name, "rate")}
		if e := s.elder.Load(); e != nil { // calls stay where they stand
			for _, old := range e.gates {
				if old.name == name {
					g.calls, g.window = old.calls, old.window
				}
			}
		}
		s.gates = append(s.gates, g)
		return g
	}
	s.all = add("all", s.cfg.Calls)
	for _, side := range s.cfg.Sides {
		side.in, side.out = add(side.Name+" in", side.In), add(side.Name+" out", side.Out)
	}
	for i := range s.cfg.Routes {
		r := &s.cfg.Routes[i]
		if r.number = uint16(i + 1); r.Bound != (Bound{}) {
			r.gate = add("route "+strconv.Itoa(i+1), r.Bound)
		}
	}
}

// gatesOf returns the gates that a leg has passed: those of its side and direction, and of all calls or of its route.
func (s *Server) gatesOf(l *Leg) (out [2]*gate) {
	switch {
	case l.Ours:
		return ofOurs(s)
	case !l.UAC:
		return [2]*gate{l.side.in, s.all}
	}
	out[0] = l.side.out
	if n := int(l.Route); n > 0 && n <= len(s.cfg.Routes) {
		out[1] = s.cfg.Routes[n-1].gate
	}
	return out
}

// ofOurs returns the gate of a call that is made here.
func ofOurs(s *Server) [2]*gate { return [2]*gate{s.all} }

// pass lets a call through gates, all or none.
func (s *Server) pass(gates [2]*gate, class Class) bool {
	now := s.now()
	for i, g := range gates {
		if g == nil || g.enter(now, class != Ordinary) {
			continue
		}
		if i == 1 {
			gates[0].calls.Add(-1)
		}
		return false
	}
	return true
}

// leave gives back what pass took.
func leave(gates [2]*gate) {
	for _, g := range gates {
		if g != nil {
			g.calls.Add(-1)
		}
	}
}

// giveBack lets the legs that are over out of their gates, once: that they stand in them is a part of the call's state.
func (c *Call) giveBack() {
	for _, l := range c.Legs {
		if l.Counted && (c.Cause != nil || l.UAC && l.Phase == Over) {
			l.Counted = false
			leave(c.srv.gatesOf(l))
		}
	}
}

// recount enters the legs of a restored call where they stood.
func (c *Call) recount() {
	for _, l := range c.Legs {
		if l.Counted {
			for _, g := range c.srv.gatesOf(l) {
				if g != nil {
					g.calls.Add(1)
				}
			}
		}
	}
}

// admitLeg lets a new leg to a side and by a route through their gates.
func (c *Call) admitLeg(h hop) bool {
	c.giveBack()
	l := Leg{UAC: true, Route: h.route, side: h.side}
	return c.srv.pass(c.srv.gatesOf(&l), c.Class)
}

// classOf tells whether a new call is exempt from limits.
func (s *Server) classOf(side *Side, m *sip.Message) Class {
	const sos = "urn:service:sos"
	uri := m.RequestURI
	if len(uri) >= len(sos) && sip.EqualFold(uri[:len(sos)], sos) && (len(uri) == len(sos) || uri[len(sos)] == '.') {
		return Emergency
	}
	if len(s.cfg.Emergency) > 0 {
		if u, err := sip.ParseURI(uri); err == nil {
			number := u.User
			if !u.IsSIP() {
				number = u.Opaque
			}
			number, _, _ = cutParams(number)
			for _, n := range s.cfg.Emergency {
				if string(number) == n {
					return Emergency
				}
			}
		}
	}
	if len(s.cfg.Priority) > 0 && side.Trust == Home && s.priority(m) {
		return Priority
	}
	return Ordinary
}

// priority tells whether a Resource-Priority is one of the configuration, which has values such as wps.0 and namespaces.
func (s *Server) priority(m *sip.Message) bool {
	for one := range m.Values(sip.HdrResourcePriority) {
		namespace, _, _ := bytes.Cut(one, []byte("."))
		for _, p := range s.cfg.Priority {
			if sip.EqualFold(one, p) || sip.EqualFold(namespace, p) {
				return true
			}
		}
	}
	return false
}

// AdmissionInfo is what limits new calls, and how full it is.
type AdmissionInfo struct {
	Gates    []GateInfo   `json:"gates"`
	Overload OverloadInfo `json:"overload"`
}

// GateInfo is a gate as people see it; 0 is no limit.
type GateInfo struct {
	Name  string `json:"name"`  // all, SIDE in, SIDE out, route NUMBER
	Calls int    `json:"calls"` // that passed it and have not ended
	Max   int    `json:"max"`
	Rate  int    `json:"rate"` // new calls per second
}

// Admission returns the gates in the order of the configuration.
func (s *Server) Admission() AdmissionInfo {
	info := AdmissionInfo{Gates: []GateInfo{}, Overload: s.overload.info()}
	for _, g := range s.gates {
		info.Gates = append(info.Gates, GateInfo{Name: g.name, Calls: int(g.calls.Load()), Max: g.limit.Max, Rate: g.limit.Rate})
	}
	return info
}
