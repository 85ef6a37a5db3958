package b2bua

import (
	"bytes"
	"strconv"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// Reliable is the last reliable provisional response of ours in a dialog (RFC 3262), as data.
type Reliable struct {
	Number    uint32 // RSeq
	Waits     bool   // for its PRACK
	Described bool   // it has a description: no 2xx goes before its PRACK (RFC 3262 3)
	Offered   bool   // which is an offer, whose answer is in the PRACK

	Last     []byte // what is repeated,
	Interval time.Duration
	Retry    time.Duration // then,
	Expire   time.Duration // until then

	PeerLeg  uint8  // whose response it shows: its RSeq, 0 for one that was not reliable, its dialog and INVITE
	PeerTag  string //
	PeerRSeq uint32
	PeerCSeq uint32
}

const reliableOption = "100rel"

func (r *Reliable) waits() bool { return r != nil && r.Waits }

// due returns the next deadline, 0 for none.
func (r *Reliable) due() time.Duration {
	switch {
	case r == nil:
		return 0
	case r.Retry > 0 && r.Retry < r.Expire:
		return r.Retry
	}
	return r.Expire
}

// rseqOf returns the RSeq of a response that wants a PRACK, 0 for another one.
func rseqOf(m *sip.Message) uint32 {
	if m.Status <= 100 || m.Status >= 200 || !m.HasToken(sip.HdrRequire, reliableOption) {
		return 0
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(m.Get(sip.HdrRSeq))), 10, 31)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// rackOf reads a RAck: the RSeq, and the CSeq of the INVITE.
func rackOf(m *sip.Message) (rseq, cseq uint32, ok bool) {
	f := bytes.Fields(m.Get(sip.HdrRAck))
	if len(f) != 3 || string(f[2]) != "INVITE" {
		return 0, 0, false
	}
	r, err1 := strconv.ParseUint(string(f[0]), 10, 32)
	n, err2 := strconv.ParseUint(string(f[1]), 10, 32)
	return uint32(r), uint32(n), err1 == nil && err2 == nil && r > 0
}

// reliably notes what the INVITE of a leg's party says of reliable responses.
func (t *Tx) reliably(m *sip.Message) {
	t.Requires = m.HasToken(sip.HdrRequire, reliableOption)
	t.Ends = m.HasToken(sip.HdrSupported, "199")
	t.Reliable = t.Requires || m.HasToken(sip.HdrSupported, reliableOption)
}

// inOrder tells whether a reliable response is the next one of its dialog: a repeated one has its PRACK, or will have it, and one
// that comes too early is sent again (RFC 3262 4).
func (c *Call) inOrder(d *Dialog, t *Tx, m *sip.Message) bool {
	n := rseqOf(m)
	if n == 0 || !t.Reliable {
		return true
	}
	if d.RSeq != 0 && n != d.RSeq+1 && (!c.Stale || n <= d.RSeq) {
		c.srv.metrics.absorbed.Inc()
		return false
	}
	d.RSeq = n
	return true
}

// wantsPrack returns the RSeq of a callee's response where it must be acknowledged.
func (l *Leg) wantsPrack(m *sip.Message) uint32 {
	if t := l.initial(); t == nil || !t.Reliable {
		return 0
	}
	return rseqOf(m)
}

// replyReliably sends a provisional response that is repeated until its PRACK: after T1, then with doubled pauses, over any
// transport (RFC 3262 3).
func (c *Call) replyReliably(l *Leg, t *Tx, r reply, rel Reliable) {
	d := r.dialog
	rel.Number = uint32(c.srv.random()>>34) | 1
	if d.Rel != nil && d.Rel.Number != 0 {
		rel.Number = d.Rel.Number + 1
	}
	rel.Waits, rel.Described = true, r.out.describes
	r.extra += "Require: 100rel\r\nRSeq: " + strconv.Itoa(int(rel.Number)) + "\r\n"
	c.reply(l, t, r)
	now, t1 := c.srv.now(), c.srv.cfg.Timers.T1
	rel.Last, rel.Interval, rel.Retry, rel.Expire = t.Last, t1, now+t1, now+64*t1
	d.Rel = &rel
}

// reliable tells whether the leg's party knows reliable provisional responses, as its INVITE says.
func (l *Leg) reliable() bool {
	t := l.initial()
	return t != nil && t.Reliable
}

// unpracked repeats a reliable response; without a PRACK at last the INVITE is refused (RFC 3262 3).
func (c *Call) unpracked(l *Leg, d *Dialog, now time.Duration) {
	r := d.Rel
	switch t := l.initial(); {
	case t == nil || t.State != sip.Proceeding:
		r.Retry, r.Expire = 0, 0
	case now >= r.Expire:
		r.Retry, r.Expire = 0, 0
		c.end(Cause{Status: 504, By: l.party(), Text: "no PRACK"})
	default:
		r.Interval *= 2
		r.Retry = now + r.Interval
		c.srv.metrics.retransmissions.Inc()
		c.transmit(l, l.side.Locals[t.Local], r.Last, t.Dest, "")
	}
}

// unrepeat ends the repetitions of reliable responses: the INVITE has its final one. A PRACK may still come (RFC 3262 3).
func (l *Leg) unrepeat() {
	for _, d := range l.Dialogs {
		if d.Rel != nil {
			d.Rel.Retry, d.Rel.Expire, d.Rel.Last = 0, 0, nil
		}
	}
	l.Waits = nil
}

// waitForPrack keeps a callee's response until the reliable one before it is acknowledged.
func (c *Call) waitForPrack(a *Leg, w *Walk) {
	if len(a.Waits) >= maxQueue {
		c.srv.metrics.queueFull.Inc()
		return
	}
	k := *w
	k.Msg = w.Msg.keep()
	a.Waits = append(a.Waits, k)
}

// proceed sends on what has waited for a PRACK; what must wait again does.
func (c *Call) proceed(a *Leg) {
	waits := a.Waits
	a.Waits = nil
	for i := range waits {
		if c.Cause != nil {
			return
		}
		c.conclude(&waits[i])
	}
}

// pracked takes the PRACK of a reliable response of ours. Where the callee's was reliable, too, it is acknowledged with it: a
// description crosses, an answer to the offer in the response, or a further offer (RFC 3262 5).
func (c *Call) pracked(l *Leg, d *Dialog, t *Tx, m *sip.Message) {
	rel := d.Rel
	rseq, cseq, ok := rackOf(m)
	switch inv := l.initial(); {
	case m.Get(sip.HdrRAck) != nil && !ok:
		c.reply(l, t, reply{status: 400})
		return
	case !ok || inv == nil || inv.CSeq != cseq || !rel.waits() || rseq != rel.Number && (!c.Stale || rseq < rel.Number):
		c.reply(l, t, reply{status: 481})
		return
	}
	rel.Number = rseq
	p := c.Legs[rel.PeerLeg]
	var pd *Dialog
	if i := p.dialogOf([]byte(rel.PeerTag)); i >= 0 && rel.PeerRSeq != 0 && p.Phase != Over {
		pd = p.Dialogs[i]
	}
	out := outgoing{from: l, m: m, hops: max(c.srv.hops(m), 1)}
	if pd == nil {
		c.pracksUs(l, d, t, m)
		return
	}
	if err := c.cross(l, d, p, pd, m, rel.Offered, &out); err != nil {
		if !rel.Offered {
			c.rollBack(l, d, p, pd)
		}
		c.reply(l, t, reply{status: err.status})
		return
	}
	n := c.prack(p, pd, rel.PeerCSeq, rel.PeerRSeq, out)
	if rel.Offered || !t.Offered {
		n.Own, n.Offered = true, false
		c.reply(l, t, reply{status: 200})
	} else {
		n.PeerLeg, n.Peer = l.Slot, t.Num
	}
	if it := p.initial(); it != nil && rel.Offered { // its exchange is complete: the 2xx wants a plain ACK
		it.Offered = true
	}
	c.acknowledged(l, d)
}

// pracksUs answers a PRACK that goes no further. What it offers is answered where Bifrons is the other end, for a callee that had no
// reliable response cannot be asked before its answer.
func (c *Call) pracksUs(l *Leg, d *Dialog, t *Tx, m *sip.Message) {
	rel, r := d.Rel, reply{status: 200}
	switch {
	case !t.Offered:
	case rel.PeerTag != "":
		r.status = 488
	case rel.Offered:
		c.ownAnswer(l, d, m)
	default:
		body, err := c.ownDescription(l, d, descriptionOf(m), true)
		if err != nil {
			r.status = err.status
			break
		}
		r.out = outgoing{body: body, contentType: sdpType, describes: true}
	}
	c.reply(l, t, r)
	c.acknowledged(l, d)
	if t.Offered && r.status < 300 && rel.PeerTag == "" && !rel.Offered {
		c.met(l, d)
	}
}

// acknowledged ends the repetitions and sends on what has waited.
func (c *Call) acknowledged(l *Leg, d *Dialog) {
	r := d.Rel
	r.Waits, r.Retry, r.Expire, r.Last = false, 0, 0, nil
	c.proceed(l)
}

// prack acknowledges a reliable response of a callee: to the Contact of its early dialog.
func (c *Call) prack(l *Leg, d *Dialog, cseq, rseq uint32, o outgoing) *Tx {
	o.extra = "RAck: " + strconv.FormatUint(uint64(rseq), 10) + " " + strconv.FormatUint(uint64(cseq), 10) + " INVITE\r\n"
	return c.send(l, d, sip.PRACK, o)
}

// prackOwn acknowledges a response that nobody else will: one that an App took, or that the caller's network got unreliably.
func (c *Call) prackOwn(l *Leg, m *sip.Message) {
	n, t := l.wantsPrack(m), l.initial()
	tag, _ := toTag(m)
	if i := l.dialogOf(tag); n != 0 && i >= 0 && l.Phase == Trying {
		c.prack(l, l.Dialogs[i], t.CSeq, n, outgoing{}).Own = true
	}
}
