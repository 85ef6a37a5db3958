package b2bua

import (
	"bytes"
	"slices"
	"time"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/sdp"
	"github.com/bifrons/bifrons/sip"
)

// applyRing sends the caller a provisional response of Bifrons' own, with Media one that answers its offer.
func (c *Call) applyRing(e Ring) bool {
	a := c.Legs[0]
	if e.Media {
		if e.Status == 0 {
			e.Status = 183
		}
		return e.Status > 100 && e.Status < 200 && c.answerEarly(e.Status, e.Headers) == nil
	}
	if e.Status <= 100 || e.Status > 199 || a.Phase != Trying || a.initial() == nil {
		return false
	}
	c.ring(a, &Walk{Event: Progress{Status: e.Status}, Set: e.Headers})
	return true
}

// ownDialog returns the caller's dialog that shows Bifrons' own answer: the first one unless a callee's is shown in it, for
// two answers of one dialog must not differ (RFC 3261 13.2.1).
func (c *Call) ownDialog(a *Leg) *Dialog {
	for _, d := range a.Dialogs {
		if d.Own {
			return d
		}
	}
	d := a.Dialogs[0]
	if c.showsCallee() && len(a.Dialogs) < maxDialogs {
		d = a.fork()
	}
	d.Own = true
	return d
}

// showsCallee tells that a callee's dialog is shown to the caller.
func (c *Call) showsCallee() bool {
	for _, l := range c.Legs[1:] {
		for _, d := range l.Dialogs {
			if d.Twin != noTwin {
				return true
			}
		}
	}
	return false
}

// ownBranch is that of a Progress of Bifrons' own that answers the caller's offer, while it waits for a PRACK.
const ownBranch = -1

// answerEarly answers the caller's offer in a provisional response: Bifrons can be heard from then on. In an IMS network the
// caller's side lets early media through if it is announced (RFC 5009).
func (c *Call) answerEarly(status int, set []Field) error {
	a := c.Legs[0]
	t := a.initial()
	switch {
	case a.Phase != Trying || t == nil:
		return errOver
	case c.srv.cfg.Media == nil:
		return errNoMedia
	case !t.Offered:
		return errNoOffer
	}
	d := c.ownDialog(a)
	body, err := c.ownDescription(a, d, descriptionOf(c.Invite.Message), true)
	if err != nil {
		return err
	}
	r := reply{status: status, dialog: d, out: outgoing{body: body, contentType: sdpType, describes: true}, extra: fieldLines(set)}
	if a.side.Trust != Untrusted {
		r.extra += "P-Early-Media: sendrecv\r\n"
	}
	c.Shown = true
	switch {
	case !t.Reliable:
		c.reply(a, t, r)
	case d.Rel.waits():
		c.waitForPrack(a, &Walk{Event: Progress{Branch: ownBranch, Status: status}, Set: set})
	default:
		c.replyReliably(a, t, r, Reliable{})
	}
	return nil
}

// accept makes Bifrons the caller's other end: the leg's link is own.
func (c *Call) accept() bool {
	a := c.Legs[0]
	t := a.initial()
	if a.Phase != Trying || t == nil || c.srv.cfg.Media == nil {
		return false
	}
	d := c.ownDialog(a)
	switch {
	case a.AcceptBy > 0:
		return false
	case d.Rel.waits() && d.Rel.Described:
		c.waitForPrack(a, &Walk{Event: Answer{Status: 200}})
		return true
	}
	var out outgoing
	if d.Rel == nil || !d.Rel.Described { // else its network has the answer (RFC 6337 3.1.1)
		body, err := c.ownDescription(a, d, descriptionOf(c.Invite.Message), t.Offered)
		if err != nil {
			c.warning = err.text
			c.end(Cause{Status: err.status, By: ByBifrons, Text: err.text})
			return true
		}
		out = outgoing{body: body, contentType: sdpType, describes: true}
	}
	c.giveUpOthers(nil, elsewhere)
	if t.Reliable && d.unready() {
		a.AcceptBy = c.srv.now() + reserveTime
		if out.describes {
			c.replyReliably(a, t, reply{status: 183, dialog: d, out: out, extra: "Require: precondition\r\n"}, Reliable{})
		}
		return true
	}
	c.accepted(a, t, d, out)
	return true
}

