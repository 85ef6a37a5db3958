package b2bua

import (
	"github.com/bifrons/bifrons/sip"
)

// request handles a request of a leg's party: transaction first, then dialog.
func (c *Call) request(l *Leg, e event) {
	m := e.msg
	via, _ := m.TopVia()
	n, _ := m.CSeq()
	switch m.Method {
	case sip.ACK:
		c.ack(l, m, n, e.ref.number)
		return
	case sip.CANCEL:
		c.cancelled(l, e, via.Branch())
		return
	}
	kind := sip.NonInviteServer
	if m.Method == sip.INVITE {
		kind = sip.InviteServer
	}
	if t := l.find(kind, func(t *Tx) bool { return t.CSeq == n && t.Branch == string(via.Branch()) }); t != nil {
		c.srv.metrics.absorbed.Inc()
		if c.step(t, sip.GotRequest)&sip.Resend != 0 {
			c.transmit(l, e.local, t.Last, t.Dest, "")
		}
		return
	}
	if e.invite { // the first INVITE once more, after its transaction ended: nothing new
		c.srv.metrics.absorbed.Inc()
		return
	}
	if m.Method != sip.BYE && c.turnedAway(e, n) {
		c.srv.refuseBusy(e.local, m)
		return
	}
	c.notifiedFirst(l, m)
	i := c.dialogFor(l, m, e.ref.number)
	if i < 0 || m.Method != sip.BYE && l.Phase == Over {
		c.srv.refuse(e.local, m, 481, "")
		return
	}
	if l.Phase == Over { // a BYE that crossed ours (RFC 5407 3.1.2), or came again: silence could cost a phone its registration
		c.srv.refuse(e.local, m, 200, "")
		return
	}
	c.proved(l)
	if len(l.Txs) >= maxTxs && m.Method != sip.BYE {
		c.srv.refuse(e.local, m, 503, "Retry-After: 5\r\n")
		return
	}
	d := l.Dialogs[i]
	t := c.begin(l, &Tx{Kind: kind, Method: m.Method, Branch: string(via.Branch()), CSeq: n, Dialog: uint8(i), Local: e.local.index(),
		Dest: m.Source, Tagged: true, Offered: describes(m)}, map[bool]sip.TxState{true: sip.Proceeding, false: sip.Trying}[kind == sip.InviteServer])
	t.Head = c.responseHead(m)
	if !c.Alone {
		t.Them = l.another(d, m)
	}
	switch {
	case n <= d.Remote: // RFC 3261 12.2.2: out of order, or reused
		c.reply(l, t, reply{status: 500})
	case unsupported(l.side, m) != "":
		d.Remote = n
		c.reply(l, t, reply{status: 420, extra: unsupported(l.side, m)})
	default:
		d.Remote = n
		if status, extra := unfit(m); status != 0 {
			c.reply(l, t, reply{status: status, extra: extra})
			return
		}
		c.inDialog(l, d, t, m)
	}
}

// maxTxs bounds the transactions a party can have open on its leg; each may last 32 s.
const maxTxs = 64

// dialogFor finds the dialog of a request by our tag's number and the party's tag; the Call-ID must be the leg's.
func (c *Call) dialogFor(l *Leg, m *sip.Message, number uint32) int {
	from, _ := sip.ParseAddress(m.Get(sip.HdrFrom))
	tag, _ := from.Params.Get("tag")
	var buf [idLength]byte
	if string(c.appendCallID(buf[:0], l)) != string(m.Get(sip.HdrCallID)) {
		return -1
	}
	for i, d := range l.Dialogs {
		if d.RemoteTag == string(tag) && (l.UAC || uint32(d.Number) == number) {
			return i
		}
	}
	return -1
}

