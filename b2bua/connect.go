package b2bua

import (
	"bytes"
	"hash/fnv"
	"slices"
	"time"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/sdp"
	"github.com/bifrons/bifrons/sip"
)

// Connect says who speaks with whom, and ends in Connected: one leg is with Bifrons alone, two are joined, by re-INVITE
// where what they have agreed on does not fit, more, or those in a Room of that name on this node, are mixed. Who was with them before stays
// with Bifrons. A caller who has no answer yet gets that of the callee that is joined to it.
type Connect struct {
	Legs []int
	Room string
	Name string // comes back in Connected
}

// Connected is the end of a Connect, with the legs in order, and of a Dial of an App whose caller Bifrons had answered: "done" or "failed", with the error.
type Connected struct {
	Legs   []int
	Name   string
	Reason string
	Err    string
}

// Release hangs up, or cancels, one callee while the call goes on; who was joined to it is with Bifrons.
type Release struct{ Leg int }

// Joining is a join that waits for the answer to a re-INVITE, as data.
type Joining struct {
	Owner
	Name string
	A, B uint8         // A is asked
	Tx   uint32        // its INVITE, 0 not sent yet
	At   time.Duration // when that is tried again
	Ends time.Duration
}

const (
	joinRetry = 200 * time.Millisecond // while another INVITE is open
	joinLimit = 35 * time.Second
)

// applyConnect puts legs together.
func (c *Call) applyConnect(w *Walk, e Connect) bool {
	err := c.connectable(&e)
	if err == nil {
		legs := make([]*Leg, len(e.Legs))
		for i, slot := range e.Legs {
			legs[i] = c.Legs[slot]
		}
		switch {
		case e.Room != "" || len(legs) > 2:
			c.mix(c.owner(w), &e, legs)
		case len(legs) == 1:
			c.part(legs[0])
			c.connected(c.owner(w), e.Name, media.ReasonDone.String(), "", legs...)
		default:
			err = c.unite(c.owner(w), e.Name, legs[0], legs[1])
		}
	}
	if err != nil {
		c.tell(c.owner(w), c.Legs[0], Connected{Legs: e.Legs, Name: e.Name, Reason: media.ReasonFailed.String(), Err: err.Error()})
	}
	return err == nil
}

func (c *Call) connectable(e *Connect) error {
	if len(e.Legs) == 0 || !c.srv.cfg.Anchor || c.srv.cfg.Media == nil {
		return errUnnatural
	}
	for i, slot := range e.Legs {
		if slot < 0 || slot >= len(c.Legs) || slices.Contains(e.Legs[:i], slot) {
			return errNoLeg
		}
		l := c.Legs[slot]
		if l.Phase == Over {
			return errOver
		}
		if l.Phase == Trying && (slot != 0 || len(e.Legs) != 2 || e.Room != "") {
			return errNoSpeech
		}
	}
	return nil
}

func (c *Call) connected(o Owner, name, reason, text string, legs ...*Leg) {
	ev := Connected{Name: name, Reason: reason, Err: text}
	for _, l := range legs {
		ev.Legs = append(ev.Legs, int(l.Slot))
	}
	slices.Sort(ev.Legs)
	c.tell(o, legs[0], ev)
}

// part takes a leg away from who it is with: Bifrons is its other end, and that of who stays behind.
func (c *Call) part(l *Leg) {
	if l.Room != 0 {
		if s := l.speech(); s != nil {
			c.do(media.Leave{Port: s.port})
		}
		l.Room = 0
	}
	o := c.other(l)
	l.Own = true
	if o == nil || o.Phase == Trying {
		return
	}
	for i := range l.Ports {
		if i < len(o.Ports) && l.Ports[i].ID != 0 && o.Ports[i].ID != 0 {
			c.do(media.Part{A: l.Ports[i].ID, B: o.Ports[i].ID})
		}
	}
	o.Own, l.With, o.With, l.Joined, o.Joined = true, 0, 0, false, false
	for _, x := range [...]*Leg{l, o} {
		if d := x.confirmed(); d != nil && x.Phase == Confirmed {
			c.describeOwn(x, d)
		}
	}
}

// mix brings legs into a room.
func (c *Call) mix(o Owner, e *Connect, legs []*Leg) {
	room := c.ID
	if e.Room != "" {
		h := fnv.New64a()
		h.Write([]byte(e.Room))
		room = h.Sum64() | 1<<63
	}
	for _, l := range legs {
		if l.Room == room {
			continue
		}
		c.part(l)
		if s := l.speech(); s != nil {
			l.Room = room
			l.RoomOwner, l.RoomName = o, e.Name
			c.do(media.Enter{Port: s.port, Room: media.RoomID(room)})
		}
	}
	c.connected(o, e.Name, media.ReasonDone.String(), "", legs...)
}

