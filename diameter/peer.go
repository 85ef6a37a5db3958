package diameter

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// peer is a neighbour: one that we dial, kept across its connections, or one that dialled us, kept for one connection.
type peer struct {
	e        *Endpoint
	cfg      PeerConfig
	accepted bool
	tls      *tls.Config

	// open is set while requests may go there; the routes read it without a lock.
	open       atomic.Pointer[opening]
	avoidUntil atomic.Int64 // since e.began
	rtt        roundTrips
	seconds    prometheus.Observer
	up         prometheus.Gauge

	mu      sync.Mutex
	wd      watchdog
	phase   string // what a peer without a link is doing
	since   time.Time
	link    *link
	caps    *capabilities
	lastErr error
	stateID uint32
	abort   context.CancelFunc // ends the dial in progress
	wake    chan struct{}      // ends the wait before the next dial
}

// opening is a link that carries requests, with what its peer can do.
type opening struct {
	link *link
	caps *capabilities
}

func newPeer(e *Endpoint, cfg PeerConfig, accepted bool) *peer {
	label := cfg.Host
	switch {
	case accepted:
		label = "accepted" // whoever dials us must not make up labels
	case label == "":
		label = cfg.Address
	}
	return &peer{
		e: e, cfg: cfg, accepted: accepted, phase: "closed", since: time.Now(), wake: make(chan struct{}, 1),
		seconds: e.metrics.seconds.WithLabelValues(label), up: e.metrics.up.WithLabelValues(label),
	}
}

func (p *peer) name() string {
	if p.cfg.Host != "" {
		return p.cfg.Host
	}
	return p.cfg.Address
}

func (p *peer) weight() int { return max(p.cfg.Weight, 1) }

func (p *peer) avoid(d time.Duration) { p.avoidUntil.Store(int64(time.Since(p.e.began) + d)) }

// loop dials, serves and dials again until the context ends. It is the peer's own goroutine.
func (p *peer) loop(ctx context.Context) {
	delay := p.e.cfg.ReconnectMin
	for ctx.Err() == nil {
		began := time.Now()
		l, err := p.connect(ctx)
		if err == nil {
			err = l.run()
			if time.Since(began) > p.e.cfg.ReconnectMin {
				delay = p.e.cfg.ReconnectMin
			}
			if cause, ok := l.left(); ok {
				err = fmt.Errorf("peer took leave: %s", cause)
				if cause == DoNotWantToTalkToYou {
					p.ended(err, "refused")
					p.rest(ctx, -1)
					continue
				}
			}
		}
		if ctx.Err() != nil {
			break
		}
		var refused *HandshakeError
		if errors.As(err, &refused) {
			// The peer does not know us or has nothing in common with us: only a person can change that, so do not hammer.
			delay = p.e.cfg.ReconnectMax
		}
		p.ended(err, "waiting")
		p.rest(ctx, delay/2+rand.N(delay))
		delay = min(2*delay, p.e.cfg.ReconnectMax)
	}
	p.ended(net.ErrClosed, "closed")
}

// rest waits, for ever if d is negative, until the time is up or Reconnect or the context ends it.
func (p *peer) rest(ctx context.Context, d time.Duration) {
	var c <-chan time.Time
	if d >= 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		c = t.C
	}
	select {
	case <-ctx.Done():
	case <-c:
	case <-p.wake:
	}
}

// connect opens a connection and runs the capabilities exchange on it.
func (p *peer) connect(ctx context.Context) (*link, error) {
	if p.cfg.Host != "" && p.e.connected(p.cfg.Host) {
		return nil, errors.New("peer has connected to us")
	}
	ctx, cancel := context.WithTimeout(ctx, p.e.cfg.ConnectTimeout)
	defer cancel()
	p.mu.Lock()
	p.phase, p.since, p.abort = "connecting", time.Now(), cancel
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.abort = nil
		p.mu.Unlock()
	}()
	c, err := p.e.cfg.Dial(ctx, "tcp", p.cfg.Address)
	if err != nil {
		return nil, err
	}
	// What the context ends, the connection ends: reads of the exchange know no context.
	stop := context.AfterFunc(ctx, func() { c.Close() })
	l, err := p.exchange(ctx, c)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return l, nil
}

func (p *peer) exchange(ctx context.Context, c net.Conn) (*link, error) {
	if p.tls != nil {
		t := tls.Client(c, p.tls)
		if err := t.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("tls with %s: %w", p.name(), err)
		}
		c = t
	}
	p.mu.Lock()
	p.phase, p.since = "waiting for CEA", time.Now()
	p.mu.Unlock()
	g := p.e.guard(c)
	caps, err := p.e.initiate(g, p.cfg)
	if err != nil {
		return nil, err
	}
	return p.attach(g, caps), nil
}

// attach makes the link of a finished exchange.
func (p *peer) attach(g *guard, caps *capabilities) *link {
	l := newLink(p.e, p, g)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.link, p.caps = l, caps
	return l
}

// stepWatchdog runs one step of the table and keeps what depends on it.
func (p *peer) stepWatchdog(l *link, ev watchdogEvent) watchdogAction {
	p.mu.Lock()
	if p.link != l {
		p.mu.Unlock()
		return 0
	}
	before := p.wd.state
	next, do := p.wd.step(ev)
	if ev == eventDown {
		p.link = nil
		if _, polite := l.left(); polite {
			// A peer that took leave has not failed: its next connection need not prove itself.
			next = watchdog{}
		}
	}
	p.wd = next
	caps, restarted := p.caps, false
	if next.state != before {
		p.since = time.Now()
	}
	if do&actFailback != 0 && caps.stateID != 0 {
		restarted = p.stateID != 0 && caps.stateID > p.stateID
		p.stateID = caps.stateID
	}
	p.mu.Unlock()
	l.okay.Store(next.state == stateOkay)
	switch {
	case do&actFailback != 0:
		if _, leaving := l.left(); !leaving {
			p.setOpen(&opening{link: l, caps: caps})
			p.e.changed(PeerEvent{Host: caps.host, Up: true, Restarted: restarted})
		}
	case before == stateOkay && next.state != stateOkay:
		p.setOpen(nil)
		p.e.changed(PeerEvent{Host: caps.host})
	}
	if next.state != before {
		p.e.log.Info("diameter peer changed", "peer", caps.host, "state", next.state.String(), "before", before.String())
	}
	return do
}

func (p *peer) setOpen(o *opening) {
	p.open.Store(o)
	if o != nil {
		p.up.Set(1)
		p.e.news()
	} else {
		p.up.Set(0)
	}
}

// ended notes why the peer has no connection.
func (p *peer) ended(err error, phase string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		if p.lastErr == nil || p.lastErr.Error() != err.Error() {
			p.e.log.Warn("diameter peer not connected", "peer", p.name(), "error", err)
		}
		p.lastErr = err
	}
	p.phase, p.since = phase, time.Now()
}
