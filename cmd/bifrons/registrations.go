package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/sip"
)

// bell tells the applications of a server of what happens outside calls. Before there is a server it rings for nobody.
type bell struct{ core atomic.Pointer[b2bua.Server] }

func (b *bell) ring(ev b2bua.Event) {
	if s := b.core.Load(); s != nil {
		s.Notify(ev)
	}
}

// ask sends a request outside calls.
func (b *bell) ask(o b2bua.Outgoing, done func(*sip.Message)) error {
	return b.core.Load().Ask(o, done)
}

// registrationsOf makes the store of registrations, if any side is told of them.
func (n *node) registrationsOf(cfg *configs.Config) *ims.Registrations {
	for i := range cfg.Sides {
		if cfg.Sides[i].Registers() {
			c := cfg.IMS.Registration
			c.IOI = cfg.IMS.IOI
			r := ims.NewRegistrations(c, n.bell.ask, func(c ims.RegistrationChanged) { n.bell.ring(c) })
			r.Faults = n.faults
			return r
		}
	}
	return nil
}

// subscribersOf joins the sources with the registrations.
func (n *node) subscribersOf(r *ims.Registrations) ims.Source {
	if r == nil {
		return n.users.source()
	}
	return ims.Merged{Sources: n.users.source(), Registrations: r}
}

// keepRegistrations lets time pass for them, until the node closes.
func (n *node) keepRegistrations() {
	r := n.registrations
	if r == nil {
		return
	}
	n.every(500*time.Millisecond, func() (done bool) {
		r.Tick()
		return false
	})
}

// registrationsCommand shows what S-CSCFs have told of users.
func registrationsCommand(at *string, raw *bool) *cobra.Command {
	return &cobra.Command{Use: "registrations [USER]", Short: "The users whom an S-CSCF has registered with us", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/v1/registrations"
			if len(args) == 1 {
				path += "/" + url.PathEscape(args[0])
			}
			body, err := get(cmd.Context(), base(*at)+path)
			if err != nil {
				return err
			}
			if *raw {
				_, err = cmd.OutOrStdout().Write(body)
				return err
			}
			return showRegistrations(cmd.OutOrStdout(), body)
		}}
}

func showRegistrations(w io.Writer, body []byte) error {
	var all struct{ Registrations []ims.Registration }
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "USER\tSTATE\tEXPIRES\tS-CSCF\tBY\tEVENTS\tIDENTITIES\tCONTACTS")
	for _, g := range all.Registrations {
		state, expires := "not registered", "-"
		if g.Registered {
			state, expires = "registered", time.Until(g.Expires).Round(time.Second).String()
		}
		var contacts []string
		for _, c := range g.Contacts {
			contacts = append(contacts, c.URI)
		}
		events := g.Subscription
		if events == "" {
			events = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", g.User, state, expires, g.SCSCF, g.By, events, strings.Join(g.Identities, ", "), strings.Join(contacts, ", "))
	}
	return t.Flush()
}
