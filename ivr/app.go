package ivr

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/ivr/walk"
	"github.com/bifrons/bifrons/sip"
)

// Config is one application.
type Config struct {
	Name       string            // the App is ivr/NAME
	File       string            // of the menu
	Text       []byte            // the menu itself; File then only names it, and it is not read again
	Files      fs.FS             // with Text: what look-ups in files read; nil: the folder of File
	Called     *regexp.Regexp    // what the user part of the Request-URI must match, else the call passes; nil: anything
	Params     map[string]string // parameters of the menu
	Recordings string            // folder of recordings; "" is the folder recordings beside the menu
	Fetch      []string          // what the addresses of recordings that are fetched over HTTP must begin with; none: nothing is fetched
}

// Deps is what applications share.
type Deps struct {
	HTTP        *http.Client // nil: a client of its own
	Subscribers ims.Sources  // for look-ups by sh and ldap
	Speech      Speech       // nil: every prompt and text may be there
	Notifier    Notifier     // nil: message_waiting fails
	Metrics     *Metrics
	Log         *slog.Logger
	Now         func() time.Time // nil: the clock
}

// Speech tells what can be played besides the menu's own recordings.
type Speech interface {
	Has(prompt, language string) bool
	// Check tells why a file cannot be played to anybody, nil if it can.
	Check(file string) error
}

// App is one application.
type App struct {
	cfg      Config
	deps     Deps
	editions editions
}

// New reads an application.
func New(cfg Config, deps Deps) (*App, error) {
	if deps.HTTP == nil {
		deps.HTTP = &http.Client{}
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Metrics == nil {
		deps.Metrics = NewMetrics(nil)
	}
	a := &App{cfg: cfg, deps: deps}
	e, err := a.read()
	if err != nil {
		return nil, fmt.Errorf("menu %s: %w", cfg.Name, err)
	}
	a.editions.add(e)
	return a, nil
}

// Name is what a chain calls it.
func (a *App) Name() string { return "ivr/" + a.cfg.Name }

// holdLimit bounds a look-up with all its repetitions.
const holdLimit = 2 * time.Minute

// Link is the application as a chain has it.
func (a *App) Link() b2bua.Link {
	return b2bua.Link{App: a, Version: a.editions.current().flow.Version, OnFailure: b2bua.Terminate, Deadline: holdLimit}
}

// Handle walks a call on.
func (a *App) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	t := &turn{app: a, step: s, now: a.deps.Now()}
	known := s.Load(&t.session)
	switch ev := ev.(type) {
	case b2bua.Invite:
		if !known {
			return t.begin(ev)
		}
	case b2bua.Ended:
		if known {
			a.deps.Metrics.ended.WithLabelValues(a.cfg.Name).Inc()
		}
		return b2bua.Pass
	}
	if !known || t.Left {
		return b2bua.Pass
	}
	t.edition = a.editions.of(t.Walk.Version)
	if t.Ask != nil && s.Attempt() > 0 && !isResult(ev) { // another node had asked
		return t.look()
	}
	return t.verdict(t.event(ev))
}

// begin starts the walk of a call.
func (t *turn) begin(ev b2bua.Invite) b2bua.Verdict {
	if m := ev.Request.Message; m != nil && m.Method != sip.INVITE { // a MESSAGE or SUBSCRIBE has no ear
		return b2bua.Pass
	}
	call := callOf(t.step.CallID(), ev.Draft)
	if c := t.app.cfg.Called; c != nil && !c.MatchString(call.Called) {
		return b2bua.Pass
	}
	t.app.deps.Metrics.begun.WithLabelValues(t.app.cfg.Name).Inc()
	t.edition = t.app.editions.current()
	state, asked := walk.Walker{Flow: t.edition.flow}.Start(call, t.app.params(), t.now)
	t.Walk = state
	t.do(asked)
	t.settle()
	if t.passes {
		return b2bua.Pass
	}
	return t.verdict(stops)
}

// params are the values of the menu's parameters.
func (a *App) params() map[string]any {
	params := map[string]any{}
	for k, v := range a.cfg.Params {
		params[k] = v
	}
	return params
}

// callOf is what a walk knows of its call.
func callOf(id uint64, d *b2bua.Draft) walk.Call {
	who := d.Header("P-Asserted-Identity")
	if who == "" {
		who = d.Header("From")
	}
	c := callTo(d.RequestURI, who)
	c.ID, c.Languages = fmt.Sprintf("%016x", id), languages(d.Values("Accept-Language"))
	return c
}

// callTo is what the Request-URI and the address of the caller tell.
func callTo(uri, who string) walk.Call {
	c := walk.Call{CalledURI: uri, Params: map[string]string{}}
	if u, err := sip.ParseURI([]byte(uri)); err == nil {
		c.Called = user(&u)
		c.Domain = string(u.Host)
		if u.Port != 0 {
			c.Domain += fmt.Sprintf(":%d", u.Port)
		}
		for name, value := range params(u.Params) {
			c.Params[name] = value
		}
	}
	if addr, err := sip.ParseAddress([]byte(who)); err == nil {
		c.CallerURI, c.CallerName = string(addr.URI), unquote(string(addr.Display))
		if u, err := sip.ParseURI(addr.URI); err == nil {
			c.Caller = user(&u)
		}
	}
	return c
}

// user is the name or number in a URI.
func user(u *sip.URI) string {
	name := string(u.User)
	if !u.IsSIP() {
		name = string(u.Opaque)
	}
	name, _, _ = strings.Cut(name, ";")
	name, _, _ = strings.Cut(name, ":")
	return unescape(name)
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 1 && s[0] == '"' {
		s = strings.ReplaceAll(strings.Trim(s, `"`), `\`, "")
	}
	return s
}

// languages reads Accept-Language (RFC 3261 20.3), the best first.
func languages(values []string) []string {
	best := map[string]float64{}
	var out []string
	for _, v := range values {
		for _, l := range strings.Split(v, ",") {
			tag, rest, _ := strings.Cut(strings.TrimSpace(l), ";")
			q := 1.0
			if w, ok := strings.CutPrefix(strings.ReplaceAll(rest, " ", ""), "q="); ok {
				if _, err := fmt.Sscan(w, &q); err != nil {
					q = 0
				}
			}
			if tag = strings.TrimSpace(tag); tag != "" && tag != "*" && q > 0 && len(out) < 16 {
				best[tag] = q
				out = append(out, tag)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		switch {
		case best[a] > best[b]:
			return -1
		case best[a] < best[b]:
			return 1
		}
		return 0
	})
	return out
}

// Info is what an application tells of itself.
type Info struct {
	App     string   `json:"app"`
	Title   string   `json:"title"`
	File    string   `json:"file"`
	Version string   `json:"version"` // of the newest edition
	Names   []string `json:"-"`       // of its nodes, SUB/NODE in a sub
}

// Info tells of the application as new calls find it.
func (a *App) Info() Info {
	f := a.editions.current().flow
	out := Info{App: a.Name(), Title: f.Title, File: a.cfg.File, Version: f.Version}
	for _, g := range f.Graphs() {
		for _, n := range g.Nodes {
			out.Names = append(out.Names, label(g.Sub, n.Name))
		}
	}
	return out
}

func label(sub, node string) string {
	if sub == "" {
		return node
	}
	return sub + "/" + node
}
