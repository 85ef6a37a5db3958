package diameter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"

	"github.com/bifrons/bifrons/diameter/dict"
)

// Errors that a caller of Do may compare.
var (
	// ErrNoPeer: no connected peer serves the realm, the host and the application.
	ErrNoPeer = errors.New("no peer for this request")
	// ErrOverload: the peers that would do have as many requests in flight as they may.
	ErrOverload = errors.New("too many requests in flight")
	// ErrTimeout: no answer came in time. The request may have been carried out all the same.
	ErrTimeout = errors.New("no answer in time")
)

var (
	errSuspect  = errors.New("peer is suspect")
	errLost     = errors.New("connection lost")
	errWatchdog = errors.New("watchdog unanswered")
)

// avoidTime is how long a peer that said TOO_BUSY or UNABLE_TO_DELIVER comes last.
const avoidTime = time.Second

// call is one request of ours until its answer.
type call struct {
	raw      []byte
	endToEnd uint32
	command  uint32
	app      uint32
	route    Route
	events   chan callEvent
	hops     []hopOf
	hopsBuf  [2]hopOf
}

type hopOf struct {
	link *link
	hop  uint32
}

// callEvent is an answer, or the news that a link will hardly bring one.
type callEvent struct {
	link *link
	msg  *diam.Message
	err  error
}

// post never blocks: a call that has all the news it can hold needs no more.
func (c *call) post(ev callEvent) {
	select {
	case c.events <- ev:
	default:
	}
}

// forget takes the call off every link; an answer that comes later is dropped.
func (c *call) forget() {
	for _, h := range c.hops {
		h.link.take(h.hop)
	}
}

// Do sends the request to the best peer and returns the answer, whatever its result code. A peer that is lost, suspect,
// silent for AttemptTimeout or too busy is followed by the next one; the resent request has the T bit, the same
// end-to-end id and the same Session-Id (RFC 6733 5.5.4). The context bounds it all; without a deadline, RequestTimeout.
func (e *Endpoint) Do(ctx context.Context, m *diam.Message) (*diam.Message, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.cfg.RequestTimeout)
		defer cancel()
	}
	raw, err := serialize(m)
	if err != nil {
		return nil, err
	}
	c := &call{
		raw: raw, endToEnd: m.Header.EndToEndID, command: m.Header.CommandCode, app: m.Header.ApplicationID,
		route: Route{
			Realm: Text(m.AVP, 0, dict.DestinationRealm),
			Host:  Text(m.AVP, 0, dict.DestinationHost),
		},
		events: make(chan callEvent, 8),
	}
	c.hops = c.hopsBuf[:0]
	defer c.forget()
	return e.pursue(ctx, c)
}

// pursuit is what Do knows while it waits.
type pursuit struct {
	again   bool          // the next sending is a retransmission
	waiting int           // links that may still answer
	reason  string        // why another peer is asked
	last    *diam.Message // an answer that asks for another peer
	cause   error         // why the last link failed
}

func (e *Endpoint) pursue(ctx context.Context, c *call) (*diam.Message, error) {
	var p pursuit
	attempt := time.NewTimer(e.cfg.AttemptTimeout)
	defer attempt.Stop()
	if err := e.sendNext(c, &p); err != nil {
		return nil, err
	}
	for {
		select {
		case ev := <-c.events:
			if m, done := e.digest(c, &p, ev); done {
				return m, nil
			}
		case <-attempt.C:
			p.again, p.reason = true, "silent"
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, ctx.Err()
			}
			e.metrics.requests.WithLabelValues(e.commandName(c), "timeout").Inc()
			return nil, fmt.Errorf("%w from realm %s", ErrTimeout, c.route.Realm)
		}
		if err := e.sendNext(c, &p); err != nil && p.waiting == 0 {
			if p.last != nil {
				return p.last, nil
			}
			if p.cause != nil {
				err = fmt.Errorf("%w, and %w", p.cause, err)
			}
			return nil, err
		}
		attempt.Reset(e.cfg.AttemptTimeout)
	}
}

// digest takes the news of a link in; done is true for an answer that goes to the caller.
func (e *Endpoint) digest(c *call, p *pursuit, ev callEvent) (m *diam.Message, done bool) {
	switch {
	case ev.err == errSuspect:
		p.again, p.reason = true, "suspect"
		return nil, false
	case ev.err != nil:
		p.waiting--
		p.again, p.reason = true, "lost"
		p.cause = fmt.Errorf("%s: %w", ev.link.peer.name(), ev.err)
		return nil, false
	}
	p.waiting--
	code, base := Number(ev.msg.AVP, 0, dict.ResultCode)
	rc, class := ResultCode(code), ResultCode(code).class()
	if !base { // the result of an application is told by its class alone
		code, _ = Number(Group(Find(ev.msg.AVP, 0, dict.ExperimentalResult)), 0, dict.ExperimentalResultCode)
		class = ResultCode(code).class()
	}
	e.metrics.requests.WithLabelValues(e.commandName(c), class).Inc()
	switch rc {
	case UnableToDeliver, TooBusy, RealmNotServed:
		// The peer has not processed it, so this is no retransmission; but another peer may do better.
		p.last, p.reason = ev.msg, "refused"
		ev.link.peer.avoid(avoidTime)
		return nil, false
	case RedirectIndication:
		if to := redirectHost(ev.msg); to != "" && !strings.EqualFold(to, c.route.Host) {
			p.last, p.reason = ev.msg, "redirected"
			c.route.Host = to
			return nil, false
		}
	}
	return ev.msg, true
}

// sendNext sends the request to the best link that has not had it.
func (e *Endpoint) sendNext(c *call, p *pursuit) error {
	err := ErrNoPeer
	full := c.hops
	for {
		l := e.choose(c, full)
		if l == nil {
			return err
		}
		serr := l.send(c, p.again)
		if serr == nil {
			p.waiting++
			if p.reason != "" {
				e.metrics.resends.WithLabelValues(p.reason).Inc()
				p.reason = ""
			}
			return nil
		}
		if errors.Is(serr, ErrOverload) {
			err = ErrOverload
		}
		full = append(full[:len(full):len(full)], hopOf{link: l})
	}
}

// redirectHost returns the host of the first Redirect-Host, a DiameterURI (RFC 6733 6.12): an SLF points to the HSS with it.
func redirectHost(m *diam.Message) string {
	uri := Text(m.AVP, 0, dict.RedirectHost)
	_, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(rest, ":;"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

func (e *Endpoint) commandName(c *call) string {
	n, ok := e.dict.Command(c.app, c.command)
	if !ok {
		return "other"
	}
	return n + "R"
}
