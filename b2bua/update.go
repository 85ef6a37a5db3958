package b2bua

import (
	"strconv"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// update takes an UPDATE (RFC 3311): an offer in any dialog, also before the answer, or a refresh of session and target (RFC 4028 7.4).
func (c *Call) update(l *Leg, d *Dialog, t *Tx, m *sip.Message) {
	short := c.rules(l).tooShort(m)
	if short != "" && l.Phase == Confirmed {
		c.reply(l, t, reply{status: 422, extra: short})
		return
	}
	if l.find(sip.NonInviteServer, func(s *Tx) bool {
		return s != t && s.Method == sip.UPDATE && s.Dialog == t.Dialog && s.State == sip.Trying
	}) != nil { // RFC 3311 5.2
		c.reply(l, t, reply{status: 500, extra: c.retryAfter(nil)})
		return
	}
	o, od := c.mate(l, d)
	tells := !t.Offered && o != nil && od != nil && c.identifies(l, d, t, m, o, od)
	switch {
	case t.Offered:
		c.updateOffer(l, d, t, m, o, od)
	case tells && o.reachable(od) && c.srv.hops(m) > 0:
		d.refresh(m)
		if l.Phase == Confirmed {
			c.asked(l, m)
		}
		c.relay(l, &Walk{Tx: t.Num, Msg: Text{m}})
	case o == nil || !c.carriesTimer(l) || l.Phase != Confirmed:
		d.refresh(m)
		c.asked(l, m)
		c.reply(l, t, reply{status: 200})
	case c.crossable(l, t, m):
		d.refresh(m)
		c.relay(l, &Walk{Tx: t.Num, Msg: Text{m}})
	}
}

// updateOffer takes an UPDATE with an offer: while one of ours is open it gets 491, while one of the party's is, 500 (RFC 3311 5.2). An
// offer that the far party is asked, or asks, at the same time is no better.
func (c *Call) updateOffer(l *Leg, d *Dialog, t *Tx, m *sip.Message, o *Leg, od *Dialog) {
	again := l.find(sip.NonInviteServer, func(s *Tx) bool { return s != t && s.open() }) != nil
	asks := l.Phase == Confirmed && l.find(sip.InviteServer, func(s *Tx) bool { return s.State == sip.Proceeding && s.Offered }) != nil
	c.giveWay(l)
	switch {
	case d.Offer.Turn == turnOurs, d.Rel.waits():
		c.reply(l, t, reply{status: 491})
	case d.Offer.Turn == turnTheirs, again, asks:
		c.reply(l, t, reply{status: 500, extra: c.retryAfter(nil)})
	case c.reinviting(l, d):
		c.reply(l, t, reply{status: 491})
	case d.Offer.Turn != turnSettled:
		c.reply(l, t, reply{status: 500, extra: c.retryAfter(nil)})
	case o != nil && (od == nil || od.Offer.Turn != turnSettled || od.Rel.waits() || c.reinviting(o, od)):
		c.reply(l, t, reply{status: 491})
	case o != nil && c.srv.hops(m) == 0:
		c.reply(l, t, reply{status: 483})
	case o == nil && !d.Own && !l.answersUs(c):
		c.reply(l, t, reply{status: 480})
	default:
		d.refresh(m)
		if l.Phase == Confirmed {
			c.asked(l, m)
		}
		c.offer(Walk{Event: Reinvite{Leg: int(l.Slot), SDP: true}, Leg: l.Slot, Tx: t.Num, Msg: Text{m}, Branch: c.branchOf(l), Up: l.Slot != 0})
	}
}

// open tells that a server transaction has an offer that is not answered yet.
func (t *Tx) open() bool {
	return t.Offered && t.Method != sip.INVITE && (t.State == sip.Trying || t.State == sip.Proceeding)
}

// reinviting tells that an INVITE inside the dialog is not finished yet, whoever sent it.
func (c *Call) reinviting(l *Leg, d *Dialog) bool {
	if l.Phase != Confirmed {
		return false
	}
	return l.find(sip.InviteServer, func(s *Tx) bool { return s.State == sip.Proceeding || s.State == sip.Accepted }) != nil ||
		l.asking(func(s *Tx) bool {
			return s.State == sip.Calling || s.State == sip.Proceeding || s.Again > 0 || s.unacked()
		})
}

// answersUs tells that Bifrons is the other end of a leg: it has answered it, or shows it a description of its own.
func (l *Leg) answersUs(c *Call) bool {
	return l.answeredByUs() || l.Phase == Trying && !l.Joined && len(l.Dialogs) == 1 && l.Dialogs[0].Offer.Turn != turnNone
}

// retryAfter is the line that tells a party to ask again within 10 s (RFC 3261 14.2), or when the far party says in its 500, m.
func (c *Call) retryAfter(m *sip.Message) string {
	wait := int(c.srv.random() % 11)
	if m != nil && m.Has(sip.HdrRetryAfter) {
		wait = int(m.RetryAfter() / time.Second)
	}
	return "Retry-After: " + strconv.Itoa(wait) + "\r\n"
}