// accepted sends the 2xx of our own answer.
func (c *Call) accepted(a *Leg, t *Tx, d *Dialog, out outgoing) {
	invite := c.Invite // it may still be dialled
	c.answered(a, t, d, reply{status: 200, out: out})
	c.Invite = invite
	c.describeOwn(a, d)
	c.holdPlayer(a)
}

// unready tells whether a party has preconditions that it still has to meet (RFC 3312): it is answered when it has.
func (d *Dialog) unready() bool {
	return slices.ContainsFunc(d.Offer.Theirs, func(s stream) bool { return s.Unready })
}

// met answers a caller that Bifrons has accepted, once its preconditions are met.
func (c *Call) met(a *Leg, d *Dialog) {
	if t := a.initial(); a.AcceptBy > 0 && t != nil && !d.Rel.waits() && (!d.unready() || c.srv.now() >= a.AcceptBy) {
		a.AcceptBy = 0
		c.accepted(a, t, d, outgoing{})
	}
}

// reserveTime is how long a caller may take to reserve what it needs; a network that never says so is answered all the same.
const reserveTime = 5 * time.Second

// overdue answers a caller that has not said that its preconditions are met; without its PRACK there is nothing to answer yet.
func (c *Call) overdue(a *Leg) {
	for _, d := range a.Dialogs {
		if d.Own && !d.Rel.waits() {
			c.met(a, d)
			return
		}
	}
	a.AcceptBy = c.srv.now() + reserveTime
}

// answerInDialog answers a request to a leg whose other end is Bifrons.
func (c *Call) answerInDialog(l *Leg, t *Tx, m *sip.Message) {
	if m.Method != sip.INVITE && !(m.Method == sip.UPDATE && t.Offered) {
		c.reply(l, t, reply{status: 200})
		return
	}
	body, err := c.ownDescription(l, l.Dialogs[t.Dialog], descriptionOf(m), t.Offered)
	if err != nil {
		c.reply(l, t, reply{status: err.status, extra: err.warning(l)})
		return
	}
	c.reply(l, t, reply{status: 200, out: outgoing{body: body, contentType: sdpType, describes: true}})
	c.met(l, l.Dialogs[t.Dialog])
}

// ownAnswer takes the party's answer to an offer of Bifrons' own, which stands in the ACK.
func (c *Call) ownAnswer(l *Leg, d *Dialog, m *sip.Message) {
	if !describes(m) {
		return
	}
	s := c.srv.sessions.Get().(*sdp.Session)
	defer c.srv.sessions.Put(s)
	if err := s.Parse(descriptionOf(m)); err != nil {
		c.end(Cause{Status: 488, By: l.party(), Text: err.Error()})
		return
	}
	if o := c.other(l); o != nil { // the refresh of a session
		d.Offer.Pending = c.streams(s)
		d.Offer.commit()
		if od := o.confirmed(); od != nil {
			agree(d.Offer.Theirs, od.Offer.Theirs)
			c.join(l, d, o, od, c.srv.policy(l.side, o.side))
		}
		return
	}
	if i, f, _, ok := s.Choose(c.srv.speaks, nil); ok {
		d.Offer.Pending = c.ownStreams(s, i, f)
	} else {
		d.Offer.Pending = c.streams(s)
	}
	l.Said = bytes.Clone(descriptionOf(m))
	c.obeyOwn(l, d)
}

// obeyOwn tells the relay what the party of an own link has described.
func (c *Call) obeyOwn(l *Leg, d *Dialog) {
	d.Offer.commit()
	d.Offer.Turn = turnSettled
	c.describeOwn(l, d)
	c.holdPlayer(l)
}

func (c *Call) describeOwn(l *Leg, d *Dialog) {
	for i, port := range l.Ports {
		if port.ID != 0 {
			c.do(l.remote(i, d.Offer.stream(i), stream{}, nil, nil))
		}
	}
	if s := l.speech(); s != nil && c.keysInBand(l, s) {
		c.do(media.Listen{Port: s.port, InBand: true})
	}
}
