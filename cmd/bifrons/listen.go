package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/sip"
)

// listener is a socket of a side: datagrams or streams.
type listener interface {
	b2bua.Conn
	OnRefused(sip.Refused)
	Serve(sip.Handler)
	Close()
}

// listen binds a listener of a side and returns the address it got.
func listen(c *configs.Side, at configs.Listener, log *slog.Logger) (listener, netip.AddrPort, error) {
	if at.Network == "udp" {
		l, err := sip.ListenUDP(at.Addr)
		if err != nil {
			return nil, netip.AddrPort{}, unbound(err)
		}
		return l, l.Local, nil
	}
	cfg := sip.DefaultStreamConfig()
	if at.Network == "tls" {
		files, err := newCertificates(&c.TLS)
		if err != nil {
			return nil, netip.AddrPort{}, err
		}
		files.log = log
		cfg.Failed = failures(log, name(c, at))
		cfg.TLS, cfg.Name = files.config(), func(netip.AddrPort) string { return c.TLS.Name }
	}
	s, err := sip.ListenStream(at.Addr, cfg)
	if err != nil {
		return nil, netip.AddrPort{}, unbound(err)
	}
	return s, s.Local, nil
}

// failures writes handshakes that failed into the log, a line in a second at most: anybody can make them.
func failures(log *slog.Logger, at string) func(netip.AddrPort, error) {
	var mu sync.Mutex
	var next time.Time
	since := 0
	return func(peer netip.AddrPort, err error) {
		mu.Lock()
		defer mu.Unlock()
		since++
		if now := time.Now(); now.After(next) {
			log.Warn("TLS handshake failed", "listen", at, "peer", peer, "err", err, "failures", since)
			next, since = now.Add(time.Second), 0
		}
	}
}

// unbound adds to what the system says of an address what can be done about it.
func unbound(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; another program has it, perhaps a Bifrons that still runs: stop that, or change `listen`", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w; this machine has no such address: `ip address` lists those it has, `advertise` is for one that a NAT has", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w; ports below 1024 need a privilege: take one above, or let systemd give it", err)
	}
	return err
}

// counters are the listeners there were, those that are closed included: what was counted stays.
type counters struct {
	mu   sync.Mutex
	list []listener
}

func (c *counters) add(sockets []*socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range sockets {
		c.list = append(c.list, s.listener)
	}
}

func (c *counters) all() []listener {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

// listenerMetrics are the counters of the sockets.
func listenerMetrics(c *counters) prometheus.Collector {
	datagrams := func(count func(*sip.Listener) uint64) func() float64 {
		return func() (sum float64) {
			for _, l := range c.all() {
				if u, ok := l.(*sip.Listener); ok {
					sum += float64(count(u))
				}
			}
			return sum
		}
	}
	streams := func(count func(*sip.Streams) uint64) func() float64 {
		return func() (sum float64) {
			for _, l := range c.all() {
				if s, ok := l.(*sip.Streams); ok {
					sum += float64(count(s))
				}
			}
			return sum
		}
	}
	counter := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "bifrons", Subsystem: "sip", Name: name, Help: help}, value)
	}
	return gathered{
		counter("datagrams_received_total", "Datagrams received by all listeners.", datagrams(func(l *sip.Listener) uint64 { return l.Received.Load() })),
		counter("stream_messages_received_total", "Messages received over TCP and TLS.", streams(func(s *sip.Streams) uint64 { return s.Received.Load() })),
		counter("stream_messages_sent_total", "Messages sent over TCP and TLS.", streams(func(s *sip.Streams) uint64 { return s.Sent.Load() })),
		counter("stream_connections_total", "TCP and TLS connections accepted or made.", streams(func(s *sip.Streams) uint64 { return s.Accepted.Load() + s.Dialed.Load() })),
		counter("stream_connections_turned_away_total", "Connections that were one too many.", streams(func(s *sip.Streams) uint64 { return s.Turned.Load() })),
		counter("stream_connections_lost_total", "Connections that ended with something unsent or unread.", streams(func(s *sip.Streams) uint64 { return s.Lost.Load() })),
		counter("tls_handshakes_failed_total", "TLS handshakes that failed, with who connects and whom we connect to.", streams(func(s *sip.Streams) uint64 { return s.Unproved.Load() })),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "bifrons", Subsystem: "sip", Name: "stream_connections", Help: "TCP and TLS connections at hand."},
			streams(func(s *sip.Streams) uint64 { return uint64(s.Conns()) })),
	}
}

// gathered are several collectors as one.
type gathered []prometheus.Collector

// Describe sends the descriptions of all.
func (c gathered) Describe(ch chan<- *prometheus.Desc) {
	for _, one := range c {
		one.Describe(ch)
	}
}

// Collect sends the values of all.
func (c gathered) Collect(ch chan<- prometheus.Metric) {
	for _, one := range c {
		one.Collect(ch)
	}
}
