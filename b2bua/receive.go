package b2bua

import (
	"errors"
	"hash/fnv"
	"net/netip"
	"strconv"

	"github.com/bifrons/bifrons/sip"
)

// Handler is what a listener's messages are given to.
func (s *Server) Handler(l *Local) sip.Handler {
	return func(r *sip.Reader, m *sip.Message, err error) {
		run, _ := r.Busy.(*runner)
		if run == nil || run.fence != &s.fence { // another generation has handled messages before
			if run != nil {
				run.fence.leave(run)
			}
			run = s.fence.join(r.Replace)
			r.Busy = run
		}
		s.receive(run, l, m, err)
	}
}

// Receive takes one datagram, as a listener's reader does. It is for networks that are not sockets.
func (s *Server) Receive(l *Local, data []byte, source netip.AddrPort) {
	run := s.fence.join(nil)
	defer s.fence.leave(run)
	m := &sip.Message{Source: source}
	s.receive(run, l, m, m.Parse(data))
}

// receive finds the call of a message and runs its step; what belongs to no call is answered here.
func (s *Server) receive(run *runner, l *Local, m *sip.Message, err error) {
	if m.Waited > 0 {
		l.lag.add(m.Waited)
	}
	m.User = ""
	who := l.side.standing(m)
	switch {
	case who == stranger:
		s.metrics.forbidden.Inc()
		if l.side.RefuseStrangers && err == nil && m.IsRequest() && s.strangers.allow(m.Source.Addr(), s.now()) {
			s.refuse(l, m, 403, "")
		}
	case err != nil:
		s.malformed(l, m, err)
	case !m.IsRequest():
		s.untrusted(l.side, m)
		s.receiveResponse(run, l, m)
	default:
		s.metrics.request(m.Method)
		s.untrusted(l.side, m)
		if who == admitted || s.authenticate(l, m) {
			s.receiveRequest(run, l, m)
		}
	}
}

// malformed answers what can be answered; the rest is counted. The log names one of them in a second, with how many there were.
func (s *Server) malformed(l *Local, m *sip.Message, err error) {
	s.metrics.malformed.Inc()
	since := s.malformedSince.Add(1)
	if s.malformedLog.allow(s.now()) {
		s.malformedSince.Add(-since)
		s.log.Warn("malformed message", "source", m.Source, "err", err, "messages", since)
	}
	var pe *sip.ParseError
	if !errors.As(err, &pe) || !m.Answerable() {
		s.metrics.unanswerable.Inc()
		return
	}
	s.refuse(l, m, pe.Status, "")
}

func (s *Server) receiveResponse(run *runner, l *Local, m *sip.Message) {
	via, err := m.TopVia()
	branch := via.Branch()
	if err != nil || len(branch) < 7 {
		s.metrics.strays.Inc()
		return
	}
	r, ok := s.mint.find(branch[7:], idBranch)
	if !ok {
		s.metrics.strays.Inc()
		return
	}
	if r.call == 0 {
		s.pong(l, r, m)
		return
	}
	s.deliver(run, event{msg: m, local: l, ref: r})
}

func (s *Server) receiveRequest(run *runner, l *Local, m *sip.Message) {
	tag, tagged := toTag(m)
	switch {
	case tagged:
		r, ok := s.mint.find(tag, idTag)
		if ok && s.deliver(run, event{msg: m, local: l, ref: r}) || m.Method == sip.ACK || s.outside(l, m) {
			return
		}
		s.refuse(l, m, 481, "")
	case m.Method == sip.SUBSCRIBE && s.outside(l, m):
	case m.Method == sip.INVITE, alone(l.side, m):
		s.receiveInvite(run, l, m)
	case m.Method == sip.CANCEL, m.Method == sip.ACK: // both have the branch of the INVITE (RFC 3261 17.2.3)
		keys := s.table.keys(m)
		if c := s.initial(keys[0]); c != nil && s.hand(run, c, event{msg: m, local: l, invite: true}) {
			return
		}
		if m.Method == sip.ACK {
			s.metrics.strays.Inc()
		}
		s.refuse(l, m, 481, "")
	default:
		s.outOfDialog(l, m)
	}
}

// outOfDialog answers a request that neither is in a call nor makes one.
func (s *Server) outOfDialog(l *Local, m *sip.Message) {
	if m.Method != sip.SUBSCRIBE && s.outside(l, m) {
		return
	}
	switch m.Method {
	case sip.REGISTER:
		if !l.side.Registers || s.cfg.Registrar == nil {
			s.refuse(l, m, 405, l.side.allowOutside())
			return
		}
		s.register(l, m)
	case sip.OPTIONS:
		if s.Draining() {
			s.refuse(l, m, 503, "Retry-After: 30\r\n")
			return
		}
		if status, extra := inspect(l.side, m); status != 0 {
			s.refuse(l, m, status, extra)
			return
		}
		s.refuse(l, m, 200, l.side.allowOutside()+l.side.supported()+accept)
	case sip.BYE, sip.INFO, sip.PRACK, sip.UPDATE, sip.NOTIFY:
		s.refuse(l, m, 481, "")
	case sip.REFER: // it is allowed in a call only, so a 405 would not be true
		s.refuse(l, m, 403, "")
	case sip.MethodOther:
		s.refuse(l, m, 501, l.side.allowOutside())
	default:
		s.refuse(l, m, 405, l.side.allowOutside())
	}
}

