package b2bua

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/b2bua/cdr"
	"github.com/bifrons/bifrons/media/sdp"
	"github.com/bifrons/bifrons/sip"
)

// Server finds the call of every message, makes new calls, and turns their clock.
type Server struct {
	cfg      Config
	log      *slog.Logger
	mint     *minter
	metrics  *Metrics
	sides    map[string]*Side
	policies map[[2]*Side]*Policy
	sessions sync.Pool // of *sdp.Session
	stats    statistics
	leakLog  limiter

	malformedLog   limiter
	portsLog       limiter
	malformedSince atomic.Int64 // the last line of the log about them
	refusals       refusals
	sick           refusals // addresses that failed where their name has others
	strangers      perSource
	guesses        guesses
	trusts         *trusts
	goals          []*goal
	gates          []*gate
	all            *gate // of all calls that have not ended
	overload       overload
	trunks         []*trunk
	leaving        atomic.Bool // the trunks' registrations end
	history        *history
	spots          *spotlights

	table   table
	wheel   wheel
	turned  atomic.Int64 // when the wheel was
	nextID  *atomic.Uint64
	elder   atomic.Pointer[Server] // whose calls go on; nil: none
	retired atomic.Bool            // another one leads

	lookUps, posts atomic.Int64

	notices []*notices
	asks    asks

	ctx      context.Context // of look-ups
	cancel   context.CancelFunc
	draining atomic.Bool
	stop     chan struct{}
	threads  sync.WaitGroup
	fence    fence
}

