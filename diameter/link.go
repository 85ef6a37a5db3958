package diameter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"

	"github.com/bifrons/bifrons/diameter/dict"
)

// outboxLimit bounds what may wait for a peer that does not read.
const outboxLimit = 8 << 20

// leaveTimeout is how long after DPR and DPA a connection may stay.
const leaveTimeout = 2 * time.Second

// flushTimeout is how long the last messages of a connection may take to leave.
const flushTimeout = 200 * time.Millisecond

// link is one open connection after the capabilities exchange. Its reader, writer and watchdog end when it is closed;
// run awaits them.
type link struct {
	e     *Endpoint
	peer  *peer
	conn  *guard
	out   *outbox
	began time.Time

	mu      sync.Mutex
	pending map[uint32]pending
	hop     uint32
	err     error
	leaving DisconnectCause

	incoming atomic.Int32 // requests of the peer that are not answered yet
	set      atomic.Int64 // when Tw was last set, since began
	okay     atomic.Bool  // the watchdog is in OKAY: an ordinary message only sets Tw
	closed   chan struct{}
	once     sync.Once
	dpa      chan struct{}
	dpaOnce  sync.Once
}

// pending is a request that waits for its answer on this link.
type pending struct {
	call *call
	sent time.Time
}

func newLink(e *Endpoint, p *peer, g *guard) *link {
	l := &link{
		e: e, peer: p, conn: g, out: newOutbox(outboxLimit), began: time.Now(),
		pending: make(map[uint32]pending), hop: rand.Uint32(), leaving: disconnectCauseUnknown,
		closed: make(chan struct{}), dpa: make(chan struct{}),
	}
	g.reply = func(raw []byte) { _ = l.out.put(raw) }
	g.lost = l.unreadable
	return l
}

// run serves the link until it ends and returns why.
func (l *link) run() error {
	var wg sync.WaitGroup
	wg.Go(l.write)
	wg.Go(l.watch)
	l.step(eventUp)
	l.close(l.read())
	wg.Wait()
	l.step(eventDown)
	l.failover(errLost)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// write sends what gathers in the outbox and closes the connection at the end.
func (l *link) write() {
	l.close(l.out.run(l.conn.Conn, l.e.cfg.WriteTimeout))
	l.conn.Close()
}

// close ends the link; the first reason stays. What is in the outbox still leaves if the peer reads it at once.
func (l *link) close(err error) {
	l.once.Do(func() {
		l.mu.Lock()
		l.err = err
		l.mu.Unlock()
		close(l.closed)
		_ = l.conn.SetReadDeadline(time.Unix(1, 0))
		_ = l.conn.SetWriteDeadline(time.Now().Add(flushTimeout))
		l.out.close()
	})
}

// read takes messages from the guard until the connection ends.
func (l *link) read() error {
	for {
		m, err := l.conn.message(l.e.dict.Parser())
		if err != nil {
			return err
		}
		l.received(m)
	}
}

func (l *link) received(m *diam.Message) {
	h := m.Header
	ev := eventMessage
	if h.ApplicationID == dict.Base && h.CommandCode == dict.DeviceWatchdog && h.CommandFlags&flagRequest == 0 {
		ev = eventDWA
	}
	thrown := false
	if ev == eventMessage && l.okay.Load() {
		l.set.Store(int64(time.Since(l.began)))
	} else {
		thrown = l.step(ev)&actThrowAway != 0
	}
	switch {
	case h.ApplicationID == dict.Base:
		l.base(m)
	case thrown:
	case h.CommandFlags&flagRequest == 0:
		l.answered(m)
	default:
		l.e.serve(l, m)
	}
}

// base handles the messages between neighbours.
func (l *link) base(m *diam.Message) {
	request := m.Header.CommandFlags&flagRequest != 0
	switch {
	case m.Header.CommandCode == dict.DeviceWatchdog && request:
		l.put(l.e.baseAnswer(m, Success, true))
	case m.Header.CommandCode == dict.DisconnectPeer && request:
		cause, _ := Number(m.AVP, 0, dict.DisconnectCause)
		l.put(l.e.baseAnswer(m, Success, false))
		l.mu.Lock()
		l.leaving = DisconnectCause(cause)
		l.mu.Unlock()
		l.peer.setOpen(nil)
		// The sender of the DPR closes (RFC 6733 5.4.2); if it does not, we do.
		_ = l.conn.SetReadDeadline(time.Now().Add(leaveTimeout))
	case m.Header.CommandCode == dict.DisconnectPeer:
		l.dpaOnce.Do(func() { close(l.dpa) })
	case m.Header.CommandCode == dict.CapabilitiesExchange && request:
		// RFC 6733 5.6: a CER in the open state is answered again.
		l.put(l.e.capabilitiesAnswer(m, Success, l.conn.LocalAddr(), ""))
	}
}

// put sends a message that waits for no answer.
func (l *link) put(m *diam.Message) {
	raw, err := serialize(m)
	if err == nil {
		err = l.out.put(raw)
	}
	if err != nil {
		l.e.metrics.unsent.Inc()
	}
}

// send writes a request and files it under its hop-by-hop id.
func (l *link) send(c *call, again bool) error {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return errLinkDown
	}
	if len(l.pending) >= l.e.cfg.MaxInFlight {
		l.mu.Unlock()
		return ErrOverload
	}
	l.hop++
	hop := l.hop
	l.pending[hop] = pending{call: c, sent: time.Now()}
	l.mu.Unlock()
	if err := l.out.request(c.raw, hop, again); err != nil {
		l.take(hop)
		return err
	}
	c.hops = append(c.hops, hopOf{l, hop})
	return nil
}

