package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
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
	"github.com/bifrons/bifrons/ivr/waiting"
	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/prompt"
	"github.com/bifrons/bifrons/services"
	"github.com/bifrons/bifrons/sip/locate"
)

// node is everything of a running server.
type node struct {
	sockets  []*socket // of the server that leads
	leaving  []*socket // of elders alone
	counters counters  // of all sockets there were
	names    *locate.Resolver
	relay    *media.Relay
	prompts  *prompt.Library
	core     *b2bua.Config   // of the server that leads, which bell has
	running  *configs.Config // what that was made of
	registry *prometheus.Registry
	as       *ims.AS
	users    *subscribers
	files    uint64 // that may be open
	api      *admin.Server
	records  map[string]*cdr.Writer // by store
	copies   *trace.HEP
	drain    time.Duration
	goAway   func()
	leave    chan struct{} // closed when the API asks the server to stop
	log      *slog.Logger
	from     *source // of the configuration; nil: of a program

	reloading sync.Mutex  // one at a time
	outliving atomic.Bool // a keeper waits for the end of elders

	bell          bell
	menus         []*ivr.App
	desk          *waiting.Desk // nil: without menus
	reach         atomic.Pointer[reach]
	web           *http.Client       // of the menus
	registrations *ims.Registrations // nil: no side is told of any
	faults        *ims.Faults        // of what S-CSCFs tell
	stop          chan struct{}      // ends the keepers
	keepers       sync.WaitGroup
}

// startNode makes all parts of a server from a configuration and starts them, the API last.
// From is where it came from, and may be nil.
func startNode(cfg *configs.Config, from *source, log *slog.Logger) (*node, error) {
	n := &node{from: from, drain: cfg.Calls.Drain, leave: make(chan struct{}), stop: make(chan struct{}), log: log, running: cfg}
	if err := n.start(cfg); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *node) start(cfg *configs.Config) error {
	n.files = raiseFileLimit(n.log)
	registry := prometheus.NewRegistry()
	n.registry = registry
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	core := coreConfig(cfg)
	var err error
	if n.users, err = startSubscribers(cfg, registry, n.log, n.bell.ring); err != nil {
		return err
	}
	n.faults = ims.NewFaults(registry, n.log)
	n.registrations = n.registrationsOf(cfg)
	users := n.subscribersOf(n.registrations)
	n.as = ims.NewAS(cfg.IMS, users)
	core.Detail = slog.New(every{n.log.Handler()})
	core.Log, core.Apps = n.log, services.Apps(services.Deps{Subscribers: users, AS: n.as})
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
	n.reach.Store(n.attend(cfg, &core))
	handle(cfg, core.Apps)
	srv, err := b2bua.New(core)
	if err != nil {
		return err
	}
	n.core = &core
	n.bell.core.Store(srv)
	n.counters.add(n.sockets)
	registry.MustRegister(srv.Metrics(), listenerMetrics(&n.counters))
	for _, s := range n.sockets { // before the clock: the first ping may be answered, or refused, at once
		s.point(srv, s.local)
		s.serve()
	}
	srv.Start()
	if cfg.Admin.Listen.IsValid() {
		n.goAway = sync.OnceFunc(func() { close(n.leave) })
		a := n.apiConfig()
		if err = guardAPI(&cfg.Admin, &a); err != nil {
			return err
		}
		if n.api, err = admin.Listen(cfg.Admin.Listen, a); err != nil {
			return err
		}
	}
	n.keepRegistrations()
	n.keepMenus()
	n.keepDesk()
	return nil
}

// apiConfig is what the API shows.
func (n *node) apiConfig() admin.Config {
	a := admin.Config{Calls: n.bell.core.Load(), Metrics: n.registry, Version: version(), Drain: n.goAway, Sh: n.users.http, Subscribers: n.subscribersOf(n.registrations),
		Explain: &explainer{as: n.as, apps: n.core.Apps, sides: n.core.Sides}}
	if n.from != nil {
		a.Configuration = n
	}
	if n.registrations != nil {
		a.Registrations = n.registrations
	}
	if n.users.endpoint != nil {
		a.Peers = n.users.endpoint
	}
	if len(n.menus) > 0 {
		a.Menus = n.menuInfo
	}
	if n.users.simulator != nil {
		a.HSS = n.users.simulator.Handler()
	}
	return a
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
	c.Most = mediaPorts(n.files)
	c.Threads, c.Quarantine, c.Silence = cfg.Media.Threads, cfg.Media.Quarantine, cfg.Media.Silence
	c.Prompts, c.Recordings = n.prompts, cfg.Media.Recordings
	c.Metrics, c.Audit = media.NewMetrics(registry), audits[cfg.Audit]
	c.Events = func(e media.Event) { n.bell.core.Load().MediaEvent(e) } // no port is open before there is a core
	return c
}

// openSides binds the listeners.
func (n *node) openSides(cfg *configs.Config, core *b2bua.Config) error {
	for i := range cfg.Sides {
		c := &cfg.Sides[i]
		s := coreSide(c)
		for _, at := range c.Listen {
			l, addr, err := listen(c, at, n.log)
			if err != nil {
				return fmt.Errorf("side %s: %w", c.Name, err)
			}
			local := &b2bua.Local{Conn: l, Addr: addr, Advertise: advertised(c.Advertise, addr), Transport: transports[at.Network]}
			n.sockets = append(n.sockets, &socket{listener: l, at: name(c, at), local: local})
			s.Locals = append(s.Locals, local)
		}
		if c.Registers() {
			s.Outside, s.Originator = n.registrations, n.as
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

// patience is how long calls may go on when the server stops.
func (n *node) patience() time.Duration {
	n.reloading.Lock()
	defer n.reloading.Unlock()
	return n.drain
}

// Shutdown refuses new calls, lets calls finish up to the limit, ends the rest with BYE and closes everything.
func (n *node) Shutdown(ctx context.Context) int {
	n.reloading.Lock()
	srv, drain := n.bell.core.Load(), n.drain
	srv.Drain() // nothing takes its place any more
	n.reloading.Unlock()
	calls, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	ended := srv.Shutdown(calls)
	n.closeDesk(ctx)
	n.close()
	return ended
}

// close ends what was started, in the reverse order.
func (n *node) close() {
	if n.api != nil {
		n.api.Close()
	}
	if n.stop != nil {
		close(n.stop)
		n.keepers.Wait()
		n.stop = nil
	}
	for _, s := range slices.Concat(n.sockets, n.leaving) {
		s.Close()
	}
	if srv := n.bell.core.Load(); srv != nil {
		srv.Close()
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

// raiseFileLimit raises the limit of open files as far as the system lets us, and returns it.
func raiseFileLimit(log *slog.Logger) uint64 {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		log.Warn("limit of open files not known", "err", err)
		return 1024
	}
	if was := r.Cur; r.Cur < r.Max {
		r.Cur = r.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
			log.Warn("limit of open files not raised", "err", err)
			r.Cur = was
		}
	}
	return r.Cur
}

// mediaPorts is how many ports of three descriptors each the relay may have of so many open files. A quarter is left to everything
// else, so that a flood of calls does not take connections, records and the admin API with it.
func mediaPorts(files uint64) int { return max(1, int(min(files, 1<<24)/4)) }

// every does something again and again until it is done, or the node closes.
func (n *node) every(d time.Duration, do func() (done bool)) {
	n.keepers.Go(func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-n.stop:
				return
			case <-tick.C:
				if do() {
					return
				}
			}
		}
	})
}
