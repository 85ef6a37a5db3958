package diameter

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/diameter/dict"
)

// Endpoint is one Diameter identity with its peers.
type Endpoint struct {
	cfg      Config
	handlers Handlers
	log      *slog.Logger
	metrics  *Metrics
	dict     *dict.Dict
	ids      *ids
	stateID  uint32
	origin   []*diam.AVP
	appAVPs  map[uint32][]*diam.AVP
	began    time.Time

	connections atomic.Int32 // accepted ones

	peers  atomic.Pointer[[]*peer] // replaced, never changed
	ctx    context.Context         // ends with Close; the goroutines of peers and listeners hang on it
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	listeners []net.Listener
	ready     chan struct{} // closed and made anew each time a peer becomes usable
}

// New returns an Endpoint that does nothing yet. Without metrics it counts for itself alone.
func New(cfg Config, handlers Handlers, log *slog.Logger, m *Metrics) (*Endpoint, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	d, err := dict.New()
	if err != nil {
		return nil, err
	}
	for _, a := range cfg.Applications {
		if !d.Application(a.ID) {
			return nil, fmt.Errorf("application %d is not in the dictionary", a.ID)
		}
	}
	if m == nil {
		m = NewMetrics(prometheus.NewRegistry())
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	e := &Endpoint{
		cfg: cfg, handlers: handlers, log: log, metrics: m, dict: d, ids: newIDs(cfg.OriginHost), began: time.Now(),
		// RFC 6733 8.16: grows with each start, because no state survives one.
		stateID: uint32(time.Now().Unix()),
		origin: []*diam.AVP{
			AVP(dict.OriginHost, datatype.DiameterIdentity(cfg.OriginHost)),
			AVP(dict.OriginRealm, datatype.DiameterIdentity(cfg.OriginRealm)),
		},
		appAVPs: make(map[uint32][]*diam.AVP),
		ready:   make(chan struct{}),
	}
	for _, a := range cfg.Applications {
		e.appAVPs[a.ID] = e.commonAVPs(a)
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	peers := make([]*peer, 0, len(cfg.Peers))
	for _, pc := range cfg.Peers {
		p := newPeer(e, pc, false)
		if pc.TLS != nil {
			if p.tls, err = pc.TLS.client(pc.Host); err != nil {
				return nil, fmt.Errorf("peer %s: %w", p.name(), err)
			}
		}
		peers = append(peers, p)
	}
	e.peers.Store(&peers)
	return e, nil
}

// Start dials the configured peers, each in a goroutine that Close ends.
func (e *Endpoint) Start() {
	for _, p := range *e.peers.Load() {
		e.wg.Go(func() { p.loop(e.ctx) })
	}
}

// Ready waits until a request to the realm has a peer to go to.
func (e *Endpoint) Ready(ctx context.Context, app uint32, to Route) error {
	c := &call{app: app, route: to}
	for {
		e.mu.Lock()
		ready := e.ready
		e.mu.Unlock()
		if e.choose(c, nil) != nil {
			return nil
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return fmt.Errorf("%w in realm %s: %w", ErrNoPeer, to.Realm, ctx.Err())
		}
	}
}

// Reconnect dials a peer at once that is waiting, also one that said it does not want to talk to us.
func (e *Endpoint) Reconnect(host string) bool {
	for _, p := range *e.peers.Load() {
		if !p.accepted && strings.EqualFold(p.name(), host) {
			select {
			case p.wake <- struct{}{}:
			default:
			}
			return true
		}
	}
	return false
}

// Serve accepts connections until the listener or the endpoint is closed. Wrap the listener with tls.NewListener for TLS.
func (e *Endpoint) Serve(l net.Listener) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		l.Close()
		return net.ErrClosed
	}
	e.listeners = append(e.listeners, l)
	e.mu.Unlock()
	for {
		c, err := l.Accept()
		if err != nil {
			if e.ctx.Err() != nil {
				return net.ErrClosed
			}
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				continue
			}
			return fmt.Errorf("accept diameter connection: %w", err)
		}
		e.mu.Lock()
		if e.closed {
			e.mu.Unlock()
			c.Close()
			return net.ErrClosed
		}
		if int(e.connections.Add(1)) > e.cfg.MaxConnections {
			e.mu.Unlock()
			e.connections.Add(-1)
			c.Close()
			e.log.Warn("diameter connection refused, there are too many", "remote", c.RemoteAddr().String())
			continue
		}
		e.wg.Go(func() {
			defer e.connections.Add(-1)
			e.accepted(c)
		})
		e.mu.Unlock()
	}
}

