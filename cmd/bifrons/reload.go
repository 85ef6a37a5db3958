package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/internal/admin"
	"github.com/bifrons/bifrons/services"
	"github.com/bifrons/bifrons/sip"
)

// socket is a listener with those who get its messages now: the handlers of one generation after the other.
type socket struct {
	listener
	at      string // what the configuration calls it
	local   *b2bua.Local
	handle  atomic.Pointer[sip.Handler]
	refused atomic.Pointer[sip.Refused]
}

// point gives what comes from now on to a server.
func (s *socket) point(srv *b2bua.Server, l *b2bua.Local) {
	h, r := srv.Handler(l), srv.Refused(l)
	s.handle.Store(&h)
	s.refused.Store(&r)
	s.local = l
}

// serve begins to read.
func (s *socket) serve() {
	s.OnRefused(func(to netip.AddrPort, sent []byte) { (*s.refused.Load())(to, sent) })
	s.Serve(func(r *sip.Reader, m *sip.Message, err error) { (*s.handle.Load())(r, m, err) })
}

// name is what a listener is known by from one configuration to the next. That of TLS has its side's certificates.
func name(c *configs.Side, at configs.Listener) string {
	if at.Network == "tls" {
		return c.Name + "=" + at.String()
	}
	return at.String()
}

// fixed are the sections that are obeyed after a restart only, and how the running ones are kept.
var fixed = []struct {
	section string
	keep    func(to, from *configs.Config)
}{
	{"media", func(to, from *configs.Config) { to.Media = from.Media }},
	{"prompts", func(to, from *configs.Config) { to.Prompts = from.Prompts }},
	{"audit", func(to, from *configs.Config) { to.Audit = from.Audit }},
	{"admin", func(to, from *configs.Config) { to.Admin = from.Admin }},
	{"cdr", func(to, from *configs.Config) { to.CDR = from.CDR }},
	{"dns", func(to, from *configs.Config) { to.DNS = from.DNS }},
	{"trace", func(to, from *configs.Config) { to.Trace = from.Trace }},
	{"diameter", func(to, from *configs.Config) { to.Diameter = from.Diameter }},
	{"sh", func(to, from *configs.Config) { to.Sh = from.Sh }},
	{"subscribers", func(to, from *configs.Config) { to.Subscribers = from.Subscribers }},
	{"ivr", func(to, from *configs.Config) { to.Menus = from.Menus }},
	{"log", func(to, from *configs.Config) { to.Log = from.Log }},
}

// Compare reads a configuration as a reload would, and tells what it would change.
func (n *node) Compare(name string, text []byte) (admin.Change, error) {
	cfg, to, err := configs.ParseSettings(cmp.Or(name, "the new configuration"), text, known())
	if err != nil {
		return admin.Change{}, err
	}
	return n.change(cfg, to), nil
}

// Settings are those that the server runs on.
func (n *node) Settings() *configs.Settings { return n.from.settings.Load() }

// change tells what a configuration would change, and which of it needs a restart.
func (n *node) change(cfg *configs.Config, to *configs.Settings) admin.Change {
	c := admin.Change{Changes: configs.Diff(n.from.settings.Load(), to)}
	for _, f := range fixed {
		if slices.ContainsFunc(c.Changes, func(d configs.Difference) bool {
			return d.Path == f.section || strings.HasPrefix(d.Path, f.section+".") || strings.HasPrefix(d.Path, f.section+"[")
		}) {
			c.Restart = append(c.Restart, f.section)
		}
	}
	for i := range cfg.Sides { // a listener keeps its certificates
		side := &cfg.Sides[i]
		if old := n.running.Side(side.Name); old != nil && !reflect.DeepEqual(old.TLS, side.TLS) && speaksTLS(old) && speaksTLS(side) {
			c.Restart = append(c.Restart, "sides."+side.Name+".tls")
		}
	}
	return c
}

func speaksTLS(s *configs.Side) bool {
	return slices.ContainsFunc(s.Listen, func(l configs.Listener) bool { return l.Network == "tls" })
}

// Reload reads the file again and makes a server of it, whole, before anything changes; then new calls go there. Calls at hand keep the
// server they are of, until the last one ends.
func (n *node) Reload() (admin.Change, error) {
	n.reloading.Lock()
	defer n.reloading.Unlock()
	change, err := n.reload()
	if err != nil {
		n.log.Error("the configuration is not reloaded, and nothing has changed", "file", n.from.file, "err", err)
		return change, err
	}
	n.log.Info("the configuration is reloaded", "file", n.from.file, "changes", len(change.Changes), "restart", strings.Join(change.Restart, " "))
	return change, nil
}