// responseHead keeps what every response repeats (RFC 3261 8.2.6.2): Via, From, Call-ID, CSeq, and a To that has its tag;
// and the Record-Route of an INVITE.
func (c *Call) responseHead(m *sip.Message) []byte {
	b := c.buffer()
	top := true
	for i := range m.Headers {
		h := &m.Headers[i]
		switch h.ID {
		case sip.HdrVia:
			b = append(b, "Via: "...)
			if top {
				b, top = m.AppendTopVia(b), false
			} else {
				b = append(b, h.Value...)
			}
			b = append(b, '\r', '\n')
		case sip.HdrFrom, sip.HdrCallID, sip.HdrCSeq, sip.HdrTimestamp:
			b = sip.AppendHeader(b, h.ID.String(), h.Value)
		case sip.HdrRecordRoute: // RFC 3261 12.1.1, RFC 6665 4.1.2.4: it makes the party's route set
			if m.Method == sip.INVITE || c.Sub != nil {
				b = sip.AppendHeader(b, "Record-Route", h.Value)
			}
		case sip.HdrTo:
			if _, tagged := toTag(m); tagged {
				b = sip.AppendHeader(b, "To", h.Value)
			}
		}
	}
	return c.exact(b)
}

func toTag(m *sip.Message) ([]byte, bool) {
	to, err := sip.ParseAddress(m.Get(sip.HdrTo))
	if err != nil {
		return nil, false
	}
	tag, ok := to.Params.Get("tag")
	return tag, ok && len(tag) > 0
}

// inDialog handles a new request inside a dialog.
func (c *Call) inDialog(l *Leg, d *Dialog, t *Tx, m *sip.Message) {
	if c.Alone {
		c.inSubscription(l, d, t, m)
		return
	}
	switch m.Method {
	case sip.BYE:
		c.reply(l, t, reply{status: 200})
		if c.leaves(l) {
			return
		}
		if !d.Confirmed && l.UAC { // RFC 3261 15: a callee cannot BYE what it has not answered
			return
		}
		cause := Cause{Status: 200, By: l.party(), Text: "hang-up", Reason: reasonOf(m)}
		if l.Phase == Trying {
			cause.Status = 487 // what the INVITE is answered with
		} else {
			l.Phase = Over
		}
		c.offer(Walk{Event: Hangup{Leg: int(l.Slot), Cause: cause}, Leg: l.Slot, Msg: Text{m}, Branch: c.branchOf(l), Up: l.Slot != 0})
	case sip.OPTIONS:
		c.reply(l, t, reply{status: 200, extra: l.side.allow + l.side.supported()})
	case sip.INVITE:
		c.reinvite(l, d, t, m)
	case sip.REFER:
		c.refer(l, t, m)
	case sip.NOTIFY:
		c.passNotify(l, t, m)
	case sip.PRACK:
		c.pracked(l, d, t, m)
	case sip.UPDATE:
		c.update(l, d, t, m)
	case sip.INFO, sip.MESSAGE:
		if c.crossable(l, t, m) {
			ev := Message{Leg: int(l.Slot), Method: m.Method.String()}
			if len(c.Chain) > 0 {
				ev.ContentType, ev.Body = string(m.Get(sip.HdrContentType)), append([]byte(nil), m.Body...)
				if key, long, ok := digitIn(m); ok {
					c.digit(l, Digit{Leg: int(l.Slot), Key: string(rune(key)), Duration: long, By: byInfo})
					if c.Cause != nil {
						return
					}
				}
			}
			c.offer(Walk{Event: ev, Leg: l.Slot, Tx: t.Num, Msg: Text{m}, Branch: c.branchOf(l), Up: l.Slot != 0})
		}
	case sip.MethodOther:
		c.reply(l, t, reply{status: 501, extra: l.side.allow})
	default:
		c.reply(l, t, reply{status: 405, extra: l.side.allow})
	}
}

// crossable answers what cannot cross to the other leg now.
func (c *Call) crossable(l *Leg, t *Tx, m *sip.Message) bool {
	switch o := c.other(l); {
	case o != nil && (o.Phase != Confirmed || l.Phase != Confirmed):
		c.reply(l, t, reply{status: 480})
	case o == nil && !l.answeredByUs():
		c.reply(l, t, reply{status: 480})
	case c.srv.hops(m) == 0:
		c.reply(l, t, reply{status: 483})
	default:
		return true
	}
	return false
}

// answeredByUs tells that Bifrons is the confirmed leg's other end.
func (l *Leg) answeredByUs() bool { return l.Own && l.Phase == Confirmed }

