package b2bua

import (
	"bytes"

	"github.com/bifrons/bifrons/sip"
)

// maxDialogs bounds the early dialogs of a leg, whatever a network forks to.
const maxDialogs = 16

// early finds or makes the dialog of a response above 100: the first remote tag takes the dialog the INVITE was sent in,
// another tag is another fork (RFC 3261 12.1.2).
func (c *Call) early(l *Leg, t *Tx, m *sip.Message) *Dialog {
	tag, _ := toTag(m)
	i := l.dialogOf(tag)
	if i < 0 {
		d := l.Dialogs[0]
		if d.RemoteTag != "" && len(l.Dialogs) < maxDialogs {
			d = &Dialog{Twin: noTwin, Offer: offer{Origin: d.Offer.Origin, Shown: cloneAll(d.Offer.Shown)}}
			if t.Offered {
				d.Offer.Turn = turnOurs
			}
			l.Dialogs = append(l.Dialogs, d)
		}
		d.RemoteTag = string(tag)
		i = int(l.index(d))
	}
	t.Dialog = uint8(i)
	d := l.Dialogs[i]
	if d.Target == "" || m.Status >= 200 {
		d.Routes = recordRoute(m, true)
		d.Target = l.Target
		d.refresh(m)
		if to := c.aim(l, d); to.ask != nil && m.Status < 200 {
			c.foresee(*to.ask)
		}
	} else {
		d.learn(m)
	}
	return d
}

// inviteAnswered handles a 2xx: the first one answers, a repeated one gets its ACK again, one that crossed our CANCEL is
// acknowledged and ended.
func (c *Call) inviteAnswered(l *Leg, t *Tx, m *sip.Message) {
	switch {
	case t.Ack != nil:
		if tag, _ := toTag(m); l.Phase == Over && string(tag) != l.Dialogs[t.Dialog].RemoteTag {
			c.endFork(l, t, m, string(tag))
			return
		}
		c.transmit(l, l.side.Locals[t.Local], t.Ack, t.Dest, t.Name)
	case l.Phase == Over:
		d := c.early(l, t, m)
		d.Ended = true
		c.sendAck(l, t, outgoing{})
		c.send(l, d, sip.BYE, outgoing{}).Own = true
	case l.Phase == Confirmed:
		if len(t.Last) == 0 {
			return // repeated, and the other party has not acknowledged yet
		}
		l.Dialogs[t.Dialog].refresh(m)
		c.agreed(l, m)
		c.showSent(l, t.Last)
		t.Last = nil
		if t.For != nil {
			c.proposed(l, t, m)
			return
		}
		if t.Own && !c.joinAnswered(l, t, m) {
			c.ownAnswer(l, l.Dialogs[t.Dialog], m)
		}
		if t.Offered { // although it may be cancelled: it stands
			c.sendAck(l, t, outgoing{})
		}
		c.answerPeer(t, m.Status, m)
	default:
		d := c.early(l, t, m)
		l.Phase, d.Confirmed = Confirmed, true
		c.keepOnly(l, d)
		c.agreed(l, m)
		l.identify(m)
		c.showSent(l, t.Last)
		t.Last = nil
		if t.Offered {
			c.sendAck(l, t, outgoing{})
		}
		if c.apart(l) && !c.keepApart(l, t, m) {
			c.hangLeg(l)
			c.failBranch(l.Branch, 488)
			return
		}
		c.offer(Walk{Event: Answer{Branch: int(l.Branch), Status: m.Status}, Leg: l.Slot, Tx: t.Num, Msg: Text{m}, Branch: l.Branch, Up: true})
	}
}

// keepOnly forgets the early dialogs of a leg but the one that was answered; a request that is open in another one is refused.
func (c *Call) keepOnly(l *Leg, d *Dialog) {
	at := l.index(d)
	for _, t := range l.Txs {
		switch {
		case t.Dialog == at:
		case t.Kind == sip.NonInviteServer:
			c.reply(l, t, reply{status: 481})
		case t.Method == sip.PRACK || t.Method == sip.UPDATE:
			t.Own, t.Peer, t.Offered = true, 0, false
		}
		t.Dialog = 0
	}
	l.Dialogs = []*Dialog{d}
}

