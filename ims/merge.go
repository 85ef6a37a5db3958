package ims

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/sip"
)

// Merged is a Source that joins what the sources know of a user with what S-CSCFs have said of his registration.
//
// State and S-CSCF are the newest news: of a document of the event package reg, of a REGISTER, or of the HSS, when it said so in
// an answer or a notification; a source that does not tell when it learnt a state counts as the oldest. Identities are those of the
// sources, then those of the registration. Charging addresses that came with the registration win (TS 32.240).
type Merged struct {
	Sources       Source // nil: there are only registrations
	Registrations *Registrations
}

// Name implements Source.
func (m Merged) Name() string {
	if m.Sources == nil {
		return registrationsName
	}
	return m.Sources.Name() + ", " + registrationsName
}

const registrationsName = "registrations"

// Load implements Source. A user who is registered is known, also when no source knows him or none answers.
func (m Merged) Load(ctx context.Context, q Query) (*Subscriber, error) {
	if err := q.validate(); err != nil {
		return nil, err
	}
	var sub *Subscriber
	err := ErrNotFound
	if m.Sources != nil {
		sub, err = m.Sources.Load(ctx, q)
	}
	identity := q.Value
	if q.By == ByMSISDN {
		identity = "tel:+" + q.normal()
	}
	if q.By != ByIMPU && q.By != ByMSISDN {
		return sub, err
	}
	g, ok := m.Registrations.Find(identity)
	switch {
	case !ok:
		return sub, err
	case err != nil:
		sub = &Subscriber{Source: registrationsName, Stale: !errors.Is(err, ErrNotFound)}
	}
	sub.join(&g)
	return sub, nil
}

// join takes what a registration says, where it is newer.
func (s *Subscriber) join(g *Registration) {
	if s.State == nil || s.Told.Before(g.Told) {
		state := sh.NotRegistered
		if g.Registered {
			state = sh.Registered
		}
		s.State, s.Told = &state, g.Told
		if g.Registered {
			s.SCSCF = g.SCSCF
		}
		if s.Source != registrationsName {
			s.Source += ", " + registrationsName
		}
	}
	if s.SCSCF == "" && g.Registered {
		s.SCSCF = g.SCSCF
	}
	s.Public = unique(append(append(s.Public[:len(s.Public):len(s.Public)], g.User), g.Identities...))
	if ccf, ecf := functions(g.Charging); len(ccf)+len(ecf) > 0 {
		s.Collection, s.Event = ccf, ecf
	}
}

// functions reads P-Charging-Function-Addresses (RFC 7315 4.5).
func functions(v string) (ccf, ecf []string) {
	for p := sip.Params(v); ; {
		name, value, rest, ok := p.Next()
		if !ok {
			return ccf, ecf
		}
		p = rest
		addr := string(sip.Unquote(value))
		switch strings.ToLower(string(name)) {
		case "ccf":
			ccf = append(ccf, addr)
		case "ecf":
			ecf = append(ecf, addr)
		}
	}
}

// ago is the time when something was so old.
func ago(age time.Duration) time.Time { return time.Now().Add(-age) }
