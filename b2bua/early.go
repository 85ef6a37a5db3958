package b2bua

import (
	"bytes"

	"github.com/bifrons/bifrons/sip"
)

// Early media. A forked call has an early dialog for each fork, each shown to the caller as one of ours, and all with one port of
// the caller's: so one of them is heard at a time. It is the one that described itself last, as the caller's phone would hear it; what
// others send meanwhile comes from elsewhere, and is not relayed. Once one has answered, it is that one. What a network in our trust
// says of its early media (RFC 5009) holds until then.

// gate notes the early media that a party's network allows, by m-line: what is missing is free.
func (d *Dialog) gate(l *Leg, m *sip.Message) bool {
	v := m.Get(sip.HdrPEarlyMedia)
	if v == nil || l.side.Trust == Untrusted || l.Phase != Trying {
		return false
	}
	var gate []byte
	for len(v) > 0 {
		var one []byte
		one, v = sip.CutValue(v)
		for g, name := range gateNames {
			if sip.EqualFold(bytes.TrimSpace(one), name) {
				gate = append(gate, byte(g))
			}
		}
	}
	if gate == nil || bytes.Equal(gate, d.Gate) {
		return false
	}
	d.Gate = gate
	return true
}

// gateNames are the directions of RFC 5009 8, as the party's: bit 0 it may send, bit 1 it may receive.
var gateNames = [...]string{"inactive", "sendonly", "recvonly", "sendrecv"}

// gated is a stream of a dialog as its network lets it flow before the answer.
func (d *Dialog) gated(l *Leg, i int) stream {
	s := d.Offer.stream(i)
	if l.Phase == Trying && len(d.Gate) > 0 {
		g := d.Gate[min(i, len(d.Gate)-1)]
		s.Receive, s.Send = s.Receive && g&1 != 0, s.Send && g&2 != 0
	}
	return s
}

// voice tells the relay whom the caller hears: the callee's dialog that both have described themselves in.
func (c *Call) voice(l *Leg, d *Dialog, a *Leg, ad *Dialog) {
	if c.srv.cfg.Anchor && d.Offer.Theirs != nil && ad.Offer.Theirs != nil {
		a.Voice = ad.Number
		c.join(l, d, a, ad, c.srv.policy(l.side, a.side))
	}
}

// regate applies what a message says of early media.
func (c *Call) regate(l *Leg, d *Dialog, m *sip.Message) {
	if !d.gate(l, m) {
		return
	}
	o, od := c.mate(l, d)
	if o == nil || od == nil {
		return
	}
	if l.Slot == 0 {
		l, d, o, od = o, od, l, d
	}
	if o.Voice == od.Number || d.mayBeHeard(l) && !c.voiced(o) {
		c.voice(l, d, o, od)
	}
}

// mayBeHeard tells whether a network lets a callee's early media through.
func (d *Dialog) mayBeHeard(l *Leg) bool { return d.gated(l, 0).Receive }

// voiced tells whether the caller hears the early dialog it is said to.
func (c *Call) voiced(a *Leg) bool {
	for _, l := range c.Legs[1:] {
		for _, d := range l.Dialogs {
			if d.Twin != noTwin && int(d.Twin) < len(a.Dialogs) && a.Dialogs[d.Twin].Number == a.Voice && l.Phase == Trying {
				return d.mayBeHeard(l)
			}
		}
	}
	return false
}

// earlyEnded tells the caller that an early dialog is over (RFC 6228), if it understands that, and lets it hear another one.
func (c *Call) earlyEnded(l *Leg, d *Dialog) {
	a := c.Legs[0]
	t := a.initial()
	if d.Ended || d.Twin == noTwin || int(d.Twin) >= len(a.Dialogs) || a.Phase != Trying || t == nil {
		d.Ended = true
		return
	}
	d.Ended = true
	ad := a.Dialogs[d.Twin]
	if ad.Rel != nil {
		ad.Rel.Waits, ad.Rel.Retry, ad.Rel.Expire, ad.Rel.Last = false, 0, 0, nil
	}
	if t.Ends {
		c.provisional(a, t, reply{status: 199, dialog: ad}, &Walk{}, Reliable{})
	}
	if a.Voice != ad.Number {
		return
	}
	for _, o := range c.Legs[1:] {
		for _, od := range o.Dialogs {
			if o.Phase == Trying && !od.Ended && od.Twin != noTwin && int(od.Twin) < len(a.Dialogs) {
				c.voice(o, od, a, a.Dialogs[od.Twin])
			}
		}
	}
}

// allEarlyEnded ends the early dialogs of a branch that has failed while the call goes on.
func (c *Call) allEarlyEnded(branch int) {
	if slot := c.Branches[branch].Leg; slot != 0 {
		for _, d := range c.Legs[slot].Dialogs {
			c.earlyEnded(c.Legs[slot], d)
		}
	}
}
