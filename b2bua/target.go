package b2bua

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/locate"
)

// Hunt is a branch's way through the targets of its side, as data. Behind an S-CSCF the one Route is a hunt, too: its silence
// is reported as soon, before the S-CSCF gives us up (TS 24.229 5.4.3.2).
type Hunt struct {
	URI    string // of the draft
	Tried  uint64 // targets, as bits
	At     uint8  // the one that has the INVITE
	Routed bool   // there are no targets: a Route, or the addresses of one name
	Until  time.Duration
	Places []locate.Place // further addresses of the name that has the INVITE (RFC 3263 4.3)
}

// due returns when the target's silence has been too long, 0 once it has said anything.
func (h *Hunt) due() time.Duration {
	if h == nil {
		return 0
	}
	return h.Until
}

// goal is a target and how it does. Calls read and judge it from their steps, the goroutine of the wheel pings it.
type goal struct {
	Target
	side *Side
	slot uint8 // in pings

	state atomic.Uint32
	since atomic.Int64 // of the state
	fails atomic.Uint32
	until atomic.Int64 // down at least as long, by a Retry-After

	seq         uint32 // of the last ping
	next        time.Duration
	limit       time.Duration // of the ping that is out; 0 none is
	retry       time.Duration
	pause       time.Duration
	at          locate.Place  // where the ping that is out went
	answer      atomic.Uint64 // seq and status of the last response
	lastHandled uint64
}

// The states of a goal.
const (
	goalUp uint32 = iota
	goalReturning
	goalDown
)

var goalStates = [...]string{"up", "returning", "down"}

// maxTargets bounds the targets of all sides together: a hunt remembers them as bits.
const maxTargets = 64

// openGoals makes the goals of all sides.
func (s *Server) openGoals() {
	for _, side := range s.cfg.Sides {
		side.Liveness.complete()
		side.goals = nil
		for _, t := range side.Targets {
			g := &goal{Target: t, side: side, slot: uint8(len(s.goals))}
			if side.Health.Ping > 0 {
				g.next = s.now() + time.Duration(s.random()%uint64(side.Health.Ping))
			}
			side.goals = append(side.goals, g)
			s.goals = append(s.goals, g)
			s.inherit(g)
			s.metrics.targetUp.WithLabelValues(side.Name, t.label()).Set([...]float64{1, 0.5, 0}[g.state.Load()])
		}
		if len(side.goals) > 0 {
			side.NextHop = side.goals[0].NextHop
		}
	}
}

// enterState moves a goal and tells who watches.
func (s *Server) enterState(g *goal, state uint32) {
	was := g.state.Swap(state)
	g.since.Store(int64(s.now()))
	if was == state {
		return
	}
	s.metrics.targetUp.WithLabelValues(g.side.Name, g.label()).Set([...]float64{1, 0.5, 0}[state])
	s.log.Warn("target changes", "side", g.side.Name, "target", g.label(), "state", goalStates[state])
}

// failed judges a failure: enough of them in a row, or one while the goal returns, put it down.
func (s *Server) failed(g *goal, down time.Duration) {
	n := g.fails.Add(1)
	if down > 0 {
		g.until.Store(int64(s.now() + down))
	}
	if state := g.state.Load(); state != goalDown && (int(n) >= g.side.Health.Strikes || state == goalReturning || down > 0) {
		s.enterState(g, goalDown)
	}
}

// succeeded judges an answer: a goal that was down returns slowly.
func (s *Server) succeeded(g *goal) {
	g.fails.Store(0)
	if g.state.Load() == goalDown && int64(s.now()) >= g.until.Load() {
		s.enterState(g, goalReturning)
	}
}

// share is the part of its calls that a goal gets now, 0 to 1000. Without pings a goal returns by itself.
func (s *Server) share(g *goal) uint64 {
	h, now := &g.side.Health, s.now()
	spent := now - time.Duration(g.since.Load())
	switch g.state.Load() {
	case goalUp:
		return 1000
	case goalDown:
		if h.Ping > 0 || spent < h.Recover || int64(now) < g.until.Load() {
			return 0
		}
		s.enterState(g, goalReturning)
		spent = 0
	}
	if spent >= h.Recover {
		s.enterState(g, goalUp)
		return 1000
	}
	return max(uint64(1000*spent/h.Recover), 50)
}

