package ims

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bifrons/bifrons/diameter/sh"
)

// By says what a subscriber is looked up by.
type By string

// The keys of a look-up.
const (
	ByIMPU     By = "impu" // public identity, a SIP or tel URI
	ByIMPI     By = "impi" // private identity, user@realm
	ByMSISDN   By = "msisdn"
	ByIMSI     By = "imsi"
	ByUsername By = "username"
	ByUUID     By = "uuid"
)

// keys are all that By may be.
var keys = []By{ByIMPU, ByIMPI, ByMSISDN, ByIMSI, ByUsername, ByUUID}

// Keys lists the keys of a look-up as text.
func Keys() []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = string(k)
	}
	return out
}

// registered tells whether calls reach the subscriber. One who has an S-CSCF for unregistered services only is not registered; while
// a registration is being made (AUTHENTICATION_PENDING) nothing is known.
func (s *Subscriber) registered() (yes, known bool) {
	if s == nil || s.State == nil || *s.State == sh.AuthenticationPending {
		return false, false
	}
	return *s.State == sh.Registered, true
}

// Query asks for one subscriber.
type Query struct {
	By    By
	Value string
}

// Subscriber is what the sources know of one user or service.
type Subscriber struct {
	UUID     string   `yaml:"uuid" json:"uuid,omitempty"`
	Username string   `yaml:"username" json:"username,omitempty"`
	Public   []string `yaml:"public" json:"public,omitempty"`
	Private  []string `yaml:"private" json:"private,omitempty"`
	MSISDN   []string `yaml:"msisdn" json:"msisdn,omitempty"`
	IMSI     string   `yaml:"imsi" json:"imsi,omitempty"`
	// PSI tells that the identity is that of a service (TS 23.003 13.5), whom no user's services are for.
	PSI bool `yaml:"psi" json:"psi,omitempty"`
	// State is the registration of the identity that was asked for; nil when the source does not know.
	State *sh.IMSUserState `yaml:"state" json:"state,omitempty"`
	// SCSCF is the serving S-CSCF; empty when there is none.
	SCSCF string `yaml:"scscf" json:"scscf,omitempty"`
	// Collection and Event are the addresses of the charging functions, the primary one first.
	Collection []string `yaml:"collection" json:"collection,omitempty"`
	Event      []string `yaml:"event" json:"event,omitempty"`
	// Services are documents by service indication, such as the MMTEL settings.
	Services map[string]string `yaml:"services" json:"services,omitempty"`
	// Attributes are whatever else the source was configured to give.
	Attributes map[string][]string `yaml:"attributes" json:"attributes,omitempty"`

	// Source is the name of the source; Stale tells that it could not be asked: this is from memory, perhaps not all of it.
	Source string `yaml:"-" json:"source,omitempty"`
	// Told is when the network said that State is so; zero when the source does not know.
	Told  time.Time `yaml:"-" json:"told,omitzero"`
	Stale bool      `yaml:"-" json:"stale,omitempty"`
}

// Source knows subscribers. Load returns ErrNotFound for one that it does not have, or for a key that it cannot use.
type Source interface {
	Name() string
	Load(ctx context.Context, q Query) (*Subscriber, error)
}

// ErrNotFound: no such subscriber. ErrQuery: no such key, or no value of it.
var (
	ErrNotFound = errors.New("subscriber not found")
	ErrQuery    = errors.New("not a query")
)

// Sources asks several sources in their order; the first that knows the subscriber answers. It is a Source itself.
type Sources []Source

// Name implements Source.
func (s Sources) Name() string {
	names := make([]string, len(s))
	for i, x := range s {
		names[i] = x.Name()
	}
	return strings.Join(names, ", ")
}

// Load implements Source. A source that fails is passed over; only when no other knows the subscriber does the failure
// count, because then nobody can say that there is none.
func (s Sources) Load(ctx context.Context, q Query) (*Subscriber, error) {
	if err := q.validate(); err != nil {
		return nil, err
	}
	var failed error
	for _, x := range s {
		sub, err := x.Load(ctx, q)
		switch {
		case err == nil:
			sub.Source = x.Name()
			return sub, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("load %s %s from %s: %w", q.By, q.Value, x.Name(), ctx.Err())
		case !errors.Is(err, ErrNotFound):
			failed = errors.Join(failed, fmt.Errorf("%s: %w", x.Name(), err))
		}
	}
	if failed != nil {
		return nil, fmt.Errorf("load %s %s: %w", q.By, q.Value, failed)
	}
	return nil, fmt.Errorf("load %s %s: %w", q.By, q.Value, ErrNotFound)
}

func (q Query) validate() error {
	for _, k := range keys {
		if q.By == k {
			if q.Value == "" {
				return fmt.Errorf("%w: load by %s: the value is empty", ErrQuery, q.By)
			}
			return nil
		}
	}
	return fmt.Errorf("%w: load by %q: it is none of %v", ErrQuery, q.By, keys)
}

// normal returns the value as sources compare it: a public identity in canonical form, a number without plus.
func (q Query) normal() string {
	switch q.By {
	case ByIMPU:
		return sh.Canonical(q.Value)
	case ByMSISDN:
		return strings.TrimPrefix(q.Value, "+")
	}
	return q.Value
}

// WriteText writes what is known for people, a line for each thing.
func (s *Subscriber) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name string, values ...string) {
		if v := strings.Join(values, ", "); v != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, v)
		}
	}
	line("public", s.Public...)
	line("private", s.Private...)
	line("msisdn", s.MSISDN...)
	line("imsi", s.IMSI)
	line("username", s.Username)
	line("uuid", s.UUID)
	if s.PSI {
		line("psi", "yes")
	}
	if s.State != nil {
		line("state", s.State.String())
	}
	line("scscf", s.SCSCF)
	line("collection", s.Collection...)
	line("event", s.Event...)
	for _, k := range slices.Sorted(maps.Keys(s.Services)) {
		line("service "+k, s.Services[k])
	}
	for _, k := range slices.Sorted(maps.Keys(s.Attributes)) {
		line("attribute "+k, s.Attributes[k]...)
	}
	source := s.Source
	if s.Stale {
		source += ", which does not answer: this is from memory, or the default"
	}
	line("source", source)
	return t.Flush()
}
