package b2bua

import (
	"slices"

	"github.com/bifrons/bifrons/sip"
)

// A server with another configuration takes the place of one that runs: it is made with Config.Elder, gets all new calls, and hands
// what belongs to a call of its elder to that. What counts is common to both: counters, gates by their names, numbers of calls, records. The
// elder lives until its last call is forgotten.

// succeed makes a server the successor of its elder, before anything else is made of it.
func (s *Server) succeed(elder *Server) {
	s.cfg.Key, s.cfg.Node, s.cfg.Clock = elder.cfg.Key, elder.cfg.Node, elder.cfg.Clock
	s.mint, s.metrics, s.nextID, s.history, s.spots = elder.mint, elder.metrics, elder.nextID, elder.history, elder.spots
	elder.asks.mu.Lock()
	s.asks.last = elder.asks.last + 1<<10 // its numbers are in identifiers
	elder.asks.mu.Unlock()
	s.elder.Store(elder)
}

// Lead makes a successor the one that is asked and counted, once its listeners give their messages to it. Its elder takes no new
// calls, and neither pings nor registers any more; it ends the registrations that the successor has not.
func (s *Server) Lead() {
	e := s.elder.Load()
	if e == nil {
		return
	}
	e.parted(s)
	e.retired.Store(true)
	s.metrics.newest.Store(s)
	for _, g := range e.goals {
		if s.goalOf(g) == nil {
			s.metrics.targetUp.DeleteLabelValues(g.side.Name, g.label())
		}
	}
	for _, t := range e.trunks {
		if !slices.ContainsFunc(s.trunks, func(x *trunk) bool { return x.side.Name == t.side.Name && x.AOR == t.AOR }) {
			s.metrics.trunkUp.DeleteLabelValues(t.side.Name, t.AOR)
		}
	}
}

// goalOf finds the goal that another generation's is here, nil if there is none.
func (s *Server) goalOf(g *goal) *goal {
	for _, x := range s.goals {
		if x.side.Name == g.side.Name && x.label() == g.label() {
			return x
		}
	}
	return nil
}

// inherit lets a target be as it was with the elder.
func (s *Server) inherit(g *goal) {
	e := s.elder.Load()
	if e == nil {
		return
	}
	if old := e.goalOf(g); old != nil {
		g.state.Store(old.state.Load())
		g.since.Store(old.since.Load())
		g.fails.Store(old.fails.Load())
		g.until.Store(old.until.Load())
	}
}

// Outlive ends elders without calls, and returns how many are left.
func (s *Server) Outlive() (left int) {
	for g := s; ; {
		e := g.elder.Load()
		if e == nil {
			return left
		}
		if _, posts := e.Busy(); e.table.len() > 0 || posts > 0 || e.tied() {
			left++
			g = e
			continue
		}
		g.elder.Store(e.elder.Load())
		e.end()
	}
}

// generations are the server and its elders, newest first.
func (s *Server) generations() (all []*Server) {
	for g := s; g != nil; g = g.elder.Load() {
		all = append(all, g)
	}
	return all
}

// find finds a call by its id, of whatever generation.
func (s *Server) find(id uint64) *Call {
	for g := s; g != nil; g = g.elder.Load() {
		if c := g.table.byID(id); c != nil {
			return c
		}
	}
	return nil
}

// initial finds a call by the key of its INVITE.
func (s *Server) initial(key uint64) *Call {
	for g := s; g != nil; g = g.elder.Load() {
		if c := g.table.byKey(key); c != nil {
			return c
		}
	}
	return nil
}

// here are all calls, those that linger included.
func (s *Server) here() (all []*Call) {
	for g := s; g != nil; g = g.elder.Load() {
		all = append(all, g.table.all()...)
	}
	return all
}

// known counts them.
func (s *Server) known() (n int) {
	for g := s; g != nil; g = g.elder.Load() {
		n += g.table.len()
	}
	return n
}

// hand gives a message to the call it belongs to; false if the call's server never had that listener.
func (s *Server) hand(run *runner, c *Call, e event) bool {
	g := c.srv
	if g == s {
		s.enter(run, c, e)
		return true
	}
	if e.local = g.local(e.local); e.local == nil {
		return false
	}
	guest := g.fence.join(run.replace)
	defer g.fence.leave(guest)
	g.enter(guest, c, e)
	return true
}

// local is the server's own view of a listener that another generation has, too; nil if it has not.
func (s *Server) local(l *Local) *Local {
	for _, side := range s.cfg.Sides {
		for _, own := range side.Locals {
			if own.Conn == l.Conn {
				return own
			}
		}
	}
	return nil
}

// merged tells whether an elder has the same request by another way (RFC 3261 8.2.2.2).
func (s *Server) merged(keys [2]uint64) bool {
	e := s.elder.Load()
	return e != nil && e.initial(keys[1]) != nil
}

// askedElder gives a response to a request outside calls that an elder sent.
func (s *Server) askedElder(l *Local, n uint32, m *sip.Message) bool {
	for g := s.elder.Load(); g != nil; g = g.elder.Load() {
		g.asks.mu.Lock()
		_, open := g.asks.open[n]
		g.asks.mu.Unlock()
		if own := g.local(l); open && own != nil {
			g.asked(own, n, m)
			return true
		}
	}
	return false
}