// left takes the relay's word that a leg could not enter its room.
func (c *Call) left(l *Leg, text string) {
	if l.Room != 0 {
		l.Room = 0
		c.connected(l.RoomOwner, l.RoomName, media.ReasonFailed.String(), text, l)
	}
}

// unite joins two legs, at once where they have agreed with each other before.
func (c *Call) unite(o Owner, name string, a, b *Leg) error {
	if c.other(a) == b && !a.Own {
		c.connected(o, name, media.ReasonDone.String(), "", a, b)
		return nil
	}
	if b.Phase == Trying || b.Slot == 0 { // the caller is the one that is asked
		a, b = b, a
	}
	switch {
	case a.Phase == Trying:
		return c.answerWith(o, name, a, b)
	case c.Joining != nil:
		return errUnnatural
	case a.Met == b.Slot+1 && b.Met == a.Slot+1, c.fits(a, b):
		c.part(a)
		c.part(b)
		c.link(a, b)
		c.connected(o, name, media.ReasonDone.String(), "", a, b)
		return nil
	case len(b.Said) == 0:
		return errNoSpeech
	}
	now := c.srv.now()
	c.Joining = &Joining{Owner: o, Name: name, A: a.Slot, B: b.Slot, At: now, Ends: now + joinLimit}
	c.askToJoin(now)
	return nil
}

// fits tells that two legs that Bifrons has answered, or asked, speak one codec, the same, so that neither needs to be asked anew.
func (c *Call) fits(a, b *Leg) bool {
	x, y := a.speech(), b.speech()
	if x == nil || y == nil || len(b.Said) == 0 || !x.bothWays() || !y.bothWays() {
		return false
	}
	s := c.srv.sessions.Get().(*sdp.Session)
	defer c.srv.sessions.Put(s)
	if s.Parse(b.Said) != nil {
		return false
	}
	n := 0
	for i := range s.Media {
		if s.Media[i].Active() {
			n += max(1, len(s.Media[i].Speech()))
		}
	}
	return n == 1 && same(y.Formats[0], x.Formats[0])
}

// link joins two confirmed legs by what they have described.
func (c *Call) link(a, b *Leg) {
	c.stopPlayer(a)
	c.stopPlayer(b)
	a.Own, b.Own, a.Joined, b.Joined = false, false, true, true
	a.Met, b.Met = b.Slot+1, a.Slot+1
	c.pair(a, b)
	if a.Slot == 0 {
		c.Winner = b.Slot
	}
	c.join(a, a.confirmed(), b, b.confirmed(), c.srv.policy(a.side, b.side))
}

// answerWith answers the caller with what a callee that was kept apart has described.
func (c *Call) answerWith(o Owner, name string, a, b *Leg) error {
	t, d := a.initial(), b.confirmed()
	if t == nil || d == nil || len(b.Said) == 0 || !t.Offered {
		return errNoSpeech
	}
	ad := c.twin(b, d)
	body, err := c.carry(b, d, a, ad, b.Said, true)
	if err != nil {
		return err
	}
	c.stopPlayer(a)
	c.stopPlayer(b)
	c.Winner, a.Own, b.Own = b.Slot, false, false
	c.giveUpOthers(b, elsewhere)
	invite := c.Invite
	c.answered(a, t, ad, reply{status: 200, out: outgoing{body: bytes.Clone(body), contentType: sdpType}})
	c.Invite = invite
	c.connected(o, name, media.ReasonDone.String(), "", a, b)
	return nil
}

// askToJoin asks a leg for what another one has described, once no other INVITE is open there.
func (c *Call) askToJoin(now time.Duration) {
	j := c.Joining
	a, b := c.Legs[j.A], c.Legs[j.B]
	ad, bd := a.confirmed(), b.confirmed()
	open := func(t *Tx) bool {
		return t.State == sip.Calling || t.State == sip.Proceeding || t.Again > 0 || t.unacked()
	}
	serving := func(t *Tx) bool { return t.State == sip.Proceeding || t.State == sip.Accepted }
	switch {
	case a.Phase != Confirmed || b.Phase != Confirmed || ad == nil || bd == nil:
		c.joined(errOver.Error())
		return
	case now >= j.Ends:
		c.joined("the party does not answer")
		return
	case j.Tx != 0:
		j.At = j.Ends
		return
	case a.asking(open), a.find(sip.InviteServer, serving) != nil, b.asking(open), b.find(sip.InviteServer, serving) != nil:
		j.At = now + joinRetry
		return
	}
	body, err := c.carry(b, bd, a, ad, b.Said, false)
	if err != nil {
		c.joined(err.Error())
		return
	}
	t := c.send(a, ad, sip.INVITE, outgoing{body: body, contentType: sdpType, describes: true})
	t.Own, j.Tx, j.At = true, t.Num, j.Ends
}

