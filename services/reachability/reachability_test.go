package reachability

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/ims"
)

// users are a source: a state each. It answers when the scenario says release.
type users struct {
	states map[string]sh.IMSUserState
	doc    string
	err    error
	gate   chan struct{}
}

func (users) Name() string { return "users" }

func (u users) Load(ctx context.Context, q ims.Query) (*ims.Subscriber, error) {
	select {
	case <-u.gate:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	state, ok := u.states[q.Value]
	switch {
	case u.err != nil:
		return nil, u.err
	case !ok || q.By != ims.ByIMPU:
		return nil, ims.ErrNotFound
	}
	sub := &ims.Subscriber{State: &state}
	if u.doc != "" {
		sub.Services = map[string]string{Document: u.doc}
	}
	return sub, nil
}

// often is the way of a call that was sent on five times.
const often = "<sip:a@home.example>;index=1, <sip:b@home.example;cause=302>;index=1.1;mp=1, <sip:c@home.example;cause=486>;index=1.1.1;mp=1.1, " +
	"<sip:d@home.example;cause=408>;index=1.1.1.1;mp=1.1.1, <sip:e@home.example;cause=404>;index=1.1.1.1.1;mp=1.1.1.1, <sip:bob@home.example;cause=503>;index=1.1.1.1.1.1;mp=1.1.1.1.1"

// TestReachability plays calls through the service, and again on a server that is restored after each step: there the held INVITE is
// offered anew, and so is the look-up.
func TestReachability(t *testing.T) {
	refused := []string{"alice < 480", "alice > ACK", "bob < nothing", "record status=480 by=bifrons"}
	connected := []string{"bob < INVITE", "bob > 486", "bob < ACK", "alice < 486", "alice > ACK"}
	const away = `<reachability><divert-to>tel:+49-30-5</divert-to></reachability>`
	sentOn := func(to, history string) []string {
		return []string{`alice < 181 has="History-Info: ` + history + `"`, `bob < INVITE has="INVITE ` + to + ` SIP"`, "bob > 486", "bob < ACK", "alice < 486", "alice > ACK"}
	}
	const plainWay = "<sip:bob@home.example>;index=1, <sip:+49305@home.example;user=phone;cause=404>;index=1.1;mp=1"
	served := func(v string) string { return ` header="P-Served-User: <sip:bob@home.example>;` + v + `"` }
	for _, c := range []struct {
		name  string
		more  string // of the INVITE
		state sh.IMSUserState
		doc   string
		known bool
		err   error
		want  []string
	}{
		{"registered", "", sh.Registered, away, true, nil, connected},
		{"not registered, no number", "", sh.NotRegistered, "", true, nil, refused},
		{"registered for unregistered services, no number", "", sh.RegisteredUnregServices, "", true, nil, refused},
		{"broken document", "", sh.NotRegistered, "<reachability>", true, nil, refused},
		{"no address in it", "", sh.NotRegistered, "<reachability><divert-to>home</divert-to></reachability>", true, nil, refused},
		{"not registered", "", sh.NotRegistered, away, true, nil, sentOn("sip:+49305@home.example;user=phone;cause=404", plainWay)},
		{"the caller's network shall send it on", "", sh.NotRegistered, strings.Replace(away, "<divert-to", `<divert-to by="redirect"`, 1), true, nil, []string{
			`alice < 302 has="Contact: <sip:+49305@home.example;user=phone;cause=404>\n" has="History-Info: ` + plainWay + `"`, "alice > ACK", "bob < nothing", "record status=302 by=bifrons"}},
		{"nobody knows how", "", sh.NotRegistered, strings.Replace(away, "<divert-to", `<divert-to by="post"`, 1), true, nil, refused},
		{"as the S-CSCF says", served("sescase=term;regstate=unreg"), sh.Registered, away, true, nil, sentOn("sip:+49305@home.example;user=phone;cause=404", plainWay)},
		{"as the HSS says", served("sescase=term;regstate=reg"), sh.NotRegistered, away, true, nil, sentOn("sip:+49305@home.example;user=phone;cause=404", plainWay)},
		{"sent on before", ` header="History-Info: <sip:carol@home.example>;index=1, <sip:bob@home.example;cause=302>;index=1.1;mp=1"`, sh.NotRegistered, away, true, nil,
			sentOn("sip:+49305@home.example;user=phone;cause=404", "<sip:carol@home.example>;index=1, <sip:bob@home.example;cause=302>;index=1.1;mp=1, <sip:+49305@home.example;user=phone;cause=404>;index=1.1.1;mp=1.1")},
		{"sent on too often", ` header="History-Info: ` + often + `"`, sh.NotRegistered, away, true, nil, refused},
		{"the caller's half", ` header="P-Served-User: <sip:alice@home.example>;sescase=orig;regstate=reg"`, sh.NotRegistered, away, true, nil, connected},
		{"after a diversion", served("orig-cdiv"), sh.NotRegistered, away, true, nil, connected},
		{"nobody of ours", "", 0, away, false, nil, connected},
		{"no source answers", "", 0, away, true, errors.New("down"), connected},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := users{map[string]sh.IMSUserState{}, c.doc, c.err, make(chan struct{})}
			for _, id := range []string{"sip:bob@home.example", "sip:bob@core.example", "sip:bob@carrier.example"} {
				if c.known {
					u.states[id] = c.state
				}
			}
			lines := append([]string{"alice > INVITE to=bob sdp" + c.more, "alice < 100"}, "release")
			if !strings.Contains(c.more, "=orig") && !strings.Contains(c.more, "orig-") { // the callee is looked up
				lines = append(lines[:2], "bob < nothing", "release")
			}
			lines = append(lines, c.want...)
			file := filepath.Join(t.TempDir(), "reachability.call")
			if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			b2buatest.Run(t, b2buatest.Load(t, file), func(w *b2buatest.World, cfg *b2bua.Config, _ []string) {
				cfg.Apps = map[string]b2bua.Link{"reachability": {App: App{Subscribers: u}, OnFailure: b2bua.Continue}}
				cfg.Sides[0].Apps = []string{"reachability"}
				w.OnRelease = func() {
					select {
					case u.gate <- struct{}{}:
					default:
					}
				}
			})
		})
	}
}

// TestWithoutSources: without them the service does nothing.
func TestWithoutSources(t *testing.T) {
	if v := (App{}).Handle(nil, b2bua.Invite{Draft: &b2bua.Draft{}}); v != b2bua.Pass {
		t.Errorf("verdict %v", v)
	}
}
