package b2bua

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// Origination is a call that Bifrons makes by itself: to one party, whose other end it is, or to two that shall talk with each other.
type Origination struct {
	Side string   `json:"side"`           // as whose call it is: its routes say where to, its policies what is shown
	From string   `json:"from"`           // URI that the parties see
	To   string   `json:"to"`             // URI of the first party
	And  string   `json:"and,omitempty"`  // URI of the second, "" for none: it is called when the first has answered (RFC 3725 4.1)
	Apps []string `json:"apps,omitempty"` // the chain of the call
}

// Third is the second party of an originated call that is still to be called, or to answer, as data.
type Third struct {
	And   string
	As    Departure
	First uint8  // slot of the first party's leg, once it has answered,
	Tx    uint32 // and the INVITE whose ACK will have the second's answer
}

// thirdTime is how long the second party may ring: the first repeats its 2xx for 32 s and then hangs up.
const thirdTime = 28 * time.Second

// Originate begins a call and returns its number. What becomes of it is told by Calls and by its record. It waits for the side's
// Originator, which may ask the network, so it is not for steps.
func (s *Server) Originate(o Origination) (uint64, error) {
	if err := s.mayOriginate(&o); err != nil {
		return 0, err
	}
	side := s.sides[o.Side]
	as, err := side.departure(s.ctx, o.From)
	if err != nil {
		return 0, err
	}
	c := &Call{srv: s, State: State{ID: s.nextID.Add(1), Keys: [2]uint64{s.random(), 0}, Started: s.cfg.Clock.Wall(), Hops: s.cfg.MaxForwards, Breadth: noBreadth}}
	c.box.Enter(nil)
	if !s.pass(ofOurs(s), Ordinary) {
		return 0, errors.New("originate: no more calls now")
	}
	if s.table.add(c) != addedNew {
		leave(ofOurs(s))
		return 0, errors.New("originate: try again")
	}
	s.metrics.attempts.Inc()
	s.posts.Add(1)
	s.spawn(func(run *runner) {
		defer s.posts.Add(-1)
		s.run(run, c, event{order: func(c *Call) { c.originate(side, o, as) }})
	})
	return c.ID, nil
}

// mayOriginate tells why a call cannot begin.
func (s *Server) mayOriginate(o *Origination) error {
	switch {
	case s.sides[o.Side] == nil:
		return fmt.Errorf("originate: no side %q", o.Side)
	case s.Draining():
		return errors.New("originate: no more calls now")
	case s.cfg.Media == nil:
		return errors.New("originate: media is not anchored, so there is nothing to talk with")
	}
	for _, uri := range []string{o.From, o.To, o.And} {
		if u, err := sip.ParseURI([]byte(uri)); uri != "" && (err != nil || !u.IsSIP() && !sip.EqualFold(u.Scheme, "tel")) || uri == "" && uri != o.And {
			return fmt.Errorf("originate: %q is no SIP or tel URI", uri)
		}
	}
	for _, name := range o.Apps {
		if _, ok := s.cfg.Apps[name]; !ok {
			return fmt.Errorf("originate: no application %q", name)
		}
	}
	return nil
}

// originate is the first event of such a call. Its leg 0 stands for Bifrons, and has no party.
func (c *Call) originate(side *Side, o Origination, as Departure) {
	c.Legs = []*Leg{{Side: side.Name, side: side, local: side.Locals[0], Phase: Over, Ours: true, Counted: true, Them: as.From, Us: "<" + o.To + ">"}}
	c.Branches = []Branch{{}}
	for _, h := range as.Headers {
		if sip.HeaderIDOf([]byte(h.Name)) == sip.HdrPChargingVector {
			c.ICID = icid([]byte(h.Value))
		}
	}
	if o.And != "" {
		c.Third = &Third{And: o.And, As: as}
	}
	c.setChain(0, o.Apps)
	c.call(0, as, o.To, "")
}

// call dials a URI in a branch, as a party that made no INVITE.
func (c *Call) call(branch uint8, as Departure, to, extra string) {
	inv := &sip.Message{}
	b := append([]byte("INVITE "+to+" SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-0\r\nMax-Forwards: "), strconv.Itoa(c.srv.cfg.MaxForwards)...)
	b = append(b, "\r\nFrom: "+as.From+";tag=0\r\nTo: <"+to+">\r\nCall-ID: 0\r\nCSeq: 1 INVITE\r\n"+extra...)
	if err := inv.Parse(sip.AppendBody(b, nil)); err != nil {
		c.failBranch(branch, 400)
		return
	}
	c.Invite = Text{inv}
	c.Branches[branch].Dialed.Routes, c.Branches[branch].Sent = as.Routes, as.Headers
	c.redial(branch, to)
}

// dialling tells whether a branch may still be dialled: the caller waits, or what the call or a transfer was made for has not come yet.
func (c *Call) dialling(branch uint8) bool {
	return c.Legs[0].awaits() || c.ofTransfer(branch) || c.Legs[0].Ours && c.Answer.IsZero()
}