// pick chooses a target that was not tried yet: of the lowest priority that is up, by weight (RFC 2782). While the best of a
// priority only returns, the next one gets the rest of the calls. When all are down, the first in order is tried all the same.
func (s *Server) pick(side *Side, tried uint64) (at int, ok bool) {
	order := make([]int, 0, len(side.goals))
	for i := range side.goals {
		if tried&(1<<i) == 0 {
			order = append(order, i)
		}
	}
	if len(order) == 0 {
		return 0, false
	}
	slices.SortStableFunc(order, func(a, b int) int { return side.goals[a].Priority - side.goals[b].Priority })
	last := -1
	for rest := order; len(rest) > 0; {
		n := 1
		for n < len(rest) && side.goals[rest[n]].Priority == side.goals[rest[0]].Priority {
			n++
		}
		var sum, best uint64
		weights := make([]uint64, n)
		for i, k := range rest[:n] {
			share := s.share(side.goals[k])
			weights[i] = share * uint64(100*side.goals[k].Weight+1)
			sum, best = sum+weights[i], max(best, share)
		}
		if best > 0 {
			last = rest[weighted(weights, sum, s.random())]
			if best == 1000 || s.random()%1000 < best {
				return last, true
			}
		}
		rest = rest[n:]
	}
	if last < 0 {
		last = order[0]
	}
	return last, true
}

// weighted returns the index that a random number falls on.
func weighted(weights []uint64, sum, random uint64) int {
	at := random % sum
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	return len(weights) - 1
}

// hunt prepares a branch's next target and puts it into the hop; false when all were tried.
func (c *Call) hunt(branch uint8, h *hop, d *Draft) bool {
	b := &c.Branches[branch]
	if n := b.Hunt; n != nil && len(n.Places) > 0 {
		h.addr, h.by, n.Places = n.Places[0].Addr, n.Places[0].By, n.Places[1:]
		n.patience(c, h.side, len(n.Places) > 0)
		return true
	}
	if h.routed && h.side.Health.Try > 0 {
		b.Hunt = &Hunt{Routed: true, Until: c.srv.now() + h.side.Health.Try}
		return true
	}
	if !h.hunts || len(h.side.goals) == 0 {
		b.Hunt = nil
		return true
	}
	if b.Hunt == nil {
		b.Hunt = &Hunt{}
		if len(h.side.goals) > 1 {
			b.Hunt.URI = d.RequestURI
		}
	}
	at, ok := int(b.Hunt.At), true
	if b.Seek == nil { // else this is the one whose name was looked up
		if at, ok = c.srv.pick(h.side, b.Hunt.Tried); !ok {
			return false
		}
	}
	b.Hunt.At, b.Hunt.Tried = uint8(at), b.Hunt.Tried|1<<at
	_, more := c.srv.pick(h.side, b.Hunt.Tried)
	b.Hunt.patience(c, h.side, more)
	h.aim(h.side.goals[at].NextHop)
	return true
}

// patience sets how long the one that gets the INVITE now may be silent: the last one twice as long.
func (h *Hunt) patience(c *Call, side *Side, more bool) {
	h.Until = 0
	if try := side.Health.Try; try > 0 && more {
		h.Until = c.srv.now() + try
	} else if try > 0 {
		h.Until = c.srv.now() + 2*try
	}
}

// huntOf returns the hunt that a leg's INVITE belongs to, and its goal; nil when there is none.
func (c *Call) huntOf(l *Leg) (*Hunt, *goal) {
	if !l.UAC || int(l.Branch) >= len(c.Branches) || c.Branches[l.Branch].Leg != l.Slot {
		return nil, nil
	}
	h := c.Branches[l.Branch].Hunt
	if h == nil || h.Routed || int(h.At) >= len(l.side.goals) {
		return h, nil
	}
	return h, l.side.goals[h.At]
}

