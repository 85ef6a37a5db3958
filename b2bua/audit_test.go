package b2bua_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/internal/leak"
)

// talkative is an application that tells the callee which call it is, as people do when they debug.
func talkative(c *b2bua.Config) {
	c.Apps = map[string]b2bua.Link{"talkative": {Version: "1", App: app{"talkative", func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		if inv, ok := ev.(b2bua.Invite); ok {
			inv.Draft.Set("X-Debug", "call "+inv.Draft.Request.Header("Call-ID"))
		}
		return b2bua.Pass
	}}}}
	c.Sides[0].Apps = []string{"talkative"}
}

// TestAuditModes: what an application says of one party to another goes out, is counted, or is stopped.
func TestAuditModes(t *testing.T) {
	for _, c := range []struct {
		name   string
		mode   leak.Mode
		script string
		count  float64
	}{
		{"off", leak.Off, "alice > INVITE sdp\nalice < 100\nbob < INVITE has=alice-call\nbob > 486\nbob < ACK\nalice < 486\nalice > ACK", 0},
		{"count", leak.Count, "alice > INVITE sdp\nalice < 100\nbob < INVITE has=alice-call\nbob > 486\nbob < ACK\nalice < 486\nalice > ACK", 2},
		{"block", leak.Block, "alice > INVITE sdp\nalice < 100\nbob < nothing\nalice < 500\nalice > ACK\nrecord status=500 by=bifrons\nwait 40s\nbob < nothing", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := b2buatest.NewWorld(t, func(w *b2buatest.World, cfg *b2bua.Config) {
				talkative(cfg)
				cfg.Audit = c.mode
				cfg.Sides[0].Liveness = b2bua.Liveness{}
			})
			w.Show("alice-call-1@198.51.100.10", "198.51.100.10")
			w.Play(c.script)
			if got := leaks(t, w.Server); got != c.count {
				t.Errorf("%v leaks counted, want %v", got, c.count)
			}
			if c.mode == leak.Block {
				r := w.Records[len(w.Records)-1]
				if r.Cause != "leak stopped" || !strings.Contains(r.Evidence, "other header") {
					t.Errorf("recorded as %+v", r)
				}
			}
			w.Finish()
		})
	}
}

// TestNothingCrosses: whatever headers and attributes a party sends, in whatever form, of its identifiers none is in what the
// other gets: what a policy carries on purpose stops at the audit when it has one in it.
func TestNothingCrosses(t *testing.T) {
	names := append(b2buatest.Headers(), "X-Any", "P-Other")
	rapid.Check(t, func(rt *rapid.T) {
		policy := rapid.SampledFrom([]*b2bua.Policy{b2bua.UntrustedPolicy(), b2bua.TrustedPolicy(), b2bua.TransparentPolicy()}).Draw(rt, "policy")
		w := b2buatest.NewWorld(t, func(_ *b2buatest.World, c *b2bua.Config) {
			c.Policies = []b2bua.Pair{{Policy: policy}}
			c.Audit = leak.Block
		})
		defer w.Server.Close()
		w.Show("AlicePhone/1.0", "BobPhone/2.0") // transparent carries them
		secrets := []string{"alice-call-1@198.51.100.10", "alice-tag", "198.51.100.10:5060", "198.51.100.10", "alice-device"}
		value := rapid.Custom(func(t *rapid.T) string {
			s := rapid.SampledFrom(append([]string{"plain", "x"}, secrets[:2]...)).Draw(t, "secret")
			form := rapid.SampledFrom([]string{"%s", "<sip:u@host.example>;p=%s", "\"%s\" <sip:a@b.example;x=%s>", "a;b=\"%s\"", "x-%s-y", "%s, %s"}).Draw(t, "form")
			return strings.ReplaceAll(form, "%s", s)
		})
		var headers []string
		for range rapid.IntRange(0, 6).Draw(rt, "headers") {
			name := rapid.SampledFrom(names).Draw(rt, "name")
			switch name {
			case "Via", "Route", "Record-Route", "Require", "Proxy-Require", "Replaces", "Join", "Session-Expires", "Min-SE":
				continue // they have meanings that a random value does not
			}
			headers = append(headers, name+": "+value.Draw(rt, "value"))
		}
		var lines []string
		for range rapid.IntRange(0, 4).Draw(rt, "lines") {
			lines = append(lines, "a="+rapid.SampledFrom([]string{"tool:", "X-y:", "ssrc:1 cname:", "candidate:1 1 UDP 1 198.51.100.10 ", "msid:", "other:"}).Draw(rt, "attribute")+value.Draw(rt, "value"))
		}
		w.Shouts(headers, lines)
		for name, got := range w.Heard() {
			if name == "alice" {
				continue
			}
			for _, s := range secrets {
				if strings.Contains(got, s) {
					rt.Fatalf("%s got %s under %s in\n%s", name, s, policy, got)
				}
			}
		}
	})
}

// leaks returns what the server's metric says.
func leaks(t *testing.T, srv *b2bua.Server) (n float64) {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(srv.Metrics())
	all, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == "bifrons_b2bua_leaks_total" {
			for _, m := range f.Metric {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}
