package b2bua

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// Outside answers requests of a side that belong to no call and make none, such as the REGISTER of an S-CSCF. It must not block
// and must not keep the message. A repeated request may come again and must get the same answer. With ok false the server answers
// as it does by itself. A SUBSCRIBE is offered to it before it may become a call of the side's chain.
type Outside interface {
	Outside(side *Side, m *sip.Message) (answer Reply, ok bool)
}

// Reply is a response to a request outside calls. One without Status and Later is none: the answer is on its way already.
type Reply struct {
	Status  int
	Headers []Field
	Contact bool   // ours
	Dialog  bool   // it makes a dialog: what has recorded its route is in it (RFC 3261 12.1.1)
	Tag     string // ours; "" is one that the server makes
	// Later finds the answer where that takes time. It runs beside, with a copy of the request that it may keep.
	Later func(ctx context.Context, m *sip.Message) Reply
	// Sent is called when the answer is on its way. It must not block.
	Sent func()
}

// outside lets the side's Outside answer; false when it does not.
func (s *Server) outside(l *Local, m *sip.Message) bool {
	if l.side.Outside == nil || m.Method == sip.ACK {
		return false
	}
	r, ok := l.side.Outside.Outside(l.side, m)
	if !ok {
		return false
	}
	if r.Later == nil {
		s.reply(l, m, r)
		return true
	}
	if status, extra := inspect(l.side, m); status != 0 {
		s.refuse(l, m, status, extra)
		return true
	}
	if s.Draining() {
		s.refuse(l, m, 503, "Retry-After: 30\r\n")
		return true
	}
	m = m.Clone()
	s.lookUp(func() {
		late := Reply{Status: 500}
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("an answer outside calls panicked", "panic", p)
			}
			s.reply(l, m, late)
		}()
		late = r.Later(s.ctx, m)
	})
	return true
}

// reply sends what an Outside answers.
func (s *Server) reply(l *Local, m *sip.Message, r Reply) {
	if r.Status == 0 {
		return
	}
	extra := fieldLines(r.Headers)
	if r.Dialog {
		for i := range m.Headers {
			if h := &m.Headers[i]; h.ID == sip.HdrRecordRoute {
				extra += "Record-Route: " + string(h.Value) + "\r\n"
			}
		}
	}
	if r.Contact {
		extra += "Contact: <sip:" + l.Advertise + l.Transport.Param() + ">\r\n"
	}
	s.answer(l, m, r.Status, r.Tag, extra)
	if r.Sent != nil {
		r.Sent()
	}
}

// Outgoing is a request of our own outside calls. From and To are addresses with their tags; the dialog, if it has one, is the
// caller's affair.
type Outgoing struct {
	Side, Method, URI string
	Routes            []string // byte for byte
	To, From, CallID  string
	CSeq              uint32
	Headers           []Field
	ContentType       string
	Body              []byte
	// Instead is where it goes when the host of its first Route, or of its URI, is a name.
	Instead netip.AddrPort
	// At is where it goes whatever they say: to somebody behind a translator of addresses.
	At netip.AddrPort
}

// asks are the transactions of requests outside calls (RFC 3261 17.1.2).
type asks struct {
	mu   sync.Mutex
	last uint32
	open map[uint32]*asking
}

type asking struct {
	side   *Side
	from   *Local
	to     netip.AddrPort
	text   []byte
	done   func(*sip.Message)
	retry  time.Duration
	pause  time.Duration
	expire time.Duration
}

// askSlot marks the branches of these transactions.
const askSlot = 255

