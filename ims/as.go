package ims

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/sip"
)

// Config is the application server's role.
type Config struct {
	Names  Names   // session cases by the user part of our own address
	Chains []Chain // the first that fits wins
	// Patience bounds the look-up of the served user: the S-CSCF gives an application server up that is silent for some
	// seconds, and the choice is the first thing that happens.
	Patience time.Duration
	// IOI names the operator in P-Charging-Vector (RFC 7315 4.6); "" adds nothing.
	IOI string
	// Entry is where the home network takes sessions of our own when no S-CSCF is known, a URI: an I-CSCF. "" is nowhere.
	Entry string
	// DefaultHandling is what becomes of a call whose application fails, by its name, instead of what the catalogue declares.
	DefaultHandling map[string]b2bua.OnFailure
	// Registration says what is kept of the registrations that S-CSCFs tell us of.
	Registration RegistrationConfig
}

// DefaultConfig waits a second for the sources, and has no chain.
func DefaultConfig() Config {
	return Config{Patience: time.Second, Registration: DefaultRegistrationConfig()}
}

// AS is the application that stands first on a side behind an S-CSCF: it finds for whom, and in which session case, the
// S-CSCF asks, and puts the chain of services in its place behind itself. What it needs of the sources it asks beside the
// call; when they do not answer in time it chooses by the request alone.
type AS struct {
	cfg         Config
	subscribers Source // nil: nobody is known
}

// NewAS returns the application.
func NewAS(cfg Config, subscribers Source) *AS { return &AS{cfg, subscribers} }

// Name is what a side's apps call it.
func (*AS) Name() string { return "ims" }

// Session is SessionOf with the names of the configuration; a nil AS has none.
func (a *AS) Session(m *sip.Message, entry string) Session {
	if a == nil {
		return SessionOf(m, entry, nil)
	}
	return SessionOf(m, entry, a.cfg.Names)
}

// known is what a look-up brought; it is nothing when the sources failed.
type known struct{ Subscriber *Subscriber }

// Handle chooses the chain of an Invite.
func (a *AS) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	switch ev := ev.(type) {
	case b2bua.Invite:
		ses := a.Session(ev.Request.Message, s.Entry())
		a.charge(s, ev.Request.Message)
		if a.needsSource(ses) {
			s.Go(func(ctx context.Context) b2bua.Event {
				sub, _ := a.load(ctx, ses.User) // an error is told by the metrics of the sources
				return known{sub}
			})
			return b2bua.Hold
		}
		a.follow(s, ev.Request.Message, ses, nil)
	case known:
		if d := s.Draft(); d != nil {
			a.follow(s, d.Request.Message, a.Session(d.Request.Message, s.Entry()), ev.Subscriber)
		}
	case b2bua.Progress, b2bua.Answer:
		a.answered(s)
	}
	return b2bua.Pass
}

// needsSource tells whether a rule depends on what only the sources know.
func (a *AS) needsSource(ses Session) bool {
	if a.subscribers == nil || ses.User == "" {
		return false
	}
	for i := range a.cfg.Chains {
		if c := &a.cfg.Chains[i]; c.asksSubscriber() || !ses.Sure && c.asksState() {
			return true
		}
	}
	return false
}

// load asks the sources for the served user; nil without an error is a user nobody knows.
func (a *AS) load(ctx context.Context, user string) (*Subscriber, error) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Patience)
	defer cancel()
	sub, err := a.subscribers.Load(ctx, Query{ByIMPU, user})
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return sub, err
}

func (a *AS) follow(s *b2bua.Step, m *sip.Message, ses Session, sub *Subscriber) {
	ses.learn(sub)
	for i := range a.cfg.Chains {
		if c := &a.cfg.Chains[i]; c.misfit(m, ses, sub) == "" {
			s.Do(b2bua.Follow{Apps: c.Apps})
			return
		}
	}
}

// learn completes the case with the registration state, when the request has not told it.
func (s *Session) learn(sub *Subscriber) {
	yes, known := sub.registered()
	if s.Sure || !known || s.Case == Diverted {
		return
	}
	s.Case, s.Sure = s.Case.registered(yes), true
	s.because("%s says that the user is %s", sub.Source, sub.State)
}

// Explanation is why a request gets its chain.
type Explanation struct {
	User  string   `json:"served_user"`
	Case  string   `json:"case"`
	Why   []string `json:"why"`
	Chain string   `json:"chain,omitempty"` // its name; "" when no rule fits, and what follows on the side stays
	Apps  []string `json:"apps,omitempty"`

	Rules      []RuleVerdict `json:"rules,omitempty"`
	Subscriber *Subscriber   `json:"subscriber,omitempty"`
	Trouble    string        `json:"trouble,omitempty"` // of the sources
}

// RuleVerdict says whether a chain's rule fits a request, and why not.
type RuleVerdict struct {
	Chain  string `json:"chain"`
	Fits   bool   `json:"fits"`
	Misfit string `json:"misfit,omitempty"`
}

// Explain says which chain a request would get and why, as Handle would choose it now.
func (a *AS) Explain(ctx context.Context, m *sip.Message, entry string) Explanation {
	ses := a.Session(m, entry)
	x := Explanation{User: ses.User}
	if a.needsSource(ses) {
		sub, err := a.load(ctx, ses.User)
		switch {
		case err != nil:
			x.Trouble = err.Error()
		case sub == nil:
			ses.because("no source knows the user")
		}
		x.Subscriber = sub
	}
	ses.learn(x.Subscriber)
	x.Case, x.Why = ses.Case.String(), ses.Why
	for i := range a.cfg.Chains {
		c := &a.cfg.Chains[i]
		why := c.misfit(m, ses, x.Subscriber)
		x.Rules = append(x.Rules, RuleVerdict{c.Name, why == "", why})
		if why == "" && x.Chain == "" {
			x.Chain, x.Apps = c.Name, c.Apps
		}
	}
	return x
}

// WriteText writes it for people.
func (x *Explanation) WriteText(w io.Writer) error {
	b := &strings.Builder{}
	user := x.User
	if user == "" {
		user = "nobody"
	}
	fmt.Fprintf(b, "served user  %s\nsession case %s\n", user, x.Case)
	for _, why := range x.Why {
		fmt.Fprintf(b, "  because %s\n", why)
	}
	if x.Trouble != "" {
		fmt.Fprintf(b, "  the sources fail: %s\n", x.Trouble)
	}
	for _, r := range x.Rules {
		switch {
		case !r.Fits:
			fmt.Fprintf(b, "chain %-12s no: %s\n", r.Chain, r.Misfit)
		case r.Chain == x.Chain:
			fmt.Fprintf(b, "chain %-12s yes: %s\n", r.Chain, strings.Join(x.Apps, ", "))
		default:
			fmt.Fprintf(b, "chain %-12s fits, too, but comes later\n", r.Chain)
		}
	}
	if x.Chain == "" {
		b.WriteString("no chain fits: what follows on the side stays\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
