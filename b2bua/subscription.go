package b2bua

import (
	"bytes"
	"strconv"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// Subscription is what a call is whose first request was SUBSCRIBE (RFC 6665): two dialogs without media, in which SUBSCRIBE goes one
// way and NOTIFY the other. Its Apps see Invite, then Answer or Failure, Message for each further request, and Ended.
type Subscription struct {
	Event string        // as the subscriber wrote it
	Until time.Duration // when it has run out, unless it is refreshed; 0 before it is taken
	Over  bool          // the notifier has ended it, a party does not know it any more, or it has run out
}

// due is when it runs out, 0 for never.
func (s *Subscription) due() time.Duration {
	if s == nil {
		return 0
	}
	return s.Until
}

func (s *Subscription) end() {
	if s != nil {
		s.Until = 0
	}
}

// method names the request of a call that is no session, for its record.
func (c *Call) method() string {
	switch {
	case c.Sub != nil:
		return sip.SUBSCRIBE.String()
	case c.Alone:
		return sip.MESSAGE.String()
	}
	return ""
}

// usage are the headers that are the subscription itself: they cross, whatever the policy says of them elsewhere.
var usage = [...]sip.HeaderID{sip.HdrEvent, sip.HdrExpires, sip.HdrAccept, sip.HdrAllowEvents, sip.HdrMinExpires}

const subscriptionState = "Subscription-State"

func ofUsage(h *sip.Header) bool {
	for _, id := range usage {
		if h.ID == id {
			return true
		}
	}
	return h.ID == sip.HdrOther && sip.EqualFold(h.Name, subscriptionState)
}

// appendUsage prints the headers of a subscription in m, less those that an App has set.
func appendUsage(dst []byte, m *sip.Message, d *Draft) []byte {
	for i := range m.Headers {
		if h := &m.Headers[i]; ofUsage(h) && (d == nil || !d.overrides(h)) {
			name := h.ID.String()
			if h.ID == sip.HdrOther {
				name = subscriptionState
			}
			dst = sip.AppendHeader(dst, name, h.Value)
		}
	}
	return dst
}

// allowEvents is in each 489 of ours (RFC 6665 7.3): the one package of which Bifrons itself tells and hears.
const allowEvents = "Allow-Events: refer\r\n"

// unfitSubscription refuses a SUBSCRIBE that makes no dialog, or is about nothing (RFC 6665 4.1.2, 4.2.1.1).
func unfitSubscription(m *sip.Message) (status int, extra string) {
	switch {
	case !m.Has(sip.HdrEvent):
		return 489, allowEvents
	case !m.Has(sip.HdrContact):
		return 400, ""
	case describes(m):
		return 415, ""
	}
	return 0, ""
}

// sameEvent tells whether a request is of the subscription: its package and its id are (RFC 6665 8.2.1).
func (s *Subscription) sameEvent(m *sip.Message) bool {
	kind, params, _ := cutParams(m.Get(sip.HdrEvent))
	own, ownParams, _ := cutParams([]byte(s.Event))
	id, _ := sip.Params(params).Get("id")
	ownID, _ := sip.Params(ownParams).Get("id")
	return bytes.Equal(bytes.TrimSpace(kind), bytes.TrimSpace(own)) && bytes.Equal(id, ownID)
}

// notifiedFirst makes the dialog of a NOTIFY that comes before the answer to its SUBSCRIBE (RFC 6665 4.1.2.4).
func (c *Call) notifiedFirst(l *Leg, m *sip.Message) {
	d := l.Dialogs[0]
	if c.Sub == nil || m.Method != sip.NOTIFY || !l.UAC || l.Phase != Trying || d.RemoteTag != "" || c.Winner != 0 || !c.Sub.sameEvent(m) {
		return
	}
	from, _ := sip.ParseAddress(m.Get(sip.HdrFrom))
	if tag, ok := from.Params.Get("tag"); ok && c.srv.callID(c, l) == string(m.Get(sip.HdrCallID)) {
		d.RemoteTag, d.Target, d.Routes = string(tag), l.Target, recordRoute(m, false)
	}
}

// inSubscription handles a new request inside a dialog without media.
func (c *Call) inSubscription(l *Leg, d *Dialog, t *Tx, m *sip.Message) {
	way := sip.SUBSCRIBE
	if l.UAC {
		way = sip.NOTIFY
	}
	switch {
	case m.Method == sip.OPTIONS:
		c.reply(l, t, reply{status: 200, extra: l.side.allow + l.side.supported()})
	case c.Sub == nil, c.Sub.Over, m.Method != way, !c.Sub.sameEvent(m), l.UAC && c.Winner != 0 && c.Winner != l.Slot: // of another usage, or fork
		c.reply(l, t, reply{status: 481})
	case l.UAC && m.Header(subscriptionState) == "":
		c.reply(l, t, reply{status: 400})
	case describes(m):
		c.reply(l, t, reply{status: 415})
	case c.srv.hops(m) == 0:
		c.reply(l, t, reply{status: 483})
	default:
		if d.refresh(m); l.UAC {
			c.Winner = l.Slot
		}
		ev := Message{Leg: int(l.Slot), Method: m.Method.String()}
		if len(c.Chain) > 0 {
			ev.ContentType, ev.Body = string(m.Get(sip.HdrContentType)), bytes.Clone(m.Body)
		}
		c.offer(Walk{Event: ev, Leg: l.Slot, Tx: t.Num, Msg: Text{m}, Branch: c.branchOf(l), Up: l.Slot != 0})
	}
}

// passOn carries a SUBSCRIBE or NOTIFY to the other leg.
func (c *Call) passOn(l *Leg, w *Walk) {
	t, m := l.tx(w.Tx), w.Msg.Message
	if t == nil || m == nil {
		return
	}
	o := c.Legs[0]
	if l == o {
		o = c.Legs[c.Winner]
	}
	if o == l || o.Phase == Over || l.Phase == Over {
		c.reply(l, t, reply{status: 481})
		return
	}
	out := outgoing{from: l, m: m, hops: c.srv.hops(m)}
	if err := c.cross(l, l.Dialogs[0], o, o.Dialogs[0], m, false, &out); err != nil {
		c.reply(l, t, reply{status: err.status})
		return
	}
	if l.UAC {
		state, params, _ := cutParams([]byte(m.Header(subscriptionState)))
		c.Sub.Over = sip.EqualFold(bytes.TrimSpace(state), "terminated")
		if v, ok := sip.Params(params).Get("expires"); ok && c.Sub.Until > 0 {
			if _, told := sip.Seconds(v); told {
				c.lasts(v)
			}
		}
	}
	n := c.send(o, o.Dialogs[0], m.Method, out)
	n.PeerLeg, n.Peer = l.Slot, t.Num
}

// lasts sets when the subscription has run out: what was agreed, and the time that a last NOTIFY may take.
func (c *Call) lasts(expires []byte) {
	d, ok := sip.Seconds(expires)
	if !ok {
		d = time.Hour // RFC 6665 4.2.1.1 wants it there
	}
	c.Sub.Until = c.srv.now() + d + 64*c.srv.cfg.Timers.T1
}

// subscribed makes the dialog of the answer to a SUBSCRIBE of ours; false when another branch was faster.
func (c *Call) subscribed(l *Leg, m *sip.Message) bool {
	if c.Winner != 0 && c.Winner != l.Slot {
		return false
	}
	d := l.Dialogs[0]
	tag, _ := toTag(m)
	if d.RemoteTag == "" {
		d.RemoteTag, d.Routes, d.Target = string(tag), recordRoute(m, true), l.Target
	}
	if d.RemoteTag == string(tag) { // else a fork notified first, and stays
		d.refresh(m)
	}
	l.Phase, d.Confirmed, c.Winner = Confirmed, true, l.Slot
	return true
}

// lostUsage tells whether a failure says that there is no such subscription any more (RFC 6665 4.2.2, RFC 5057 5.1).
func lostUsage(status int) bool {
	switch status {
	case 404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604:
		return true
	}
	return false
}

// subscriptionResponse takes the answer to a NOTIFY, or to a SUBSCRIBE inside the dialog.
func (c *Call) subscriptionResponse(l *Leg, t *Tx, m *sip.Message) {
	if m.Status < 200 || c.Cause != nil {
		return
	}
	if m.Status < 300 {
		if l.Dialogs[0].refresh(m); t.Method == sip.SUBSCRIBE {
			c.lasts(m.Get(sip.HdrExpires))
		}
	}
	c.answerPeer(t, m.Status, m)
	if c.Cause == nil && lostUsage(m.Status) && c.Legs[0].Phase == Confirmed {
		c.Sub.Over = true
		c.end(Cause{Status: m.Status, By: l.party(), Text: "subscription lost", Evidence: strconv.Itoa(m.Status) + " to " + t.Method.String()})
		return
	}
	c.lastNotified()
}

// lastNotified ends a subscription whose subscriber has its answer, and has answered the last NOTIFY.
func (c *Call) lastNotified() {
	a := c.Legs[0]
	waits := func(t *Tx) bool { return t.State == sip.Trying || t.State == sip.Proceeding }
	if c.Sub.Over && a.Phase == Confirmed && a.find(sip.NonInviteClient, waits) == nil {
		c.end(Cause{Status: 200, By: ByCallee, Text: "subscription ended"})
	}
}

// lapse ends a subscription that nobody has refreshed: both parties know that.
func (c *Call) lapse() {
	c.Sub.Over = true
	c.end(Cause{Status: 200, By: ByCaller, Text: "subscription ran out"})
}

// unsubscribe tells the party of a leg that its subscription ends, where that is news.
func (c *Call) unsubscribe(l *Leg, cause Cause) {
	d := l.confirmed()
	if d == nil || c.Sub.Over || cause.By == l.party() {
		return
	}
	if l.UAC {
		c.send(l, d, sip.SUBSCRIBE, outgoing{extra: "Event: " + c.Sub.Event + "\r\nExpires: 0\r\n"}).Own = true
		return
	}
	c.send(l, d, sip.NOTIFY, outgoing{extra: "Event: " + c.Sub.Event + "\r\nSubscription-State: terminated;reason=deactivated\r\n"}).Own = true
}