// endFork ends a dialog that another branch of the callee's network made after the first answered (RFC 3261 13.2.2.4): a
// repeated 2xx gets its ACK again, more forks than maxDialogs get nothing.
func (c *Call) endFork(l *Leg, t *Tx, m *sip.Message, tag string) {
	i := l.dialogOf([]byte(tag))
	if i < 0 && len(l.Dialogs) >= maxDialogs {
		c.srv.metrics.strays.Inc()
		return
	}
	if i < 0 {
		i = len(l.Dialogs)
		l.Dialogs = append(l.Dialogs, &Dialog{RemoteTag: tag, Twin: noTwin})
	}
	d := l.Dialogs[i]
	d.Routes, d.Target = recordRoute(m, true), l.Target
	d.refresh(m)
	l.Last++
	to := c.aim(l, d)
	if to.ask != nil {
		c.foresee(*to.ask) // the 2xx comes again
	}
	ack := c.appendRequest(c.buffer(), l, d, sip.ACK, l.Last, t.CSeq, &outgoing{})
	c.transmit(l, l.local, c.seal(l, sip.AppendBody(ack, nil)), to.to, to.name)
	if !d.Ended {
		d.Ended = true
		c.send(l, d, sip.BYE, outgoing{}).Own = true
	}
}

// twin returns the caller's dialog that shows a callee's: the first takes the first, each fork one of its own.
func (c *Call) twin(l *Leg, d *Dialog) *Dialog {
	a := c.Legs[0]
	if d.Twin != noTwin && int(d.Twin) < len(a.Dialogs) {
		return a.Dialogs[d.Twin]
	}
	if !c.showsCallee() && !a.Dialogs[0].Own || len(a.Dialogs) >= maxDialogs {
		d.Twin = 0
		return a.Dialogs[0]
	}
	n := a.fork()
	d.Twin = a.index(n)
	return n
}

// fork adds a dialog to a caller's leg, which is shown as one more fork of its INVITE.
func (l *Leg) fork() *Dialog {
	first := l.Dialogs[0]
	n := &Dialog{Number: uint8(len(l.Dialogs)), Updates: first.Updates, Changes: first.Changes, Hidden: first.Hidden, RemoteTag: first.RemoteTag, Target: first.Target, Routes: first.Routes, Remote: first.Remote}
	if n.Offer.Pending = l.Asked; l.Asked != nil {
		n.Offer.Turn = turnTheirs
	}
	l.Dialogs = append(l.Dialogs, n)
	return n
}

// shown finds the callee's dialog of a response and the caller's that shows it.
func (c *Call) shown(l *Leg, m *sip.Message) (d, ad *Dialog) {
	tag, _ := toTag(m)
	if i := l.dialogOf(tag); i >= 0 {
		d = l.Dialogs[i]
	} else {
		d = l.Dialogs[0]
	}
	return d, c.twin(l, d)
}

// ring shows a callee's provisional response to the caller.
func (c *Call) ring(l *Leg, w *Walk) {
	if c.ofTransfer(l.Branch) && l.Phase == Trying {
		c.tellTransfer(w.Event.(Progress).Status)
		return
	}
	a := c.Legs[0]
	t := a.initial()
	if a.Phase != Trying || t == nil || l.Phase != Trying {
		return
	}
	m := w.Msg.Message
	if ev, ok := w.Event.(Progress); ok && m == nil && ev.Branch == ownBranch {
		_ = c.answerEarly(ev.Status, w.Set)
		return
	}
	if m == nil { // our own
		c.provisional(a, t, reply{status: w.Event.(Progress).Status, dialog: a.Dialogs[0], extra: fieldLines(w.Set)}, w, Reliable{})
		return
	}
	d, ad := c.shown(l, m)
	rseq := l.wantsPrack(m)
	rely := t.Requires || t.Reliable && rseq != 0
	if rely && ad.Rel.waits() {
		c.waitForPrack(a, w)
		return
	}
	r := reply{status: m.Status, dialog: ad, out: outgoing{from: l, m: m, draft: w.draft()}}
	if err := c.crossEarly(l, d, a, ad, m, t.Offered, rseq != 0, rely, &r.out); err != nil {
		c.end(Cause{Status: err.status, By: ByCallee, Text: err.text})
		return
	}
	c.Shown = true
	c.regate(l, d, m)
	if c.Rang.IsZero() && m.Status == 180 {
		c.Rang = c.srv.cfg.Clock.Wall()
		c.srv.metrics.postDial.Observe(c.Rang.Sub(c.Started).Seconds())
	}
	if !rely {
		c.prackOwn(l, m)
	}
	it := l.initial()
	c.provisional(a, t, r, w, Reliable{PeerLeg: l.Slot, PeerTag: d.RemoteTag, PeerRSeq: rseq, PeerCSeq: it.CSeq})
}

// provisional sends the caller a response above 100: reliably where its network wants that, or the callee's was.
func (c *Call) provisional(a *Leg, t *Tx, r reply, w *Walk, rel Reliable) {
	switch {
	case !t.Requires && (!t.Reliable || rel.PeerRSeq == 0):
		c.reply(a, t, r)
	case r.dialog.Rel.waits():
		c.waitForPrack(a, w)
	default:
		rel.Offered = r.out.describes && !t.Offered
		c.replyReliably(a, t, r, rel)
	}
}

