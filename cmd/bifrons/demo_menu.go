package main

import (
	"log/slog"
	"net/netip"

	"github.com/bifrons/bifrons/cmd/bifrons/demo"
	"github.com/bifrons/bifrons/configs"
)

// startDemoMenu runs a node as configs/minimal.yaml has it, on free ports: the menu is the application of the callers' side.
func startDemoMenu(phone netip.AddrPort, log *slog.Logger) (demo.Server, error) {
	cfg, err := configs.Parse("demo.yaml", []byte(`
sides:
  inside: {listen: "udp:127.0.0.1:0", trust: home, apps: [ivr/company]}
  outside: {listen: "udp:127.0.0.1:0", next_hop: "sip:`+phone.String()+`"}
routes:
  - {from: inside, to: outside}
ivr:
  company: {sample: company, called: '^company$', params: {always: "yes"}}
audit: {mode: block}
admin: {listen: ""}
cdr: {file: ""}
`), known())
	if err != nil {
		return nil, err
	}
	n, err := startNode(cfg, nil, log)
	if err != nil {
		return nil, err
	}
	return demoMenu{demoServer{node: n}}, nil
}

// demoMenu is that node; it has no HSS.
type demoMenu struct{ server demoServer }

// Addresses returns where the menu is dialled, and where the callee is called from.
func (d demoMenu) Addresses() (caller, callee netip.AddrPort) { return d.server.Addresses() }

// Calls returns the number of calls that have not ended.
func (d demoMenu) Calls() int { return d.server.Calls() }

// Close ends the node at once.
func (d demoMenu) Close() error {
	d.server.end()
	return nil
}
