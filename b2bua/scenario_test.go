package b2bua_test

import (
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestScenarios plays every call of testdata, plainly, with restores after each step, and with each step lost.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.call")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".call"), func(t *testing.T) {
			t.Parallel()
			g := newGate()
			b2buatest.Run(t, b2buatest.Load(t, f), func(w *b2buatest.World, c *b2bua.Config, words []string) {
				c.Apps, w.OnRelease = apps(g), g.open
				configure(c, words)
			})
		})
	}
}

// configure fits the world to the config lines of a scenario.
func configure(c *b2bua.Config, words []string) {
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "policy":
			c.Policies = []b2bua.Pair{{Policy: b2bua.PolicyNamed(v)}}
		case "redirect":
			c.Sides[1].FollowRedirect = v == "follow"
		case "anchor":
			c.Anchor = v == "true"
		case "maxcalls":
			c.MaxCalls = 1
		case "apps":
			c.Sides[0].Apps = strings.Split(v, ",")
		}
	}
}
