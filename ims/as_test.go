package ims_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/sip"
)

// mark is an App that leaves its name in the Subject.
type mark string

func (m mark) Name() string { return string(m) }

func (m mark) Handle(_ *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	if inv, ok := ev.(b2bua.Invite); ok {
		inv.Set("Subject", strings.TrimPrefix(inv.Header("Subject")+","+string(m), ","))
	}
	return b2bua.Pass
}

// users are a source with a state, a document and an attribute for each. It answers when the scenario says release.
type users struct {
	known map[string]*ims.Subscriber
	gate  chan struct{} // nil: it answers at once
}

func (users) Name() string { return "users" }

func (u users) Load(ctx context.Context, q ims.Query) (*ims.Subscriber, error) {
	if u.gate != nil {
		select {
		case <-u.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s, ok := u.known[q.Value]
	switch {
	case !ok:
		return nil, ims.ErrNotFound
	case s == nil:
		return nil, errors.New("down")
	}
	c := *s
	c.Source = "users"
	return &c, nil
}

func state(s sh.IMSUserState) *sh.IMSUserState { return &s }

// chains are those of the tests.
func chains() ims.Config {
	cfg := ims.DefaultConfig()
	cfg.Names = ims.Names{"o": ims.Originating}
	cfg.Chains = []ims.Chain{
		{Name: "lost", Cases: []ims.Case{ims.TerminatingUnregistered}, Apps: []string{"x", "y"}},
		{Name: "on", Cases: []ims.Case{ims.Diverted}, Apps: []string{"z"}},
		{Name: "callers", Cases: []ims.Case{ims.Originating}, User: regexp.MustCompile(`^\+49`), Apps: []string{"y"}},
		{Name: "screened", Cases: []ims.Case{ims.Terminating}, Service: "screen", Apps: []string{"x"}},
		{Name: "vip", Attribute: "class", Holds: regexp.MustCompile("^gold$"), Apps: []string{"y", "x"}},
		{Name: "text", Methods: []string{"MESSAGE"}, Apps: []string{"z"}},
		{Name: "tagged", Header: "X-Tag", Value: regexp.MustCompile("a"), Apps: []string{"x", "z"}},
	}
	return cfg
}

// cases say which chain a request gets; "" is that none fits, and the side's own chain stays.
var choices = []struct {
	name    string
	uri     string
	headers []string
	chain   string
	subject string
}{
	{"unregistered, as the request says", "sip:bob@home.example", []string{"P-Served-User: <sip:bob@home.example>;sescase=term;regstate=unreg"}, "lost", "x,y"},
	{"unregistered, as the source says", "sip:lost@home.example", nil, "lost", "x,y"},
	{"the request knows better than the source", "sip:lost@home.example", []string{"P-Served-User: <sip:lost@home.example>;sescase=term;regstate=reg"}, "", "w"},
	{"diverted", "sip:carol@home.example", []string{"P-Served-User: <sip:lost@home.example>;orig-cdiv"}, "on", "z"},
	{"a caller to Germany", "sip:+4930@home.example", []string{"P-Served-User: <sip:bob@home.example>;sescase=orig;regstate=reg"}, "callers", "y"},
	{"a caller to Germany, written otherwise", "sip:%2B4%39-30@home.example;user=phone", []string{"P-Served-User: <sip:bob@home.example>;sescase=orig;regstate=reg"}, "callers", "y"},
	{"a caller to elsewhere", "sip:+3330@home.example", []string{"P-Served-User: <sip:bob@home.example>;sescase=orig;regstate=reg"}, "", "w"},
	{"a subscriber with a document", "sip:doc@home.example", nil, "screened", "x"},
	{"a subscriber with an attribute", "sip:gold@home.example", nil, "vip", "y,x"},
	{"a subscriber with another attribute", "sip:tin@home.example", nil, "", "w"},
	{"a header", "sip:nobody@home.example", []string{"X-Tag: bar"}, "tagged", "x,z"},
	{"sources down: by the request alone", "sip:down@home.example", []string{"X-Tag: bar"}, "tagged", "x,z"},
	{"nothing fits", "sip:nobody@home.example", nil, "", "w"},
}

func sources(gate chan struct{}) users {
	return users{gate: gate, known: map[string]*ims.Subscriber{
		"sip:lost@home.example": {State: state(sh.NotRegistered)},
		"sip:doc@home.example":  {State: state(sh.Registered), Services: map[string]string{"screen": "<a/>"}},
		"sip:gold@home.example": {State: state(sh.Registered), Attributes: map[string][]string{"class": {"tin", "gold"}}},
		"sip:tin@home.example":  {State: state(sh.Registered), Attributes: map[string][]string{"class": {"tin"}}},
		"sip:down@home.example": nil,
	}}
}

// open is a world's OnRelease: it lets a look-up that waits go on.
func open(gate chan struct{}) func() {
	return func() {
		select {
		case gate <- struct{}{}:
		default:
		}
	}
}

// TestChoice plays a call for each row: the Apps of the chosen chain, and no other, have seen it. It is played again with the
// server restored after each step, where a held choice is made anew.
func TestChoice(t *testing.T) {
	for _, c := range choices {
		t.Run(c.name, func(t *testing.T) {
			invite := `alice > INVITE uri="` + c.uri + `" sdp`
			for _, h := range c.headers {
				invite += ` header="` + h + `"`
			}
			file := filepath.Join(t.TempDir(), "choice.call")
			script := []string{invite, "alice < 100", "release", `bob < INVITE has="Subject: ` + c.subject + `"`, "bob > 486", "bob < ACK", "alice < 486", "alice > ACK"}
			if err := os.WriteFile(file, []byte(strings.Join(script, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			gate := make(chan struct{})
			b2buatest.Run(t, b2buatest.Load(t, file), func(w *b2buatest.World, cfg *b2bua.Config, _ []string) {
				w.OnRelease = open(gate)
				cfg.Apps = map[string]b2bua.Link{"ims": {App: ims.NewAS(chains(), sources(gate)), Version: "1"}}
				for _, n := range []string{"w", "x", "y", "z"} {
					cfg.Apps[n] = b2bua.Link{App: mark(n), Version: n + "1"}
				}
				cfg.Sides[0].Apps = []string{"ims", "w"}
			})
		})
	}
}

// TestExplain: what is explained is what is done.
func TestExplain(t *testing.T) {
	as := ims.NewAS(chains(), sources(nil))
	for _, c := range choices {
		t.Run(c.name, func(t *testing.T) {
			x := as.Explain(t.Context(), parse(t, "INVITE", c.uri, c.headers...), "")
			if x.Chain != c.chain {
				t.Errorf("chain %q, want %q", x.Chain, c.chain)
			}
			b := &strings.Builder{}
			if err := x.WriteText(b); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"served user  " + x.User, "session case " + x.Case, "because"} {
				if !strings.Contains(b.String(), want) {
					t.Errorf("no %q in\n%s", want, b)
				}
			}
			if x.Chain == "" != strings.Contains(b.String(), "no chain fits") {
				t.Errorf("%s", b)
			}
		})
	}
	x := as.Explain(t.Context(), parse(t, "MESSAGE", "sip:tin@home.example"), "sip:o@as.example")
	want := []ims.RuleVerdict{
		{Chain: "lost", Misfit: "the case is originating"},
		{Chain: "on", Misfit: "the case is originating"},
		{Chain: "callers", Misfit: `the user part "tin" of the Request-URI does not match ^\+49`},
		{Chain: "screened", Misfit: "the case is originating"},
		{Chain: "vip", Misfit: "nothing is known of the served user"},
		{Chain: "text", Fits: true},
		{Chain: "tagged", Misfit: "there is no X-Tag"},
	}
	want[6].Misfit = "no value of X-Tag matches a"
	if d := cmp.Diff(want, x.Rules); d != "" || x.User != "" {
		t.Errorf("user %q, want - got +\n%s", x.User, d)
	}
}

// parse makes a request.
func parse(t *testing.T, method, uri string, headers ...string) *sip.Message {
	t.Helper()
	text := method + " " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:f@e.example>;tag=1\r\nTo: <sip:f@e.example>\r\nCall-ID: c\r\n" +
		"CSeq: 1 " + method + "\r\n"
	for _, h := range headers {
		text += h + "\r\n"
	}
	m := new(sip.Message)
	if err := m.Parse([]byte(text + "Content-Length: 0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	return m
}
