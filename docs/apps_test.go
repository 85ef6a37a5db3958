package docs_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/services"
)

// forward asks a directory where the callee is now, and tries a second number when the first fails.
type forward struct {
	find func(ctx context.Context, uri string) (moved, error)
}

// moved is what the directory says. It comes back as an event.
type moved struct{ First, Second string }

func (forward) Name() string { return "forward" }

func (f forward) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	switch ev := ev.(type) {
	case b2bua.Invite:
		uri := ev.RequestURI // a copy: the look-up runs beside the call
		s.Go(func(ctx context.Context) b2bua.Event {
			m, err := f.find(ctx, uri)
			if err != nil {
				return nil // the catalogue's OnFailure decides
			}
			return m
		})
		return b2bua.Hold
	case moved: // the held Invite is this Step's draft
		s.Save(ev)
		s.Do(b2bua.Dial{URI: ev.First})
		return b2bua.Stop
	case b2bua.Failure:
		var m moved
		if s.Load(&m) && m.Second != "" {
			s.Do(b2bua.Dial{URI: m.Second})
			s.Save(moved{})
			return b2bua.Stop
		}
	}
	return b2bua.Pass
}

// gate is a look-up's wait for the scenario's release.
type gate chan struct{}

func (g gate) wait(ctx context.Context) error {
	select {
	case <-g:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) open() {
	select {
	case g <- struct{}{}:
	default:
	}
}

func TestForward(t *testing.T) {
	g := make(gate)
	find := func(ctx context.Context, _ string) (moved, error) {
		return moved{First: "sip:mobile@carrier.example", Second: "sip:desk@carrier.example"}, g.wait(ctx)
	}
	script := b2buatest.Load(t, "testdata/forward.call")
	b2buatest.Run(t, script, func(w *b2buatest.World, c *b2bua.Config, _ []string) {
		c.Apps = map[string]b2bua.Link{"forward": {App: forward{find}, Version: "1", OnFailure: b2bua.Continue}}
		c.Sides[0].Apps = []string{"forward"} // calls that come in on side core
		w.OnRelease = g.open
	})
}

// always gives every event the same verdict, except that it stops no Invite.
type always struct {
	b2bua.Verdict
	gate
}

func (always) Name() string { return "always" }

func (a always) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	_, result := ev.(moved)
	_, invite := ev.(b2bua.Invite)
	_, ended := ev.(b2bua.Ended)
	if result || ended || invite && a.Verdict == b2bua.Stop {
		return b2bua.Pass
	}
	s.Go(func(ctx context.Context) b2bua.Event {
		if a.wait(ctx) != nil {
			return nil
		}
		return moved{}
	})
	return a.Verdict
}

// TestVerdicts: which events may be stopped and held is what the table says.
func TestVerdicts(t *testing.T) {
	for file, verdict := range map[string]b2bua.Verdict{"testdata/stops.call": b2bua.Stop, "testdata/holds.call": b2bua.Hold} {
		a := always{verdict, make(gate)}
		b2buatest.Run(t, b2buatest.Load(t, file), func(w *b2buatest.World, c *b2bua.Config, _ []string) {
			c.Apps = map[string]b2bua.Link{"always": {App: a, Version: "1", Deadline: 900 * time.Millisecond}}
			c.Sides[0].Apps = []string{"always"}
			w.OnRelease = a.open
		})
	}
}

// TestExample plays calls through the App that the page shows as the smallest.
func TestExample(t *testing.T) {
	for _, name := range []string{"testdata/example.call", "testdata/example-barred.call"} {
		b2buatest.Run(t, b2buatest.Load(t, name), func(_ *b2buatest.World, c *b2bua.Config, _ []string) {
			c.Apps = services.Apps(services.Deps{})
			c.Sides[0].Apps = []string{"example"}
			c.Policies = []b2bua.Pair{{Policy: b2bua.TrustedPolicy()}}
		})
	}
}

// TestTables: the tables of events and effects have a row for each name in the engine's tables.
func TestTables(t *testing.T) {
	text := read(t, "docs/apps.md")
	for _, file := range []string{"b2bua/event.go", "b2bua/effect.go"} {
		rows := regexp.MustCompile("(?m)^\t\"([a-z]+)\": +func\\(\\) any \\{ return &(\\w+)\\{\\} \\},$").FindAllStringSubmatch(read(t, file), -1)
		if len(rows) < 8 {
			t.Fatalf("%s: only %d names found", file, len(rows))
		}
		for _, r := range rows {
			if !regexp.MustCompile("(?m)^\\| `" + r[2] + "`.* \\| `" + r[1] + "` \\|").MatchString(text) {
				t.Errorf("docs/apps.md: no row for %s, named %s in %s", r[2], r[1], file)
			}
		}
	}
}
