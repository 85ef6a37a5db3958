package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/sip/locate/locatetest"
)

// run runs the program with arguments and returns what it printed.
func runRoute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := command()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.ExecuteContext(context.Background())
	return out.String(), err
}

func TestRouteCommand(t *testing.T) {
	t.Parallel()
	ns := locatetest.Start(t, `
carrier.test. 60 IN NAPTR 1 1 "s" "SIP+D2T" "" _sip._tcp.carrier.test.
_sip._tcp.carrier.test. 60 IN SRV 1 1 5070 a.carrier.test.
a.carrier.test. 60 IN A 192.0.2.7
`)
	file := filepath.Join(t.TempDir(), "routes.yaml")
	text := `sides:
  core: {listen: 'udp:127.0.0.1:5060', next_hop: 'sip:192.0.2.9'}
  carrier: {listen: ['udp:127.0.0.2:5060', 'tcp:127.0.0.2:5060'], next_hop: 'sip:carrier.test'}
routes:
  - {from: core, match: {user: '^(\+49|0)[1-9]'}, to: carrier, rewrite: {callee: [{e164: {region: DE}}, {strip: '+', prefix: '00'}], caller: {e164: {region: DE}}, as: sip}}
  - {from: core, match: {header: {name: X-Class, value: gold}}, to: carrier, next_hop: 'sip:192.0.2.8'}
dns: {servers: ['` + ns.Addr.String() + `']}
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want []string // in the output, or in the error
	}{
		{[]string{"route", file, "tel:030-1234567", "--caller", "sip:0309876543@home.example"}, []string{"route 1 of 2: from core to side carrier", "next hop: sip:carrier.test\n",
			"Request-URI: sip:0049301234567@carrier.test;user=phone", "From: sip:+49309876543@home.example"}},
		{[]string{"route", file, "sip:bob@x.example", "--header", "X-Class: gold"}, []string{"route 2 of 2", "next hop: sip:192.0.2.8", "Request-URI: sip:bob@x.example"}},
		{[]string{"route", file, "sip:bob@x.example"}, []string{"no route fits: it leaves on side core", "next hop: sip:192.0.2.9"}},
		{[]string{"route", file, "sip:bob@x.example", "--from", "carrier"}, []string{"no route fits: it leaves on side carrier"}},
		{[]string{"route", file, "tel:030-1234567", "--resolve"}, []string{"NAPTR carrier.test: 1 1", "SRV _sip._tcp.carrier.test.", "A a.carrier.test.: 192.0.2.7", "1. tcp:192.0.2.7:5070"}},
		{[]string{"route", file, "bob"}, []string{"is no URI"}},
		{[]string{"route", file, "sip:bob@x.example", "--from", "nobody"}, []string{"no side nobody"}},
		{[]string{"resolve", "carrier.test", "-c", file, "--side", "carrier"}, []string{"(asked, kept 1m0s)", "1. tcp:192.0.2.7:5070"}},
		{[]string{"resolve", "carrier.test:5080", "--server", ns.Addr.String()}, []string{"has a port", "no such name"}},
		{[]string{"resolve", "192.0.2.1"}, []string{"is an address", "1. udp:192.0.2.1:5060"}},
	} {
		out, err := runRoute(t, c.args...)
		if err != nil {
			out += err.Error()
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v: no %q in\n%s", c.args, want, out)
			}
		}
	}
}
