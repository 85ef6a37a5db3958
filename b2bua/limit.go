package b2bua

import (
	"strconv"
	"time"

	"github.com/bifrons/bifrons/media"
)

// statistics is what a relay may tell of a port that is open; one that cannot gives no evidence of life.
type statistics interface {
	Stats(media.PortID) media.Stats
}

// The bits of Life.Warned.
const (
	warnedEnd = 1 << iota
	warnedMute
)

// warning is how long before a limit its Limit event comes: a tenth of it, a minute at most.
func warning(limit time.Duration) time.Duration { return min(limit/10, time.Minute) }

// warnEnd returns when the Apps are warned of the maximum duration, 0 if they were.
func (w *Life) warnEnd(c *Call, l *Leg) time.Duration {
	if w.End == 0 || w.Warned&warnedEnd != 0 || len(c.Chain) == 0 {
		return 0
	}
	return max(w.End-warning(c.rules(l).MaxDuration), 1)
}

// durationDue warns of the maximum duration, and ends the call when it is reached.
func (c *Call) durationDue(l *Leg, w *Life, now time.Duration) {
	limit := c.rules(l).MaxDuration
	if now < w.End {
		w.Warned |= warnedEnd
		c.warn(l, "duration", w.End-now)
		return
	}
	c.end(Cause{Status: 200, By: ByBifrons, Text: "maximum duration", Evidence: l.party() + " in the call for " + limit.String(), Reason: "Q.850;cause=31"})
}

// warn tells the Apps of a limit to come.
func (c *Call) warn(l *Leg, kind string, left time.Duration) {
	if len(c.Chain) > 0 {
		c.offer(Walk{Event: Limit{Leg: int(l.Slot), Kind: kind, Left: left}, Leg: l.Slot, Branch: c.branchOf(l), Up: l.Slot != 0})
	}
}

// heard counts the packets that a leg's party has sent from where it was latched.
func (c *Call) heard(l *Leg) (n uint64) {
	if c.srv.stats == nil {
		return 0
	}
	for _, p := range l.Ports {
		if p.ID != 0 {
			st := c.srv.stats.Stats(p.ID)
			n += st.Received.Packets + uint64(st.RTCPReceived)
		}
	}
	return n
}

// fresh tells whether packets have come since the last look. A count that fell is that of new ports.
func (c *Call) fresh(l *Leg, w *Life, now time.Duration) bool {
	n := c.heard(l)
	more := n > w.Heard
	w.Heard, w.Looked = n, now
	if more {
		w.Mute, w.Warned = 0, w.Warned&^warnedMute
	}
	return more
}

// window is how long before a probe the media is looked at, so that what comes in it makes the probe needless.
func (r *Liveness) window() time.Duration { return min(r.Timeout, r.Every/4) }

// silenceOf returns the longest silence a leg's party may keep now, 0 for any. While speech does not go both ways the call is
// held: who holds it is often as silent as who is held.
func (c *Call) silenceOf(l *Leg, r *Liveness) (limit time.Duration, held bool) {
	d := l.confirmed()
	if d == nil || len(d.Offer.Theirs) == 0 {
		return 0, false
	}
	if l.Own { // it listens to a menu: who has nothing to say may be silent
		return 0, false
	}
	var far *Dialog
	if o := c.other(l); o != nil {
		far = o.confirmed()
	}
	for i, s := range d.Offer.Theirs {
		if s.bothWays() && (far == nil || far.Offer.stream(i).bothWays()) {
			return r.Silence, false
		}
	}
	return r.HoldSilence, true
}

// bothWays tells whether a party wants to be heard and to hear.
func (s stream) bothWays() bool { return s.RTP.IsValid() && s.Send && s.Receive }

// listen sets when the media is looked at next.
func (c *Call) listen(l *Leg, w *Life, r *Liveness, now time.Duration) {
	w.Look = 0
	if c.srv.stats == nil || len(l.Ports) == 0 {
		return
	}
	if at := w.Probe - r.window(); w.Probe > 0 && w.Number == 0 && at > now {
		w.Look = at
	}
	limit, held := c.silenceOf(l, r)
	if limit <= 0 {
		w.Mute = 0
		if other := max(r.Silence, r.HoldSilence); other > 0 && w.Look == 0 { // what is agreed may change
			w.Look = now + other/4
		}
		return
	}
	if w.Mute == 0 || held != w.Held {
		w.Mute, w.Held = now+limit, held
	}
	at := min(now+max(limit/4, wheelTick), w.Mute)
	if warn := w.Mute - warning(limit); len(c.Chain) > 0 && w.Warned&warnedMute == 0 && warn > now {
		at = min(at, warn)
	}
	if w.Look == 0 || at < w.Look {
		w.Look = at
	}
}

// look counts the party's packets: speech keeps it alive, silence for too long ends the call.
func (c *Call) look(l *Leg, w *Life, now time.Duration) {
	r := c.rules(l)
	c.fresh(l, w, now)
	limit, held := c.silenceOf(l, r)
	if limit > 0 && w.Mute > 0 && held == w.Held {
		if now >= w.Mute {
			c.lost(l, 408, "no media for "+limit.String(), "media")
			return
		}
		if now >= w.Mute-warning(limit) && w.Warned&warnedMute == 0 {
			w.Warned |= warnedMute
			c.warn(l, "silence", w.Mute-now)
		}
	}
	if c.Cause == nil && l.Life == w {
		c.listen(l, w, c.rules(l), now)
	}
}

// evidence tells in words what speaks against a leg's party, "" for nothing.
func (w *Life) evidence() string {
	if w == nil || w.Strikes == 0 {
		return ""
	}
	if w.Status == 0 {
		return "no answer to a probe"
	}
	return strconv.Itoa(int(w.Status)) + " to a probe"
}
