package b2bua

import (
	"slices"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// turn is where the offers and answers of a dialog stand (RFC 3264, RFC 6337): one exchange at a time, and whose word it is.
type turn uint8

const (
	turnNone    turn = iota // nobody has offered yet
	turnOurs                // our offer waits for the party's answer
	turnTheirs              // the party's offer waits for ours
	turnSettled             // the last exchange is complete
)

// show is what an offer of ours shows to a party.
type show uint8

const (
	showAsk    show = iota // nothing: the party is asked for its offer, which leg Leg gets
	showCaller             // what the caller has offered in its INVITE, which is not answered yet
	showOffer              // the offer that leg Leg has made in the 2xx to our INVITE Tx, which its ACK will answer
)

// Proposal is an offer that is to be made in a leg's confirmed dialog, as data. It waits in the leg's queue until the dialog's machine
// allows it: until no other offer is open on it, and no INVITE unfinished.
type Proposal struct {
	Show  show
	Leg   uint8
	Tx    uint32
	Tries uint8         // how often it has met another one
	After time.Duration // not before
	Until time.Duration // 0: no limit; then it has failed with 408
	Then  then
	Us    string // what the dialog's was before the offer, which shows who the party is connected to then
}

// then is what its outcome goes on with.
type then uint8

const (
	thenNothing  then = iota
	thenTransfer      // the transfer that is under way
	thenReplaces      // the INVITE with Replaces
)

const (
	maxProposals = 16
	proposalTime = 20 * time.Second // a party that has made an offer waits for its ACK no longer than 64*T1
)

// propose queues an offer. It is made in this step if the dialog is free.
func (c *Call) propose(l *Leg, p Proposal) bool {
	if l.Phase != Confirmed || len(l.Proposals) >= maxProposals {
		return false
	}
	l.Proposals = append(l.Proposals, p)
	return true
}

// free tells whether an offer may be made in a leg's dialog now (RFC 3261 14.1, RFC 3311 5.1).
func (c *Call) free(l *Leg) bool {
	d := l.confirmed()
	return d != nil && l.Phase == Confirmed && !l.unacked() && d.Offer.Turn != turnOurs && d.Offer.Turn != turnTheirs && !c.reinviting(l, d) &&
		l.find(sip.NonInviteServer, (*Tx).open) == nil
}

// proposalDue returns when a leg's queue is looked at next by the clock.
func (l *Leg) proposalDue() time.Duration {
	if len(l.Proposals) == 0 {
		return 0
	}
	p := &l.Proposals[0]
	if p.After > 0 && (p.Until == 0 || p.After < p.Until) {
		return p.After
	}
	return p.Until
}

// negotiate makes the offers that wait and may be made now.
func (c *Call) negotiate(l *Leg) {
	now := c.srv.now()
	for len(l.Proposals) > 0 && c.Cause == nil {
		p := l.Proposals[0]
		switch {
		case l.Phase != Confirmed, p.Until > 0 && now >= p.Until:
			l.Proposals = l.Proposals[1:]
			c.concluded(l, &p, 408)
		case p.After > now || !c.free(l):
			if p.After <= now {
				l.Proposals[0].After = 0 // the dialog itself tells when it is free
			}
			return
		default:
			l.Proposals = l.Proposals[1:]
			c.offerNow(l, p)
		}
	}
}

// offerNow makes an offer, or asks for one.
func (c *Call) offerNow(l *Leg, p Proposal) {
	d := l.confirmed()
	var out outgoing
	switch p.Show {
	case showOffer:
		x, t := c.offerer(&p)
		if t == nil {
			c.concluded(l, &p, 481)
			return
		}
		if err := c.crossSDP(x, x.Dialogs[t.Dialog], l, d, t.Head, false, &out); err != nil {
			c.concluded(l, &p, err.status)
			return
		}
	}
	if p.Show == showCaller {
		if err := c.crossSDP(c.Legs[0], c.Legs[0].Dialogs[0], l, d, descriptionOf(c.Invite.Message), false, &out); err != nil {
			c.concluded(l, &p, err.status)
			return
		}
	}
	if p.Us = d.Us; p.Then != thenNothing {
		c.introduceTo(l, d, c.Legs[p.Leg])
	}
	t := c.send(l, d, sip.INVITE, out)
	t.Own, t.For = true, &p
}

// offerer finds the leg whose offer a proposal shows, and the INVITE of ours whose 2xx brought it; nil when it is gone.
func (c *Call) offerer(p *Proposal) (*Leg, *Tx) {
	if p.Show != showOffer || int(p.Leg) >= len(c.Legs) {
		return nil, nil
	}
	x := c.Legs[p.Leg]
	if t := x.tx(p.Tx); t != nil && x.Phase == Confirmed && t.unacked() && int(t.Dialog) < len(x.Dialogs) {
		return x, t
	}
	return nil, nil
}

// takeOffer brings the offer that a party made in the 2xx to our INVITE to another leg, before whatever else waits there.
func (c *Call) takeOffer(x *Leg, t *Tx, offer []byte, y *Leg, tell then) {
	d := x.Dialogs[t.Dialog]
	d.Offer.Turn = turnTheirs
	if tell == thenReplaces { // the caller's ACK will have the answer
		if at := c.answerCaller(x, d, offer, false); at != nil {
			t.Own, t.PeerLeg, t.Peer = false, y.Slot, at.Num
			c.tookPlace(x, 200)
			return
		}
	}
	t.Head = slices.Clone(offer)
	p := Proposal{Show: showOffer, Leg: x.Slot, Tx: t.Num, Until: c.srv.now() + proposalTime, Then: tell}
	y.Proposals = append([]Proposal{p}, y.Proposals...)
	if y.Phase != Confirmed {
		c.concluded(y, &p, 480)
		y.Proposals = y.Proposals[1:]
	}
}

// proposed takes the final answer to an INVITE that was sent for a proposal.
func (c *Call) proposed(l *Leg, t *Tx, m *sip.Message) {
	p, d := t.For, l.Dialogs[t.Dialog]
	if m.Status >= 300 { // it stays connected to whom it was
		d.Us, d.Tell = p.Us, false
	}
	body, wait := descriptionOf(m), c.respite(l, m)
	switch {
	case wait > 0 && p.Tries < 4:
		c.takeBack(l, d)
		p.Tries++
		p.After = c.srv.now() + wait
		l.Proposals = append([]Proposal{*p}, l.Proposals...)
	case m.Status >= 300:
		c.takeBack(l, d)
		c.concluded(l, p, m.Status)
	case body == nil:
		c.sendAck(l, t, outgoing{})
		d.Offer.Turn = turnSettled
		c.concluded(l, p, 488)
	case p.Show == showAsk:
		c.takeOffer(l, t, body, c.Legs[p.Leg], p.Then)
	case p.Show == showCaller:
		c.sendAck(l, t, outgoing{})
		status := 200
		if c.answerCaller(l, d, body, true) == nil {
			status = 488
		}
		c.concluded(l, p, status)
	case p.Show == showOffer:
		c.sendAck(l, t, outgoing{})
		c.answerOffer(l, d, body, p)
	}
}

// answerOffer gives a party's answer to the one whose offer it answers.
func (c *Call) answerOffer(l *Leg, d *Dialog, body []byte, p *Proposal) {
	x, xt := c.offerer(p)
	if xt == nil {
		d.Offer.commit()
		d.Offer.Turn = turnSettled
		c.concluded(l, p, 481)
		return
	}
	var out outgoing
	if err := c.crossSDP(l, d, x, x.Dialogs[xt.Dialog], body, true, &out); err != nil {
		c.concluded(l, p, err.status)
		return
	}
	c.sendAck(x, xt, out)
	xt.Head = nil
	c.concluded(l, p, 200)
}

// takeBack takes back an offer of ours that was refused: both parties stay with what they had.
func (c *Call) takeBack(l *Leg, d *Dialog) {
	d.Offer.Pending, d.Offer.Turn = nil, turnSettled
}

// concluded ends a proposal. A party whose offer nobody answers gets an answer of Bifrons' own, for its ACK must have one.
func (c *Call) concluded(l *Leg, p *Proposal, status int) {
	if x, t := c.offerer(p); t != nil && status >= 300 {
		d, with := x.Dialogs[t.Dialog], c.other(x)
		var o outgoing
		if body, err := c.ownAnswerTo(x, d, t.Head); err == nil {
			o = outgoing{body: body, contentType: sdpType}
		}
		c.sendAck(x, t, o)
		t.Head, d.Offer.Turn = nil, turnSettled
		if x.With != 0 && with != nil && with.Phase == Confirmed { // it stays with whom it was
			x.Own = false
			c.join(x, d, with, with.confirmed(), c.srv.policy(x.side, with.side))
			c.introduceTo(x, d, with)
		}
	}
	switch {
	case c.Cause != nil:
	case p.Then == thenReplaces && c.Replaced != 0:
		c.tookPlace(l, status)
	case p.Then == thenTransfer && p.Show == showOffer:
		c.joinedTarget(c.Legs[p.Leg], status)
	case p.Then == thenTransfer:
		c.joinedTarget(l, status)
	}
}

// ownAnswerTo prints Bifrons' own answer to an offer that stands as text.
func (c *Call) ownAnswerTo(l *Leg, d *Dialog, offer []byte) ([]byte, *errOffer) {
	return c.ownDescription(l, d, offer, true)
}