func (n *node) reload() (admin.Change, error) {
	elder := n.bell.core.Load()
	if elder.Draining() {
		return admin.Change{}, errors.New("the server stops")
	}
	cfg, settings, err := n.from.read()
	if err != nil {
		return admin.Change{}, err
	}
	change := n.change(cfg, settings)
	for _, f := range fixed {
		f.keep(cfg, n.running)
		settings.Keep(n.from.settings.Load(), f.section)
	}
	core, sockets, fresh, err := n.generation(cfg, elder)
	if err == nil {
		var srv *b2bua.Server
		if srv, err = b2bua.New(*core); err == nil {
			n.lead(srv, core, cfg, settings, sockets, fresh)
			return change, nil
		}
	}
	for _, s := range fresh {
		s.Close()
	}
	return admin.Change{}, err
}

// generation makes the configuration of a successor: what both share is of the elder. Fresh are the listeners that were opened for it.
func (n *node) generation(cfg *configs.Config, elder *b2bua.Server) (core *b2bua.Config, sockets, fresh []*socket, err error) {
	c := coreConfig(cfg)
	shared := n.core
	c.Elder, c.Log, c.CDR, c.Trace, c.Copies, c.Resolver, c.Media, c.Registrar = elder, shared.Log, shared.CDR, shared.Trace, shared.Copies, shared.Resolver, shared.Media, shared.Registrar
	users := n.subscribersOf()
	n.as = ims.NewAS(cfg.IMS, users)
	c.Apps = services.Apps(services.Deps{Subscribers: users, AS: n.as})
	for _, m := range n.menus {
		c.Apps[m.Name()] = m.Link()
	}
	handle(cfg, c.Apps)
	if err := pairPolicies(cfg, &c); err != nil {
		return nil, nil, nil, err
	}
	free := slices.Clone(n.sockets)
	for i := range cfg.Sides {
		side := &cfg.Sides[i]
		s := coreSide(side)
		if side.Registers() && n.registrations == nil {
			return nil, nil, fresh, fmt.Errorf("side %s: the first side with `ims` needs a restart", side.Name)
		}
		if side.Registers() {
			s.Outside, s.Originator = n.registrations, n.as
		}
		for _, at := range side.Listen {
			k := slices.IndexFunc(free, func(s *socket) bool { return s.at == name(side, at) })
			var one *socket
			if k >= 0 {
				one = free[k]
				free = slices.Delete(free, k, k+1)
			} else {
				l, addr, err := listen(side, at)
				if err != nil {
					return nil, nil, fresh, fmt.Errorf("side %s: %w", side.Name, err)
				}
				one = &socket{listener: l, at: name(side, at), local: &b2bua.Local{Addr: addr}}
				fresh = append(fresh, one)
			}
			sockets = append(sockets, one)
			s.Locals = append(s.Locals, &b2bua.Local{Conn: one.listener, Addr: one.local.Addr, Advertise: advertised(side.Advertise, one.local.Addr), Transport: transports[at.Network]})
		}
		c.Sides = append(c.Sides, s)
	}
	if err := identify(cfg, &c); err != nil {
		return nil, nil, fresh, err
	}
	return &c, sockets, fresh, nil
}

// lead lets a server take new calls; nothing can fail any more.
func (n *node) lead(srv *b2bua.Server, core *b2bua.Config, cfg *configs.Config, settings *configs.Settings, sockets, fresh []*socket) {
	srv.Start()
	i := 0
	for _, side := range core.Sides {
		for _, l := range side.Locals {
			sockets[i].point(srv, l)
			i++
		}
	}
	srv.Lead()
	n.bell.core.Store(srv)
	for _, s := range n.sockets {
		if !slices.Contains(sockets, s) {
			// What still comes there belongs to calls of the elder, or is refused.
			n.leaving = append(n.leaving, s)
		}
	}
	n.counters.add(fresh)
	n.sockets, n.running, n.core, n.drain = sockets, cfg, core, cfg.Calls.Drain
	n.from.settings.Store(settings)
	for _, s := range fresh {
		s.serve()
	}
	if n.api != nil {
		n.api.Use(n.apiConfig())
	}
	if n.outliving.CompareAndSwap(false, true) {
		n.keepers.Go(n.outlive)
	}
}

// outlive ends elders without calls, and their listeners, until there is none; it ends then, or with the node.
func (n *node) outlive() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-n.stop:
			return
		case <-tick.C:
			if n.outlived() {
				return
			}
		}
	}
}

func (n *node) outlived() bool {
	n.reloading.Lock()
	defer n.reloading.Unlock()
	if n.bell.core.Load().Outlive() > 0 {
		return false
	}
	for _, s := range n.leaving {
		s.Close()
	}
	n.leaving = nil
	n.outliving.Store(false)
	return true
}
