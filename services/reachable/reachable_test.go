package reachable

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
	return &ims.Subscriber{State: &state}, nil
}

// TestReachable plays calls through the service, and again on a server that is restored after each step: there the held INVITE is
// offered anew, and so is the look-up.
func TestReachable(t *testing.T) {
	refused := []string{"alice < 480", "alice > ACK", "bob < nothing", "record status=480 by=bifrons"}
	connected := []string{"bob < INVITE", "bob > 486", "bob < ACK", "alice < 486", "alice > ACK"}
	for _, c := range []struct {
		name  string
		state sh.IMSUserState
		known bool
		err   error
		want  []string
	}{
		{"registered", sh.Registered, true, nil, connected},
		{"not registered", sh.NotRegistered, true, nil, refused},
		{"registered for unregistered services", sh.RegisteredUnregServices, true, nil, connected},
		{"nobody of ours", 0, false, nil, connected},
		{"no source answers", 0, true, errors.New("down"), connected},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := users{map[string]sh.IMSUserState{}, c.err, make(chan struct{})}
			for _, id := range []string{"sip:bob@home.example", "sip:bob@core.example", "sip:bob@carrier.example"} {
				if c.known {
					u.states[id] = c.state
				}
			}
			lines := append([]string{"alice > INVITE to=bob sdp", "alice < 100", "bob < nothing", "release"}, c.want...)
			file := filepath.Join(t.TempDir(), "reachable.call")
			if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			b2buatest.Run(t, b2buatest.Load(t, file), func(w *b2buatest.World, cfg *b2bua.Config, _ []string) {
				cfg.Apps = map[string]b2bua.Link{"reachable": {App: App{u}, OnFailure: b2bua.Continue}}
				cfg.Sides[0].Apps = []string{"reachable"}
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