// accepted serves one connection that a peer opened; its goroutine ends with the connection.
func (e *Endpoint) accepted(c net.Conn) {
	stop := context.AfterFunc(e.ctx, func() { c.Close() })
	defer stop()
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(e.cfg.ConnectTimeout))
	if t, ok := c.(*tls.Conn); ok {
		if err := t.HandshakeContext(e.ctx); err != nil {
			e.log.Warn("diameter tls handshake failed", "remote", c.RemoteAddr().String(), "error", err)
			return
		}
	}
	g := e.guard(c)
	caps, err := e.respond(g)
	if err != nil {
		e.log.Warn("diameter connection refused", "remote", c.RemoteAddr().String(), "error", err)
		return
	}
	_ = c.SetDeadline(time.Time{})
	stop()
	p := newPeer(e, PeerConfig{Host: caps.host, Address: c.RemoteAddr().String()}, true)
	l := p.attach(g, caps)
	if !e.add(p) {
		return
	}
	err = l.run()
	e.remove(p)
	if cause, left := l.left(); left {
		e.log.Info("diameter peer took leave", "peer", caps.host, "cause", cause.String())
		return
	}
	e.log.Info("diameter connection ended", "peer", caps.host, "error", err)
}

func (e *Endpoint) add(p *peer) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	peers := append(slices.Clone(*e.peers.Load()), p)
	e.peers.Store(&peers)
	return true
}

func (e *Endpoint) remove(p *peer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	peers := slices.DeleteFunc(slices.Clone(*e.peers.Load()), func(q *peer) bool { return p == q })
	e.peers.Store(&peers)
}

// connected tells whether the host has a connection that it opened.
func (e *Endpoint) connected(host string) bool {
	for _, p := range *e.peers.Load() {
		if p.accepted && strings.EqualFold(p.cfg.Host, host) {
			return true
		}
	}
	return false
}

// admits decides about a peer that dialled us (RFC 6733 5.6.4). If we are dialling it too, the higher identity's own
// connection stays; if we are connected to it already, the new one goes.
func (e *Endpoint) admits(host string) bool {
	for _, p := range *e.peers.Load() {
		if p.accepted || !strings.EqualFold(p.cfg.Host, host) {
			continue
		}
		p.mu.Lock()
		connected, abort := p.link != nil, p.abort
		p.mu.Unlock()
		if connected {
			return false
		}
		if abort != nil {
			if strings.ToLower(e.cfg.OriginHost) <= strings.ToLower(host) {
				return false
			}
			abort()
		}
		return true
	}
	return e.cfg.AcceptUnknown
}

// Close takes leave of every peer and ends every goroutine. The context bounds the politeness, not the end.
func (e *Endpoint) Close(ctx context.Context, cause DisconnectCause) {
	e.mu.Lock()
	e.closed = true
	listeners := e.listeners
	e.listeners = nil
	e.mu.Unlock()
	for _, l := range listeners {
		l.Close()
	}
	var wg sync.WaitGroup
	for _, p := range *e.peers.Load() {
		p.mu.Lock()
		l := p.link
		p.mu.Unlock()
		if l != nil {
			wg.Go(func() { l.leave(cause, ctx.Done()) })
		}
	}
	wg.Wait()
	e.cancel()
	// A dial that had just become a link when we looked.
	for _, p := range *e.peers.Load() {
		p.mu.Lock()
		l := p.link
		p.mu.Unlock()
		if l != nil {
			l.close(net.ErrClosed)
		}
	}
	e.wg.Wait()
}

// guard wraps a connection; its answers go straight to the socket until a link takes over.
func (e *Endpoint) guard(c net.Conn) *guard {
	g := newGuard(c, e.dict, &e.cfg)
	g.reply = func(raw []byte) { _, _ = c.Write(raw) }
	g.refused = func(reason string) { e.metrics.refused.WithLabelValues(reason).Inc() }
	g.ignored = func(n int) { e.metrics.ignored.Add(float64(n)) }
	return g
}

func (e *Endpoint) changed(ev PeerEvent) {
	if e.cfg.PeerChanged != nil {
		e.cfg.PeerChanged(ev)
	}
}

// news wakes those who wait in Ready.
func (e *Endpoint) news() {
	e.mu.Lock()
	close(e.ready)
	e.ready = make(chan struct{})
	e.mu.Unlock()
}
