package hss

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bifrons/bifrons/diameter"
)

// Server is a running simulator.
type Server struct {
	cfg      Config
	log      *slog.Logger
	endpoint *diameter.Endpoint
	faults   faults
	sent     atomic.Int64 // notifications

	mu            sync.RWMutex
	store         *store
	permissions   permissions
	subscriptions map[*record][]*subscription
	duplicates    duplicates
	queues        map[string]chan *notification

	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	listener net.Listener
	web      net.Listener
	http     *http.Server
}

// New returns a simulator that does not listen yet. Metrics may be nil.
func New(cfg Config, log *slog.Logger, m *diameter.Metrics) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p, err := newPermissions(cfg.ApplicationServers)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: log, store: newStore(), permissions: p, queues: make(map[string]chan *notification),
		subscriptions: make(map[*record][]*subscription)}
	for _, sub := range cfg.Subscribers {
		if err := s.store.put(clone(sub)); err != nil {
			return nil, err
		}
	}
	s.faults.set(cfg.Faults)
	d := diameter.DefaultConfig()
	d.OriginHost, d.OriginRealm, d.Product, d.AcceptUnknown = cfg.OriginHost, cfg.OriginRealm, "Bifrons HSS simulator", true
	d.Peers = cfg.Peers
	if cfg.Watchdog != 0 {
		d.Watchdog = cfg.Watchdog
	}
	if s.endpoint, err = diameter.New(d, s.handlers(), log, m); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Start listens and serves in goroutines that Close ends.
func (s *Server) Start() error {
	var err error
	if s.cfg.Listen != "" {
		if s.listener, err = net.Listen("tcp", s.cfg.Listen); err != nil {
			return fmt.Errorf("listen for diameter: %w", err)
		}
		if s.cfg.TLS != nil {
			t, err := s.cfg.TLS.Server()
			if err != nil {
				return errors.Join(err, s.listener.Close())
			}
			s.listener = tls.NewListener(s.listener, t)
		}
		s.wg.Go(func() { s.ended("diameter", s.endpoint.Serve(s.listener), net.ErrClosed) })
	}
	if s.cfg.HTTP != "" {
		if s.web, err = net.Listen("tcp", s.cfg.HTTP); err != nil {
			return fmt.Errorf("listen for http: %w", err)
		}
		s.http = &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second}
		s.wg.Go(func() { s.ended("http", s.http.Serve(s.web), http.ErrServerClosed) })
	}
	s.endpoint.Start()
	return nil
}

func (s *Server) ended(what string, err, expected error) {
	if err != nil && !errors.Is(err, expected) {
		s.log.Error("hss stopped listening", "for", what, "error", err)
	}
}

// Addr is the Diameter address that Start bound.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// HTTPAddr is the API's address that Start bound.
func (s *Server) HTTPAddr() string { return s.web.Addr().String() }

// Endpoint is the simulator's Diameter side, for its status.
func (s *Server) Endpoint() *diameter.Endpoint { return s.endpoint }

// Close takes leave of the peers and ends every goroutine.
func (s *Server) Close(ctx context.Context) {
	if s.http != nil {
		s.http.Close()
	}
	s.endpoint.Close(ctx, diameter.Rebooting)
	s.cancel()
	s.wg.Wait()
}

// Run serves until the context ends.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	s, err := New(cfg, log, nil)
	if err != nil {
		return err
	}
	if err := s.Start(); err != nil {
		s.Close(context.Background())
		return err
	}
	attrs := []any{"origin_host", cfg.OriginHost, "subscribers", len(cfg.Subscribers)}
	if s.listener != nil {
		attrs = append(attrs, "diameter", s.Addr())
	}
	if s.web != nil {
		attrs = append(attrs, "http", s.HTTPAddr())
	}
	log.Info("hss simulator is ready", attrs...)
	<-ctx.Done()
	bye, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	s.Close(bye)
	return nil
}
