package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/configs"
)

const explained = `
sides:
  core: {listen: "udp:192.0.2.1:5070", trust: home, domain: as.home.example, apps: [ims]}
  plain: {listen: "udp:192.0.2.1:5072", apps: [example]}
subscribers: [{file: FILE}]
ims:
  names: {caller: originating}
  chains:
    lost: {cases: terminating-unregistered, apps: [reachability]}
    out: {cases: originating, header: {name: X-Tag, value: "^a"}, apps: [example, reachability]}
`

// TestExplainCommand asks a configuration, and a server's API, about requests from flags and from a file.
func TestExplainCommand(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	users := write("users.yaml", "- {public: [\"sip:bob@home.example\"], state: 0}\n")
	file := write("as.yaml", strings.Replace(explained, "FILE", users, 1))
	asked := write("request.sip", "INVITE sip:bob@home.example SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\nFrom: <sip:a@b>;tag=1\nTo: <sip:bob@home.example>\n"+
		"Call-ID: c\nCSeq: 1 INVITE\nRoute: <sip:caller@as.home.example:5070;lr>, <sip:odi@scscf;lr>\nP-Asserted-Identity: <sip:al@home.example>\nX-Tag: abc\n")
	cfg, err := configs.Load(file, known())
	if err != nil {
		t.Fatal(err)
	}
	e, end, err := offline(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	api := httptest.NewServer(e)
	defer api.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"the state from the source", []string{"--to", "sip:bob@home.example"}, []string{"session case terminating-unregistered", "file says that the user is NOT_REGISTERED", "chain lost         yes: reachability@1"}},
		{"a file, and our name in the Route", []string{asked}, []string{"served user  sip:al@home.example", "user part caller", "chain out          yes: example@1, reachability@1"}},
		{"nobody knows the user", []string{"--to", "tel:+1"}, []string{"no source knows the user", "no chain fits"}},
		{"another side", []string{"--side", "plain", "--to", "tel:+1"}, []string{"side plain has one chain"}},
		{"json", []string{"--json", "--to", "tel:+1", "--served", "<sip:x@y>;orig-cdiv"}, []string{`"case": "diverted"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var offline, online bytes.Buffer
			for out, more := range map[*bytes.Buffer][]string{&offline: {"-c", file}, &online: {"--admin", strings.TrimPrefix(api.URL, "http://")}} {
				cmd := command()
				cmd.SetArgs(append(append([]string{"ctl", "explain"}, c.args...), more...))
				cmd.SetOut(out)
				if err := cmd.Execute(); err != nil {
					t.Fatal(err)
				}
				for _, want := range c.want {
					if !strings.Contains(out.String(), want) {
						t.Errorf("no %q in\n%s", want, out)
					}
				}
			}
			if offline.String() != online.String() {
				t.Errorf("offline\n%s\nonline\n%s", &offline, &online)
			}
		})
	}
	for name, args := range map[string][]string{"no request": {}, "no such side": {"--side", "x", "--to", "tel:+1"}, "no request line": {file}} {
		cmd := command()
		cmd.SetArgs(append(append([]string{"ctl", "explain"}, args...), "-c", file))
		if err := cmd.Execute(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