// offered puts into the INVITE of a leg that no caller's offer goes to what stands in it: nothing for the target of a transfer and for
// the first of two parties, who make the offer; the first one's for the second; else Bifrons' own.
func (c *Call) offered(l *Leg, d *Dialog, o *outgoing) *errOffer {
	switch t := c.Third; {
	case !c.Legs[0].Ours || l.Branch != 0 && t == nil, t != nil && t.First == 0:
		return nil
	case t != nil:
		x := c.Legs[t.First]
		xt := x.tx(t.Tx)
		if xt == nil || x.Phase != Confirmed {
			return &errOffer{480, "the first party is gone"}
		}
		return c.crossSDP(x, x.Dialogs[xt.Dialog], l, d, xt.Head, false, o)
	}
	body, err := c.ownDescription(l, d, nil, false)
	o.body, o.contentType, o.describes = body, sdpType, true
	return err
}

// originated takes the answer of a party of an originated call.
func (c *Call) originated(l *Leg, w *Walk) {
	t, d, m := l.tx(w.Tx), l.confirmed(), w.Msg.Message
	body := descriptionOf(m)
	switch th := c.Third; {
	case t == nil || d == nil || body == nil:
		c.endOriginated(488)
	case th == nil:
		c.ownAnswer(l, d, m)
		l.Own = true
		c.established()
	case th.First == 0:
		d.Offer.Turn = turnTheirs
		th.First, th.Tx, t.Head = l.Slot, t.Num, slices.Clone(body)
		n := uint8(len(c.Branches))
		c.Branches = append(c.Branches, Branch{From: uint8(len(c.Chain)), Until: c.srv.now() + thirdTime})
		c.call(n, th.As, th.And, "")
	default:
		x := c.Legs[th.First]
		xt := x.tx(th.Tx)
		var out outgoing
		if xt == nil || x.Phase != Confirmed {
			c.endOriginated(480)
			return
		}
		if err := c.crossSDP(l, d, x, x.Dialogs[xt.Dialog], body, true, &out); err != nil {
			c.endOriginated(err.status)
			return
		}
		c.sendAck(x, xt, out)
		xt.Head, c.Third = nil, nil
		c.pair(x, l)
		c.established()
	}
}

// established notes that an originated call has what it was made for.
func (c *Call) established() {
	c.began()
	c.srv.metrics.answered.Inc()
	c.srv.metrics.setUp.Observe(c.Answer.Sub(c.Started).Seconds())
}

func (c *Call) endOriginated(status int) {
	c.end(Cause{Status: crossingStatus(status), By: ByCallee, Text: "refused with " + strconv.Itoa(status)})
}

// HangUpLeg ends one leg of a call; who talked with it talks with Bifrons then. The last one ends the call.
func (s *Server) HangUpLeg(call uint64, leg int) bool {
	return s.order(call, func(c *Call) bool { return c.hangUp(leg) })
}

// Move lets a leg of one call talk with a leg of another, or of the same call; with whom they talked is hung up. It tells whether that was
// begun.
func (s *Server) Move(call uint64, leg int, to uint64, with int) bool {
	return s.order(call, func(c *Call) bool { return c.move(leg, to, with) })
}

// order runs an order in a call's mailbox; false also when the call has ended.
func (s *Server) order(call uint64, f func(*Call) bool) bool {
	c := s.find(call)
	if c == nil {
		return false
	}
	done, ok := ask(c.srv, c, func(c *Call) bool { return c.Cause == nil && f(c) })
	return done && ok
}

// hangUp ends an answered or ringing leg.
func (c *Call) hangUp(leg int) bool {
	if leg < 0 || leg >= len(c.Legs) || c.Legs[leg].Phase == Over {
		return false
	}
	l := c.Legs[leg]
	if l.Phase == Trying {
		if leg == 0 {
			return false
		}
		c.abandon(l, 487)
		return true
	}
	c.leave(l)
	c.hangLeg(l)
	for _, x := range c.Legs {
		if x.Phase != Over {
			return true
		}
	}
	c.end(Cause{Status: 200, By: ByBifrons, Text: "hang-up by order"})
	return true
}

// move begins a transfer that no party asked for.
func (c *Call) move(leg int, to uint64, with int) bool {
	if c.Alone || leg < 0 || leg >= len(c.Legs) || with < 0 || with > maxLegs || c.Legs[leg].Phase != Confirmed || c.Transfer != nil {
		return false
	}
	tr := &Transfer{By: noLeg, Stays: uint8(leg), Quiet: true, Until: c.srv.now() + transferTime}
	if o := c.other(c.Legs[leg]); o != nil {
		tr.By = o.Slot
	}
	c.Transfer = tr
	if to != c.ID {
		if c.adoptLeg(ref{to, uint8(with), 0}, forMove) {
			return true
		}
		c.Transfer = nil
		return false
	}
	if with == leg || with >= len(c.Legs) || c.Legs[with].Phase != Confirmed || !c.takeAlong(c.Legs[with]) {
		c.Transfer = nil
		return false
	}
	return true
}

// takeAlong joins a leg with the one that a transfer leaves in its place.
func (c *Call) takeAlong(target *Leg) bool {
	if o := c.other(target); o != nil && o.Slot != c.Transfer.Stays {
		c.Transfer.Near = o.Slot + 1
	}
	return c.propose(target, Proposal{Show: showAsk, Leg: c.Transfer.Stays, Then: thenTransfer})
}

// noLeg in Transfer.By: nobody asked.
const noLeg = 255
