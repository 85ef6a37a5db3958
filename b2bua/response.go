package b2bua

import (
	"slices"
	"strconv"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// response handles a response of a leg's party.
func (c *Call) response(l *Leg, e event) {
	m := e.msg
	n, _ := m.CSeq()
	t := l.tx(e.ref.number)
	if m.Method == sip.CANCEL { // its branch is that of the INVITE it cancels
		t = l.find(sip.NonInviteClient, func(t *Tx) bool { return t.Method == sip.CANCEL && t.CSeq == n && t.Peer == e.ref.number })
	}
	if t == nil && c.probed(l, m, n, e.ref.number) {
		return
	}
	if t == nil || t.CSeq != n || t.Method != m.Method {
		c.srv.metrics.strays.Inc()
		return
	}
	ev := sip.GotFinal
	switch {
	case m.Status < 200:
		ev = sip.Got1xx
	case m.Status < 300:
		ev = sip.Got2xx
	}
	if m.Status >= 200 && verdictOn(m.Status) == alive {
		c.proved(l)
	}
	do := c.step(t, ev)
	if do&sip.SendAck != 0 {
		c.ackFailure(l, t, m)
	}
	switch {
	case do&sip.Deliver == 0:
		c.srv.metrics.absorbed.Inc()
	case c.challenged(l, t, m):
	case c.Alone:
		c.aloneResponse(l, t, m)
	case t.Kind == sip.InviteClient:
		c.inviteResponse(l, t, m)
	case m.Status >= 200 && t.Own && t.Method == sip.UPDATE:
		if !c.waitOut(l, t, m) {
			c.refreshed(l, m)
		}
	case m.Status >= 200 && !t.Own:
		if t.Method == sip.UPDATE && m.Status < 300 {
			l.Dialogs[t.Dialog].refresh(m)
			if l.Phase == Confirmed {
				c.agreed(l, m)
			}
		}
		c.answerPeer(t, m.Status, m)
		if (m.Status == 481 || m.Status == 408) && l.Phase == Confirmed && !l.unacked() { // RFC 3261 12.2.1.2
			c.vanished(l, m.Status, "dialog lost", t.Method)
		}
	}
}

// answerPeer gives a response to the transaction of the other leg that waits for it.
func (c *Call) answerPeer(t *Tx, status int, m *sip.Message) {
	if t.Peer == 0 || status == 100 {
		return
	}
	p := c.Legs[t.PeerLeg]
	pt := p.tx(t.Peer)
	l := c.legOf(t)
	if l == nil || pt != nil && status < 200 && pt.Method != sip.INVITE {
		return
	}
	if pt == nil { // nobody waits any more
		if t.Offered && status >= 300 {
			c.forgetOffer(l, l.Dialogs[t.Dialog])
		}
		return
	}
	r := reply{status: crossingStatus(status)}
	if status == 481 && c.Sub != nil { // there is one subscription on both legs
		r.status = status
	}
	if status == 500 && m != nil && (pt.Method == sip.UPDATE || pt.Method == sip.INVITE) && m.Has(sip.HdrRetryAfter) { // an offer too soon, RFC 3261 14.2, RFC 3311 5.2
		r.extra = c.retryAfter(m)
	}
	if m != nil {
		r.out = outgoing{from: l, m: m}
		if status < 300 || !describes(m) {
			if err := c.cross(l, l.Dialogs[t.Dialog], p, p.Dialogs[pt.Dialog], m, t.Offered, &r.out); err != nil {
				c.end(Cause{Status: err.status, By: l.party(), Text: err.text})
				return
			}
		}
	}
	if status >= 300 && (t.Kind == sip.InviteClient || t.Offered) {
		c.rollBack(l, l.Dialogs[t.Dialog], p, p.Dialogs[pt.Dialog])
	}
	c.reply(p, pt, r)
}

// legOf finds the leg of a client transaction.
func (c *Call) legOf(t *Tx) *Leg {
	for _, l := range c.Legs {
		if l.tx(t.Num) == t {
			return l
		}
	}
	return nil
}

// rollBack forgets an offer that was refused: both parties stay with what they had (RFC 3261 14.1).
func (c *Call) rollBack(l *Leg, d *Dialog, p *Leg, pd *Dialog) {
	d.Offer.Pending, pd.Offer.Pending = nil, nil
	d.Offer.Turn, pd.Offer.Turn = turnSettled, turnSettled
	for _, x := range [...]*Leg{l, p} {
		for i := range x.Ports {
			if !x.uses(i) {
				c.closePort(x, i)
			}
		}
	}
}

// forgetOffer takes back an offer whose other end is gone.
func (c *Call) forgetOffer(l *Leg, d *Dialog) {
	if o, od := c.mate(l, d); od != nil {
		c.rollBack(l, d, o, od)
	}
}

// uses tells whether any dialog of a leg has an m-line, or may come to have it.
func (l *Leg) uses(i int) bool {
	for _, d := range l.Dialogs {
		if d.Offer.stream(i).RTP.IsValid() || i < len(d.Offer.Pending) && d.Offer.Pending[i].RTP.IsValid() {
			return true
		}
	}
	return i < len(l.Asked) && l.Asked[i].RTP.IsValid()
}

// ackFailure acknowledges a 300 to 699 hop by hop; the ACK then is what a repeated failure gets (RFC 3261 17.1.1.3).
func (c *Call) ackFailure(l *Leg, t *Tx, m *sip.Message) {
	if t.Ack == nil {
		var inv sip.Message
		if len(t.Last) == 0 || inv.Parse(append([]byte(nil), t.Last...)) != nil {
			return
		}
		t.Ack = c.seal(l, sip.AppendBody(appendHopByHop(c.buffer(), &inv, "ACK", m.Get(sip.HdrTo)), nil))
		if m.Status != 491 && m.Status != 422 && m.Status != 401 && m.Status != 407 && (m.Status != 500 || !t.Own) { // they are sent again
			t.Last = nil
		}
	}
	c.transmit(l, l.side.Locals[t.Local], t.Ack, t.Dest, t.Name)
}

// appendHopByHop prints CANCEL or the ACK of a failure: everything as in the INVITE, To as given (RFC 3261 9.1, 17.1.1.3).
func appendHopByHop(b []byte, inv *sip.Message, method string, to []byte) []byte {
	b = append(append(append(b, method...), ' '), inv.RequestURI...)
	b = append(b, " SIP/2.0\r\n"...)
	b = sip.AppendHeader(b, "Via", inv.Get(sip.HdrVia))
	for i := range inv.Headers {
		if inv.Headers[i].ID == sip.HdrRoute {
			b = sip.AppendHeader(b, "Route", inv.Headers[i].Value)
		}
	}
	b = sip.AppendHeader(b, "From", inv.Get(sip.HdrFrom))
	b = sip.AppendHeader(b, "To", to)
	b = sip.AppendHeader(b, "Call-ID", inv.Get(sip.HdrCallID))
	n, _ := inv.CSeq()
	b = append(strconv.AppendUint(append(b, "CSeq: "...), uint64(n), 10), ' ')
	b = append(append(b, method...), "\r\n"...)
	return sip.AppendHeader(b, "Max-Forwards", inv.Get(sip.HdrMaxForwards))
}

// inviteResponse handles what an INVITE of ours brought.
func (c *Call) inviteResponse(l *Leg, t *Tx, m *sip.Message) {
	c.answeredBy(l, t, m.Status)
	if m.Status < 200 {
		first := !t.Rang
		t.Rang = true
		if m.Status > 100 && !t.Cancel { // RFC 3261 16.7 step 2: Timer C starts again
			c.enter(t, sip.Proceeding)
		}
		if t.Cancel {
			if first {
				c.cancel(l, t, Cause{Reason: t.Reason})
			}
			return
		}
	}
	if l.Phase == Confirmed && t == l.initial() && !c.ofDialog(l, t, m) {
		return
	}
	switch {
	case m.Status >= 200 && m.Status < 300:
		c.inviteAnswered(l, t, m)
	case l.Phase == Trying && t == l.initial():
		c.inviteProgress(l, t, m)
	case l.Phase == Confirmed && m.Status > 100 && m.Status < 200:
		c.answerPeer(t, m.Status, nil)
	case l.Phase == Confirmed && m.Status >= 300:
		c.reinviteResponse(l, t, m)
	}
}

// ofDialog tells whether a response to an INVITE in a confirmed leg belongs to it; late forks of the first INVITE are ended.
func (c *Call) ofDialog(l *Leg, t *Tx, m *sip.Message) bool {
	tag, _ := toTag(m)
	if l.confirmed().RemoteTag == string(tag) {
		return true
	}
	if m.Status >= 200 && m.Status < 300 {
		c.endFork(l, t, m, string(tag))
	}
	return false
}

// inviteProgress handles provisional and failure responses to the first INVITE of a leg.
func (c *Call) inviteProgress(l *Leg, t *Tx, m *sip.Message) {
	switch {
	case m.Status == 100:
	case m.Status < 200:
		if !c.inOrder(c.early(l, t, m), t, m) {
			return
		}
		if m.Status == 199 {
			c.prackOwn(l, m)
			c.earlyEnded(l, l.Dialogs[t.Dialog])
			return
		}
		c.offer(Walk{Event: Progress{Branch: int(l.Branch), Status: m.Status}, Leg: l.Slot, Tx: t.Num, Msg: Text{m}, Branch: l.Branch, Up: true})
	case m.Status == 422 && c.askAgain(l, t, t.Last, m):
	default:
		t.Last = nil
		l.Phase = Over
		c.closePorts(l)
		if c.nextTarget(l, m) {
			return
		}
		f := Failure{Branch: int(l.Branch), Status: m.Status}
		if m.Status < 400 {
			f.Contacts = contacts(m)
		}
		c.offer(Walk{Event: f, Leg: l.Slot, Tx: t.Num, Msg: Text{m}, Branch: l.Branch, Up: true})
	}
}

func contacts(m *sip.Message) (out []string) {
	for one := range m.Values(sip.HdrContact) {
		a, err := sip.ParseAddress(one)
		if err != nil {
			continue
		}
		if _, err := sip.ParseURI(a.URI); err == nil {
			out = append(out, requestURI(a.URI))
		}
	}
	return out
}

// reinviteResponse carries the refusal of a new offer back, or tries again after it met another one.
func (c *Call) reinviteResponse(l *Leg, t *Tx, m *sip.Message) {
	if t.For == nil && c.waitOut(l, t, m) {
		return
	}
	if m.Status == 422 && c.askAgain(l, t, t.Last, m) {
		return
	}
	t.Last = nil
	if j := c.Joining; j != nil && j.A == l.Slot && j.Tx == t.Num {
		c.joined("the party refuses with " + strconv.Itoa(m.Status))
	}
	if t.For != nil {
		c.proposed(l, t, m)
	}
	c.answerPeer(t, m.Status, m)
	if m.Status == 481 || m.Status == 408 {
		c.vanished(l, m.Status, "dialog lost", t.Method)
	}
}

// waitOut has a refused request of ours made again later, twice at most: a re-INVITE or UPDATE that met another one, as 491 says (RFC 3261
// 14.1, RFC 3311 5.3); and one that Bifrons makes for itself that came too soon, as 500 says with the time to wait (14.2, 5.2).
func (c *Call) waitOut(l *Leg, t *Tx, m *sip.Message) bool {
	wait := c.respite(l, m)
	if wait == 0 || m.Status == 500 && !t.Own || t.Tries >= 2 || t.Cancel || l.Phase != Confirmed {
		return false
	}
	t.Tries++
	t.Again = c.srv.now() + wait
	if t.Expire > 0 { // until then it takes repeated answers
		t.Expire = max(t.Expire, t.Again)
	}
	return true
}

// giveWay ends what waits out a 491 for the far party when this one comes with an offer: who asked hears the 491 and asks again in its time.
// So who need not wait long goes first, as the two pauses mean it.
func (c *Call) giveWay(l *Leg) {
	for _, t := range l.Txs {
		if t.Again > 0 && t.Peer != 0 {
			t.Again = 0
			c.answerPeer(t, 491, nil)
		}
	}
}

// maxPause bounds the Retry-After of a 500 that is waited for: RFC 3261 14.2 has 10 s at most.
const maxPause = 32 * time.Second

// respite is how long a refused request waits for its turn, 0 if the refusal is for good.
func (c *Call) respite(l *Leg, m *sip.Message) time.Duration {
	switch {
	case m.Status == 491:
		return c.backOff(l)
	case m.Status == 500 && m.Has(sip.HdrRetryAfter):
		if d := m.RetryAfter(); d <= maxPause {
			return max(d, 10*time.Millisecond)
		}
	}
	return 0
}

// backOff is how long to wait after 491: 2.1 to 4 s for the owner of the Call-ID, else 0 to 2 s (RFC 3261 14.1).
func (c *Call) backOff(l *Leg) time.Duration {
	unit := 10 * time.Millisecond
	if l.UAC {
		return 2100*time.Millisecond + time.Duration(c.srv.random()%191)*unit
	}
	return time.Duration(1+c.srv.random()%200) * unit
}

// tryAgain sends a refused re-INVITE once more, as a new transaction with the same offer. An UPDATE of ours has none: it is made anew.
func (c *Call) tryAgain(l *Leg, t *Tx) {
	t.Again = 0
	if t.Method == sip.UPDATE {
		t.State, t.Retry, t.Expire = sip.Terminated, 0, 0
		if d := l.confirmed(); d != nil && l.Phase == Confirmed {
			n := c.send(l, d, sip.UPDATE, outgoing{})
			n.Own, n.Tries = true, t.Tries
		}
		return
	}
	if l.find(sip.InviteServer, func(s *Tx) bool { return s.State == sip.Proceeding || s.State == sip.Accepted }) != nil {
		t.Again = c.srv.now() + c.backOff(l)
		return
	}
	var inv sip.Message
	if inv.Parse(append([]byte(nil), t.Last...)) != nil {
		return
	}
	t.State, t.Retry, t.Expire = sip.Terminated, 0, 0
	c.sendAgain(l, t, &inv, func() {})
}

// sendAgain sends a request once more as a new transaction, changed by edit.
func (c *Call) sendAgain(l *Leg, t *Tx, inv *sip.Message, edit func()) *Tx {
	l.CSeq++
	first := sip.Calling
	if t.Kind == sip.NonInviteClient {
		first = sip.Trying
	}
	n := c.begin(l, &Tx{Kind: t.Kind, Method: t.Method, CSeq: l.CSeq, Dialog: t.Dialog, Dest: t.Dest, Name: t.Name, Local: t.Local, Offered: t.Offered,
		Reliable: t.Reliable, Tries: t.Tries, Own: t.Own, For: t.For, PeerLeg: t.PeerLeg, Peer: t.Peer}, first)
	from := l.side.Locals[t.Local]
	via := append([]byte("SIP/2.0/"+from.Transport.String()+" "), from.Advertise...)
	inv.Set(sip.HdrVia, c.appendBranch(append(via, ";branch="...), l, n.Num))
	inv.Set(sip.HdrCSeq, append(strconv.AppendUint(nil, uint64(n.CSeq), 10), " "+t.Method.String()...))
	edit()
	t.Last, t.Peer = nil, 0
	if j := c.Joining; j != nil && j.A == l.Slot && j.Tx == t.Num {
		j.Tx = n.Num
	}
	n.Last = c.seal(l, inv.Append(c.buffer()))
	c.transmit(l, from, n.Last, n.Dest, n.Name)
	return n
}

// recordRoute returns the route set of a Record-Route, reversed for a UAC (RFC 3261 12.1).
func recordRoute(m *sip.Message, reverse bool) []string {
	out := m.List(sip.HdrRecordRoute)
	if reverse {
		slices.Reverse(out)
	}
	return out
}
