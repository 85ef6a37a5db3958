package main

import (
	"strings"
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/media/sdp"
)

const twoSides = `
sides:
  core: {listen: "udp:127.0.0.1:0", trust: home}
  carrier: {listen: "udp:127.0.0.1:0", next_hop: "sip:127.0.0.9"}
`

// TestDefinedPolicy: what the file changes is changed, all else is as in the base, and a definition may build on another.
func TestDefinedPolicy(t *testing.T) {
	cfg, err := configs.Parse("x.yaml", []byte(twoSides+`
policy_definitions:
  trunk:
    version: 3
    base: untrusted
    headers:
      P-Asserted-Identity: carry
      P-Charging-Vector: [icid-value]
      History-Info: host
      X-Account: carry
    attributes: {X-mark: carry, ptime: drop}
    bodies: {application/isup: carry}
    display: anonymous
    hosts: true
    contact_tags: true
    rtp_extensions: true
    srtp: true
    fax: false
    streams: true
  quiet: {base: trunk, headers: {rest: carry, P-Asserted-Identity: drop}, privacy: false}
policies:
  - {from: core, to: carrier, policy: trunk@3}
  - {from: carrier, to: core, policy: quiet}
`), known())
	if err != nil {
		t.Fatal(err)
	}
	var core b2bua.Config
	if err := pairPolicies(cfg, &core); err != nil {
		t.Fatal(err)
	}
	trunk, quiet := core.Policies[0].Policy, core.Policies[1].Policy
	for _, c := range []struct {
		p          *b2bua.Policy
		name, want string
	}{
		{trunk, "P-Asserted-Identity", "carry"}, {trunk, "P-Charging-Vector", "only icid-value"}, {trunk, "History-Info", "host"},
		{trunk, "x-account", "carry"}, {trunk, "X-Other", "drop"}, {trunk, "Via", "own"}, {trunk, "Diversion", "drop"},
		{quiet, "P-Asserted-Identity", "drop"}, {quiet, "X-Other", "carry"}, {quiet, "X-Account", "carry"},
	} {
		if got := c.p.RuleFor(c.name).String(); got != c.want {
			t.Errorf("%s: %s is %s, want %s", c.p, c.name, got, c.want)
		}
	}
	if trunk.String() != "trunk@3" || trunk.Display != b2bua.Anonymous || !trunk.Names || !trunk.ContactTags || trunk.StripExtensions || !trunk.Privacy || quiet.Privacy {
		t.Errorf("traits: %+v %+v", trunk, quiet)
	}
	if s := trunk.SDP; s.Secure != sdp.Carry || s.Fax != sdp.Drop || s.Streams != sdp.Carry || b2bua.UntrustedPolicy().SDP.Secure == sdp.Carry {
		t.Errorf("kinds of media: %+v", trunk.SDP)
	}
	if core.Home.String() != "ims-home@1" {
		t.Errorf("home is %s", core.Home)
	}
}

// TestPolicyMistakes: every mistake has its place and says what to write.
func TestPolicyMistakes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"policy_definitions: {a: {base: untrusted, headers: {P-Aserted-Identity: carry}}}", "5:73: nothing is named `P-Aserted-Identity`, did you mean `P-Asserted-Identity`?"},
		{"policy_definitions: {a: {base: untrusted, headers: {Via: carry}}}", "5:58: `Via` is written by the engine itself, whatever the policy"},
		{"policy_definitions: {a: {base: untrusted, headers: {Replaces: carry}}}", "5:63: `Replaces` names dialogs of the other party, so it can be map or drop"},
		{"policy_definitions: {a: {base: untrusted, headers: {Subject: cary}}}", `5:62: ` + "`Subject`" + ` has the unknown action "cary"; write drop, carry, host, map, or a list of parameters`},
		{"policy_definitions: {a: {base: untrusted, attributes: {candidate: carry}}}", "5:67: `candidate` speaks of what ends here, and can only be drop"},
		{"policy_definitions: {a: {base: untrusted, bodies: {application/sdp: carry}}}", "5:69: `application/sdp` is written by the engine itself, whatever the policy"},
		{"policy_definitions: {a: {base: untrustd}}", "5:32: no policy above is named `untrustd`, did you mean `untrusted`?"},
		{"policy_definitions: {a: {}}", "5:25: no base is given"},
		{"policy_definitions: {a: {base: b}, b: {base: untrusted}}", "5:32: no policy above is named `b`"},
		{"policy_definitions: {untrusted: {base: trusted}}", "`untrusted` is a ready policy"},
		{"policy_definitions: {a: {bse: untrusted}}", "5:26: unknown key `bse`, did you mean `base`?"},
		{"policies: [{from: core, to: core, policy: untrusted@2}]", "5:43: no policy is named `untrusted@2`, did you mean `untrusted`?"},
	} {
		_, err := configs.Parse("x.yaml", []byte(twoSides+c.text+"\n"), known())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\ngot  %v\nwant %s", c.text, err, c.want)
		}
	}
}
