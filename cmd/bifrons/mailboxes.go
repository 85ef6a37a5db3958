package main

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/ivr"
	"github.com/bifrons/bifrons/ivr/waiting"
	"github.com/bifrons/bifrons/sip"
)

// reach is where phones and mailboxes are, by one configuration.
type reach struct {
	core      *b2bua.Config
	mailboxes map[string][]waiting.Mailbox // by side
}

// openDesk makes what tells phones of messages.
func (n *node) openDesk(registry prometheus.Registerer) {
	c := waiting.DefaultConfig()
	c.Ask, c.Random = n.bell.ask, rand.Text
	c.Mailboxes = func(side string) []waiting.Mailbox { return n.reach.Load().mailboxes[side] }
	c.Find = func(uri string) []waiting.Place { return places(n.reach.Load().core, uri) }
	n.desk = waiting.New(c)
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "bifrons", Subsystem: "ivr", Name: "subscriptions",
		Help: "Subscriptions of phones to their messages (RFC 3842)."}, func() float64 { return float64(n.desk.Len()) }))
}

// attend lets the sides with menus take subscriptions to their mailboxes, and tells what is reached by whom.
func (n *node) attend(cfg *configs.Config, core *b2bua.Config) *reach {
	r := &reach{core: core, mailboxes: map[string][]waiting.Mailbox{}}
	if n.desk == nil {
		return r
	}
	for i, side := range core.Sides {
		apps := slices.Clone(cfg.Sides[i].Apps)
		if slices.Contains(apps, "ims") {
			for _, c := range cfg.IMS.Chains {
				apps = append(apps, c.Apps...)
			}
		}
		var all []waiting.Mailbox
		for _, name := range apps {
			if k := slices.IndexFunc(n.menus, func(m *ivr.App) bool { return m.Name() == name }); k >= 0 {
				all = append(all, n.menus[k])
				side.Subscribes = side.Subscribes || n.menus[k].Subscribed()
			}
		}
		if len(all) > 0 {
			r.mailboxes[side.Name] = all
			side.Outside = either{side.Outside, n.desk}
		}
	}
	return r
}

// either asks one after the other; the first may be missing.
type either [2]b2bua.Outside

func (e either) Outside(side *b2bua.Side, m *sip.Message) (b2bua.Reply, bool) {
	if e[0] != nil {
		if r, ok := e[0].Outside(side, m); ok {
			return r, true
		}
	}
	return e[1].Outside(side, m)
}

// places gives where somebody is registered with us.
func places(core *b2bua.Config, uri string) (out []waiting.Place) {
	u, err := sip.ParseURI([]byte(uri))
	if err != nil || core.Registrar == nil {
		return nil
	}
	for _, s := range core.Sides {
		for _, b := range core.Registrar.Find(string(u.User)+"@"+strings.ToLower(s.Domain), time.Now()) {
			out = append(out, waiting.Place{URI: b.URI, Side: b.Side, Source: b.Source.String()})
		}
	}
	return out
}

// closeDesk tells phones that their subscriptions end, and gives them a second to answer.
func (n *node) closeDesk(ctx context.Context) {
	if n.desk == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	n.desk.Close(ctx)
}

// keepDesk lets time pass for subscriptions, until the node closes.
func (n *node) keepDesk() {
	if n.desk == nil {
		return
	}
	n.every(500*time.Millisecond, func() (done bool) {
		n.desk.Tick()
		return false
	})
	n.every(10*time.Second, func() (done bool) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		n.desk.Recount(ctx)
		return false
	})
}
