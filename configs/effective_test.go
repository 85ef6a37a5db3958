package configs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEffectiveIsTheSame: what is printed is read as the same configuration.
func TestEffectiveIsTheSame(t *testing.T) {
	texts := map[string]string{"everything": everything}
	for _, name := range Samples() {
		text, err := Sample(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	for name, text := range texts {
		want, s, err := ParseSettings(name, []byte(text), Known{})
		if err != nil {
			t.Fatal(err)
		}
		got, again, err := ParseSettings(name, s.YAML(), Known{})
		if err != nil {
			t.Fatalf("%v in\n%s", err, s.YAML())
		}
		for _, c := range []*Config{want, got} { // these are not printed
			c.CDR.Postgres.URL, c.Trace.HEP.Password = "", ""
			for i := range c.Users {
				c.Users[i].Secret = Secret{}
			}
			for i := range c.Sides {
				for k := range c.Sides[i].Credentials {
					c.Sides[i].Credentials[k].Secret = Secret{}
				}
			}
		}
		if d := cmp.Diff(want, got, compare, cmp.Comparer(func(a, b []string) bool { return len(a) == 0 && len(b) == 0 || cmp.Equal(a, b) })); d != "" {
			t.Errorf("%s: file - printed +\n%s", name, d)
		}
		if a, b := string(s.YAML()), string(again.YAML()); a != b {
			t.Errorf("%s: printed again it is otherwise:\n%s", name, cmp.Diff(a, b))
		}
	}
}

const withSecrets = `
sides:
  a: {listen: "udp:${ADDRESS}:${PORT:-5060}", domain: "${DOMAIN:-}", allow: ['user:*'], registrar: "${YES}", next_hop: "sip:192.0.2.9",
      credentials: [{user: u, password: "${LOGIN}-1"}]}
users:
  - {name: alice, password: "file:${DIR}/alice"}
  - {name: bob, password: 'cash $${HOME} costs'}
routes: [{to: a, rewrite: {callee: {match: '^(\d)', replace: '0${1}'}}}]
calls: {max: "${MAX}"}
prompts: {speech: [{name: studio, url: "http://127.0.0.1/${API_KEY}?{text}"}]}
trace: {hep: {to: "192.0.2.9:9060", password: hush}}
cdr: {file: "", postgres: {url: "postgres://u:${LOGIN}@db/x"}}
`

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	for name, value := range map[string]string{"ADDRESS": "192.0.2.1", "YES": "true", "LOGIN": "pass-of-login", "DIR": dir, "MAX": "70", "API_KEY": "key-of-speech"} {
		t.Setenv(name, value)
	}
	if err := os.WriteFile(filepath.Join(dir, "alice"), []byte("pass-of-alice\nnot this\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, s, err := ParseSettings("x.yaml", []byte(withSecrets), Known{})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{cfg.Sides[0].Listen[0].String(), cfg.Sides[0].Credentials[0].Password, cfg.Users[0].Password, cfg.Users[1].Password,
		cfg.Routes[0].Rewrite.Callee[0].Replace, cfg.Prompts.Speech[0].URL, cfg.CDR.Postgres.URL}
	want := []string{"udp:192.0.2.1:5060", "pass-of-login-1", "pass-of-alice", "cash ${HOME} costs", "0${1}", "http://127.0.0.1/key-of-speech?{text}", "postgres://u:pass-of-login@db/x"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if cfg.Calls.Max != 70 || !cfg.Sides[0].Registrar {
		t.Errorf("max %d, registrar %v", cfg.Calls.Max, cfg.Sides[0].Registrar)
	}
	j, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.NewReplacer("hush", "other-hush", "cash", "other-cash").Replace(withSecrets)
	_, s2, err := ParseSettings("x.yaml", []byte(other), Known{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, d := range Diff(s, s2) {
		lines = append(lines, d.String())
	}
	if d := cmp.Diff([]string{"~ trace.hep.password: (secret) -> (another secret)", "~ users[1].password: (secret) -> (another secret)"}, lines); d != "" {
		t.Error(d)
	}
	for _, text := range []string{string(s.YAML()), string(j), strings.Join(lines, "\n")} {
		for _, secret := range []string{"pass-of-login", "pass-of-alice", "cash", "key-of-speech", "hush"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is shown in\n%s", secret, text)
			}
		}
	}
	if text := string(s.YAML()); !strings.Contains(text, "udp:192.0.2.1:5060") || strings.Count(text, "(secret)") != 6 {
		t.Error(text)
	}
}

func TestSecretMistakes(t *testing.T) {
	t.Setenv("LISTEN_TOKEN", "do-not-show")
	for text, want := range map[string]string{
		"sides:\n  a: {listen: 'udp:${NOWHERE_TO_BE_FOUND}:1'}":                                               "x.yaml:2:15: the environment has no variable NOWHERE_TO_BE_FOUND; set it, or write ${NOWHERE_TO_BE_FOUND:-default}",
		"sides:\n  a: {listen: '${LISTEN_TOKEN}'}":                                                            "x.yaml:2:15: the value of a variable that stands here does not fit; it is secret, so it is not shown",
		"sides: {a: {listen: 'udp:192.0.2.1:1'}}\ntrace:\n  hep: {to: 'a:1', password: 'file:/nowhere/x'}":    "x.yaml:3:30: no secret in `/nowhere/x`: no such file or directory; write the secret into the first line of a file that this user may read, as in file:/etc/bifrons/password",
		"sides: {a: {listen: 'udp:192.0.2.1:1', allow: ['user:*']}}\nusers: [{name: a, password: 123456789}]": "x.yaml:2:29: must be text; put it in quotes",
	} {
		if _, err := Parse("x.yaml", []byte(text), Known{}); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestDiff(t *testing.T) {
	read := func(text string) *Settings {
		_, s, err := ParseSettings("x", []byte(text), Known{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old := read("sides:\n  a: {listen: 'udp:192.0.2.1:1', next_hop: 'sip:192.0.2.9'}\n  b: {listen: 'udp:192.0.2.2:1', next_hop: 'sip:192.0.2.9'}\nroutes: [{from: a, to: b}, {to: a}]\n")
	to := read("sides:\n  a: {listen: ['udp:192.0.2.1:1', 'udp:192.0.2.1:2'], next_hop: 'sip:192.0.2.9', trust: home}\nroutes: [{to: a}]\ncalls: {max: 5, drain: 30s}\n")
	var got []string
	for _, d := range Diff(old, to) {
		l := d.String()
		got = append(got, l[:min(len(l), 60)])
	}
	want := []string{
		"~ sides.a.listen: udp:192.0.2.1:1 -> [udp:192.0.2.1:1, udp:1",
		"~ sides.a.trust: untrusted -> home",
		"- sides.b: {listen: udp:192.0.2.2:1, advertise: \"\", domain: ",
		"- routes[0]: {from: a, match: {user: \"\", host: \"\", header: {",
		"~ calls.max: 0 -> 5",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
