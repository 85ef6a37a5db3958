package b2bua

import (
	"context"
	"slices"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// Walk is one event on its way through the chain: down from the caller's end to the callee's, or up. At its end the engine
// does the default.
type Walk struct {
	Event   Event `cbor:"-"`
	Name    string
	Data    []byte  // Name and Data are the event in a snapshot
	Leg     uint8   // it came from
	Tx      uint32  // the transaction it came with, 0 none
	Msg     Text    // what came
	Set     []Field // what Apps set in the response that walks
	Branch  uint8
	At      int8 // the App that has it
	Up      bool
	Attempt int
}

const maxQueue = 32 // events of a leg behind a hold

// branchOf returns the branch of a leg; the caller's events belong to the winner's, or to the first.
func (c *Call) branchOf(l *Leg) uint8 {
	if l.Slot == 0 && c.Winner != 0 {
		return c.Legs[c.Winner].Branch
	}
	return l.Branch
}

// offer starts the walk of an event, or queues it behind a hold of its leg. Without Apps it is the default at once.
func (c *Call) offer(w Walk) {
	if len(c.Chain) == 0 {
		c.conclude(&w)
		return
	}
	l := c.Legs[w.Leg]
	if _, overtakes := w.Event.(Hangup); overtakes {
		c.dropHold(l)
	}
	w.At = 0
	if w.Up {
		w.At = int8(len(c.Chain) - 1)
	}
	c.setOut(w)
}

// setOut starts a walk where it stands, or queues it behind a hold of its leg.
func (c *Call) setOut(w Walk) {
	if l := c.Legs[w.Leg]; l.Hold != nil {
		c.queue(l, w)
		return
	}
	c.walk(&w)
}

// queue keeps an event for later; a leg that sends more than maxQueue is told to wait. What decides a call always finds
// room, and of a branch's provisional responses the last is enough.
func (c *Call) queue(l *Leg, w Walk) {
	bounded := false
	switch w.Event.(type) {
	case Progress:
		for i := range l.Queue {
			if p, ok := l.Queue[i].Event.(Progress); ok && p.Branch == int(w.Branch) {
				w.Msg = w.Msg.keep()
				l.Queue[i] = w
				return
			}
		}
	case Message, Reinvite, Refer, MediaNews, Digit, Limit:
		bounded = true
	}
	if bounded && len(l.Queue) >= maxQueue {
		c.srv.metrics.queueFull.Inc()
		if t := l.tx(w.Tx); t != nil && w.Msg.Message != nil && w.Msg.IsRequest() {
			c.reply(l, t, reply{status: 503, extra: "Retry-After: 1\r\n"})
		}
		return
	}
	w.Msg = w.Msg.keep()
	l.Queue = append(l.Queue, w)
}

// walk goes on with an event at w.At until an App stops or holds it or its end is reached.
func (c *Call) walk(w *Walk) {
	if private(w.Event) {
		c.runPrivate(w)
		return
	}
	ended := isEnded(w.Event)
	for ; w.At >= 0 && int(w.At) < len(c.links); w.next() {
		if c.Cause != nil && !ended {
			return
		}
		v, ok := c.run(w, w.Event)
		if !ok && c.failed(w) && !ended {
			return
		}
		if v == Hold && !ended || v == Stop && c.stopped(w) {
			return
		}
	}
	if c.Cause == nil {
		c.conclude(w)
	}
}

// runPrivate gives an event to the App that asked for it, if it is still there.
func (c *Call) runPrivate(w *Walk) {
	if int(w.At) < len(c.links) && c.Cause == nil {
		if _, ok := c.run(w, w.Event); !ok {
			c.failed(w)
		}
	}
}

func (w *Walk) next() {
	if w.Up {
		w.At--
	} else {
		w.At++
	}
}

// failed is the default handling of the App that has the event; true when the call has ended.
func (c *Call) failed(w *Walk) bool {
	if int(w.At) >= len(c.links) {
		return c.Cause != nil
	}
	link := c.links[w.At]
	if link.OnFailure != Terminate || c.Cause != nil {
		return c.Cause != nil
	}
	c.end(Cause{Status: 500, By: ByBifrons, Text: "application " + link.App.Name() + " failed"})
	return true
}

// stopped does what an event needs that an App took for itself; false for one that cannot be stopped.
func (c *Call) stopped(w *Walk) bool {
	switch w.Event.(type) {
	case Progress:
		if w.Msg.Message != nil {
			c.prackOwn(c.Legs[w.Leg], w.Msg.Message)
		}
		return true
	case Failure:
		c.allEarlyEnded(int(w.Branch))
		return true
	case Invite, Digit:
		return true
	case Hangup: // of a callee: its caller stays with Bifrons
		return c.goesAlone(c.Legs[w.Leg])
	case Refer:
		l := c.Legs[w.Leg]
		if t := l.tx(w.Tx); t != nil && c.Cause == nil {
			c.reply(l, t, reply{status: 603})
		}
		return true
	case Message:
		l := c.Legs[w.Leg]
		if t := l.tx(w.Tx); t != nil && c.Cause == nil {
			c.reply(l, t, reply{status: 200})
		}
		return true
	}
	return c.Cause != nil && !isEnded(w.Event)
}

func isEnded(e Event) bool {
	_, ok := e.(Ended)
	return ok
}

// conclude is what the engine does when no App stopped an event.
func (c *Call) conclude(w *Walk) {
	l := c.Legs[w.Leg]
	switch ev := w.Event.(type) {
	case Invite:
		c.dial(w, ev)
	case Progress:
		c.ring(l, w)
	case Answer:
		if c.Alone {
			c.aloneAnswered(l, w, ev.Status)
			return
		}
		c.connect(l, w)
	case Failure:
		c.branchFailed(l, ev, w.Msg)
	case Reinvite, Message:
		c.relay(l, w)
	case Digit:
		c.digitSent(l, ev)
	case Refer:
		c.referred(l, w)
	case Hangup:
		switch {
		case l.Own && c.goesAlone(l):
		case c.othersTalk(l):
			if o := c.other(l); o != nil && o.Phase == Confirmed {
				c.hangLeg(o)
			}
		default:
			c.endWith(ev.Cause, l, w.Msg)
		}
	}
}

// endWith ends the call with the last word of a party: what its BYE or its failure carries reaches the others by policy.
func (c *Call) endWith(cause Cause, from *Leg, last Text) {
	if last.Message != nil {
		c.parting = outgoing{from: from, m: last.Message}
	}
	c.end(cause)
	c.parting = outgoing{}
}

// farewell returns what crosses of the last word of another leg's party.
func (c *Call) farewell(l *Leg) outgoing {
	o := c.parting
	if o.m == nil || o.from == l {
		return outgoing{}
	}
	if ct := o.m.Get(sip.HdrContentType); len(o.m.Body) > 0 && len(ct) > 0 && !isSDP(ct) && !isMultipart(ct) {
		o.body, o.contentType = c.srv.policy(o.from.side, l.side).crossBody(ct, o.m.Body)
	}
	return o
}

// hold keeps an event at its App until the look-up is done. CANCEL, BYE and limits overtake it; a late result is dropped.
func (c *Call) hold(w *Walk, lookup func(context.Context) Event) {
	l := c.Legs[w.Leg]
	limit := c.links[w.At].Deadline
	if limit == 0 {
		limit = 5 * time.Second
	}
	if _, is := w.Event.(Invite); is && l.side.FirstWord > 0 && c.Rang.IsZero() { // an S-CSCF gives up who says nothing
		limit = min(limit, max(l.side.FirstWord-c.srv.cfg.Clock.Wall().Sub(c.Started), time.Millisecond))
	}
	w.Msg = w.Msg.keep()
	c.gen++
	l.Hold = &Held{Walk: *w, Generation: c.gen, Until: c.srv.now() + limit}
	c.lookUp(w.Leg, c.gen, limit, lookup)
}

// lookUp runs off the call; it ends with its function, whose context ends with the hold, and Close waits for it.
func (c *Call) lookUp(leg uint8, gen uint32, limit time.Duration, f func(context.Context) Event) {
	ctx, cancel := context.WithTimeout(c.srv.ctx, limit)
	if c.cancels == nil {
		c.cancels = map[uint32]context.CancelFunc{}
	}
	c.cancels[gen] = cancel
	c.srv.lookUp(func() {
		res := c.srv.guard(ctx, f)
		c.srv.post(c, event{order: func(c *Call) { c.resume(leg, gen, res) }})
	})
}

// resume brings a look-up's result to the App that asked, then sends the held event on.
func (c *Call) resume(leg uint8, gen uint32, res Event) {
	l := c.Legs[leg]
	if l.Hold == nil || l.Hold.Generation != gen {
		return
	}
	if res == nil {
		c.holdFailed(l)
		return
	}
	w := l.Hold.Walk
	c.dropHoldOnly(l)
	v, ok := c.run(&w, res)
	if !ok && c.failed(&w) || v == Hold {
		return
	}
	if !private(w.Event) && (v != Stop || !c.stopped(&w)) {
		w.next()
		c.walk(&w)
	}
	c.drainQueue(l)
}

// holdFailed is the App's default handling when its look-up was not done in time.
func (c *Call) holdFailed(l *Leg) {
	w := l.Hold.Walk
	c.dropHoldOnly(l)
	c.srv.metrics.appFailures.WithLabelValues(c.Chain[w.At].Name, "look-up").Inc()
	if c.failed(&w) {
		return
	}
	if !private(w.Event) {
		w.next()
		c.walk(&w)
	}
	c.drainQueue(l)
}

// dropHoldOnly forgets a hold and cancels its look-up.
func (c *Call) dropHoldOnly(l *Leg) {
	if l.Hold == nil {
		return
	}
	if cancel := c.cancels[l.Hold.Generation]; cancel != nil {
		cancel()
		delete(c.cancels, l.Hold.Generation)
	}
	l.Hold = nil
}

// dropHold forgets what a leg holds and what waits behind it.
func (c *Call) dropHold(l *Leg) {
	c.dropHoldOnly(l)
	l.Queue = nil
}

// drainQueue offers what waited behind a hold, until one of them is held again.
func (c *Call) drainQueue(l *Leg) {
	for len(l.Queue) > 0 && l.Hold == nil && c.Cause == nil {
		w := l.Queue[0]
		l.Queue = l.Queue[1:]
		c.walk(&w)
	}
}

// setChain fills the chain from an index on; what the Apps that go had saved or started goes with them.
func (c *Call) setChain(from int, names []string) bool {
	for _, n := range names {
		if _, ok := c.srv.cfg.Apps[n]; !ok || from+len(names) > maxChain {
			return false
		}
	}
	for _, l := range c.Legs {
		if l.Hold != nil && int(l.Hold.Walk.At) >= from {
			return false // an App that would go has an event
		}
	}
	c.disown(from)
	c.Data = slices.DeleteFunc(c.Data, func(d AppData) bool { return int(d.App) >= from })
	c.Alarms = slices.DeleteFunc(c.Alarms, func(a AppAlarm) bool { return int(a.App) >= from })
	c.Chain, c.links = c.Chain[:from:from], c.links[:from:from]
	for _, n := range names {
		link := c.srv.cfg.Apps[n]
		c.Chain = append(c.Chain, Applied{n, link.Version})
		c.links = append(c.links, link)
	}
	return true
}

const maxChain = 32

// keep returns a message that outlives the read buffer.
func (t Text) keep() Text {
	if t.Message == nil {
		return t
	}
	return Text{t.Clone()}
}
