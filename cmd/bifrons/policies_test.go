package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
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

// run runs a command line and returns what it prints.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := command()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.Execute()
	return out.String(), err
}

// TestPolicyCommands: what is shown, explained and compared.
func TestPolicyCommands(t *testing.T) {
	old, fresh := filepath.Join(t.TempDir(), "old.yaml"), filepath.Join(t.TempDir(), "new.yaml")
	sides := "sides:\n  core: {listen: 'udp:127.0.0.1:5060', trust: home}\n  carrier: {listen: 'udp:127.0.0.2:5060'}\n"
	for file, text := range map[string]string{old: sides, fresh: sides + "policies: [{from: core, to: carrier, policy: trunk}]\npolicy_definitions:\n  trunk: {base: untrusted, headers: {P-Access-Network-Info: carry}}\n"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args string
		want []string
	}{
		{"policy show", []string{"untrusted@1", "ims-home@1", "transparent@1", "trusted@1"}},
		{"policy show -c " + fresh, []string{"trunk@1", "carrier  core"}},
		{"policy show untrusted", []string{"Call-ID  ", "own", "a=candidate", "body application/isup"}},
		{"policy explain P-Access-Network-Info", []string{"the access, perhaps the cell", "does not cross", "crosses as it came"}},
		{"policy explain application/sdp", []string{"is written by Bifrons"}},
		{"policy explain a=ssrc", []string{"does not cross"}},
		{"policy explain X-New -c " + fresh, []string{"core     carrier  drop (trunk@1)"}},
		{"policy diff untrusted ims-home", []string{"this change newly exposes P-Access-Network-Info (carry, was drop)"}},
		{"policy diff ims-home untrusted", []string{"this change no longer exposes P-Access-Network-Info (drop, was carry)"}},
		{"policy diff " + old + " " + fresh, []string{"this change newly exposes P-Access-Network-Info from core to carrier (carry, was drop)"}},
		{"policy diff trusted trusted@1", []string{"expose the same"}},
		{"policy diff " + old + " " + old, []string{"every pair of sides exposes the same"}},
	} {
		out, err := run(t, strings.Fields(c.args)...)
		for _, want := range c.want {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("%s: %v, no %q in\n%s", c.args, err, want, out)
			}
		}
	}
	for _, args := range []string{"policy show nope", "policy diff untrusted", "policy explain", "policy show -c /nowhere.yaml"} {
		if out, err := run(t, strings.Fields(args)...); err == nil {
			t.Errorf("%s: no error but\n%s", args, out)
		}
	}
}

// TestAuditCommand: the exit status tells, and JSON has it all.
func TestAuditCommand(t *testing.T) {
	const networks = " --side-a 10.1.0.5 --side-b 203.0.113.9/32"
	const dir = "../../b2bua/audit/testdata/"
	if out, err := run(t, strings.Fields("audit "+dir+"clean.pcap"+networks)...); err != nil || !strings.Contains(out, "no leaks") {
		t.Errorf("clean: %v\n%s", err, out)
	}
	if out, err := run(t, strings.Fields("audit "+dir+"leaky.pcap"+networks)...); err == nil || exitCode(err) != 1 || !strings.Contains(out, "callid-of-alice") {
		t.Errorf("leaky: %v\n%s", err, out)
	}
	out, err := run(t, strings.Fields("audit "+dir+"leaky.pcap --json"+networks)...)
	var report struct{ Leaks []struct{ Secret string } }
	if err == nil || json.Unmarshal([]byte(out), &report) != nil || len(report.Leaks) != 14 {
		t.Errorf("JSON: %v, %d leaks\n%s", err, len(report.Leaks), out)
	}
	for _, args := range []string{"audit", "audit x.pcap", "audit x.pcap --side-a 10.0.0.0/8 --side-b 10.1.0.0/16", "audit x.pcap --side-a ten --side-b 10.1.0.0/16",
		"audit ../../go.mod" + networks, "audit " + dir + "clean.pcap --policy nope" + networks} {
		if out, err := run(t, strings.Fields(args)...); err == nil {
			t.Errorf("%s: no error but\n%s", args, out)
		}
	}
}
