package b2bua

import (
	"bytes"

	"github.com/bifrons/bifrons/sip"
)

// Connected identity (RFC 4916): in a request inside a dialog a party may be somebody else than it was, and who it talks with is told by the
// From of ours. Tags and Call-ID stay, so who is shown is all that changes.

// changeOption tells that a party takes a From that changes.
const changeOption = "from-change"

// us returns our From in a dialog, without tag.
func (l *Leg) us(d *Dialog) string {
	if d != nil && d.Us != "" {
		return d.Us
	}
	return l.Us
}

// them returns the party's, which is our To.
func (l *Leg) them(d *Dialog) string {
	if d != nil && d.Them != "" {
		return d.Them
	}
	return l.Them
}

// another returns who a request in a dialog is from when that is not whom the dialog knows, else "".
func (l *Leg) another(d *Dialog, m *sip.Message) string {
	from, err := sip.ParseAddress(m.Get(sip.HdrFrom))
	if err != nil {
		return ""
	}
	if known, err := sip.ParseAddress([]byte(l.them(d))); err == nil && sameIdentity(from.URI, known.URI) {
		return ""
	}
	return withoutParams(from)
}

// sameIdentity tells whether two URIs name the same party, whatever their parameters.
func sameIdentity(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	u, err1 := sip.ParseURI(a)
	v, err2 := sip.ParseURI(b)
	switch {
	case err1 != nil || err2 != nil || !sip.EqualFold(u.Scheme, string(v.Scheme)):
		return false
	case u.IsSIP():
		return bytes.Equal(u.User, v.User) && sip.EqualFold(u.Host, string(v.Host)) && u.Port == v.Port
	}
	n, _, _ := cutParams(u.Opaque)
	k, _, _ := cutParams(v.Opaque)
	return bytes.Equal(n, k)
}

// learn takes what a message of a dialog says of its party, besides where it is.
func (d *Dialog) learn(m *sip.Message) {
	if m.Has(sip.HdrAllow) {
		d.Updates = m.HasToken(sip.HdrAllow, "UPDATE")
	}
	d.Changes = d.Changes || m.HasToken(sip.HdrSupported, changeOption)
	if m.Has(sip.HdrPrivacy) {
		d.Hidden = asksToHide(m)&(veilID|veilUser|veilHeader) != 0
	}
}

// introduce shows the party of a leg who its far party is, by our From from the next request on, as the pair's policy lets From cross. A
// party that does not know of such changes keeps what it was shown, and so do all where the far party is hidden, or where From is an
// App's word or a trunk's name. Nobody, "", is no change.
func (c *Call) introduce(far *Leg, fd *Dialog, who string, l *Leg, d *Dialog) {
	if who == "" {
		return
	}
	p := c.srv.policy(far.side, l.side)
	a, err := sip.ParseAddress([]byte(who))
	if err != nil || !d.Changes || l.Named || p.User == Anonymous || p.Privacy && fd.Hidden {
		return
	}
	a.URI = c.srv.rewriteOf(l).party(sip.HdrFrom, a.URI, l.side.Domain)
	b := p.appendAddress(c.buffer(), a, l.side.Domain, false)
	d.Us, d.Tell = string(b), true
	c.runner.scratch = b[:0]
}

// rewriteOf returns what the route that a leg has taken makes of numbers.
func (s *Server) rewriteOf(l *Leg) *Rewrite {
	for i := range s.cfg.Routes {
		if l.Route != 0 && s.cfg.Routes[i].number == l.Route {
			return s.cfg.Routes[i].Rewrite
		}
	}
	return nil
}

// identifies tells whether an UPDATE without an offer crosses, for it says who its sender is: it is somebody else now, and that shows; or it has an
// asserted identity that crosses, and is no refresh of the session.
func (c *Call) identifies(l *Leg, d *Dialog, t *Tx, m *sip.Message, o *Leg, od *Dialog) bool {
	if d.learn(m); t.Them != "" {
		c.introduce(l, d, t.Them, o, od)
	}
	p := c.srv.policy(l.side, o.side)
	return od.Tell || m.Has(sip.HdrPAssertedIdentity) && !m.Has(sip.HdrSessionExpires) && p.Headers[sip.HdrPAssertedIdentity].Action != Drop
}

// reachable tells whether an UPDATE may be sent in a dialog now: before the answer only when there was a reliable response in it (RFC 4916 4.2).
func (l *Leg) reachable(d *Dialog) bool {
	switch {
	case !d.Updates || l.Phase == Over || l.unacked():
		return false
	case l.Phase == Confirmed:
		return true
	case l.UAC:
		return d.RSeq != 0
	}
	return d.Rel != nil && !d.Rel.Waits
}

// tellWho sends the party of a leg an UPDATE when it has not been told by another request who it is connected to.
func (c *Call) tellWho(l *Leg) {
	if d := l.confirmed(); d != nil && d.Tell && c.Cause == nil && l.reachable(d) && c.free(l) && len(l.Proposals) == 0 && !c.carriesTimer(l) {
		c.send(l, d, sip.UPDATE, outgoing{}).Own = true
	}
}

// introduceTo shows a party the one that takes part with it from now on: the target of a transfer, or who replaces another one.
func (c *Call) introduceTo(l *Leg, d *Dialog, far *Leg) {
	fd := far.confirmed()
	if fd == nil && len(far.Dialogs) > 0 {
		fd = far.Dialogs[0]
	}
	if fd != nil && far != l {
		c.introduce(far, fd, far.them(fd), l, d)
	}
}
