package b2bua

import (
	"bytes"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// maxDatagram is the size from which on a request goes over TCP where the target takes it (RFC 3261 18.1.1): what fits into
// a packet of any path. Larger ones come in fragments, and many a firewall keeps those.
const maxDatagram = 1300

// forgets is how long a target that takes no TCP is asked for none.
const forgets = 10 * time.Minute

// outgrow lets an INVITE that is too large for a datagram leave by TCP, unless its target or the side wants UDP. The leg
// stays on UDP: what follows is small, or follows the party's Contact.
func (c *Call) outgrow(l *Leg, t *Tx) *Local {
	if len(t.Last) <= maxDatagram || l.local.Transport != sip.UDP || l.side.UDPOnly || c.srv.refusals.has(t.Dest.Addr(), c.srv.now()) {
		return l.local
	}
	uri := l.Target
	if len(l.Routes) > 0 {
		uri = bare(l.Routes[0])
	}
	if u, err := sip.ParseURI([]byte(uri)); err != nil {
		return l.local
	} else if _, told := sip.TransportOf(&u); told {
		return l.local
	}
	by := l.side.via(t.Dest, sip.TCP)
	if by.Transport != sip.TCP || by.Addr.Addr().Is4() != t.Dest.Addr().Is4() {
		return l.local
	}
	was, is := "Via: SIP/2.0/UDP "+l.local.Advertise+";", "Via: SIP/2.0/TCP "+by.Advertise+";"
	t.Last = bytes.Replace(t.Last, []byte(was), []byte(is), 1)
	t.Local, t.Stream, t.Retry = by.index(), true, 0
	return by
}

// fallBack sends an INVITE that nobody took over TCP in a datagram after all.
func (c *Call) fallBack(l *Leg, t *Tx) bool {
	var inv sip.Message
	if !t.Stream || l.local.Transport != sip.UDP || len(t.Last) == 0 || inv.Parse(bytes.Clone(t.Last)) != nil {
		return false
	}
	c.srv.refusals.add(t.Dest.Addr(), c.srv.now()+forgets)
	t.State, t.Retry, t.Expire = sip.Terminated, 0, 0
	t.Local = l.Local
	l.First = c.sendAgain(l, t, &inv, func() {}).Num
	return true
}