// take removes a pending request.
func (l *link) take(hop uint32) (pending, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.pending[hop]
	if ok {
		delete(l.pending, hop)
	}
	return p, ok
}

// answered hands an answer to whoever waits. RFC 6733 6.2.1: an answer with an unknown hop-by-hop id is dropped.
func (l *link) answered(m *diam.Message) {
	p, ok := l.take(m.Header.HopByHopID)
	if !ok {
		l.e.metrics.stray.Inc()
		return
	}
	if m.Header.EndToEndID != p.call.endToEnd || m.Header.CommandCode != p.call.command {
		l.e.metrics.stray.Inc()
		p.call.post(callEvent{link: l, err: errors.New("answer of another request under our hop-by-hop id")})
		return
	}
	d := time.Since(p.sent)
	l.peer.rtt.add(d)
	l.peer.seconds.Observe(d.Seconds())
	p.call.post(callEvent{link: l, msg: m})
}

// unreadable ends the wait for an answer that the guard could not let through.
func (l *link) unreadable(hop uint32, code ResultCode) {
	if p, ok := l.take(hop); ok {
		p.call.post(callEvent{link: l, err: fmt.Errorf("unreadable answer from %s: %s", l.peer.name(), code.Name())})
	}
}

// failover tells every waiting request to look for another peer. On a link that is only suspect they stay filed: the
// answer may still come.
func (l *link) failover(reason error) {
	l.mu.Lock()
	calls := make([]*call, 0, len(l.pending))
	for _, p := range l.pending {
		calls = append(calls, p.call)
	}
	if reason == errLost {
		clear(l.pending)
	}
	l.mu.Unlock()
	for _, c := range calls {
		c.post(callEvent{link: l, err: reason})
	}
}

// step runs the watchdog's table and does what it says.
func (l *link) step(ev watchdogEvent) watchdogAction {
	do := l.peer.stepWatchdog(l, ev)
	if do&actSet != 0 {
		l.set.Store(int64(time.Since(l.began)))
	}
	if do&actSend != 0 {
		l.put(l.e.watchdogRequest())
	}
	if do&actFailover != 0 && ev == eventTimer {
		l.failover(errSuspect)
	}
	if do&actClose != 0 {
		l.close(errWatchdog)
	}
	return do
}

// watch runs Tw until the link is closed.
func (l *link) watch() {
	tw := l.period()
	t := time.NewTimer(tw)
	defer t.Stop()
	for {
		select {
		case <-l.closed:
			return
		case <-t.C:
		}
		if left := time.Duration(l.set.Load()) + tw - time.Since(l.began); left > 0 {
			t.Reset(left)
			continue
		}
		l.step(eventTimer)
		// REOPEN does not set Tw on its answers, so the next period starts where this one ended.
		l.set.Store(int64(time.Since(l.began)))
		tw = l.period()
		t.Reset(tw)
	}
}

// period returns Tw with the jitter of RFC 3539 3.4.1: two seconds either way.
func (l *link) period() time.Duration {
	return l.e.cfg.Watchdog + time.Duration(rand.Int64N(int64(4*time.Second))) - 2*time.Second
}

// leave takes leave with a DPR and closes when the DPA is there or the time is up.
func (l *link) leave(cause DisconnectCause, until <-chan struct{}) {
	l.peer.setOpen(nil)
	m := l.e.baseRequest(dict.DisconnectPeer)
	Add(m, dict.DisconnectCause, datatype.Enumerated(cause))
	l.put(m)
	t := time.NewTimer(leaveTimeout)
	defer t.Stop()
	select {
	case <-l.dpa:
	case <-l.closed:
	case <-t.C:
	case <-until:
	}
	l.close(net.ErrClosed)
}

// left returns the cause of a DPR that the peer sent.
func (l *link) left() (DisconnectCause, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leaving, l.leaving != disconnectCauseUnknown
}
