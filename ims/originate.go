package ims

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/sip"
)

// Origin is in whose name we begin a session (TS 24.229 5.7.3): a user's, or that of a service (PSI).
type Origin struct {
	Identity string // public identity, a SIP or tel URI
	Display  string
	SCSCF    string // the serving S-CSCF, as Sh or the registration tells it
	// ForUser says that the identity is a user's whose services apply; State is then his registration, nil where nobody knows it.
	ForUser bool
	State   *bool
}

// Originate finds what is needed to begin a session in a subscriber's name.
func (s *Subscriber) Originate(identity string) Origin {
	o := Origin{Identity: identity, SCSCF: s.SCSCF, ForUser: !s.PSI}
	if yes, known := s.registered(); known {
		o.State = &yes
	}
	return o
}

// errNoSCSCF says that nobody knows where an identity's services are.
var errNoSCSCF = errors.New("no S-CSCF is known")

// Route returns the Route value that leads to the originating services of the identity: the S-CSCF with the parameter orig.
func (o Origin) Route() (string, error) {
	return routeTo(o.SCSCF, o.Identity, "lr", "orig")
}

// routeTo makes a Route value of a URI, with parameters.
func routeTo(uri, of string, params ...string) (string, error) {
	u, err := sip.ParseURI([]byte(uri))
	if err != nil || !u.IsSIP() {
		return "", fmt.Errorf("originate: %w of %s", errNoSCSCF, of)
	}
	route, _, _ := strings.Cut(uri, "?")
	for _, p := range params {
		if _, ok := u.Params.Get(p); !ok {
			route += ";" + p
		}
	}
	return "<" + route + ">", nil
}

// route is that of the S-CSCF, else that of the home network's entry, which finds one: for a subscriber's originating services, or for
// the called party alone, when nobody knows the identity.
func (a *AS) route(o Origin, known bool) (string, error) {
	r, err := o.Route()
	switch {
	case err == nil || a.cfg.Entry == "":
		return r, err
	case known:
		return routeTo(a.cfg.Entry, o.Identity, "lr", "orig")
	}
	return routeTo(a.cfg.Entry, o.Identity, "lr")
}

// headers are what such a request has besides.
func (o Origin) headers(ioi string) []b2bua.Field {
	h := []b2bua.Field{{Name: "P-Asserted-Identity", Value: "<" + o.Identity + ">"}, {Name: "P-Charging-Vector", Value: newVector(ioi)}}
	if o.ForUser {
		served := "<" + o.Identity + ">;sescase=orig"
		switch {
		case o.State == nil:
		case *o.State:
			served += ";regstate=reg"
		default:
			served += ";regstate=unreg"
		}
		h = append(h, b2bua.Field{Name: "P-Served-User", Value: served})
	}
	return h
}

// from is the From of such a session.
func (o Origin) from() string {
	if o.Display == "" {
		return "<" + o.Identity + ">"
	}
	return `"` + strings.Map(plain, o.Display) + `" <` + o.Identity + ">"
}

// Originate makes the draft a session of our own: it leaves as if the identity had begun it, under a charging identity of its
// own, by way of its S-CSCF. Nothing of who called us stays in the headers that assert an identity.
func (a *AS) Originate(d *b2bua.Draft, o Origin) error {
	route, err := a.route(o, true)
	if err != nil {
		return err
	}
	d.Set("From", o.from())
	for _, h := range o.headers(a.cfg.IOI) {
		d.Set(h.Name, h.Value)
	}
	d.Next.Routes = []string{route}
	return nil
}

// Departure says how a call that we make leaves in the name of an identity: by the S-CSCF that Sh or the registration tells, else by
// the entry of the home network, else by the routes of the side.
func (a *AS) Departure(ctx context.Context, identity string) (b2bua.Departure, error) {
	o := Origin{Identity: identity}
	known := false
	if a.subscribers != nil {
		sub, err := a.load(ctx, identity)
		if err != nil {
			return b2bua.Departure{}, fmt.Errorf("originate: %w", err)
		}
		if known = sub != nil; known {
			o = sub.Originate(identity)
		}
	}
	d := b2bua.Departure{From: o.from(), Headers: o.headers(a.cfg.IOI)}
	if route, err := a.route(o, known); err == nil {
		d.Routes = []string{route}
	}
	return d, nil
}

// plain leaves out what a quoted string would have to escape.
func plain(r rune) rune {
	if r < ' ' || r == '"' || r == '\\' || r == 0x7f {
		return -1
	}
	return r
}