// reinvite takes a new offer, one at a time per dialog (RFC 3261 14.2).
func (c *Call) reinvite(l *Leg, d *Dialog, t *Tx, m *sip.Message) {
	open := func(s *Tx) bool { return s != t && (s.State == sip.Proceeding || s.State == sip.Accepted) }
	asked := func(s *Tx) bool {
		return s.State == sip.Calling || s.State == sip.Proceeding || s.Again > 0 || s.unacked()
	}
	refreshing := func(s *Tx) bool { return s.Own && asked(s) }
	o, od := c.mate(l, d)
	short := c.rules(l).tooShort(m)
	c.giveWay(l)
	switch {
	case l.find(sip.InviteServer, func(s *Tx) bool { return s != t && s.State == sip.Proceeding }) != nil:
		c.reply(l, t, reply{status: 500, extra: c.retryAfter(nil)})
	case l.Phase != Confirmed, l.find(sip.InviteServer, open) != nil, l.asking(asked), o != nil && (o.find(sip.InviteServer, open) != nil || o.asking(refreshing)):
		c.reply(l, t, reply{status: 491})
	case l.find(sip.NonInviteServer, (*Tx).open) != nil:
		c.reply(l, t, reply{status: 500, extra: c.retryAfter(nil)})
	case d.Offer.Turn == turnOurs, o != nil && (od == nil || od.Offer.Turn == turnOurs || od.Offer.Turn == turnTheirs):
		c.reply(l, t, reply{status: 491})
	case short != "":
		c.reply(l, t, reply{status: 422, extra: short})
	case c.crossable(l, t, m):
		d.refresh(m)
		c.asked(l, m)
		c.reply(l, t, reply{status: 100})
		c.offer(Walk{Event: Reinvite{Leg: int(l.Slot), SDP: t.Offered}, Leg: l.Slot, Tx: t.Num, Msg: Text{m}, Branch: c.branchOf(l), Up: l.Slot != 0})
	}
}

// unacked tells that an INVITE of ours was answered and waits for the far party's ACK.
func (t *Tx) unacked() bool {
	return t.Kind == sip.InviteClient && t.State == sip.Accepted && t.Ack == nil
}

// unacked tells that the party has not acknowledged its 2xx yet: it may not have it, and so not know the dialog.
func (l *Leg) unacked() bool {
	t := l.initial()
	return t != nil && t.Kind == sip.InviteServer && t.State == sip.Accepted
}

func (l *Leg) asking(match func(*Tx) bool) bool {
	for _, t := range l.Txs {
		if t.Kind == sip.InviteClient && match(t) {
			return true
		}
	}
	return false
}

// refresh takes the remote target of a target refresh request or response (RFC 3261 12.2).
func (d *Dialog) refresh(m *sip.Message) {
	d.learn(m)
	first, _ := sip.CutValue(m.Get(sip.HdrContact))
	a, err := sip.ParseAddress(first)
	if err != nil || string(a.URI) == d.Target {
		return
	}
	if _, err := sip.ParseURI(a.URI); err == nil { // else we keep what we have
		d.Target = requestURI(a.URI)
	}
}

// requestURI is a Contact's URI as a Request-URI: without headers, which have no place there (RFC 3261 19.1.1).
func requestURI(uri []byte) string {
	if u, err := sip.ParseURI(uri); err == nil && u.IsSIP() && len(u.Headers) > 0 {
		uri = uri[:len(uri)-len(u.Headers)-1]
	}
	return string(uri)
}

// ack handles an ACK: of a 2xx it may bring the answer to a late offer, of a failure it ends here.
func (c *Call) ack(l *Leg, m *sip.Message, cseq, tag uint32) {
	t := l.find(sip.InviteServer, func(t *Tx) bool { return t.CSeq == cseq })
	if t != nil && t.Branch != branchOf(m) && c.dialogFor(l, m, tag) < 0 { // the ACK of a failure has the INVITE's branch
		c.srv.metrics.strays.Inc()
		return
	}
	if t != nil && t.State == sip.Proceeding && c.Stale {
		if t.Branch == branchOf(m) { // of a failure that the node before us sent
			t.State, t.Retry, t.Expire = sip.Terminated, 0, 0
			c.end(Cause{Status: 487, By: ByBifrons, Text: "refused before the takeover"})
			return
		}
		c.presume(l, t, c.dialogFor(l, m, tag))
	}
	if t == nil || c.step(t, sip.GotAck)&sip.Deliver == 0 {
		return
	}
	c.proved(l)
	t.Last = nil
	if l.Hangup {
		c.bye(l, l.HangupReason)
		return
	}
	o := c.other(l)
	if o == nil {
		if !t.Offered {
			c.ownAnswer(l, l.Dialogs[t.Dialog], m)
		}
		return
	}
	p := o.find(sip.InviteClient, func(p *Tx) bool { return p.PeerLeg == l.Slot && p.Peer == t.Num && p.unacked() })
	if p == nil {
		return
	}
	out := outgoing{from: l, m: m, hops: c.srv.cfg.MaxForwards + 1}
	if err := c.cross(l, l.Dialogs[t.Dialog], o, o.Dialogs[p.Dialog], m, true, &out); err != nil {
		c.end(Cause{Status: 488, By: l.party(), Text: err.Error()})
		return
	}
	c.sendAck(o, p, out)
}