// receiveInvite takes an INVITE or a stand-alone request outside a dialog: the same one again, or a new call.
func (s *Server) receiveInvite(run *runner, l *Local, m *sip.Message) {
	l.side.called(m)
	keys := s.table.keys(m)
	if c := s.initial(keys[0]); c != nil && s.hand(run, c, event{msg: m, local: l, invite: true}) {
		return
	}
	if s.merged(keys) {
		s.refuse(l, m, 482, "")
		return
	}
	status, extra, class := s.admit(l.side, m)
	if status != 0 {
		s.metrics.refused(status)
		s.refuse(l, m, status, extra)
		return
	}
	s.newCall(run, l, m, keys, class)
}

// admit says whether an INVITE may become a call; 0 is yes, and then it has passed the gates. Only new calls come here. Who drains
// says so by a Retry-After: everything shall go elsewhere. A limit speaks of this call alone.
func (s *Server) admit(side *Side, m *sip.Message) (status int, extra string, class Class) {
	if s.Draining() || s.retired.Load() { // retired: what comes by a listener that the newer configuration has not
		return 503, "Retry-After: 30\r\n", Ordinary
	}
	if status, extra = inspect(side, m); status != 0 {
		return status, extra, Ordinary
	}
	class = s.classOf(side, m)
	if class != Ordinary {
		s.metrics.exempt.WithLabelValues(classNames[class]).Inc()
	}
	if !s.overload.admit(s.now(), m.Waited, class != Ordinary) {
		s.metrics.turnedAway.WithLabelValues("overload", "rate").Inc()
		return 503, "", class
	}
	if !s.pass([2]*gate{side.in, s.all}, class) {
		return 503, "", class
	}
	return 0, "", class
}

// refuse answers a request without a transaction: a repetition gets the same answer again, tag included (RFC 3261 8.2.7).
func (s *Server) refuse(l *Local, m *sip.Message, status int, extra string) {
	s.answer(l, m, status, "", extra)
}

// answer is refuse with a tag of somebody's own.
func (s *Server) answer(l *Local, m *sip.Message, status int, own, extra string) {
	if m.Method == sip.ACK {
		return
	}
	tag := []byte(own)
	if own == "" {
		h := fnv.New64a()
		h.Write(s.cfg.Key[:])
		via, _ := m.TopVia()
		h.Write(via.Branch())
		h.Write(m.Get(sip.HdrCallID))
		tag = strconv.AppendUint(tag, h.Sum64(), 36)
	}
	b := m.AppendResponseHead(nil, status, sip.ReasonPhrase(status), tag)
	if err := l.Send(sip.AppendBody(append(b, extra...), nil), m.Source); err != nil {
		s.metrics.sendErrors.Inc()
	}
}

// deliver gives an event to the call it belongs to; false when there is none.
func (s *Server) deliver(run *runner, e event) bool {
	c := s.find(e.ref.call)
	if c == nil || !s.hand(run, c, e) {
		if !e.msg.IsRequest() {
			s.metrics.strays.Inc()
		}
		return false
	}
	return true
}

// foreign refuses a message for a leg that is not there, or not on the side it came in on.
func (s *Server) foreign(e event) {
	s.metrics.strays.Inc()
	if e.msg.IsRequest() {
		s.refuse(e.local, e.msg, 481, "")
	}
}

// enter runs an event of a call at once if nobody else does, else leaves it in the mailbox for who does.
func (s *Server) enter(run *runner, c *Call, e event) {
	if e.msg != nil {
		s.enterMessage(run, c, e)
		return
	}
	if c.box.Enter(func() event { return s.keep(e) }) {
		s.run(run, c, e)
	}
}

// keep returns an event that outlives the read buffer, to wait in a mailbox.
func (s *Server) keep(e event) event {
	if e.msg != nil {
		e.msg = e.msg.Clone()
	}
	e.kept = s.now()
	return e
}

// run handles an event and all that come meanwhile.
func (s *Server) run(run *runner, c *Call, e event) {
	c.runner = run
	at := s.now()
	for ok := true; ok; e, ok = c.box.Next() {
		if e.kept != 0 {
			s.metrics.mailboxWait.Observe((at - e.kept).Seconds())
		}
		c.handle(e)
		now := s.now()
		s.metrics.steps.Observe((now - at).Seconds())
		at = now
	}
}
