package b2bua

import (
	"strconv"
	"sync/atomic"

	"github.com/bifrons/bifrons/sip"
)

// How many messages may wait in the mailbox of a call whose goroutine is busy: requests that can be refused, and all others. The
// latter are never refused, and beyond their limit lost as on the network: their senders repeat them.
const (
	maxWaiting = 64
	maxKept    = 1024
)

// turns are what is known of a call's in-dialog requests outside its mailbox, by leg. Legs beyond the fourth share them, which makes a
// refusal a loss at worst.
type turns struct {
	seen   [4]atomic.Uint32 // the highest CSeq
	turned [4]atomic.Uint32 // one that was refused because the mailbox was full
}

// enterMessage takes a message into a call's mailbox. When that is full a request gets 500 with a Retry-After of up to ten seconds, as
// one that comes too soon (RFC 3261 14.2); a repetition of one, ACK, CANCEL, BYE and responses do not.
func (s *Server) enterMessage(run *runner, c *Call, e event) {
	m, limit := e.msg, maxKept
	var cseq uint32
	slot, fresh := e.ref.slot%4, false
	if m.IsRequest() && m.Method != sip.ACK && m.Method != sip.CANCEL && m.Method != sip.BYE {
		limit = maxWaiting
		if !e.invite {
			cseq, _ = m.CSeq()
			fresh = cseq > c.turns.seen[slot].Load()
		}
	}
	held, full := c.box.EnterWithin(limit, func() event { return s.keep(e) })
	switch {
	case full && fresh:
		c.turns.turned[slot].Store(cseq)
		s.metrics.mailboxFull.WithLabelValues("refused").Inc()
		s.refuseBusy(e.local, m)
		return
	case full:
		s.metrics.mailboxFull.WithLabelValues("lost").Inc()
		return
	case fresh:
		c.turns.seen[slot].Store(cseq)
	}
	if held {
		s.run(run, c, e)
	}
}

func (s *Server) refuseBusy(l *Local, m *sip.Message) {
	s.refuse(l, m, 500, "Retry-After: "+strconv.Itoa(int(s.random()%11))+"\r\n")
}

// turnedAway tells whether a request was refused before it came into the mailbox: its repetition must not become a new one.
func (c *Call) turnedAway(e event, cseq uint32) bool {
	return cseq != 0 && c.turns.turned[e.ref.slot%4].Load() == cseq
}
