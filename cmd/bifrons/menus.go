package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/ivr"
)

// openMenus reads the menus of the configuration and adds their Apps.
func (n *node) openMenus(cfg *configs.Config, core *b2bua.Config, registry prometheus.Registerer) error {
	if len(cfg.Menus) == 0 {
		return nil
	}
	n.web = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	deps := ivr.Deps{HTTP: n.web, Subscribers: n.users.sources, Metrics: ivr.NewMetrics(registry), Log: n.log}
	if n.prompts != nil {
		deps.Speech = n.prompts
	}
	n.openDesk(registry)
	deps.Notifier = n.desk
	for _, m := range cfg.Menus {
		app, err := openMenu(m, deps)
		if err != nil {
			return err
		}
		core.Apps[app.Name()] = app.Link()
		n.menus = append(n.menus, app)
	}
	return nil
}

func openMenu(m configs.Menu, deps ivr.Deps) (*ivr.App, error) {
	c := ivr.Config{Name: m.Name, File: m.File, Called: m.Called, Params: m.Params, Recordings: m.Recordings, Fetch: m.Fetch}
	if m.Sample != "" {
		text, err := configs.SampleMenu(m.Sample)
		if err != nil {
			return nil, err
		}
		c.File, c.Text, c.Files = m.Sample+".yaml", text, configs.SampleFiles()
	}
	app, err := ivr.New(c, deps)
	if err != nil {
		return nil, fmt.Errorf("ivr: %w", err)
	}
	return app, nil
}

// menuInfo tells of the menus, for the API.
func (n *node) menuInfo() (out []ivr.Info) {
	for _, m := range n.menus {
		out = append(out, m.Info())
	}
	return out
}

// keepMenus looks once a second whether a menu has changed, until the node closes.
func (n *node) keepMenus() {
	if len(n.menus) == 0 {
		return
	}
	n.every(time.Second, func() (done bool) {
		for _, m := range n.menus {
			m.Refresh()
		}
		return false
	})
}