// branchOf returns the transaction identifier of a request.
func branchOf(m *sip.Message) string {
	via, _ := m.TopVia()
	return string(via.Branch())
}

// cancelReinvite ends a re-INVITE and not the call: it is cancelled at the other leg, whose final answer, which may still be
// a 2xx, is this leg's. Where nothing was sent yet it is 487 at once.
func (c *Call) cancelReinvite(l *Leg, t *Tx, reason string) {
	o := c.other(l)
	if o != nil {
		for _, p := range o.Txs {
			if p.Kind != sip.InviteClient || p.PeerLeg != l.Slot || p.Peer != t.Num {
				continue
			}
			if p.Again == 0 {
				c.cancel(o, p, Cause{Reason: reason})
				return
			}
			p.Again = 0 // it waits out a 491
			c.rollBack(o, o.Dialogs[p.Dialog], l, l.Dialogs[t.Dialog])
		}
	}
	c.reply(l, t, reply{status: 487})
}

// presume makes a call confirmed that its snapshot knows as ringing: the caller's ACK proves that the node before us has
// answered it. The tag tells which of the caller's dialogs that was, and so which callee; a callee that no 18x showed yet is
// plain when one rings.
func (c *Call) presume(a *Leg, t *Tx, shown int) {
	var l *Leg
	var d *Dialog
	for _, o := range c.Legs[1:] {
		for _, od := range o.Dialogs {
			if o.Phase == Trying && od.RemoteTag != "" && (l == nil || int(od.Twin) == shown) {
				l, d = o, od
			}
		}
	}
	if l == nil {
		return
	}
	it, ad := l.initial(), c.twin(l, d)
	l.Phase, d.Confirmed, a.Phase, ad.Confirmed = Confirmed, true, Confirmed, true
	t.Dialog = a.index(ad)
	c.keepOnly(l, d)
	c.keepOnly(a, ad)
	d.Offer.Turn, ad.Offer.Turn = turnSettled, turnSettled
	if it != nil {
		it.Dialog, it.State, it.Retry, it.Expire = 0, sip.Terminated, 0, 0
	}
	c.Winner, c.Invite = l.Slot, Text{}
	c.began()
	c.enter(t, sip.Accepted)
	c.giveUpOthers(l, elsewhere)
}

// cancelled answers a CANCEL and ends what it cancels (RFC 3261 9.2).
func (c *Call) cancelled(l *Leg, e event, branch []byte) {
	t := l.find(sip.InviteServer, func(t *Tx) bool { return t.Branch == string(branch) })
	if t == nil {
		c.srv.refuse(e.local, e.msg, 481, "")
		return
	}
	var d *Dialog
	if int(t.Dialog) < len(l.Dialogs) {
		d = l.Dialogs[t.Dialog]
	}
	b := e.msg.AppendResponseHead(c.buffer(), 200, "OK", c.appendTag(nil, l, d))
	c.transmit(l, e.local, c.seal(l, sip.AppendBody(b, nil)), e.msg.Source, "")
	if t.State != sip.Proceeding {
		return
	}
	if l.Phase != Trying {
		c.cancelReinvite(l, t, reasonOf(e.msg))
		return
	}
	c.offer(Walk{Event: Hangup{Leg: int(l.Slot), Cause: Cause{Status: 487, By: l.party(), Text: "cancelled", Reason: reasonOf(e.msg)}},
		Leg: l.Slot, Branch: c.branchOf(l), Up: l.Slot != 0})
}
