package test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// network is a block of loopback addresses that belongs to one test: 127.61.n.x.
type network struct{ n int }

// lastNetwork counts the blocks that were tried.
var lastNetwork atomic.Int32

// newNetwork takes a block that no other test has, of this process or of another one. A listener on the block's last
// address is the lock.
func newNetwork(t *testing.T) network {
	t.Helper()
	for range 250 {
		n := int(lastNetwork.Add(1))%250 + 1
		l, err := net.Listen("tcp4", fmt.Sprintf("127.61.%d.254:7007", n))
		if err != nil {
			continue
		}
		t.Cleanup(func() { l.Close() })
		return network{n}
	}
	t.Fatal("no free block of addresses in 127.61.0.0/16")
	return network{}
}

func (n network) ip(last int) string {
	return fmt.Sprintf("127.61.%d.%d", n.n, last)
}
func (n network) addr(last, p int) string  { return fmt.Sprintf("%s:%d", n.ip(last), p) }
func (n network) core() string             { return n.addr(1, 5060) }  // Bifrons on the side core
func (n network) carrier() string          { return n.addr(2, 5060) }  // Bifrons on the side carrier
func (n network) admin() string            { return n.addr(1, 8070) }  // its admin address
func (n network) caller() string           { return n.addr(11, 5060) } // the telephone on the side core
func (n network) callee() string           { return n.addr(12, 5060) } // the telephone on the side carrier
func (n network) media(addr string) string { return strings.TrimSuffix(addr, ":5060") }

// eventually polls ok until it holds; what says in the failure what never came.
func eventually(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(d); ; <-tick.C {
		if ok() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}

// bound reports whether some process has a UDP socket on addr.
func bound(t *testing.T, addr string) bool {
	t.Helper()
	for _, have := range udpSockets(t) {
		if have == netip.MustParseAddrPort(addr) {
			return true
		}
	}
	return false
}

// listening reports whether some process listens for TCP connections on addr.
func listening(t *testing.T, addr string) bool {
	t.Helper()
	for _, have := range sockets(t, "tcp", "0A") {
		if have == netip.MustParseAddrPort(addr) {
			return true
		}
	}
	return false
}

// udpSockets lists the bound UDP sockets of this network namespace.
func udpSockets(t *testing.T) []netip.AddrPort { return sockets(t, "udp", "") }

// sockets lists the local addresses of sockets, of those in a state (in hexadecimal) if one is given.
func sockets(t *testing.T, network, state string) []netip.AddrPort {
	t.Helper()
	text, err := os.ReadFile("/proc/net/" + network)
	if err != nil {
		t.Fatal(err)
	}
	var list []netip.AddrPort
	for _, line := range strings.Split(string(text), "\n")[1:] {
		f := strings.Fields(line)
		if len(f) < 4 || state != "" && f[3] != state {
			continue
		}
		var ip [4]byte // the kernel prints the address in host order
		var port uint16
		if _, err := fmt.Sscanf(f[1], "%02X%02X%02X%02X:%04X", &ip[3], &ip[2], &ip[1], &ip[0], &port); err != nil {
			t.Fatalf("read /proc/net/udp: %q: %v", f[1], err)
		}
		list = append(list, netip.AddrPortFrom(netip.AddrFrom4(ip), port))
	}
	return list
}