// Ask sends a request outside calls. done gets the final response, or nil when there is none in time; it is called once, must not
// block and must not keep the message.
func (s *Server) Ask(o Outgoing, done func(*sip.Message)) error {
	side := s.sides[o.Side]
	if side == nil {
		return errors.New("b2bua: no side " + o.Side)
	}
	uri := o.URI
	if len(o.Routes) > 0 {
		uri = bare(o.Routes[0])
	}
	to, by, ok := uriAddr([]byte(uri), side.Locals[0].Transport)
	if !ok {
		to, by = o.Instead, side.Locals[0].Transport
	}
	if o.At.IsValid() {
		to = o.At
	}
	if !to.IsValid() {
		return errors.New("b2bua: no address of " + uri)
	}
	a := &asking{side: side, from: side.via(to, by), to: to, done: done}
	s.asks.mu.Lock()
	s.asks.last++
	n := s.asks.last
	a.text = s.appendAsk(nil, a.from, &o, n)
	now, t := s.now(), s.cfg.Timers
	a.pause, a.expire = t.T1, now+64*t.T1
	if a.retry = now + t.T1; a.from.Transport.Reliable() {
		a.retry = a.expire
	}
	if s.asks.open == nil {
		s.asks.open = map[uint32]*asking{}
	}
	s.asks.open[n] = a
	s.asks.mu.Unlock()
	if err := a.from.Send(a.text, a.to); err != nil {
		s.metrics.sendErrors.Inc() // it is sent again
	}
	return nil
}

func (s *Server) appendAsk(b []byte, from *Local, o *Outgoing, n uint32) []byte {
	b = append(append(append(append(b, o.Method...), ' '), o.URI...), " SIP/2.0\r\nVia: SIP/2.0/"...)
	b = append(append(append(b, from.Transport.String()...), ' '), from.Advertise...)
	b = s.mint.append(append(b, ";branch=z9hG4bK"...), idBranch, ref{slot: askSlot, number: n})
	b = append(b, "\r\n"...)
	for _, r := range o.Routes {
		b = sip.AppendHeader(b, "Route", []byte(r))
	}
	b = sip.AppendHeader(sip.AppendHeader(b, "From", []byte(o.From)), "To", []byte(o.To))
	b = sip.AppendHeader(b, "Call-ID", []byte(o.CallID))
	b = strconv.AppendUint(append(b, "CSeq: "...), uint64(o.CSeq), 10)
	b = append(append(append(b, ' '), o.Method...), "\r\nMax-Forwards: "...)
	b = append(strconv.AppendInt(b, int64(s.cfg.MaxForwards), 10), "\r\n"...)
	if o.Method != "MESSAGE" { // RFC 3428 4: it makes no dialog
		b = append(append(append(b, "Contact: <sip:"...), from.Advertise...), from.Transport.Param()...)
		b = append(b, ">\r\n"...)
	}
	b = append(b, fieldLines(o.Headers)...)
	if len(o.Body) > 0 {
		b = sip.AppendHeader(b, "Content-Type", []byte(o.ContentType))
	}
	return sip.AppendBody(b, o.Body)
}

// asked gives a response to the transaction it belongs to.
func (s *Server) asked(l *Local, n uint32, m *sip.Message) {
	s.asks.mu.Lock()
	a := s.asks.open[n]
	switch {
	case a == nil || a.side != l.side:
		a = nil
		s.metrics.strays.Inc()
	case m.Status < 200: // RFC 3261 17.1.2.2: it is repeated every T2 from now on
		a.pause, a = s.cfg.Timers.T2, nil
	default:
		delete(s.asks.open, n)
	}
	s.asks.mu.Unlock()
	if a != nil {
		a.done(m)
	}
}

// asking tells whether a request of our own outside calls waits for its answer.
func (s *Server) asking() bool {
	s.asks.mu.Lock()
	defer s.asks.mu.Unlock()
	return len(s.asks.open) > 0
}

// remind repeats what nobody has answered, and gives it up in the end.
func (s *Server) remind(now time.Duration) {
	s.asks.mu.Lock()
	var late []*asking
	var again []*asking
	for n, a := range s.asks.open {
		switch {
		case now >= a.expire:
			delete(s.asks.open, n)
			late = append(late, a)
		case now >= a.retry:
			a.pause = min(2*a.pause, s.cfg.Timers.T2)
			a.retry = now + a.pause
			again = append(again, a)
		}
	}
	s.asks.mu.Unlock()
	for _, a := range again {
		_ = a.from.Send(a.text, a.to)
	}
	for _, a := range late {
		a.done(nil)
	}
}
