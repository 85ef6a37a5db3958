package b2bua_test

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/sip/digest"
	"github.com/bifrons/bifrons/sip/registrar"
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
				c.Apps["puppet"] = puppet(w, words)
				configure(c, words)
			})
		})
	}
}

// watch sets one value of a side's liveness.
func watch(l *b2bua.Liveness, kv string) {
	k, v, _ := strings.Cut(kv, ":")
	d, _ := time.ParseDuration(v)
	switch k {
	case "every":
		l.Every, l.Timeout, l.Strikes = d, 2*time.Second, 3
	case "strikes":
		l.Strikes, _ = strconv.Atoi(v)
	case "expires":
		l.Expires, l.MinExpires, l.Refresher, l.Refresh = d, 90*time.Second, b2bua.PreferRemote, b2bua.ByUpdate
	case "local":
		l.Refresher = b2bua.PreferLocal
	case "silence":
		l.Silence = d
	case "hold":
		l.HoldSilence = d
	case "duration":
		l.MaxDuration = d
	}
}

var carol = netip.MustParseAddrPort("203.0.113.30:5060")

// configure fits the world to the config lines of a scenario.
func configure(c *b2bua.Config, words []string) {
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "all": // the liveness of both sides
			for _, kv := range strings.Split(v, ",") {
				watch(&c.Sides[0].Liveness, kv)
				watch(&c.Sides[1].Liveness, kv)
			}
		case "caller": // the liveness of the caller's side
			for _, kv := range strings.Split(v, ",") {
				watch(&c.Sides[0].Liveness, kv)
			}
		case "timer": // the session timer's headers cross
			p := b2bua.UntrustedPolicy().Derive("timer", 1)
			if err := p.SetHeader("Session-Expires", b2bua.Rule{Action: b2bua.Carry}); err != nil {
				panic(err)
			}
			c.Policies = []b2bua.Pair{{Policy: p}}
		case "keys": // of alice's and bob's side: keys=info,auto
			for i, way := range strings.Split(v, ",") {
				c.Sides[i].Keys = map[string]b2bua.Keys{"auto": b2bua.KeysAuto, "pass": b2bua.KeysPass, "rfc4733": b2bua.KeysRTP, "info": b2bua.KeysInfo}[way]
			}
		case "codecs": // that Bifrons answers with
			c.Sides[0].Codecs = strings.Split(v, ",")
			c.Sides[1].Codecs = c.Sides[0].Codecs
		case "policy":
			c.Policies = []b2bua.Pair{{Policy: b2bua.PolicyNamed(v)}}
		case "redirect":
			c.Sides[1].FollowRedirect = v == "follow"
		case "anchor":
			c.Anchor = v == "true"
		case "liveness": // of the callee's side: key:value,...
			for _, kv := range strings.Split(v, ",") {
				watch(&c.Sides[1].Liveness, kv)
			}
		case "targets": // of the callee's side, in order
			for i, host := range strings.Split(v, ",") {
				addr := netip.MustParseAddrPort(host + ":5060")
				c.Sides[1].Targets = append(c.Sides[1].Targets, b2bua.Target{NextHop: b2bua.NextHop{Host: addr.String(), Addr: addr}, Priority: i, Weight: 1})
			}
			c.Sides[1].Health = b2bua.Health{Try: 2 * time.Second, Timeout: 2 * time.Second, Strikes: 2, Recover: 30 * time.Second}
		case "carol": // calls for her go to her phone
			c.Routes = append([]b2bua.Route{{User: regexp.MustCompile("^carol$"), To: "carrier", NextHop: b2bua.NextHop{Host: carol.String(), Addr: carol}}}, c.Routes...)
		case "transfer": // of the caller's side, and of the callee's
			for i, w := range strings.Split(v, ",") {
				c.Sides[i].Transfer, _ = b2bua.TransferNamed(w)
			}
		case "trusted": // both sides are at home
			c.Sides[1].Trust = b2bua.Home
		case "login": // who we are for the callee's side: user:password[:realm]
			f := append(strings.Split(v, ":"), "")
			c.Sides[1].Logins = append(c.Sides[1].Logins, b2bua.Login{Login: digest.Login{User: f[0], Secret: digest.Secret{Password: f[1]}, Realm: f[2]}})
		case "user": // who may call: name:password
			name, password, _ := strings.Cut(v, ":")
			c.Users = map[string]b2bua.User{name: {Secret: digest.Secret{Password: password}}}
			c.Sides[0].AllowUsers, c.Sides[0].Digest.Assert = []string{"*"}, true
		case "registrar": // of the callee's side, for whoever can send there
			c.Registrar = registrar.New(registrar.DefaultConfig())
			c.Sides[1].Registers, c.Sides[1].Allow = true, []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
			c.Routes = append([]b2bua.Route{{To: "carrier", NextHop: b2bua.NextHop{Registered: true}}}, c.Routes...)
		case "trust": // of the caller's side
			c.Sides[0].Trust = map[string]b2bua.Trust{"home": b2bua.Home, "partner": b2bua.Partner, "untrusted": b2bua.Untrusted}[v]
		case "maxcalls":
			c.Calls.Max = 1
		case "maxout": // of the callee's side
			c.Sides[1].Out.Max = 1
		case "rate": // new calls per second of the caller's side
			c.Sides[0].In.Rate, _ = strconv.Atoi(v)
		case "exempt":
			c.Emergency, c.Priority = []string{"112"}, []string{"ets", "wps.0"}
		case "apps":
			c.Sides[0].Apps = strings.Split(v, ",")
		}
	}
}
