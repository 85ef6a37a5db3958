package b2bua

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// A request goes over TCP where the target takes it when it comes within 200 bytes of the MTU of the path, or has more than 1300 bytes
// where that is unknown (RFC 3261 18.1.1). Larger ones come in fragments, and many a firewall keeps those.
const (
	headroom   = 200
	unknownMTU = 1300
)

// smallest is the size that fits into a packet of any path: below it nobody is asked.
const smallest = 576 - headroom

// forgets is how long a target that takes no TCP is asked for none.
const forgets = 10 * time.Minute

// pathConn is a Conn that knows the MTU towards an address, 0 where it does not.
type pathConn interface {
	MTU(to netip.Addr) int
}

// limit returns the largest request that goes in a datagram from a local address.
func (s *Side) limit(from *Local, to netip.AddrPort) int {
	if s.MaxDatagram > 0 {
		return s.MaxDatagram
	}
	if p, ok := from.Conn.(pathConn); ok {
		if mtu := p.MTU(to.Addr()); mtu > 0 {
			return max(mtu-headroom, smallest)
		}
	}
	return unknownMTU
}

// message returns the request of a client transaction that goes out now: the ACK of a 2xx once there is one.
func (t *Tx) message() *[]byte {
	if t.Ack != nil {
		return &t.Ack
	}
	return &t.Last
}

// outgrow lets a request that is too large for a datagram leave by TCP, unless its target (the URI that it is sent to) or the side wants
// UDP. The leg stays on UDP: what follows may be small.
func (c *Call) outgrow(l *Leg, t *Tx, uri string) *Local {
	from := l.side.Locals[t.Local]
	m := t.message()
	if len(*m) <= smallest || from.Transport != sip.UDP || l.side.UDPOnly || len(*m) <= l.side.limit(from, t.Dest) ||
		c.srv.refusals.has(t.Dest.Addr(), c.srv.now()) {
		return from
	}
	if u, err := sip.ParseURI([]byte(uri)); err != nil {
		return from
	} else if _, told := sip.TransportOf(&u); told {
		return from
	}
	by := l.side.via(t.Dest, sip.TCP)
	if by.Transport != sip.TCP || by.Addr.Addr().Is4() != t.Dest.Addr().Is4() {
		return from
	}
	*m = revia(*m, from, by)
	t.Local, t.Stream, t.Retry = by.index(), true, 0
	return by
}

// revia writes the address that a request leaves from anew into its Via.
func revia(b []byte, was, is *Local) []byte {
	if was == is {
		return b
	}
	return bytes.Replace(b, viaOf(was), viaOf(is), 1)
}

func viaOf(l *Local) []byte {
	return []byte("\r\nVia: SIP/2.0/" + l.Transport.String() + " " + l.Advertise + ";")
}

// fallBack sends a request that nobody took over TCP in a datagram after all, as the same transaction: who did not take the
// connection has not seen it.
func (c *Call) fallBack(l *Leg, t *Tx) bool {
	by := l.side.Locals[t.Local]
	m := t.message()
	if by.Transport != sip.TCP || l.local.Transport != sip.UDP || len(*m) == 0 {
		return false
	}
	c.srv.refusals.add(t.Dest.Addr(), c.srv.now()+forgets)
	*m = revia(*m, by, l.local)
	t.Local, t.Stream = l.Local, false
	if t.State == sip.Calling || t.State == sip.Trying {
		c.enter(t, t.State)
	}
	return c.transmit(l, l.local, *m, t.Dest, t.Name)
}

// depart sends a client transaction's request for the first time, or says what must be looked up before; uri is where it is sent.
func (c *Call) depart(l *Leg, t *Tx, uri string) bool {
	if t.Seek != nil {
		c.seekFor(l, t)
		return true
	}
	from := c.outgrow(l, t, uri)
	return c.transmit(l, from, *t.message(), t.Dest, t.Name) || from != l.local && c.fallBack(l, t)
}
