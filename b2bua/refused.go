package b2bua

import (
	"bytes"
	"net/netip"

	"github.com/bifrons/bifrons/sip"
)

// Refused is told by a local address's listener of datagrams that the network returned. Only an INVITE that nobody has
// answered yet, and a ping of a target, fail by it; what else is lost so is repeated, or missed in time.
func (s *Server) Refused(l *Local) sip.Refused {
	return func(_ netip.AddrPort, sent []byte) {
		r, ok := s.mint.find(ourBranch(sent), idBranch)
		if !ok {
			s.metrics.strays.Inc()
			return
		}
		if r.call == 0 {
			s.pinged(l, r, 503)
			return
		}
		if c := s.table.byID(r.call); c != nil {
			s.post(c, event{order: func(c *Call) { c.refused(l.side, r) }})
		}
	}
}

// ourBranch finds the identifier in the first Via of a request that may be cut short; nil for a response.
func ourBranch(sent []byte) []byte {
	line, rest, _ := bytes.Cut(sent, []byte("\r\n"))
	via, _, _ := bytes.Cut(rest, []byte("\r\n"))
	if bytes.HasPrefix(line, []byte("SIP/2.0")) || !bytes.HasPrefix(via, []byte("Via: SIP/2.0/")) {
		return nil
	}
	_, branch, _ := bytes.Cut(via, []byte(";branch=z9hG4bK"))
	return branch[:min(len(branch), idLength)]
}

// refused gives an INVITE that cannot be delivered to the next target, or ends its branch as a 503 would (RFC 3261 8.1.3.1).
func (c *Call) refused(side *Side, r ref) {
	if int(r.slot) >= len(c.Legs) || c.Cause != nil {
		return
	}
	l := c.Legs[r.slot]
	t := l.initial()
	if l.side != side || l.Phase != Trying || t == nil || t.Num != r.number || t.Kind != sip.InviteClient || t.State != sip.Calling {
		return
	}
	if c.fallBack(l, t) {
		return
	}
	if h, _ := c.huntOf(l); h != nil {
		h.Until = 0
	}
	c.faltered(l, 0)
	t.State, t.Retry, t.Expire, t.Last = sip.Terminated, 0, 0, nil // nobody is there to be cancelled
	l.Phase = Over
	c.closePorts(l)
	if !c.again(l) {
		c.failBranch(l.Branch, 503)
	}
}
