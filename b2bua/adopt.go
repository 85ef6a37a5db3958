package b2bua

import (
	"bytes"

	"github.com/bifrons/bifrons/sip"
)

// A call adopts another one: all legs of that one move into it, as they would into a snapshot, and what is still on its way to them
// finds them here. So a party of one call comes to talk with a party of another (RFC 3891, RFC 5589).

// Origin is where a leg was made: its tags, its Call-ID and the branches of its old transactions name that call and slot.
type Origin struct {
	Call uint64
	Slot uint8
}

// born returns where a leg was made.
func (c *Call) born(l *Leg) Origin {
	if l.Born.Call != 0 {
		return l.Born
	}
	return Origin{c.ID, l.Slot}
}

// legNamed finds the leg that an identifier names: one of the call's own, or one that it has adopted.
func (c *Call) legNamed(r ref) *Leg {
	if r.call == c.ID || r.call == 0 {
		if int(r.slot) < len(c.Legs) {
			return c.Legs[r.slot]
		}
		return nil
	}
	for _, l := range c.Legs {
		if l.Born == (Origin{r.call, r.slot}) {
			return l
		}
	}
	return nil
}

// Adoption is what a call waits for while another one gives its legs, as data.
type Adoption struct {
	Call uint64
	Slot uint8 // of the leg whose dialog was named: its party goes,
	For  adoptedFor
}

type adoptedFor uint8

const (
	forTransfer adoptedFor = iota // and its far party is a transfer's target
	forReplaces                   // and the caller takes its place
	forMove                       // no: its party is a transfer's target itself
)

// maxLegs bounds the legs of a call: calls that were joined may be joined again.
const maxLegs = 40

// adopt asks the call of a dialog that a Replaces names for its legs. The answer is an order to this call.
func (c *Call) adopt(replaces []byte, why adoptedFor) bool {
	near, ok := c.srv.dialogOurs(replaces)
	return ok && c.adoptLeg(near.ref, why)
}

// adoptLeg asks the call of a leg for all of its legs.
func (c *Call) adoptLeg(near ref, why adoptedFor) bool {
	k := c.srv.table.byID(near.call)
	if k == nil || k == c || c.Adopting != nil || len(c.Legs) > maxLegs {
		return false
	}
	c.Adopting = &Adoption{near.call, near.slot, why}
	c.srv.post(k, event{order: func(k *Call) { k.give(c) }})
	return true
}

// give hands a call's legs to another one, and ends it; a call that is not simply answered refuses.
func (c *Call) give(to *Call) {
	ok, n := c.Cause == nil && !c.Alone && c.Transfer == nil && c.Adopting == nil && c.gone == nil && c.Joining == nil, 0
	for _, l := range c.Legs {
		ok = ok && l.Phase != Trying && l.Hold == nil && l.Room == 0 && l.End == nil && !l.Own
		if l.Phase == Confirmed {
			n++
		}
	}
	if !ok || n != 2 {
		c.srv.post(to, event{order: func(c *Call) { c.adopted(nil, nil) }})
		return
	}
	c.gone = to
	c.end(Cause{Status: 200, By: ByBifrons, Text: "joined with another call"})
}

// handOver is the end of a call that gives its legs away: they are the other call's from here on.
func (c *Call) handOver() {
	legs, ids := c.Legs, append([]uint64{c.ID}, c.Adopted...)
	c.Legs = []*Leg{{Side: legs[0].Side, side: legs[0].side, local: legs[0].local, CallID: legs[0].CallID, Phase: Over}}
	for _, l := range legs {
		if l.Counted && !l.UAC { // of all calls, this one is no more
			l.Counted = false
			leave(c.srv.gatesOf(l))
		}
		if l.Born.Call == 0 {
			l.Born = Origin{c.ID, l.Slot}
		}
		if l.With == 0 && l.Phase == Confirmed {
			for _, o := range legs {
				if o != l && o.Phase == Confirmed {
					l.With = o.Slot + 1
				}
			}
		}
	}
	c.Adopted = nil
	c.srv.post(c.gone, event{order: func(to *Call) { to.adopted(legs, ids) }})
	c.srv.table.move(ids, c.gone)
}