// answeredBy notes that a target has answered an INVITE, with whatever but 503.
func (c *Call) answeredBy(l *Leg, t *Tx, status int) {
	if l.Phase != Trying || t != l.initial() {
		return
	}
	h, g := c.huntOf(l)
	if h == nil || h.Until == 0 {
		return
	}
	h.Until = 0
	if g != nil && status != 503 {
		c.srv.succeeded(g)
	}
}

// unheard gives a silent target up: the next one gets the INVITE. The first has its CANCEL as soon as it says anything, and
// is not reminded of the INVITE.
func (c *Call) unheard(branch uint8) {
	b := &c.Branches[branch]
	l := c.Legs[b.Leg]
	b.Hunt.Until = 0
	if l.Phase != Trying || b.Leg == 0 {
		return
	}
	c.faltered(l, 0)
	t := l.initial()
	if c.again(l) {
		return
	}
	c.abandon(l, 408)
	if t != nil {
		t.Retry = 0
	}
}

// nextTarget gives the INVITE to another target after a 503; no other failure says that another one may do better.
func (c *Call) nextTarget(l *Leg, m *sip.Message) bool {
	if h, g := c.huntOf(l); h == nil || g == nil && len(h.Places) == 0 || m.Status != 503 {
		return false
	}
	c.faltered(l, min(m.RetryAfter(), 24*time.Hour)) // who says for years has not meant it
	return c.again(l)
}

// faltered judges who has the INVITE of a leg: its address, and when that was the last one of its name, the target.
func (c *Call) faltered(l *Leg, down time.Duration) {
	h, g := c.huntOf(l)
	if h == nil {
		return
	}
	c.srv.ail(l.side, l.Dest, down)
	if g != nil && len(h.Places) == 0 {
		c.srv.failed(g, down)
	}
}

// again dials the next target of a leg's branch; false when there is none.
func (c *Call) again(l *Leg) bool {
	b := &c.Branches[l.Branch]
	h := b.Hunt
	if h == nil || c.Invite.Message == nil || !c.dialling(l.Branch) {
		return false
	}
	if len(h.Places) == 0 {
		if h.Routed {
			return false
		}
		if _, ok := c.srv.pick(l.side, h.Tried); !ok {
			return false
		}
	}
	if t := l.initial(); l.Phase == Trying {
		c.abandonWith(l, Cause{})
		if t != nil {
			t.Retry = 0
		}
	}
	c.srv.metrics.failovers.Inc()
	b.Leg, b.Failed = 0, 0
	c.redial(l.Branch, h.URI)
	return true
}

// TargetInfo is a target as people see it.
type TargetInfo struct {
	Side     string `json:"side"`
	Target   string `json:"target"`
	Priority int    `json:"priority"`
	Weight   int    `json:"weight"`
	State    string `json:"state"`    // up, returning, down
	Share    int    `json:"share"`    // percent of its calls that it gets
	Failures int    `json:"failures"` // in a row
	Seconds  int    `json:"seconds"`  // since the state began
}

// Targets returns the targets of all sides that have several next hops, in the order of the configuration.
func (s *Server) Targets() []TargetInfo {
	out := []TargetInfo{}
	for _, g := range s.goals {
		share := s.share(g)
		out = append(out, TargetInfo{Side: g.side.Name, Target: g.label(), Priority: g.Priority, Weight: g.Weight,
			State: goalStates[g.state.Load()], Share: int(share / 10), Failures: int(g.fails.Load()),
			Seconds: int((s.now() - time.Duration(g.since.Load())) / time.Second)})
	}
	return out
}

// pong takes the answer to a ping.
func (s *Server) pong(l *Local, r ref, m *sip.Message) {
	if r.slot == askSlot {
		if !s.askedElder(l, r.number, m) {
			s.asked(l, r.number, m)
		}
		return
	}
	if t := s.trunkOf(l, r); t != nil {
		t.post(s, m)
		return
	}
	if int(r.slot) >= len(s.goals) || s.goals[r.slot].side != l.side || m.Status < 200 || m.Method != sip.OPTIONS {
		s.metrics.strays.Inc()
		return
	}
	s.pinged(l, r, m.Status)
}

