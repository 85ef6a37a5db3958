package b2bua

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bifrons/bifrons/b2bua/cdr"
	"github.com/bifrons/bifrons/media"
)

// Info is a call as people see it.
type Info struct {
	ID      uint64    `json:"id"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	State   string    `json:"state"` // trying, ringing, confirmed
	Started time.Time `json:"started"`
	Answer  time.Time `json:"answer,omitzero"`
	Chain   []string  `json:"chain"`
	Legs    []LegInfo `json:"legs"`
}

// LegInfo is a leg as people see it.
type LegInfo struct {
	Leg    int           `json:"leg"` // its number, for orders
	Side   string        `json:"side"`
	CallID string        `json:"callid"`
	Party  string        `json:"party"`
	State  string        `json:"state"` // trying, confirmed, over
	Remote string        `json:"remote"`
	Ports  []uint16      `json:"ports"`           // local RTP ports, one per m-line, 0 for none
	Media  []media.Stats `json:"media,omitempty"` // of the open ports, in their order

	Strikes int    `json:"strikes,omitempty"` // failed probes in a row,
	Doubt   string `json:"doubt,omitempty"`   // and what the last one brought
}

// Calls returns the calls that have not ended, oldest first. It asks each call in its mailbox; one that is busy for longer
// than a second is left out.
func (s *Server) Calls() []Info {
	out := []Info{}
	for _, c := range s.here() {
		if info, ok := ask(c.srv, c, (*Call).info); ok && info != nil {
			out = append(out, *info)
		}
	}
	slices.SortFunc(out, func(a, b Info) int { return a.Started.Compare(b.Started) })
	return out
}

// Call returns one call that has not ended.
func (s *Server) Call(id uint64) (Info, bool) {
	if c := s.find(id); c != nil {
		if info, ok := ask(c.srv, c, (*Call).info); ok && info != nil {
			return *info, true
		}
	}
	return Info{}, false
}

// Hangup ends a call on behalf of somebody who looks after the server; by says who. It returns false for a call that has ended.
func (s *Server) Hangup(id uint64, by string) bool {
	c := s.find(id)
	if c == nil {
		return false
	}
	ended, _ := ask(c.srv, c, func(c *Call) bool {
		if c.Cause != nil {
			return false
		}
		status := 480
		if !c.Answer.IsZero() {
			status = 200 // hung up like any other answered call
		}
		c.end(Cause{Status: status, By: ByOperator, Text: by, Reason: "Q.850;cause=31"}) // normal, unspecified
		return true
	})
	return ended
}

func (c *Call) info() *Info {
	if c.Cause != nil || len(c.Legs) == 0 {
		return nil
	}
	a := c.Legs[0]
	i := &Info{ID: c.ID, From: a.Them, To: a.Us, State: "trying", Started: c.Started, Answer: c.Answer, Chain: []string{}}
	switch {
	case a.Phase == Confirmed || !c.Answer.IsZero():
		i.State = "confirmed"
	case !c.Rang.IsZero():
		i.State = "ringing"
	}
	for _, a := range c.Chain {
		i.Chain = append(i.Chain, a.Name)
	}
	for _, l := range c.Legs {
		if l.Ours {
			continue
		}
		li := LegInfo{Leg: int(l.Slot), Side: l.Side, CallID: c.srv.callID(c, l), Party: l.party(), State: [...]string{"trying", "confirmed", "over"}[l.Phase],
			Remote: l.Dest.String(), Ports: []uint16{}, Doubt: l.Life.evidence()}
		if l.Life != nil {
			li.Strikes = int(l.Life.Strikes)
		}
		for _, p := range l.Ports {
			port := uint16(0)
			if p.ID != 0 {
				port = p.Local.Port()
				if c.srv.stats != nil {
					li.Media = append(li.Media, c.srv.stats.Stats(p.ID))
				}
			}
			li.Ports = append(li.Ports, port)
		}
		i.Legs = append(i.Legs, li)
	}
	return i
}

// history keeps the records of the calls that ended last.
type history struct {
	mu   sync.Mutex
	last [256]cdr.Record
	n    int // records ever
}

func (h *history) add(r *cdr.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last[h.n%len(h.last)] = *r
	h.n++
}

// Records returns the records of the calls that ended last, newest first, 256 at most.
func (s *Server) Records() []cdr.Record {
	h := s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]cdr.Record, 0, min(h.n, len(h.last)))
	for i := h.n - 1; i >= 0 && len(out) < len(h.last); i-- {
		out = append(out, h.last[i%len(h.last)])
	}
	return out
}

func (s *Server) logStart(c *Call, l *Leg) {
	if s.log.Enabled(s.ctx, slog.LevelInfo) {
		s.log.Info("call started", "call", c.ID, "callid", l.CallID, "icid", c.ICID, "side", l.Side)
	}
}

func (s *Server) logEnd(c *Call, r *cdr.Record) {
	if s.log.Enabled(s.ctx, slog.LevelInfo) {
		s.log.Info("call ended", "call", c.ID, "callid", c.Legs[0].CallID, "icid", c.ICID, "status", r.Status, "by", r.By, "cause", r.Cause, "evidence", r.Evidence,
			"duration", r.End.Sub(r.Start).Round(time.Millisecond))
	}
}
