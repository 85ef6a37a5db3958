package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// StreamConfig bounds what the peers of a stream listener may cost. DefaultStreamConfig gives the values of every day.
type StreamConfig struct {
	TLS *tls.Config // nil is plain TCP
	// Name returns the name that the certificate of a peer must have whom we connect to; nil, or "", is its address.
	Name func(to netip.AddrPort) string
	// Failed is told of handshakes that failed, with peers of both directions, by their own goroutines; nil is nobody.
	Failed func(peer netip.AddrPort, err error)

	MaxConns  int           // connections in all
	PerSource int           // accepted ones from one address
	Queue     int           // bytes that wait to be written to one peer; one who takes none of them loses the connection
	Queues    int           // bytes that wait for all peers together; beyond that each may have a 16th of Queue
	Idle      time.Duration // without a byte in either direction
	Message   time.Duration // from the first byte of a message to its last, and for a handshake
	Write     time.Duration // for what is written to be taken
	Unacked   time.Duration // for what the system has taken to arrive (RFC 5482)
	Dial      time.Duration
}

// DefaultStreamConfig allows 10 000 connections, 200 of them from one address.
func DefaultStreamConfig() StreamConfig {
	return StreamConfig{MaxConns: 10000, PerSource: 200, Queue: 1 << 20, Queues: 32 << 20, Idle: 15 * time.Minute, Message: 10 * time.Second,
		Write: 5 * time.Second, Unacked: 10 * time.Second, Dial: 5 * time.Second}
}

// Streams is a TCP or TLS listener on a concrete address, with the connections that were accepted there or made from it. A
// connection is known by the address of its peer: a response goes back on the one that its request came on, a request to a
// peer takes the one that is there (RFC 3261 18).
type Streams struct {
	Local netip.AddrPort

	cfg     StreamConfig
	l       net.Listener
	handler Handler
	refused Refused
	admits  func(netip.Addr) bool
	ctx     context.Context
	cancel  context.CancelFunc
	threads sync.WaitGroup
	waiting atomic.Int64 // bytes, of all connections

	mu     sync.Mutex
	live   map[*conn]struct{}       // all of them
	conns  map[link]*conn           // the latest with each peer: it takes what is sent
	peers  map[netip.AddrPort]*conn // the latest that is up, whatever name led there: it takes responses
	per    map[netip.Addr]int       // accepted ones
	closed bool

	// Received and Sent count messages, KeepAlives pings; Accepted, Dialed and Turned count connections: the last those that
	// were one too many, or of an address that may have none. Lost counts connections that ended with something unsaid or unread, SendErrors what was not sent, Unproved the
	// handshakes that failed.
	Received, Sent, KeepAlives, Accepted, Dialed, Turned, Lost, SendErrors, Unproved atomic.Uint64
}

// link is whom a connection is with: the address, and the name that led there where it must be proved.
type link struct {
	peer netip.AddrPort
	name string
}

// ListenStream binds a concrete address; port 0 takes a free one. Serve then accepts and reads.
func ListenStream(addr netip.AddrPort, cfg StreamConfig) (*Streams, error) {
	if !addr.IsValid() || addr.Addr().IsUnspecified() {
		return nil, fmt.Errorf("listen tcp %s: a concrete address is needed, or messages would leave from another one", addr)
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("listen tcp %s: %w", addr, err)
	}
	s := &Streams{Local: l.Addr().(*net.TCPAddr).AddrPort(), cfg: cfg, l: l, live: map[*conn]struct{}{}, conns: map[link]*conn{}, peers: map[netip.AddrPort]*conn{}, per: map[netip.Addr]int{}}
	s.Local = netip.AddrPortFrom(s.Local.Addr().Unmap(), s.Local.Port())
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// OnRefused sets who is told of messages that could not be delivered: nobody took the connection, or it broke before they
// were written. It must be called before Serve.
func (s *Streams) OnRefused(f Refused) { s.refused = f }

// OnAccept sets who decides whether an address may have a connection that it asks for; nobody, and each may. It must be called before
// Serve.
func (s *Streams) OnAccept(f func(netip.Addr) bool) { s.admits = f }

// Serve starts accepting; each connection has a goroutine of its own that reads it and ends with it. All end with Close.
func (s *Streams) Serve(h Handler) {
	s.handler = h
	s.threads.Go(s.accept)
}

func (s *Streams) accept() {
	for {
		nc, err := s.l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of descriptors, for example
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		s.Accepted.Add(1)
		peer := nc.RemoteAddr().(*net.TCPAddr).AddrPort()
		peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
		bound(nc, s.cfg.Unacked)
		c := &conn{s: s, link: link{peer: peer}, nc: nc, up: true}
		if s.admits != nil && !s.admits(peer.Addr()) || !s.add(c) {
			s.Turned.Add(1)
			_ = nc.Close()
			continue
		}
		s.threads.Go(func() {
			if s.cfg.TLS != nil {
				c.handshake(tls.Server(nc, s.cfg.TLS))
			}
			c.start()
		})
	}
}

// add enters an accepted connection; false when it would be one too many.
func (s *Streams) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.live) >= s.cfg.MaxConns || s.per[c.peer.Addr()] >= s.cfg.PerSource {
		return false
	}
	c.accepted = true
	s.per[c.peer.Addr()]++
	s.live[c], s.conns[c.link] = struct{}{}, c
	return true
}

