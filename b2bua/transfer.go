package b2bua

import (
	"bytes"
	"net/url"
	"strconv"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// TransferMode is what becomes of the REFER of a party (RFC 3515), and of an INVITE with Replaces (RFC 3891).
type TransferMode uint8

const (
	// TransferAuto is TransferTerminate on a side at home, TransferReject on another one: who refers makes us call.
	TransferAuto TransferMode = iota
	// TransferTerminate ends the REFER here: the target is called first, then it is joined with the party that stays.
	TransferTerminate
	// TransferPass carries the REFER to the far party, its dialogs named as that party knows them.
	TransferPass
	// TransferReject refuses.
	TransferReject
)

var transferNames = [...]string{"auto", "terminate", "pass", "reject"}

// String returns the word for the mode.
func (m TransferMode) String() string { return transferNames[m] }

// TransferNamed finds a mode by its word.
func TransferNamed(word string) (TransferMode, bool) {
	for i, n := range transferNames {
		if n == word {
			return TransferMode(i), true
		}
	}
	return 0, false
}

// transfers tells what becomes of transfers on a side.
func (s *Side) transfers() TransferMode {
	switch {
	case s.Transfer != TransferAuto:
		return s.Transfer
	case s.Trust == Home:
		return TransferTerminate
	}
	return TransferReject
}

// transfers tells what becomes of a leg's transfers: as its side says, unless an App has said something else for the call.
func (c *Call) transfers(l *Leg) TransferMode {
	if c.Transfers != TransferAuto {
		return c.Transfers
	}
	return l.side.transfers()
}

// Transfer is a transfer that has begun, as data.
type Transfer struct {
	By     uint8         // the leg whose party asked, and is told of the outcome
	ID     uint32        // CSeq of its REFER
	Stays  uint8         // the leg that shall talk with the target
	Branch uint8         // of the target's INVITE, 0 when it is in a call already
	Quiet  bool          // no NOTIFY is wanted (RFC 4488)
	Near   uint8         // slot+1 of the leg that spoke with the target in another call
	Gone   bool          // who asked has hung up meanwhile
	Until  time.Duration // then it has failed
	Status int           // last told
	InName *InName       // what the target's INVITE waits for
}

// transferTime is how long a transfer may take: until the target's answer, and no longer than its subscription.
const transferTime = 3 * time.Minute

// refer takes a REFER: the event Refer, for which an App may choose the mode.
func (c *Call) refer(l *Leg, t *Tx, m *sip.Message) {
	uri, replaces, ok := referTarget(m)
	o := c.other(l)
	switch {
	case !ok:
		c.reply(l, t, reply{status: 400})
	case o == nil && !l.answeredByUs(), o != nil && o.Phase != Confirmed, l.Phase != Confirmed:
		c.reply(l, t, reply{status: 480})
	default:
		c.offer(Walk{Event: Refer{Leg: int(l.Slot), Target: uri, Attended: replaces != ""}, Leg: l.Slot, Tx: t.Num, Msg: Text{m}, Branch: c.branchOf(l), Up: l.Slot != 0})
	}
}

// referTarget reads whom a REFER names: one SIP or tel URI, perhaps with the dialog that is to be replaced there.
func referTarget(m *sip.Message) (uri, replaces string, ok bool) {
	n := 0
	for i := range m.Headers {
		if m.Headers[i].ID == sip.HdrReferTo {
			n++
		}
	}
	a, err := sip.ParseAddress(m.Get(sip.HdrReferTo))
	if n != 1 || err != nil {
		return "", "", false
	}
	u, err := sip.ParseURI(a.URI)
	if err != nil || !u.IsSIP() && !sip.EqualFold(u.Scheme, "tel") {
		return "", "", false
	}
	if method, is := u.Params.Get("method"); is && !sip.EqualFold(method, "INVITE") {
		return "", "", false
	}
	if len(u.Headers) > 0 {
		q, err := url.ParseQuery(string(bytes.ReplaceAll(u.Headers, []byte("+"), []byte("%2B"))))
		if err != nil {
			return "", "", false
		}
		for k, v := range q {
			if sip.EqualFold([]byte(k), "Replaces") {
				replaces = v[0]
			}
		}
	}
	return requestURI(a.URI), replaces, true
}

// referred is the end of a Refer's walk.
func (c *Call) referred(l *Leg, w *Walk) {
	t := l.tx(w.Tx)
	if t == nil || w.Msg.Message == nil {
		return
	}
	switch c.transfers(l) {
	case TransferPass:
		c.passRefer(l, t, w.Msg.Message)
	case TransferTerminate:
		c.transfer(l, t, w.Msg.Message)
	default:
		c.reply(l, t, reply{status: 405, extra: l.side.allow})
	}
}

// passRefer carries a REFER to the far party; what cannot be shown to it, or names a dialog that is not ours, is refused.
func (c *Call) passRefer(l *Leg, t *Tx, m *sip.Message) {
	o := c.other(l)
	if o == nil {
		c.reply(l, t, reply{status: 603})
		return
	}
	x := c.passage(l, o)
	to := x.appendReferTo(nil, m.Get(sip.HdrReferTo))
	if len(to) == 0 {
		c.reply(l, t, reply{status: 603})
		return
	}
	out := outgoing{from: l, m: m, hops: max(c.srv.hops(m), 1)}
	if x.Headers[sip.HdrReferTo].Action != Map {
		out.extra = "Refer-To: " + string(to) + "\r\n"
	}
	n := c.send(o, o.confirmed(), sip.REFER, out)
	n.PeerLeg, n.Peer = l.Slot, t.Num
	c.Referred = [2]uint32{t.CSeq, n.CSeq}
}

// passNotify carries the news of a transfer that was carried; what the far party calls its REFER is what this one called it.
func (c *Call) passNotify(l *Leg, t *Tx, m *sip.Message) {
	o := c.other(l)
	kind, _, _ := cutParams(m.Get(sip.HdrEvent))
	switch {
	case o == nil || o.confirmed() == nil || o.Phase != Confirmed:
		c.reply(l, t, reply{status: 481})
		return
	case !sip.EqualFold(bytes.TrimSpace(kind), "refer") || c.Referred[0] == 0:
		c.reply(l, t, reply{status: 489, extra: allowEvents})
		return
	}
	state, _, _ := cutParams([]byte(m.Header("Subscription-State")))
	out := outgoing{hops: max(c.srv.hops(m), 1), body: ownFragment(m.Body), contentType: sipfragType + ";version=2.0"}
	out.extra = referEvent(c.Referred[0]) + "Subscription-State: active;expires=60\r\n"
	if sip.EqualFold(bytes.TrimSpace(state), "terminated") {
		out.extra = referEvent(c.Referred[0]) + "Subscription-State: terminated;reason=noresource\r\n"
	}
	n := c.send(o, o.confirmed(), sip.NOTIFY, out)
	n.PeerLeg, n.Peer = l.Slot, t.Num
}

func referEvent(id uint32) string {
	return "Event: refer;id=" + strconv.FormatUint(uint64(id), 10) + "\r\n"
}

// transfer begins a transfer of our own: the target is called, or fetched from the call it is in, before anything changes here.
func (c *Call) transfer(l *Leg, t *Tx, m *sip.Message) {
	uri, replaces, _ := referTarget(m)
	o := c.other(l)
	if o == nil || c.Transfer != nil || len(c.Branches) >= maxBranches {
		c.reply(l, t, reply{status: 603})
		return
	}
	tr := &Transfer{By: l.Slot, ID: t.CSeq, Stays: o.Slot, Quiet: sip.EqualFold(bytes.TrimSpace([]byte(m.Header("Refer-Sub"))), "false"), Until: c.srv.now() + transferTime}
	extra := ""
	if tr.Quiet {
		extra = "Refer-Sub: false\r\n"
	}
	c.reply(l, t, reply{status: 202, extra: extra})
	c.Transfer = tr
	c.tellTransfer(100)
	if replaces != "" && c.adopt([]byte(replaces), forTransfer) {
		return
	}
	c.callTarget(l, o, uri, replaces, m)
}

// callTarget calls the target of a transfer, on behalf of the party that stays: its INVITE has no offer, for the answer will be that
// party's.
func (c *Call) callTarget(l, o *Leg, uri, replaces string, m *sip.Message) {
	extra := ""
	if v := m.Get(sip.HdrReferredBy); v != nil {
		extra = "Referred-By: " + string(v) + "\r\n"
	}
	if replaces != "" {
		extra += "Replaces: " + replaces + "\r\n"
	}
	if who := c.nameOf(l, m); who != "" {
		d := l.confirmed()
		c.Transfer.InName = &InName{Identity: who, Hidden: asksToHide(m)&veilID != 0 || d != nil && d.Hidden, URI: uri, Extra: extra}
		c.askName()
		return
	}
	c.callFor(Departure{From: o.Them}, uri, extra)
}

// callFor sends the INVITE to the target of a transfer.
func (c *Call) callFor(as Departure, uri, extra string) {
	n := uint8(len(c.Branches))
	c.Branches = append(c.Branches, Branch{From: uint8(len(c.Chain)), By: c.Transfer.By})
	c.Transfer.Branch = n
	c.call(n, as, uri, extra)
}

// ofTransfer tells whether a branch is the target's of a transfer.
func (c *Call) ofTransfer(branch uint8) bool {
	return c.Transfer != nil && c.Transfer.Branch != 0 && c.Transfer.Branch == branch
}

// targetAnswered joins the target with the party that stays: the offer in its 2xx goes there.
func (c *Call) targetAnswered(l *Leg, w *Walk) {
	t := l.tx(w.Tx)
	body := descriptionOf(w.Msg.Message)
	if t == nil || body == nil || !t.unacked() {
		c.hangLeg(l)
		c.transferred(488)
		return
	}
	c.takeOffer(l, t, body, c.Legs[c.Transfer.Stays], thenTransfer)
}

// joinedTarget is the end of the negotiation between the target and the party that stays. A target that was fetched and whom nobody
// took talks on with whom it did.
func (c *Call) joinedTarget(target *Leg, status int) {
	tr := c.Transfer
	switch {
	case tr == nil:
		return
	case status >= 300:
		if tr.Near == 0 || c.Legs[tr.Near-1].Phase != Confirmed {
			c.hangLeg(target)
		}
		c.transferred(status)
		return
	}
	c.pair(target, c.Legs[tr.Stays])
	if c.Winner == 0 && !c.Legs[0].Ours {
		c.Winner = target.Slot
	}
	c.shared.Store(nil)
	c.transferred(200)
	for _, slot := range [...]uint8{tr.By + 1, tr.Near} { // noLeg + 1 is 0
		if slot != 0 && c.Legs[slot-1].Phase == Confirmed {
			c.hangLeg(c.Legs[slot-1])
		}
	}
}

// transferred ends a transfer: who asked is told. What failed leaves the call as it was, if there is one to go back to.
func (c *Call) transferred(status int) {
	tr := c.Transfer
	c.tellTransfer(status)
	c.Transfer, c.Invite = nil, Text{}
	if status >= 300 && tr.Gone {
		c.end(Cause{Status: status, By: c.Legs[tr.By].party(), Text: "transfer failed"})
	}
}

// tellTransfer sends who asked for a transfer a NOTIFY (RFC 3515 2.4.4).
func (c *Call) tellTransfer(status int) {
	tr := c.Transfer
	if tr.Quiet || tr.Gone {
		return
	}
	l := c.Legs[tr.By]
	d := l.confirmed()
	if d == nil || l.Phase != Confirmed || status == tr.Status {
		return
	}
	tr.Status = status
	state := "active;expires=" + strconv.Itoa(int(transferTime/time.Second))
	if status >= 200 {
		state = "terminated;reason=noresource"
	}
	c.send(l, d, sip.NOTIFY, outgoing{extra: referEvent(tr.ID) + "Subscription-State: " + state + "\r\n",
		body: []byte("SIP/2.0 " + strconv.Itoa(status) + " " + sip.ReasonPhrase(status) + "\r\n"), contentType: sipfragType + ";version=2.0"}).Own = true
}

// leaves takes the BYE of the party that asked for a transfer: the others stay.
func (c *Call) leaves(l *Leg) bool {
	tr := c.Transfer
	if tr == nil || tr.By != l.Slot && tr.Near != l.Slot+1 || l.Phase != Confirmed {
		return false
	}
	tr.Gone = tr.Gone || tr.By == l.Slot
	l.Phase = Over
	c.dropHold(l)
	c.closePorts(l)
	return true
}

// transferDue gives a transfer up that takes too long.
func (c *Call) transferDue(now time.Duration) {
	tr := c.Transfer
	if tr == nil || now < tr.Until {
		return
	}
	if tr.Branch != 0 {
		if slot := c.Branches[tr.Branch].Leg; slot != 0 && c.Legs[slot].Phase == Trying {
			c.abandonWith(c.Legs[slot], Cause{})
		}
	}
	c.transferred(408)
}