// crossEarly is cross for a provisional response: an answer in one that is not reliable is a hint, which the 2xx repeats.
func (c *Call) crossEarly(l *Leg, d *Dialog, a *Leg, ad *Dialog, m *sip.Message, answer, far, near bool, o *outgoing) *errOffer {
	was, shown := d.Offer.Turn, ad.Offer.Turn
	if err := c.crossFirst(l, d, a, ad, m, answer, o); err != nil || !o.describes {
		return err
	}
	if !far {
		d.Offer.Turn = was
	}
	if !near {
		ad.Offer.Turn = shown
		if o.contentType == sdpType {
			ad.Offer.Early = bytes.Clone(o.body)
		}
	}
	return nil
}

// crossFirst is cross for a response to the first INVITE. Once an exchange is complete a further description says nothing (RFC 3261
// 13.2.1); where it is for the caller alone, because its network had the answer reliably, the relay learns of it all the same.
func (c *Call) crossFirst(l *Leg, d *Dialog, a *Leg, ad *Dialog, m *sip.Message, answer bool, o *outgoing) *errOffer {
	settled := ad.Offer.Turn == turnSettled
	o.settled = d.Offer.Turn == turnSettled || !answer && d.Offer.Turn != turnNone
	if err := c.cross(l, d, a, ad, m, answer, o); err != nil {
		return err
	}
	if settled && answer && o.describes {
		o.body, o.contentType, o.describes = nil, "", false
	}
	return nil
}

// connect answers the caller with a callee's answer and gives the other branches up.
func (c *Call) connect(l *Leg, w *Walk) {
	switch {
	case c.ofTransfer(l.Branch):
		c.targetAnswered(l, w)
		return
	case c.Legs[0].Ours:
		c.originated(l, w)
		return
	}
	a := c.Legs[0]
	t := a.initial()
	if l == a { // our own answer, that has waited for a PRACK
		c.accept()
		return
	}
	switch {
	case l.Own:
		c.answeredApart(l)
		return
	case a.Phase != Trying || t == nil: // another branch was faster
		c.hangLeg(l)
		return
	}
	m := w.Msg.Message
	d, ad := c.shown(l, m)
	if ad.Rel.waits() && ad.Rel.Described {
		c.waitForPrack(a, w)
		return
	}
	c.Winner = l.Slot
	r := reply{status: m.Status, dialog: ad, out: outgoing{from: l, m: m, draft: w.draft()}}
	if err := c.crossFirst(l, d, a, ad, m, t.Offered, &r.out); err != nil {
		c.end(Cause{Status: err.status, By: ByCallee, Text: err.text})
		return
	}
	if len(r.out.body) == 0 && t.Offered && ad.Offer.Early != nil { // the answer stood in a provisional response alone
		r.out.body, r.out.contentType = ad.Offer.Early, sdpType
	}
	if t.Offered {
		d.Offer.Turn, ad.Offer.Turn = turnSettled, turnSettled
	}
	c.giveUpOthers(l, elsewhere)
	c.stopPlayer(a)
	a.Own = false
	forked := len(a.Dialogs) > 1 || d.Gate != nil || ad.Gate != nil
	c.answered(a, t, ad, r)
	if forked {
		c.voice(l, d, a, ad)
	}
}

// answered sends the caller's 2xx.
func (c *Call) answered(a *Leg, t *Tx, d *Dialog, r reply) {
	a.Phase, d.Confirmed, d.Offer.Early = Confirmed, true, nil
	t.Dialog = a.index(d)
	c.keepOnly(a, d)
	a.Asked = nil
	c.Invite = Text{}
	c.began()
	r.dialog = d
	c.reply(a, t, r)
	c.srv.metrics.answered.Inc()
	c.srv.metrics.setUp.Observe(c.Answer.Sub(c.Started).Seconds())
}

// elsewhere tells a cancelled phone that the call was not missed (RFC 3326 3.1).
const elsewhere = `SIP;cause=200;text="Call completed elsewhere"`

// giveUpOthers cancels all branches but the one that won.
func (c *Call) giveUpOthers(winner *Leg, reason string) {
	for _, l := range c.Legs[1:] {
		if l != winner && l.Phase == Trying {
			c.abandonWith(l, Cause{Reason: reason})
			c.Branches[l.Branch].Failed = 487
		}
	}
	for i := range c.Branches {
		if c.Branches[i].Until = 0; c.Branches[i].Seek != nil {
			c.Branches[i].Seek, c.Branches[i].Failed = nil, 487
		}
	}
}

// abandonWith cancels a leg that rings.
func (c *Call) abandonWith(l *Leg, cause Cause) {
	l.Phase = Over
	c.dropHold(l)
	if t := l.initial(); t != nil {
		c.cancel(l, t, cause)
	} else if c.Alone {
		l.hush()
	}
	c.closePorts(l)
}