// ready makes a connection that is up the one that takes responses: it is read from now on, so they will be to its requests.
func (s *Streams) ready(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.live[c]; ok {
		s.peers[c.peer] = c
	}
}

// forget takes a connection out that has ended.
func (s *Streams) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, c)
	if s.conns[c.link] == c {
		delete(s.conns, c.link)
	}
	if s.peers[c.peer] == c {
		delete(s.peers, c.peer)
	}
	if c.accepted {
		c.accepted = false
		if s.per[c.peer.Addr()]--; s.per[c.peer.Addr()] == 0 {
			delete(s.per, c.peer.Addr())
		}
	}
}

// ErrFull says that too much waits to be written already.
var ErrFull = errors.New("sip: too much waits to be sent to that peer")

// Send queues a message for a peer, on the connection that is there or on a new one, and never blocks. What cannot be
// delivered later is told to OnRefused.
func (s *Streams) Send(b []byte, to netip.AddrPort) error { return s.SendTo(b, to, "") }

// SendTo is Send to a server that was found by a name: over TLS it must show a certificate for that, unless StreamConfig.Name says
// another one. A connection that was made for one name serves requests for no other (RFC 5922 7.3).
func (s *Streams) SendTo(b []byte, to netip.AddrPort, name string) error {
	if len(b) == 0 {
		return ErrEmpty
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if !to.IsValid() || to.Addr().Is4() != s.Local.Addr().Is4() {
		s.SendErrors.Add(1)
		return ErrFamily
	}
	if s.cfg.TLS == nil || s.cfg.Name != nil && s.cfg.Name(to) != "" {
		name = ""
	}
	if err := s.queue(b, link{to, name}); err != nil {
		s.SendErrors.Add(1)
		return fmt.Errorf("send to %s: %w", to, err)
	}
	return nil
}

// queue gives a message to the connection of a peer. One that has just ended is no connection; a new one has the message
// before it is dialed, so that it cannot fail without it.
func (s *Streams) queue(b []byte, to link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	c := s.conns[to]
	if bytes.HasPrefix(b, []byte("SIP/2.0 ")) && s.peers[to.peer] != nil { // RFC 3261 18.2.2: on the connection of the request
		c = s.peers[to.peer]
	}
	if c != nil {
		if err := c.queue(b); !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	c = &conn{s: s, link: to}
	if len(s.live) >= s.cfg.MaxConns {
		return ErrFull
	}
	if err := c.queue(b); err != nil {
		return err
	}
	s.live[c], s.conns[to] = struct{}{}, c
	s.Dialed.Add(1)
	s.threads.Go(c.dial)
	return nil
}

// Conns returns the number of connections.
func (s *Streams) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// Close ends all connections and waits for their goroutines; no handler may call it.
func (s *Streams) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	all := make([]*conn, 0, len(s.live))
	for c := range s.live {
		all = append(all, c)
	}
	s.mu.Unlock()
	s.cancel()
	_ = s.l.Close()
	for _, c := range all {
		c.close()
	}
	s.threads.Wait()
}
