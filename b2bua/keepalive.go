package b2bua

import (
	"strconv"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// Life is what a confirmed leg knows of its party's life, as plain data of constant size. A probe that is out is no
// transaction of the leg's list: it is printed again from here when it is repeated.
type Life struct {
	Probe   time.Duration // when the next probe goes out, or when the one that is out has failed
	Retry   time.Duration // when that is sent again,
	Pause   time.Duration // and the pause before the repetition after
	Number  uint32        // of its transaction; 0: none is out
	First   uint32        // number of the first probe since the party was known to live
	CSeq    uint32
	Status  uint16 // of the last strike; 0 is silence
	Strikes uint8
	Half    bool // the next pause is half of one: first probes keep away from the answer, later ones spread evenly

	Held   bool          // the party may not send
	Warned uint8         // of these limits, as bits
	Look   time.Duration // when the media is looked at next
	Looked time.Duration // and was last
	Heard  uint64        // packets of the party then
	Mute   time.Duration // when its silence ends the leg
	End    time.Duration // when its duration does
}

// verdict is what the answer to a probe says of the party.
type verdict uint8

const (
	alive verdict = iota
	strike
	gone
	undecided
)

// verdicts is the decision table: the first row that holds the status. An S-CSCF answers for a telephone that is dead, so a
// response alone proves nothing (RFC 5057 5.1).
var verdicts = [...]struct {
	from, to int
	is       verdict
	why      string
}{
	{0, 0, strike, "no answer within `timeout`, repetitions included"},
	{100, 199, undecided, "not final"},
	{404, 404, strike, "a proxy no longer knows the party"},
	{408, 408, strike, "a proxy had no answer from it"},
	{410, 410, strike, "it has left"},
	{480, 480, strike, "a proxy cannot reach it"},
	{481, 481, gone, "the party itself has no such dialog (RFC 3261 12.2.1.2)"},
	{501, 501, alive, "the party does not know OPTIONS, and says so"},
	{500, 599, strike, "a server on the way, or the party, is in trouble"},
	{604, 604, strike, "it exists nowhere"},
	{200, 699, alive, "the party has answered, whatever it says"},
}

func verdictOn(status int) verdict {
	for _, v := range verdicts {
		if status >= v.from && status <= v.to {
			return v.is
		}
	}
	return alive
}

// rules returns how a leg is watched: as its side says, changed by Watch effects.
func (c *Call) rules(l *Leg) *Liveness {
	r := &l.side.Liveness
	if len(c.Watches) > 0 {
		own := *r
		for i := range c.Watches {
			if w := &c.Watches[i]; w.Leg < 0 || w.Leg == int(l.Slot) {
				own.change(&w.Liveness)
			}
		}
		own.complete()
		r = &own
	}
	return r
}

// complete gives probes that are switched on what they need.
func (r *Liveness) complete() {
	std := DefaultLiveness()
	if r.Timeout <= 0 {
		r.Timeout = std.Timeout
	}
	if r.Strikes <= 0 {
		r.Strikes = std.Strikes
	}
	if r.MinExpires < std.MinExpires { // RFC 4028 5: none is shorter
		r.MinExpires = std.MinExpires
	}
	if r.Expires > 0 {
		r.Expires = max(r.Expires, r.MinExpires)
	}
}

// change lays an effect's values over r.
func (r *Liveness) change(by *Liveness) {
	for _, d := range [...]struct{ to, by *time.Duration }{{&r.Every, &by.Every}, {&r.Timeout, &by.Timeout}, {&r.Expires, &by.Expires},
		{&r.MinExpires, &by.MinExpires}, {&r.Silence, &by.Silence}, {&r.HoldSilence, &by.HoldSilence}, {&r.MaxDuration, &by.MaxDuration}} {
		if *d.by != 0 {
			*d.to = max(*d.by, 0)
		}
	}
	if by.Strikes > 0 {
		r.Strikes = by.Strikes
	}
	if by.Refresher != 0 {
		r.Refresher = by.Refresher
	}
	if by.Refresh != 0 {
		r.Refresh = by.Refresh
	}
}

// vigil returns the next deadline of a confirmed leg's watch, which it begins where there is none.
func (c *Call) vigil(l *Leg) (due time.Duration) {
	w := l.Life
	if w == nil {
		r := c.rules(l)
		if r.Every <= 0 && r.MaxDuration <= 0 && r.Silence <= 0 && r.HoldSilence <= 0 {
			return l.Session.due()
		}
		w = &Life{}
		l.Life = w
		c.beginWatch(l, w, r)
	}
	due = l.Session.due()
	for _, d := range [...]time.Duration{w.Probe, w.Retry, w.Look, w.End, w.warnEnd(c, l)} {
		if d > 0 && (due == 0 || d < due) {
			due = d
		}
	}
	return due
}

// beginWatch sets the first deadlines. The first probe comes at a random point of the second half of a period, so that short
// calls see none and long ones spread; those drawn in the first half have a short second pause instead.
func (c *Call) beginWatch(l *Leg, w *Life, r *Liveness) {
	now := c.srv.now()
	if r.Every > 0 {
		at := time.Duration(c.srv.random() % uint64(r.Every))
		if w.Half = at < r.Every/2; w.Half {
			at += r.Every / 2
		}
		w.Probe = now + at
	}
	if r.MaxDuration > 0 { // since the answer, also where an App thinks of it later
		w.End = now + r.MaxDuration
		if !c.Answer.IsZero() {
			w.End = max(w.End-max(c.srv.cfg.Clock.Wall().Sub(c.Answer), 0), 1)
		}
	}
	w.Heard, w.Looked = c.heard(l), now
	c.listen(l, w, r, now)
}

// watch does what is due on a confirmed leg.
func (c *Call) watch(l *Leg, now time.Duration) {
	late := func(d time.Duration) bool { return d > 0 && now >= d && c.Cause == nil }
	if s := l.Session; s != nil {
		c.sessionDue(l, s, now)
	}
	w := l.Life
	if w == nil || c.Cause != nil {
		return
	}
	if late(w.warnEnd(c, l)) || late(w.End) {
		c.durationDue(l, w, now)
	}
	if late(w.Look) {
		c.look(l, w, now)
	}
	switch {
	case late(w.Probe):
		c.probeDue(l, w, now)
	case late(w.Retry):
		w.Pause = min(2*w.Pause, c.srv.cfg.Timers.T2)
		w.Retry = now + w.Pause
		if l.CSeq != w.CSeq { // another request went out meanwhile: the old probe would be out of order (RFC 3261 12.2.2)
			c.number(l, w)
		} else {
			c.srv.metrics.retransmissions.Inc()
		}
		c.sendProbe(l, w)
	}
}

// probeDue ends the wait for an answer, or sends the next probe unless speech has proved meanwhile that the party lives.
func (c *Call) probeDue(l *Leg, w *Life, now time.Duration) {
	r := c.rules(l)
	if r.Every <= 0 {
		w.Probe, w.Retry, w.Number = 0, 0, 0
		return
	}
	if since := w.Looked; c.fresh(l, w, now) && since > 0 && (since+r.Every > now || w.Number != 0) {
		w.Number, w.Retry, w.Strikes = 0, 0, 0
		w.Probe = max(since+r.Every, now+r.window()) // it lived at since at least
		c.listen(l, w, r, now)
		return
	}
	if w.Number != 0 {
		if c.struck(l, w, r, 0); c.Cause != nil {
			return
		}
	}
	c.number(l, w)
	if w.Strikes == 0 {
		w.First = w.Number
	}
	w.Probe = now + r.Timeout
	w.Pause = min(c.srv.cfg.Timers.T1, r.Timeout/2) // one repetition at least: a lost packet is no strike
	w.Retry = now + w.Pause
	c.srv.metrics.probes.Inc()
	c.sendProbe(l, w)
	c.listen(l, w, r, now)
}

// number makes the probe that goes out next a transaction of its own.
func (c *Call) number(l *Leg, w *Life) {
	l.CSeq++
	l.Last++
	w.CSeq, w.Number = l.CSeq, l.Last
}

// sendProbe prints OPTIONS in the dialog, or its repetition.
func (c *Call) sendProbe(l *Leg, w *Life) {
	d := l.confirmed()
	if d == nil {
		return
	}
	to := c.aim(l, d)
	if to.ask != nil { // it is repeated
		c.foresee(*to.ask)
		return
	}
	b := c.appendRequest(c.buffer(), l, d, sip.OPTIONS, w.Number, w.CSeq, &outgoing{})
	b = c.prove(l, sip.AppendBody(b, nil))
	c.runner.scratch = b[:0]
	if c.clean(l, b) {
		c.transmit(l, l.local, b, to.to, to.name)
	}
}

// probed takes the answer to a probe; false for another response. A late answer proves as much as one in time; one to a probe
// that was answered before, or sent before other proof came, is a copy and proves nothing.
func (c *Call) probed(l *Leg, m *sip.Message, cseq, number uint32) bool {
	w := l.Life
	if w == nil || m.Method != sip.OPTIONS || number > l.Last {
		return false
	}
	inDoubt := w.Number != 0 || w.Strikes > 0
	if l.Phase != Confirmed || c.Cause != nil || !inDoubt || number < w.First {
		c.srv.metrics.absorbed.Inc()
		return true
	}
	if m.Status == 401 || m.Status == 407 { // the next probe has the answer
		c.takeChallenge(l, m, false)
	}
	v := verdictOn(m.Status)
	if v == gone && l.unacked() { // it lives, and has not got our 2xx yet
		v = alive
	}
	switch {
	case v == alive:
		c.proved(l)
	case v == gone:
		c.lost(l, m.Status, strconv.Itoa(m.Status)+" to a probe", "gone")
	case v == strike && w.Number == number && w.CSeq == cseq: // the next one goes out when this one's time is over
		w.Number, w.Retry = 0, 0
		c.struck(l, w, c.rules(l), m.Status)
	}
	return true
}

// struck counts a failed probe; enough of them in a row end the leg.
func (c *Call) struck(l *Leg, w *Life, r *Liveness, status int) {
	w.Strikes++
	w.Status = uint16(status)
	if int(w.Strikes) < r.Strikes {
		return
	}
	n := strconv.Itoa(int(w.Strikes))
	probes := " probes"
	if n == "1" {
		probes = " probe"
	}
	if status == 0 {
		c.lost(l, 408, "no answer to "+n+probes, "no_answer")
		return
	}
	c.lost(l, status, n+" failed"+probes+", the last with "+strconv.Itoa(status), "refused")
}

// lost ends the call of a party that is no longer there. Both get BYE: the lost one may be there for others.
func (c *Call) lost(l *Leg, status int, evidence, why string) {
	c.srv.metrics.lostBy.WithLabelValues(why).Inc()
	c.end(Cause{Status: status, By: l.party(), Text: "party lost", Evidence: evidence, Reason: "SIP;cause=" + strconv.Itoa(status)})
}

// proved notes that a leg's party lives: it has sent a request in the dialog, or answered one of ours.
func (c *Call) proved(l *Leg) {
	w := l.Life
	if w == nil || w.Probe == 0 || l.Phase != Confirmed {
		return
	}
	r := c.rules(l)
	now := c.srv.now()
	w.Number, w.Retry, w.Strikes = 0, 0, 0
	w.Probe = now + r.Every
	if w.Half {
		w.Half, w.Probe = false, now+r.Every/2
	}
	c.listen(l, w, r, now)
}

// rewatch starts the watch of a leg anew, by changed rules. Doubt stays, and the next probe comes no later than it would have.
func (c *Call) rewatch(l *Leg) {
	if l.Life == nil || l.Phase != Confirmed {
		return
	}
	was, w := *l.Life, l.Life
	*w = Life{}
	c.beginWatch(l, w, c.rules(l))
	if w.Probe == 0 || was.Probe == 0 {
		return
	}
	w.Number, w.First, w.CSeq, w.Strikes, w.Status, w.Retry, w.Pause = was.Number, was.First, was.CSeq, was.Strikes, was.Status, was.Retry, was.Pause
	if was.Probe < w.Probe || was.Number != 0 {
		w.Probe, w.Half = was.Probe, was.Half
	}
}

// applyWatch keeps the change for the call's legs.
func (c *Call) applyWatch(e Watch) bool {
	if e.Leg > maxBranches || len(c.Watches) >= maxWatches {
		return false
	}
	c.Watches = append(c.Watches, e)
	for _, l := range c.Legs {
		if e.Leg < 0 || e.Leg == int(l.Slot) {
			c.rewatch(l)
			c.renegotiate(l, &e.Liveness)
		}
	}
	return true
}

// maxWatches bounds what Apps may change in a call.
const maxWatches = 32