// pinged leaves a ping's outcome for the goroutine that pings.
func (s *Server) pinged(l *Local, r ref, status int) {
	if t := s.trunkOf(l, r); t != nil {
		t.refused.Store(r.number)
	}
	if int(r.slot) < len(s.goals) && s.goals[r.slot].side == l.side {
		s.goals[r.slot].answer.Store(uint64(r.number)<<16 | uint64(status))
	}
}

// ping does what is due for the goals; only the goroutine of the wheel calls it.
func (s *Server) ping(now time.Duration) {
	for _, g := range s.goals {
		h := &g.side.Health
		if h.Ping <= 0 {
			continue
		}
		if a := g.answer.Load(); g.limit > 0 && uint32(a>>16) == g.seq && a != g.lastHandled {
			g.lastHandled, g.limit, g.retry = a, 0, 0
			if status := int(a & 0xffff); status == 408 || status >= 500 && status < 600 && status != 501 {
				if s.failed(g, 0); g.state.Load() != goalDown {
					g.next = min(g.next, now+h.Timeout)
				}
			} else {
				s.succeeded(g)
			}
		}
		switch {
		case g.limit > 0 && now >= g.limit:
			g.limit, g.retry = 0, 0
			s.ail(g.side, g.at.Addr, 0)
			if s.failed(g, 0); g.state.Load() != goalDown {
				g.next = now
			}
		case g.limit > 0 && now >= g.retry:
			g.pause = min(2*g.pause, s.cfg.Timers.T2)
			g.retry = now + g.pause
			s.sendPing(g)
		case g.limit == 0 && now >= g.next:
			if !s.placeGoal(g, now) {
				continue
			}
			g.seq++
			g.next, g.limit = now+h.Ping, now+h.Timeout
			g.pause = min(s.cfg.Timers.T1, h.Timeout/2)
			g.retry = now + g.pause
			s.sendPing(g)
		}
	}
}

// placeGoal finds where the next ping of a goal goes: to the first address of its name that has not failed. A name that is not known
// yet is asked for beside.
func (s *Server) placeGoal(g *goal, now time.Duration) bool {
	if g.at = (locate.Place{Addr: g.Addr, By: g.Transport}); g.Addr.IsValid() {
		return true
	}
	h := hop{side: g.side}
	h.aim(g.NextHop)
	places, ok, err := s.cfg.Resolver.Cached(nil, h.ask, uint64(g.slot))
	switch {
	case !ok:
		g.next = now + g.side.Health.Timeout
		s.lookUp(func() {
			ctx, cancel := context.WithTimeout(s.ctx, findLimit)
			defer cancel()
			_, _ = s.cfg.Resolver.Find(ctx, h.ask, 0) // the next ping sees it
		})
		return false
	case err != nil:
		g.next = now + g.side.Health.Ping
		s.failed(g, 0)
		return false
	}
	g.at = s.healthy(places)[0]
	return true
}

// sendPing sends OPTIONS outside a dialog, from the side's own address.
func (s *Server) sendPing(g *goal) {
	from := g.side.via(g.at.Addr, g.at.By)
	r := ref{slot: g.slot, number: g.seq}
	b := append([]byte("OPTIONS sip:"), g.Host...)
	b = append(append(b, " SIP/2.0\r\nVia: SIP/2.0/"...), from.Transport.String()...)
	b = append(append(b, ' '), from.Advertise...)
	b = s.mint.append(append(b, ";branch=z9hG4bK"...), idBranch, r)
	b = append(append(b, "\r\nFrom: <sip:"...), g.side.Domain...)
	b = s.mint.append(append(b, ">;tag="...), idTag, r)
	b = append(append(append(b, "\r\nTo: <sip:"...), g.Host...), ">\r\nCall-ID: "...)
	b = s.mint.append(b, idCallID, ref{slot: g.slot})
	b = strconv.AppendUint(append(b, "\r\nCSeq: "...), uint64(g.seq), 10)
	b = strconv.AppendInt(append(b, " OPTIONS\r\nMax-Forwards: "...), int64(s.cfg.MaxForwards), 10)
	b = append(b, "\r\nAccept: application/sdp\r\n"...)
	if err := from.Send(sip.AppendBody(b, nil), g.at.Addr); err != nil {
		s.metrics.sendErrors.Inc()
	}
}