// abandon gives a ringing leg up and reports its branch as failed.
func (c *Call) abandon(l *Leg, status int) {
	if l.Phase != Trying {
		return
	}
	if l.Unanswered == nil && status == 408 {
		l.Unanswered = l.silence()
	}
	c.abandonWith(l, Cause{})
	c.failBranch(l.Branch, status)
}

// hangLeg ends one answered leg while the call goes on.
func (c *Call) hangLeg(l *Leg) {
	l.Phase = Over
	c.ackPending(l)
	c.closePorts(l)
	if d := l.confirmed(); d != nil {
		c.send(l, d, sip.BYE, outgoing{}).Own = true
	}
}

// ackPending acknowledges a 2xx whose ACK the other party never sent.
func (c *Call) ackPending(l *Leg) {
	for _, t := range l.Txs {
		if t.unacked() {
			c.sendAck(l, t, outgoing{})
			return
		}
	}
}

// failBranch reports a branch as failed to the Apps, then to the caller.
func (c *Call) failBranch(branch uint8, status int) {
	c.offer(Walk{Event: Failure{Branch: int(branch), Status: status}, Branch: branch, Up: true})
}

// branchFailed is the end of a Failure's walk: a redirection is followed where the side says so; the last branch to fail
// ends the call with the best answer of all (RFC 3261 16.7).
func (c *Call) branchFailed(l *Leg, f Failure, answer Text) {
	b := &c.Branches[f.Branch]
	b.Failed, b.Until = f.Status, 0
	if c.ofTransfer(uint8(f.Branch)) {
		c.transferred(crossingStatus(f.Status))
		return
	}
	a := c.Legs[0]
	if a.Ours && c.Answer.IsZero() {
		c.end(c.refusal(b))
		return
	}
	if c.redirect(b, f) || !a.awaits() || a.Hold != nil {
		return
	}
	best := b
	if best.Failed >= 600 { // RFC 3261 16.7 step 5: it speaks for the callee everywhere
		c.giveUpOthers(nil, "SIP;cause=603")
	}
	for i := range c.Branches {
		o := &c.Branches[i]
		if o.Seek != nil || o.Leg != 0 && c.Legs[o.Leg].Phase != Over { // it rings, or its answer is on its way
			c.allEarlyEnded(f.Branch)
			return
		}
		if o.Failed != 0 && better(o.Failed, best.Failed) {
			best = o
		}
	}
	if best.Failed != f.Status || b.Leg == 0 || l != c.Legs[b.Leg] { // it is another branch's, and no longer at hand
		answer = Text{}
	}
	c.endWith(c.refusal(best), l, answer)
}

// maxRedirects bounds how often one branch follows a 3xx.
const maxRedirects = 5

// redirect dials the first Contact of a 3xx, by the same next hop: a Contact never makes us send elsewhere.
func (c *Call) redirect(b *Branch, f Failure) bool {
	if f.Status < 300 || f.Status > 399 || len(f.Contacts) == 0 || b.Leg == 0 || b.Hops >= maxRedirects || c.Invite.Message == nil ||
		!c.Legs[b.Leg].side.FollowRedirect {
		return false
	}
	b.Hops++
	b.Failed, b.Leg = 0, 0
	c.redial(uint8(f.Branch), f.Contacts[0])
	return true
}

// relay carries a request inside the call to the other leg; where Bifrons is the other end, it answers itself.
func (c *Call) relay(l *Leg, w *Walk) {
	t := l.tx(w.Tx)
	if t == nil || w.Msg.Message == nil {
		return
	}
	if c.Sub != nil {
		c.passOn(l, w)
		return
	}
	m := w.Msg.Message
	o, d := c.mate(l, l.Dialogs[t.Dialog])
	if o == nil {
		c.answerInDialog(l, t, m)
		return
	}
	if d == nil || o.Phase == Over || l.Phase == Over {
		c.reply(l, t, reply{status: 480})
		return
	}
	method := m.Method
	if method == sip.UPDATE && t.Offered && !d.Updates {
		method = sip.INVITE
	}
	if method == sip.INVITE && o.Phase != Confirmed { // the far party cannot be asked before its answer
		c.reply(l, t, reply{status: 488})
		return
	}
	if c.digitAsked(l, t, m) {
		return
	}
	c.introduce(l, l.Dialogs[t.Dialog], t.Them, o, d)
	out := outgoing{from: l, m: m, hops: c.srv.hops(m)}
	if err := c.cross(l, l.Dialogs[t.Dialog], o, d, m, false, &out); err != nil {
		c.rollBack(l, l.Dialogs[t.Dialog], o, d)
		c.reply(l, t, reply{status: err.status})
		return
	}
	n := c.send(o, d, method, out)
	n.PeerLeg, n.Peer = l.Slot, t.Num
}