// adopted takes the legs of another call; none were given when it could not.
func (c *Call) adopted(legs []*Leg, ids []uint64) {
	a := c.Adopting
	c.Adopting = nil
	base := uint8(len(c.Legs))
	if len(legs) > 0 {
		c.Branches = append(c.Branches, Branch{From: uint8(len(c.Chain))})
		c.Adopted = append(c.Adopted, ids...)
	}
	for _, l := range legs {
		l.Slot, l.Branch = l.Slot+base, uint8(len(c.Branches)-1)
		if l.With != 0 {
			l.With += base
		}
		for _, t := range l.Txs {
			t.PeerLeg += base
		}
		for _, d := range l.Dialogs {
			d.Twin = noTwin
		}
		c.Legs = append(c.Legs, l)
	}
	c.shared.Store(nil)
	var near, far *Leg
	if a != nil {
		if near = c.legNamed(ref{a.Call, a.Slot, 0}); near != nil {
			far = c.other(near)
		}
	}
	switch {
	case a == nil || c.Cause != nil:
		for _, l := range legs {
			c.closeLeg(l, Cause{Status: 480, By: ByBifrons})
		}
	case far != nil && a.For == forTransfer && c.Transfer != nil && c.takeAlong(far):
	case near != nil && a.For == forMove && c.Transfer != nil && c.takeAlong(near):
	case far != nil && a.For == forReplaces:
		c.replaces(near, far)
	case a.For == forTransfer, a.For == forMove:
		if c.Transfer != nil {
			c.transferred(481)
		}
	default:
		c.end(Cause{Status: 481, By: ByBifrons, Text: "the dialog to replace is gone"})
	}
}

// replaces lets the caller take the place of near's party: the far one gets the caller's offer, or is asked for its own.
func (c *Call) replaces(near, far *Leg) {
	c.Replaced = near.Slot + 1
	p := Proposal{Show: showAsk, Leg: 0, Then: thenReplaces}
	if descriptionOf(c.Invite.Message) != nil {
		p = Proposal{Show: showCaller, Leg: 0, Until: c.srv.now() + proposalTime, Then: thenReplaces}
	}
	if !c.propose(far, p) {
		c.failBranch(0, 480)
	}
}

// tookPlace ends an INVITE with Replaces: the caller has its answer, and who was replaced is hung up; or it is refused, and all is as
// it was, in one call now.
func (c *Call) tookPlace(far *Leg, status int) {
	a, near := c.Legs[0], c.Legs[c.Replaced-1]
	c.Replaced = 0
	if status >= 300 {
		if t := a.initial(); t != nil && a.Phase == Trying {
			c.reply(a, t, reply{status: crossingStatus(status)})
			a.Phase = Over
			c.closePorts(a)
		}
		return
	}
	c.pair(a, far)
	c.shared.Store(nil)
	if near.Phase == Confirmed {
		c.hangLeg(near)
	}
}

// answerCaller answers the caller of an INVITE with Replaces: with the far party's answer, or its offer.
func (c *Call) answerCaller(far *Leg, d *Dialog, body []byte, answer bool) *Tx {
	a := c.Legs[0]
	t := a.initial()
	if t == nil || a.Phase != Trying {
		return nil
	}
	r := reply{status: 200, dialog: a.Dialogs[0]}
	if err := c.crossSDP(far, d, a, a.Dialogs[0], body, answer, &r.out); err != nil {
		return nil
	}
	c.Winner = far.Slot
	c.answered(a, t, a.Dialogs[0], r)
	return t
}

// dialogOurs finds the answered dialog of ours that a Replaces names.
func (s *Server) dialogOurs(value []byte) (near dialogID, ok bool) {
	callID, params, _ := cutParams(value)
	a, _ := sip.Params(params).Get("to-tag")
	b, _ := sip.Params(params).Get("from-tag")
	near, _, _, ok = s.translate(bytes.TrimSpace(callID), a, b)
	return near, ok
}
