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
	admits  atomic.Pointer[func(netip.Addr) bool]
}

// point gives what comes from now on to a server.
func (s *socket) point(srv *b2bua.Server, l *b2bua.Local) {
	h, r, a := srv.Handler(l), srv.Refused(l), srv.Admits(l)
	s.handle.Store(&h)
	s.refused.Store(&r)
	s.admits.Store(&a)
	s.local = l
}

// serve begins to read.
func (s *socket) serve() {
	s.OnRefused(func(to netip.AddrPort, sent []byte) { (*s.refused.Load())(to, sent) })
	if l, ok := s.listener.(*sip.Streams); ok {
		l.OnAccept(func(from netip.Addr) bool { return (*s.admits.Load())(from) })
	}
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
	{"ims.registration", func(to, from *configs.Config) { to.IMS.Registration = from.IMS.Registration }},
	{"ims.ioi", func(to, from *configs.Config) { to.IMS.IOI = from.IMS.IOI }},
}

// kept tells whether a section is obeyed after a restart only: those of registrations are taken up with the first side that is told of them.
func kept(section string, from *configs.Config) bool {
	return !strings.HasPrefix(section, "ims.") || slices.ContainsFunc(from.Sides, func(s configs.Side) bool { return s.Registers() })
}

// restarts tells which of some changes need a restart.
func restarts(changes []configs.Difference, from, to *configs.Config) (out []string) {
	for _, f := range fixed {
		if kept(f.section, from) && slices.ContainsFunc(changes, func(d configs.Difference) bool {
			return d.Path == f.section || strings.HasPrefix(d.Path, f.section+".") || strings.HasPrefix(d.Path, f.section+"[")
		}) {
			out = append(out, f.section)
		}
	}
	for i := range to.Sides { // a listener keeps its certificates
		side := &to.Sides[i]
		if old := from.Side(side.Name); old != nil && !reflect.DeepEqual(old.TLS, side.TLS) && speaksTLS(old) && speaksTLS(side) {
			out = append(out, "sides."+side.Name+".tls")
		}
	}
	return out
}

// Compare reads a configuration as a reload would, and tells what it would change.
func (n *node) Compare(name string, text []byte) (admin.Change, error) {
	cfg, to, err := configs.ParseSettingsIn(n.from.dir(), cmp.Or(name, "the new configuration"), text, known())
	if err != nil {
		return admin.Change{}, err
	}
	return n.change(cfg, to), nil
}

// Settings are those that the server runs on.
func (n *node) Settings() *configs.Settings { return n.from.settings.Load() }

// change tells what a configuration would change, and which of it needs a restart.
func (n *node) change(cfg *configs.Config, to *configs.Settings) admin.Change {
	changes := configs.Diff(n.from.settings.Load(), to)
	return admin.Change{Changes: changes, Restart: restarts(changes, n.running, cfg)}
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
		if kept(f.section, n.running) {
			f.keep(cfg, n.running)
			settings.Keep(n.from.settings.Load(), f.section)
		}
	}
	g := &generation{running: cfg, registrations: n.registrations}
	if err = n.prepare(g, elder); err == nil {
		var srv *b2bua.Server
		if srv, err = b2bua.New(*g.core); err == nil {
			n.lead(srv, g, settings)
			return change, nil
		}
	}
	for _, s := range g.fresh {
		s.Close()
	}
	return admin.Change{}, err
}

// generation is what a configuration makes new, where the rest stays.
type generation struct {
	running       *configs.Config
	core          *b2bua.Config
	as            *ims.AS
	registrations *ims.Registrations
	reach         *reach
	sockets       []*socket
	fresh         []*socket // among them, opened for it
}

// prepare makes a successor's parts: what both share is of the elder.
func (n *node) prepare(g *generation, elder *b2bua.Server) error {
	cfg := g.running
	c := coreConfig(cfg)
	shared := n.core
	g.core = &c
	c.Elder, c.Log, c.CDR, c.Trace, c.Copies, c.Resolver, c.Media, c.Registrar = elder, shared.Log, shared.CDR, shared.Trace, shared.Copies, shared.Resolver, shared.Media, shared.Registrar
	if g.registrations == nil {
		g.registrations = n.registrationsOf(cfg)
	}
	users := n.subscribersOf(g.registrations)
	g.as = ims.NewAS(cfg.IMS, users)
	c.Apps = services.Apps(services.Deps{Subscribers: users, AS: g.as})
	for _, m := range n.menus {
		c.Apps[m.Name()] = m.Link()
	}
	handle(cfg, c.Apps)
	if err := pairPolicies(cfg, &c); err != nil {
		return err
	}
	free := slices.Clone(n.sockets)
	for i := range cfg.Sides {
		side := &cfg.Sides[i]
		s := coreSide(side)
		if side.Registers() {
			s.Outside, s.Originator = g.registrations, g.as
		}
		for _, at := range side.Listen {
			k := slices.IndexFunc(free, func(s *socket) bool { return s.at == name(side, at) })
			var one *socket
			if k >= 0 {
				one = free[k]
				free = slices.Delete(free, k, k+1)
			} else {
				l, addr, err := listen(side, at, n.log)
				if err != nil {
					return fmt.Errorf("side %s: %w", side.Name, err)
				}
				one = &socket{listener: l, at: name(side, at), local: &b2bua.Local{Addr: addr}}
				g.fresh = append(g.fresh, one)
			}
			g.sockets = append(g.sockets, one)
			s.Locals = append(s.Locals, &b2bua.Local{Conn: one.listener, Addr: one.local.Addr, Advertise: advertised(side.Advertise, one.local.Addr), Transport: transports[at.Network]})
		}
		c.Sides = append(c.Sides, s)
	}
	g.reach = n.attend(cfg, &c)
	return identify(cfg, &c)
}

// lead lets a server take new calls; nothing can fail any more.
func (n *node) lead(srv *b2bua.Server, g *generation, settings *configs.Settings) {
	n.reach.Store(g.reach)
	i := 0
	for _, side := range g.core.Sides {
		for _, l := range side.Locals {
			g.sockets[i].point(srv, l)
			i++
		}
	}
	for _, s := range g.fresh {
		s.serve()
	}
	srv.Start()
	srv.Lead()
	n.bell.core.Store(srv)
	for _, s := range n.sockets {
		if !slices.Contains(g.sockets, s) {
			// What still comes there belongs to calls of the elder, or is refused.
			n.leaving = append(n.leaving, s)
		}
	}
	n.counters.add(g.fresh)
	first := n.registrations == nil
	n.sockets, n.running, n.core, n.as, n.registrations, n.drain = g.sockets, g.running, g.core, g.as, g.registrations, g.running.Calls.Drain
	if first {
		n.keepRegistrations()
	}
	n.from.settings.Store(settings)
	if n.api != nil {
		n.api.Use(n.apiConfig())
	}
	if n.outliving.CompareAndSwap(false, true) {
		n.every(200*time.Millisecond, n.outlived)
	}
}

// outlived ends elders without calls, and their listeners; it tells when there is none.
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
