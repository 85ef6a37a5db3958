package main

import (
	"log/slog"
	"net/netip"

	"github.com/bifrons/bifrons/cmd/bifrons/demo"
)

// demoAS is a node behind an S-CSCF, with an HSS of its own, as the demo sees it.
type demoAS struct{ demoServer }

// Addresses returns where the S-CSCF sends its calls, and where they go back to it from.
func (d demoAS) Addresses() (caller, callee netip.AddrPort) {
	return d.sockets[0].local.Addr, d.sockets[0].local.Addr
}

// startDemoAS runs a node as configs/ims-as.yaml has it, on a free port. Bob has left a number with the HSS.
func startDemoAS(log *slog.Logger) (demo.AS, error) {
	d, err := startDemoHome(demoHSS+`
    repository: {reachability: "<reachability><divert-to>`+demo.AwayNumber+`</divert-to></reachability>"}
`, `
sides:
  core: {listen: "udp:127.0.0.1:0", trust: home, domain: as.home.example, apps: [ims]}
subscribers:
  - sh: {services: [reachability]}
ims:
  ioi: home.example
  chains:
    callees: {cases: [terminating, terminating-unregistered], methods: INVITE, apps: [reachability]}
    rest: {apps: []}
`, log)
	if err != nil {
		return nil, err
	}
	return demoAS{d}, nil
}