// joinAnswered takes the answer to the re-INVITE of a join; false for another one.
func (c *Call) joinAnswered(l *Leg, t *Tx, m *sip.Message) bool {
	j := c.Joining
	if j == nil || j.A != l.Slot || j.Tx != t.Num {
		return false
	}
	b := c.Legs[j.B]
	if !describes(m) || b.Phase != Confirmed {
		c.joined("the party gives no description")
		return true
	}
	bd := b.confirmed()
	origin, shown := bd.Offer.Origin, bd.Offer.Shown
	_, err := c.carry(l, l.confirmed(), b, bd, descriptionOf(m), true)
	bd.Offer.Origin, bd.Offer.Shown = origin, shown // nothing is said to it
	if err != nil {
		c.joined(err.Error())
		return true
	}
	c.part(l)
	c.part(b)
	c.link(l, b)
	c.joined("")
	return true
}

// joined ends a join, "" as done.
func (c *Call) joined(text string) {
	j := c.Joining
	c.Joining = nil
	reason := media.ReasonDone.String()
	if text != "" {
		reason = media.ReasonFailed.String()
		for _, slot := range [...]uint8{j.A, j.B} {
			if d := c.Legs[slot].confirmed(); d != nil {
				d.Offer.Pending = nil
			}
		}
	}
	c.connected(j.Owner, j.Name, reason, text, c.Legs[j.A], c.Legs[j.B])
}

// apart tells that a callee that answers is not joined to the caller at once.
func (c *Call) apart(l *Leg) bool {
	a := c.Legs[0]
	return c.Branches[l.Branch].Dialed.Park && a.Phase != Over || a.Own && a.Phase == Confirmed
}

// keepApart makes Bifrons the other end of a callee that has answered, before the Apps hear of it: they may speak to it at once.
func (c *Call) keepApart(l *Leg, t *Tx, m *sip.Message) bool {
	d := l.confirmed()
	c.Branches[l.Branch].Until = 0
	if c.srv.cfg.Media == nil {
		return false
	}
	if !t.Offered { // its 200 has the offer
		body, err := c.ownDescription(l, d, descriptionOf(m), true)
		if err != nil {
			return false
		}
		c.sendAck(l, t, outgoing{body: bytes.Clone(body), contentType: sdpType})
		return true
	}
	body := descriptionOf(m)
	if body == nil {
		body = l.Said // it stood in a provisional response
	}
	s := c.srv.sessions.Get().(*sdp.Session)
	defer c.srv.sessions.Put(s)
	if len(body) == 0 || s.Parse(body) != nil {
		return false
	}
	l.Own, l.Said = true, bytes.Clone(body)
	d.Offer.Pending = c.streams(s)
	c.obeyOwn(l, d)
	return true
}

// answeredApart handles the answer of a callee that is not joined at once: because its Dial says so, or because Bifrons has answered
// the caller, who may have to be asked anew.
func (c *Call) answeredApart(l *Leg) {
	b := &c.Branches[l.Branch]
	if b.Dialed.Park {
		return
	}
	c.giveUpOthers(l, elsewhere)
	o := Owner{b.From - 1, b.Parent}
	if b.From == 0 {
		o.App = orphan
	}
	if err := c.unite(o, "", c.Legs[0], l); err != nil {
		c.connected(o, "", media.ReasonFailed.String(), err.Error(), c.Legs[0], l)
	}
}

// applyRelease ends one callee.
func (c *Call) applyRelease(e Release) bool {
	if e.Leg <= 0 || e.Leg >= len(c.Legs) || c.Legs[e.Leg].Phase == Over {
		return false
	}
	l := c.Legs[e.Leg]
	if l.Phase == Trying {
		c.abandonWith(l, Cause{})
		c.Branches[l.Branch].Failed, c.Branches[l.Branch].Until = 487, 0
		return true
	}
	c.leave(l)
	c.hangLeg(l)
	return true
}

// leave parts a callee that goes, while the call goes on, from who it is with.
func (c *Call) leave(l *Leg) {
	c.part(l)
	c.closeEndpoint(l)
	for i := range l.Ports {
		c.retire(l, i)
	}
	if j := c.Joining; j != nil && (j.A == l.Slot || j.B == l.Slot) {
		c.joined(errOver.Error())
	}
}

// goesAlone ends the leg of a callee that has hung up while the call goes on; false where the call ends with it.
func (c *Call) goesAlone(l *Leg) bool {
	if l.Slot == 0 || l.Phase != Over || c.Cause != nil || c.Legs[0].Phase != Confirmed && !l.Own {
		return false
	}
	if !slices.ContainsFunc(c.Legs, func(o *Leg) bool { return o.Phase != Over }) {
		return false
	}
	c.leave(l)
	return true
}
