package b2bua

import "github.com/bifrons/bifrons/sip"

// A stand-alone request is a call of one request and its answer: MESSAGE outside a dialog (RFC 3428). It has no dialog and no media.
// SUBSCRIBE (RFC 6665) begins as one, and has dialogs from its answer on (subscription.go).
// Its Apps see Invite, then Answer or Failure, and Ended; what only a session has, such as Ring and Accept, is refused to them.

// alone tells whether a request outside a dialog goes through the chain of its side: only a home network's does, and only where
// there is a chain. Others are refused: nobody here takes messages, or notifies.
func alone(side *Side, m *sip.Message) bool {
	return (m.Method == sip.MESSAGE || m.Method == sip.SUBSCRIBE) && takesAlone(side)
}

func takesAlone(side *Side) bool { return side.Trust == Home && len(side.Apps) > 0 }

// sendAlone sends a stand-alone request to the party of a new leg. RFC 3428 4: MESSAGE has no Contact.
func (c *Call) sendAlone(l *Leg, o *outgoing) {
	l.CSeq++
	t := c.begin(l, &Tx{Kind: sip.NonInviteClient, Method: o.m.Method, CSeq: l.CSeq, Dest: l.Dest, Name: l.Name, Local: l.Local, Peer: 1}, sip.Trying)
	b := c.appendRequest(c.buffer(), l, nil, t.Method, t.Num, t.CSeq, o)
	if t.Method == sip.SUBSCRIBE {
		b = c.appendContact(b, l, o)
	}
	t.Last = c.seal(l, c.appendCrossing(b, l, o))
	uri := l.Target
	if len(l.Routes) > 0 {
		uri = bare(l.Routes[0])
	}
	if h := c.Branches[l.Branch].Hunt; !c.depart(l, t, uri) && h.due() > 0 {
		h.Until = c.srv.now() // the network refuses it: it is unheard at once
	}
}

// aloneResponse takes a response to a stand-alone request.
func (c *Call) aloneResponse(l *Leg, t *Tx, m *sip.Message) {
	if c.Sub != nil && (!l.UAC || l.Phase == Confirmed) {
		c.subscriptionResponse(l, t, m)
		return
	}
	if h, g := c.huntOf(l); h != nil {
		if h.Until = 0; g != nil && m.Status != 503 {
			c.srv.succeeded(g)
		}
	}
	if m.Status < 200 || l.Phase != Trying || c.Cause != nil {
		return
	}
	l.Phase, t.Last = Over, nil
	switch {
	case c.Sub == nil:
	case m.Status >= 300 && c.Winner == l.Slot: // a NOTIFY was all there was of it
		c.Winner = 0
	case m.Status < 300 && !c.subscribed(l, m):
		return
	}
	w := Walk{Event: Answer{Branch: int(l.Branch), Status: m.Status}, Leg: l.Slot, Tx: t.Num, Msg: Text{m}, Branch: l.Branch, Up: true}
	if m.Status >= 300 {
		if c.nextTarget(l, m) {
			return
		}
		f := Failure{Branch: int(l.Branch), Status: m.Status}
		if m.Status < 400 {
			f.Contacts = contacts(m)
		}
		w.Event = f
	}
	c.offer(w)
}

// aloneAnswered is the end of an Answer's walk: the caller has it, and that was all but for a subscription.
func (c *Call) aloneAnswered(l *Leg, w *Walk, status int) {
	a := c.Legs[0]
	t := a.tx(1)
	if c.Sub != nil && (t == nil || a.Phase != Trying || w.Msg.Message == nil) {
		return
	}
	if c.Sub != nil {
		a.Phase, a.Dialogs[0].Confirmed, c.Invite = Confirmed, true, Text{}
		c.giveUpOthers(l, "")
		c.began()
		c.lasts(w.Msg.Get(sip.HdrExpires))
	}
	if t != nil && w.Msg.Message != nil {
		r := reply{status: status, out: outgoing{from: l, m: w.Msg.Message, draft: w.draft()}}
		_ = c.cross(l, l.Dialogs[0], a, a.Dialogs[0], w.Msg.Message, true, &r.out) // of a description, which says nothing here
		c.reply(a, t, r)
	}
	if c.Sub != nil {
		c.lastNotified()
		return
	}
	c.end(Cause{Status: status, By: ByCallee, Text: "delivered"})
}

// hush lets nobody be reminded of a stand-alone request any more.
func (l *Leg) hush() {
	for _, t := range l.Txs {
		if t.Kind == sip.NonInviteClient {
			t.Retry = 0
		}
	}
}
