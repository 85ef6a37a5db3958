package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
	"github.com/bifrons/bifrons/diameter/hss"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/diameter/sh/cache"
	"github.com/bifrons/bifrons/diameter/sh/web"
	"github.com/bifrons/bifrons/ims"
)

// subscribers is what a node knows users by: its Diameter peers, Sh with the cache, and the sources.
type subscribers struct {
	endpoint  *diameter.Endpoint
	cache     *cache.Cache
	http      http.Handler // of Sh
	sources   ims.Sources
	ldap      []*ims.LDAP
	simulator *hss.Server
	serving   sync.WaitGroup // the listener; ends with the endpoint
	changed   func(b2bua.Event)
}

// startSubscribers starts what the configuration asks for; what was started before an error is there to be closed.
// Changed hears of what the HSS tells by itself.
func startSubscribers(cfg *configs.Config, registry prometheus.Registerer, log *slog.Logger, changed func(b2bua.Event)) (*subscribers, error) {
	s := &subscribers{changed: changed}
	if cfg.Diameter.On() {
		if err := s.startSh(cfg, registry, log); err != nil {
			return s, err
		}
	}
	if len(cfg.Subscribers) == 0 {
		return s, nil
	}
	m := ims.NewMetrics(registry)
	for i := range cfg.Subscribers {
		src, err := s.open(&cfg.Subscribers[i])
		if err != nil {
			return s, fmt.Errorf("subscribers: %w", err)
		}
		s.sources = append(s.sources, m.Measure(src))
	}
	return s, nil
}

// open makes a source.
func (s *subscribers) open(c *configs.Source) (ims.Source, error) {
	switch {
	case c.Sh != nil:
		policy, err := c.Sh.Parse()
		if err != nil {
			return nil, err
		}
		return ims.NewSh(ims.ShConfig{References: c.Sh.References, Services: c.Sh.Services, Username: c.Sh.Username, Policy: policy}, s.cache), nil
	case c.LDAP != nil:
		l, err := ims.NewLDAP(*c.LDAP)
		if err != nil {
			return nil, err
		}
		s.ldap = append(s.ldap, l)
		return l, nil
	}
	return ims.NewFile(c.File)
}

// startSh makes the endpoint, the client and the cache that its notifications keep fresh.
func (s *subscribers) startSh(cfg *configs.Config, registry prometheus.Registerer, log *slog.Logger) error {
	d, realm := cfg.Diameter.Config, cfg.Sh.Realm
	if realm == "" {
		realm = d.OriginRealm
	}
	if err := s.startSimulator(cfg.Diameter.Simulator, realm, &d, log); err != nil {
		return err
	}
	policy, err := cfg.Sh.Parse()
	if err != nil {
		return fmt.Errorf("sh: %w", err)
	}
	handlers := diameter.Handlers{sh.Command(dict.PushNotification): sh.PNRHandler(s.notified)}
	d.PeerChanged = func(e diameter.PeerEvent) { s.cache.PeerChanged(e) }
	if s.endpoint, err = diameter.New(d, handlers, log, diameter.NewMetrics(registry)); err != nil {
		return fmt.Errorf("diameter: %w", err)
	}
	client := sh.NewClient(s.endpoint, diameter.Route{Realm: realm, Host: cfg.Sh.Host})
	if s.cache, err = cache.New(cfg.Sh.Cache, client, log, cache.NewMetrics(registry)); err != nil {
		return fmt.Errorf("sh: %w", err)
	}
	s.http = web.Handler(client, s.cache, web.Config{Policy: policy, ServerName: cfg.Sh.ServerName})
	s.endpoint.Start()
	return s.listen(&cfg.Diameter, log)
}

// notified takes a notification of the HSS: the cache first, then the applications.
func (s *subscribers) notified(n *sh.PNR) error {
	err := s.cache.Notify(n)
	if err == nil && s.changed != nil {
		s.changed(ims.DataChanged{Identity: n.Identity.String(), Data: n.Data})
	}
	return err
}

// startSimulator starts an HSS inside the process, on a free port of the loopback interface, as a peer.
func (s *subscribers) startSimulator(name, realm string, d *diameter.Config, log *slog.Logger) error {
	var c hss.Config
	switch name {
	case "":
		return nil
	case configs.SampleHSS:
		c = hss.Sample()
	default:
		var err error
		if c, err = hss.Load(name); err != nil {
			return err
		}
	}
	c.Listen, c.HTTP, c.TLS = "127.0.0.1:0", "", nil
	h, err := hss.New(c, log, nil)
	if err != nil {
		return fmt.Errorf("hss: %w", err)
	}
	s.simulator = h
	if err := h.Start(); err != nil {
		return fmt.Errorf("hss: %w", err)
	}
	d.Peers = append(d.Peers[:len(d.Peers):len(d.Peers)], diameter.PeerConfig{Host: c.OriginHost, Address: h.Addr(), Realms: []string{realm}, Weight: 1})
	return nil
}

// listen accepts peers that dial us.
func (s *subscribers) listen(c *configs.Diameter, log *slog.Logger) error {
	if c.Listen == "" {
		return nil
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("diameter: %w", err)
	}
	if c.TLS != nil {
		t, err := c.TLS.Server()
		if err != nil {
			return errors.Join(fmt.Errorf("diameter: %w", err), l.Close())
		}
		l = tls.NewListener(l, t)
	}
	s.serving.Go(func() {
		if err := s.endpoint.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) {
			log.Error("diameter stopped listening", "error", err)
		}
	})
	return nil
}

// source is what services get; nil when there is none.
func (s *subscribers) source() ims.Source {
	if len(s.sources) == 0 {
		return nil
	}
	return s.sources
}

// close takes leave of the peers and ends everything.
func (s *subscribers) close() {
	if s.cache != nil {
		s.cache.Close()
	}
	if s.endpoint != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		s.endpoint.Close(ctx, diameter.Rebooting)
		cancel()
		s.serving.Wait()
	}
	for _, l := range s.ldap {
		l.Close()
	}
	if s.simulator != nil {
		s.simulator.Close(context.Background())
	}
}