// New makes a Server; Start turns its clock, Handler is for the listeners.
func New(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Anchor && cfg.Media == nil {
		return nil, errors.New("b2bua: media is to be anchored, and there is no relay")
	}
	if cfg.CDR == nil {
		cfg.CDR = cdr.Discard{}
	}
	if cfg.Clock == nil {
		cfg.Clock = systemClock{time.Now()}
	}
	if cfg.Random == nil {
		cfg.Random = secureRandom
	}
	if cfg.Key == [16]byte{} {
		cfg.Key = randomKey()
	}
	if cfg.Resolver == nil {
		cfg.Resolver = unnamed{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, log: cfg.Log, mint: newMinter(cfg.Key, cfg.Node), sides: map[string]*Side{}, policies: map[[2]*Side]*Policy{},
		sessions: sync.Pool{New: func() any { return new(sdp.Session) }}, stop: make(chan struct{}), nextID: new(atomic.Uint64), history: &history{}, spots: &spotlights{}}
	if cfg.Elder != nil {
		s.succeed(cfg.Elder)
		cfg = s.cfg
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.overload.Overload = cfg.Overload
	if cfg.Elder == nil {
		s.metrics = newMetrics(s)
		s.nextID.Store(cfg.Random() >> 16)
	}
	s.table.init(cfg.Key)
	s.trusts, s.guesses.seed = newTrusts(), cfg.Key
	for _, side := range cfg.Sides {
		s.sides[side.Name] = side
		for i, l := range side.Locals {
			l.side = side
			l.number = uint8(i)
			side.served = side.served.With(l.Transport, l.Addr.Addr())
			s.overload.lags = append(s.overload.lags, &l.lag)
		}
		side.allow = side.allowLine()
		side.learnNames()
		s.openVerifier(side)
	}
	s.stats, _ = cfg.Media.(statistics)
	s.openGoals()
	s.openNotices()
	s.openGates()
	s.openTrunks()
	for _, a := range cfg.Sides {
		for _, b := range cfg.Sides {
			s.policies[[2]*Side{a, b}] = pairPolicy(&cfg, a, b)
		}
	}
	for _, side := range cfg.Sides {
		s.learnPublic(side)
		s.learnCommon(side)
	}
	return s, nil
}

// pairPolicy finds the policy of a pair: what the configuration says, else that of home inside one trust domain.
func pairPolicy(cfg *Config, from, to *Side) *Policy {
	for _, p := range cfg.Policies {
		if (p.From == "" || p.From == from.Name) && (p.To == "" || p.To == to.Name) {
			return p.Policy
		}
	}
	switch {
	case from.Trust != Home || to.Trust != Home:
		return UntrustedPolicy()
	case cfg.Home != nil:
		return cfg.Home
	}
	return TrustedPolicy()
}

// Start begins to turn the timer wheel and to watch over the applications; Close ends both.
func (s *Server) Start() {
	s.startWheel()
	s.threads.Go(s.watch)
}

// Close ends the server's goroutines; calls are left as they are. Listeners must be closed before.
func (s *Server) Close() {
	for _, g := range s.generations() {
		g.end()
	}
}

func (s *Server) end() {
	s.cancel()
	close(s.stop)
	s.threads.Wait()
}

// Metrics returns the server's counters for registration.
func (s *Server) Metrics() prometheus.Collector { return s.metrics }

// Active returns the number of calls that have not ended.
func (s *Server) Active() int { return int(s.all.calls.Load()) }

// Drain refuses new calls from now on; OPTIONS get 503, too.
func (s *Server) Drain() { s.draining.Store(true) }

// Draining tells whether Drain was called.
func (s *Server) Draining() bool { return s.draining.Load() }

// Shutdown refuses new calls, lets those at hand finish until ctx is done, and then ends the rest with BYE. It returns how
// many had to be ended.
func (s *Server) Shutdown(ctx context.Context) int {
	s.Drain()
	s.deregister()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for s.Active() > 0 {
		select {
		case <-ctx.Done():
			return s.endAll()
		case <-tick.C:
		}
	}
	return 0
}

// endAll ends every call, and gives the parties a second to answer.
func (s *Server) endAll() int {
	n := 0
	for _, c := range s.here() {
		ended, _ := ask(c.srv, c, func(c *Call) bool {
			open := c.Cause == nil
			c.end(Cause{Status: 503, By: ByBifrons, Text: "shut down", Reason: "SIP;cause=503"})
			return open
		})
		if ended {
			n++
		}
	}
	for range 50 {
		waiting := false
		for _, c := range s.here() {
			if open, _ := ask(c.srv, c, (*Call).unanswered); open {
				waiting = true
			}
		}
		if !waiting {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return n
}

// unanswered tells whether a party has yet to answer a request of ours.
func (c *Call) unanswered() bool {
	for _, l := range c.Legs {
		for _, t := range l.Txs {
			if t.State == sip.Trying && t.Kind == sip.NonInviteClient {
				return true
			}
		}
	}
	return false
}

func (s *Server) now() time.Duration { return s.cfg.Clock.Now() }

func (s *Server) random() uint64 { return s.cfg.Random() }

func (s *Server) policy(from, to *Side) *Policy { return s.policies[[2]*Side{from, to}] }

// hops returns the Max-Forwards of a request.
func (s *Server) hops(m *sip.Message) int {
	v := m.Get(sip.HdrMaxForwards)
	if v == nil {
		return s.cfg.MaxForwards
	}
	n := 0
	for _, c := range v {
		n = n*10 + int(c-'0')
	}
	return n
}

// callID returns the Call-ID of a leg.
func (s *Server) callID(c *Call, l *Leg) string {
	if l.CallID != "" {
		return l.CallID
	}
	return string(c.appendCallID(nil, l))
}

// newCall makes the call of an INVITE that was admitted, unless the same request is there already.
func (s *Server) newCall(run *runner, l *Local, m *sip.Message, keys [2]uint64, class Class) {
	c := &Call{srv: s, State: State{ID: s.nextID.Add(1), Keys: keys, Started: s.cfg.Clock.Wall(), Class: class}}
	held := c.box.Enter(nil)
	switch s.table.add(c) {
	case addedTwice: // another reader was faster
		leave([2]*gate{l.side.in, s.all})
		s.metrics.absorbed.Inc()
		return
	case addedMerged: // RFC 3261 8.2.2.2
		leave([2]*gate{l.side.in, s.all})
		s.refuse(l, m, 482, "")
		return
	}
	s.metrics.attempts.Inc()
	if held {
		s.run(run, c, event{msg: m, local: l, order: func(c *Call) { c.start(l, m) }})
	}
}

// start is a call's first event: the caller's leg, 100, and the walk of the INVITE.
func (c *Call) start(local *Local, m *sip.Message) {
	side := local.side
	from, _ := sip.ParseAddress(m.Get(sip.HdrFrom))
	to, _ := sip.ParseAddress(m.Get(sip.HdrTo))
	tag, _ := from.Params.Get("tag")
	n, _ := m.CSeq()
	via, _ := m.TopVia()
	l := &Leg{Side: side.Name, side: side, local: local, Local: local.index(), CallID: string(m.Get(sip.HdrCallID)), Dest: m.Source,
		Us: withoutParams(to), Them: withoutParams(from), CSeq: uint32(c.srv.random()) >> 4, Counted: true}
	c.Legs = append(make([]*Leg, 0, 2), l)
	d := &Dialog{RemoteTag: string(tag), Remote: n, Routes: recordRoute(m, false), Twin: noTwin}
	if d.refresh(m); d.Target == "" { // ancient
		d.Target = requestURI(from.URI)
	}
	l.Dialogs = []*Dialog{d}
	l.Flow = behindNAT(m, local.Transport, d.Target)
	c.spot(m)
	c.asked(l, m)
	c.hear(l, m)
	l.identify(m)
	c.Branches = append(make([]Branch, 0, 1), Branch{})
	c.Hops, c.Breadth = c.srv.hops(m), breadth(m)
	c.cameFrom(m.Get(sip.HdrCallID))
	kind, first := sip.InviteServer, sip.Proceeding
	if c.Alone = m.Method != sip.INVITE; c.Alone {
		kind, first = sip.NonInviteServer, sip.Trying
	}
	if m.Method == sip.SUBSCRIBE {
		c.Sub = &Subscription{Event: string(m.Get(sip.HdrEvent))}
	}
	t := c.begin(l, &Tx{Kind: kind, Method: m.Method, Branch: string(via.Branch()), CSeq: n, Local: l.Local, Dest: m.Source,
		Offered: !c.Alone && describes(m)}, first)
	t.Head = c.responseHead(m)
	if !c.Alone {
		t.reliably(m)
		c.reply(l, t, reply{status: 100})
	}
	c.ICID = icid(m.Get(sip.HdrPChargingVector))
	c.srv.logStart(c, l)
	c.setChain(0, side.Apps)
	c.Invite = Text{m}
	if len(c.Chain) > 0 || c.srv.follows() {
		c.Invite = c.Invite.keep()
	}
	c.offer(Walk{Event: Invite{Draft: &Draft{Request: c.Invite, RequestURI: string(m.RequestURI)}}, Msg: c.Invite, Tx: t.Num})
	if len(c.Chain) == 0 && !c.srv.follows() && !c.dialsAgain() && c.Adopting == nil {
		c.Invite = Text{} // a view of the read buffer
	}
}

// withoutParams prints an address less its header parameters.
func withoutParams(a sip.Address) string {
	b := make([]byte, 0, len(a.Display)+len(a.URI)+3)
	if len(a.Display) > 0 {
		b = append(append(b, a.Display...), ' ')
	}
	return string(append(append(append(b, '<'), a.URI...), '>'))
}

// icid returns the charging identity in a P-Charging-Vector (RFC 7315 4.6), "" if there is none.
func icid(vector []byte) string {
	if vector == nil {
		return ""
	}
	id, _ := sip.Params(vector).Get("icid-value")
	return string(sip.Unquote(id))
}

// follows tells whether any side follows redirections or has several targets, so that an INVITE must be kept.
func (s *Server) follows() bool {
	for _, side := range s.cfg.Sides {
		if side.FollowRedirect || len(side.goals) > 1 {
			return true
		}
	}
	return false
}

func (l *Local) index() uint8 { return l.number }
