package b2bua

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/bifrons/bifrons/sip"
)

// Refused is told by a local address's listener of messages that the network returned. An INVITE that nobody has answered yet, and a
// ping of a target, fail by it; a request that was too large for a datagram goes out in one after all, and one inside a dialog to
// another place of its name, or on the connection of its party. What else is lost so is repeated, or missed in time.
func (s *Server) Refused(l *Local) sip.Refused {
	return func(to netip.AddrPort, sent []byte) {
		if l.Transport.Reliable() && bytes.HasPrefix(sent, []byte("SIP/2.0 ")) {
			s.answerElsewhere(l, to, sent)
			return
		}
		r, ok := s.mint.find(ourBranch(sent), idBranch)
		if !ok {
			s.metrics.strays.Inc()
			return
		}
		if r.call == 0 {
			s.pinged(l, r, 503)
			return
		}
		if c := s.find(r.call); c != nil {
			if own := c.srv.local(l); own != nil {
				c.srv.post(c, event{order: func(c *Call) { c.refused(own.side, r) }})
			}
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
	if int(r.slot) >= len(c.Legs) || c.Legs[r.slot].side != side {
		return
	}
	l := c.Legs[r.slot]
	t := c.returned(l, r)
	if t == nil {
		l.flowOfProbe(r)
		return
	}
	if c.fallBack(l, t) || c.elsewhere(l, t) || c.flow(l, t) {
		return
	}
	if l.Phase != Trying || c.Cause != nil || t != l.initial() || t.Kind != sip.InviteClient || t.State != sip.Calling {
		return
	}
	if h, _ := c.huntOf(l); h != nil {
		h.Until = 0
	}
	c.faltered(l, 0)
	l.Unanswered = &Cause{By: ByCallee, Text: "not reached", Evidence: "INVITE not delivered to " + l.aimed(t)}
	t.State, t.Retry, t.Expire, t.Last = sip.Terminated, 0, 0, nil // nobody is there to be cancelled
	l.Phase = Over
	c.closePorts(l)
	if !c.again(l) {
		c.failBranch(l.Branch, 503)
	}
}

// aimed is where a request of ours went, as people read it.
func (l *Leg) aimed(t *Tx) string {
	return strings.ToLower(l.side.Locals[t.Local].Transport.String()) + ":" + t.Dest.String()
}

// silence is the cause of a leg that is given up without a final answer: its party's, who has said nothing at all, or ours, who
// would not wait longer for one that rings.
func (l *Leg) silence() *Cause {
	t := l.initial()
	if t == nil {
		return &Cause{By: ByCallee, Text: "no answer"}
	}
	cause := &Cause{By: ByCallee, Text: "no answer to " + t.Method.String(), Evidence: "no response from " + l.aimed(t)}
	switch {
	case slices.ContainsFunc(l.Dialogs, func(d *Dialog) bool { return d.RemoteTag != "" }):
		cause.By, cause.Evidence = ByBifrons, "no final response in time from "+l.aimed(t)
	case t.Rang:
		cause.Evidence = "nothing but 100 from " + l.aimed(t)
	}
	return cause
}

// refusal is the cause of a call's end whose branches have all failed: that of the branch with the best status.
func (c *Call) refusal(b *Branch) Cause {
	best := b.Failed
	cause := Cause{Status: crossingStatus(best), By: ByCallee, Text: "refused with " + strconv.Itoa(best)}
	switch {
	case b.Leg == 0 || c.Legs[b.Leg].Last == 0: // nothing was sent: it is our own word
		if cause.By = ByBifrons; best == 503 || best == 482 {
			cause.Status = best
		}
	case c.Legs[b.Leg].Unanswered != nil:
		why := c.Legs[b.Leg].Unanswered
		cause.By, cause.Text, cause.Evidence = why.By, why.Text, why.Evidence
	}
	return cause
}

// returned finds the client transaction of a request that came back: by its number, or by the ACK of a 2xx, whose number it keeps no
// other way.
func (c *Call) returned(l *Leg, r ref) *Tx {
	if t := l.tx(r.number); t != nil {
		if t.State != sip.Calling && t.State != sip.Trying || t.Kind != sip.InviteClient && t.Kind != sip.NonInviteClient {
			return nil // it was answered
		}
		return t
	}
	return l.find(sip.InviteClient, func(t *Tx) bool {
		found, ok := c.srv.mint.find(ourBranch(t.Ack), idBranch)
		return ok && found.number == r.number
	})
}
