package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/cdr"
	"github.com/bifrons/bifrons/b2bua/trace"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/internal/admin"
	"github.com/bifrons/bifrons/ivr"
	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/prompt"
	"github.com/bifrons/bifrons/services"
	"github.com/bifrons/bifrons/sip/locate"
)

// node is everything of a running server.
type node struct {
	listeners []listener
	locals    []*b2bua.Local // one per listener
	names     *locate.Resolver
	relay     *media.Relay
	prompts   *prompt.Library
	core      *b2bua.Server
	users     *subscribers
	api       *admin.Server
	records   map[string]*cdr.Writer // by store
	copies    *trace.HEP
	drain     time.Duration
	leave     chan struct{} // closed when the API asks the server to stop
	log       *slog.Logger
	from      *source // of the configuration; nil: of a program

	bell          bell
	menus         []*ivr.App
	web           *http.Client       // of the menus
	registrations *ims.Registrations // nil: no side is told of any
	stop          chan struct{}      // ends the keepers
	keepers       sync.WaitGroup
}

// startNode makes all parts of a server from a configuration and starts them, the listeners last.
// From is where it came from, and may be nil.
func startNode(cfg *configs.Config, from *source, log *slog.Logger) (*node, error) {
	n := &node{from: from, drain: cfg.Calls.Drain, leave: make(chan struct{}), log: log}
	if err := n.start(cfg); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *node) start(cfg *configs.Config) error {
	raiseFileLimit(n.log)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	core := coreConfig(cfg)
	var err error
	if n.users, err = startSubscribers(cfg, registry, n.log, n.bell.ring); err != nil {
		return err
	}
	n.registrations = n.registrationsOf(cfg)
	users := n.subscribersOf()
	as := ims.NewAS(cfg.IMS, users)
	core.Log, core.Apps = n.log, services.Apps(services.Deps{Subscribers: users, AS: as})
	if err := pairPolicies(cfg, &core); err != nil {
		return err
	}
	if core.CDR, err = n.openRecords(&cfg.CDR, registry); err != nil {
		return err
	}
	if err := n.openTrace(&cfg.Trace, &core, registry); err != nil {
		return err
	}
	if err := n.openSides(cfg, &core); err != nil {
		return err
	}
	names := resolverConfig(&cfg.DNS)
	names.Metrics = locate.NewMetrics(registry)
	if n.names, err = locate.New(names); err != nil {
		return err
	}
	core.Resolver = n.names
	if err := identify(cfg, &core); err != nil {
		return err
	}
	if err := n.openMedia(cfg, &core, registry); err != nil {
		return err
	}
	if err := n.openMenus(cfg, &core, registry); err != nil {
		return err
	}
	srv, err := b2bua.New(core)
	if err != nil {
		return err
	}
	n.core = srv
	n.bell.core.Store(srv)
	registry.MustRegister(srv.Metrics(), listenerMetrics(n.listeners))
	srv.Start()
	if cfg.Admin.Listen.IsValid() {
		a := admin.Config{Calls: srv, Metrics: registry, Version: version(), Drain: sync.OnceFunc(func() { close(n.leave) }), Sh: n.users.http, Subscribers: users,
			Explain: &explainer{as: as, apps: core.Apps, sides: core.Sides}}
		if n.from != nil {
			a.Configuration = n.from
		}
		if n.registrations != nil {
			a.Registrations = n.registrations
		}
		if n.users.endpoint != nil {
			a.Peers = n.users.endpoint
		}
		if n.users.simulator != nil {
			a.HSS = n.users.simulator.Handler()
		}
		if err = guardAPI(&cfg.Admin, &a); err != nil {
			return err
		}
		if n.api, err = admin.Listen(cfg.Admin.Listen, a); err != nil {
			return err
		}
	}
	n.keepRegistrations()
	n.keepMenus()
	for i, l := range n.listeners {
		l.OnRefused(srv.Refused(n.locals[i]))
		l.Serve(srv.Handler(n.locals[i]))
	}
	return nil
}

// openMedia makes what speech goes through, and what is said.
func (n *node) openMedia(cfg *configs.Config, core *b2bua.Config, registry *prometheus.Registry) error {
	if !cfg.Media.Anchor {
		return nil
	}
	library, err := prompt.New(cfg.Prompts, n.log)
	if err != nil {
		return err
	}
	n.prompts = library
	relay, err := media.New(n.relayConfig(cfg, registry), n.log)
	if err != nil {
		return err
	}
	n.relay, core.Media = relay, relay
	return nil
}

func (n *node) relayConfig(cfg *configs.Config, registry *prometheus.Registry) media.Config {
	c := media.DefaultConfig()
	c.Min, c.Max = cfg.Media.Ports.First, cfg.Media.Ports.Last
	c.Threads, c.Quarantine, c.Silence = cfg.Media.Threads, cfg.Media.Quarantine, cfg.Media.Silence
	c.Prompts, c.Recordings = n.prompts, cfg.Media.Recordings
	c.Metrics, c.Audit = media.NewMetrics(registry), audits[cfg.Audit]
	c.Events = func(e media.Event) { n.core.MediaEvent(e) } // no port is open before there is a core
	return c
}

// openSides binds the listeners.
func (n *node) openSides(cfg *configs.Config, core *b2bua.Config) error {
	for i := range cfg.Sides {
		c := &cfg.Sides[i]
		s := coreSide(c)
		for _, at := range c.Listen {
			l, addr, err := listen(c, at)
			if err != nil {
				return fmt.Errorf("side %s: %w", c.Name, err)
			}
			local := &b2bua.Local{Conn: l, Addr: addr, Advertise: advertised(c.Advertise, addr), Transport: transports[at.Network]}
			n.listeners, n.locals = append(n.listeners, l), append(n.locals, local)
			s.Locals = append(s.Locals, local)
		}
		if c.Registers() {
			s.Outside = n.registrations
		}
		core.Sides = append(core.Sides, s)
	}
	return nil
}

// advertised is what stands in Via and Contact.
func advertised(a, local netip.AddrPort) string {
	switch {
	case !a.IsValid():
		return local.String()
	case a.Port() == 0:
		return netip.AddrPortFrom(a.Addr(), local.Port()).String()
	}
	return a.String()
}

// Shutdown refuses new calls, lets calls finish up to the limit, ends the rest with BYE and closes everything.
func (n *node) Shutdown(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, n.drain)
	defer cancel()
	ended := n.core.Shutdown(ctx)
	n.close()
	return ended
}

// close ends what was started, in the reverse order.
func (n *node) close() {
	if n.api != nil {
		n.api.Close()
	}
	for _, l := range n.listeners {
		l.Close()
	}
	if n.stop != nil {
		close(n.stop)
		n.keepers.Wait()
		n.stop = nil
	}
	if n.core != nil {
		n.core.Close()
	}
	if n.web != nil {
		n.web.CloseIdleConnections()
	}
	if n.names != nil {
		n.names.Close()
	}
	if n.users != nil {
		n.users.close()
	}
	if n.relay != nil {
		n.relay.Shutdown()
	}
	if n.prompts != nil {
		n.prompts.Close()
	}
	for _, w := range n.records {
		w.Close()
	}
	if n.copies != nil {
		n.copies.Close()
	}
}

// raiseFileLimit lets the relay have as many sockets as the system allows.
func raiseFileLimit(log *slog.Logger) {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) == nil && r.Cur < r.Max {
		r.Cur = r.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
			log.Warn("file limit not raised", "err", err)
		}
	}
}
