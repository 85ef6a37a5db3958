package configs

import (
	"strings"
	"testing"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ims"
)

const behind = "sides: {a: {listen: udp:127.0.0.1:5060, apps: [ims]}}\n"

func TestIMS(t *testing.T) {
	cfg, err := Parse("x.yaml", []byte(behind+`
subscribers: [{file: users.yaml}]
ims:
  patience: 300ms
  ioi: home.example
  names: {o: originating}
  entry: sip:icscf.home.example
  default_handling: {reachability: terminate, example: continue}
  chains:
    first: {cases: terminating, methods: [INVITE, MESSAGE], served: bob, user: '^1', host: x, header: {name: Subject, value: s}, apps: [example]}
    second: {service: s, attribute: {name: n, value: v}, apps: []}
`), sampleNames)
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.IMS
	if c.Patience != 300*time.Millisecond || c.IOI != "home.example" || c.Names["o"] != ims.Originating || len(c.Chains) != 2 ||
		c.Entry != "sip:icscf.home.example" || len(c.DefaultHandling) != 2 || c.DefaultHandling["reachability"] != b2bua.Terminate {
		t.Errorf("%+v", c)
	}
	a, b := c.Chains[0], c.Chains[1]
	if a.Name != "first" || a.Cases[0] != ims.Terminating || len(a.Methods) != 2 || a.Served.String() != "bob" || a.User.String() != "^1" ||
		a.Host.String() != "x" || a.Header != "Subject" || a.Value.String() != "s" || a.Apps[0] != "example" {
		t.Errorf("%+v", a)
	}
	if b.Name != "second" || b.Service != "s" || b.Attribute != "n" || b.Holds.String() != "v" || len(b.Apps) != 0 {
		t.Errorf("%+v", b)
	}
}

func TestIMSMistakes(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"no chains", behind, "`ims` chooses among chains, and there is none"},
		{"not the first", strings.Replace(behind, "[ims]", "[example, ims]", 1) + "ims: {chains: {x: {apps: []}}}", "make it the first"},
		{"nobody chooses", strings.Replace(behind, "[ims]", "[example]", 1) + "ims: {chains: {x: {apps: []}}}", "no side chooses among them"},
		{"no such case", behind + "ims: {chains: {x: {cases: calling}}}", "no session case is named `calling`; write one of terminating, "},
		{"no such method", behind + "ims: {chains: {x: {methods: BYE}}}", "`BYE` goes through no chain; write one of INVITE"},
		{"no such application", behind + "ims: {chains: {x: {apps: [exampel]}}}", "no application is named `exampel`, did you mean `example`?"},
		{"itself", behind + "ims: {chains: {x: {apps: [ims]}}}", "a chain cannot choose a chain"},
		{"no source for an application", behind + "ims: {chains: {x: {apps: [reachability]}}}", "`reachability` looks subscribers up"},
		{"no source for a rule", behind + "ims: {chains: {x: {service: s, apps: []}}}", "asks for data of the subscriber"},
		{"name of a chain", behind + "ims: {chains: {X: {apps: []}}}", "`X` cannot name a chain"},
		{"value without header", behind + "ims: {chains: {x: {header: {value: v}}}}", "add `name:` with the header"},
		{"value without attribute", behind + "ims: {chains: {x: {attribute: {value: v}}}}", "add `name:` with the attribute"},
		{"no such handling", behind + "ims: {default_handling: {example: stop}, chains: {x: {apps: []}}}", "`stop` is no default handling; write `continue` or `terminate`"},
		{"handling of nobody", behind + "ims: {default_handling: {exampel: continue}, chains: {x: {apps: []}}}", "no application is named `exampel`, did you mean `example`?"},
		{"no way in", behind + "ims: {entry: 'tel:+49', chains: {x: {apps: []}}}", "`tel:+49` is no"},
		{"too patient", behind + "ims: {patience: 10s, chains: {x: {apps: []}}}", "`10s` is out of range; write something from 10ms to 4s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte(c.file), sampleNames)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
