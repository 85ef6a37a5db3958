package ims

import (
	"errors"
	"strings"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/sip"
)

// Origin is in whose name we begin a session (TS 24.229 5.7.3): a user's, or that of a service (PSI).
type Origin struct {
	Identity string // public identity, a SIP or tel URI
	Display  string
	SCSCF    string // the serving S-CSCF, as Sh or the registration tells it
	// ForUser says that the identity is a user's whose services apply; Registered is his state then.
	ForUser, Registered bool
}

// Originate finds what is needed to begin a session in a subscriber's name.
func (s *Subscriber) Originate(identity string) Origin {
	yes, _ := s.registered()
	return Origin{Identity: identity, SCSCF: s.SCSCF, ForUser: true, Registered: yes}
}

// Route returns the Route value that leads to the originating services of the identity: the S-CSCF with the parameter orig.
func (o Origin) Route() (string, error) {
	u, err := sip.ParseURI([]byte(o.SCSCF))
	if err != nil || !u.IsSIP() {
		return "", errors.New("originate: no S-CSCF is known of " + o.Identity)
	}
	route, _, _ := strings.Cut(o.SCSCF, "?")
	for _, p := range [...]string{"lr", "orig"} {
		if _, ok := u.Params.Get(p); !ok {
			route += ";" + p
		}
	}
	return "<" + route + ">", nil
}

// headers are what such a request has besides.
func (o Origin) headers(ioi string) []b2bua.Field {
	h := []b2bua.Field{{Name: "P-Asserted-Identity", Value: "<" + o.Identity + ">"}, {Name: "P-Charging-Vector", Value: newVector(ioi)}}
	if o.ForUser {
		state := "unreg"
		if o.Registered {
			state = "reg"
		}
		h = append(h, b2bua.Field{Name: "P-Served-User", Value: "<" + o.Identity + ">;sescase=orig;regstate=" + state})
	}
	return h
}

// Originate makes the draft a session of our own: it leaves as if the identity had begun it, under a charging identity of its
// own, by way of its S-CSCF. Nothing of who called us stays in the headers that assert an identity.
func (a *AS) Originate(d *b2bua.Draft, o Origin) error {
	route, err := o.Route()
	if err != nil {
		return err
	}
	from := "<" + o.Identity + ">"
	if o.Display != "" {
		from = `"` + strings.Map(plain, o.Display) + `" ` + from
	}
	d.Set("From", from)
	for _, h := range o.headers(a.cfg.IOI) {
		d.Set(h.Name, h.Value)
	}
	d.Next.Routes = []string{route}
	return nil
}

// plain leaves out what a quoted string would have to escape.
func plain(r rune) rune {
	if r < ' ' || r == '"' || r == '\\' || r == 0x7f {
		return -1
	}
	return r
}
