package sip

import (
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMTU: the loopback interface says nothing of a network, another family nothing at all, and an answer is kept for a while.
func TestMTU(t *testing.T) {
	t.Parallel()
	l, err := ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, to := range []string{"127.0.0.9", "::1", "255.255.255.255"} {
		if got := l.MTU(netip.MustParseAddr(to)); got != 0 {
			t.Errorf("the MTU towards %s is %d, want none", to, got)
		}
	}
	to := netip.MustParseAddr("192.0.2.1")
	for i := range l.paths.known {
		l.paths.known[i].Store(&path{to, 1492, time.Now().Add(time.Minute)})
	}
	if got := l.MTU(to); got != 1492 {
		t.Errorf("got %d, want what is known", got)
	}
	if got := l.MTU(netip.MustParseAddr("127.0.0.9")); got != 0 {
		t.Errorf("got %d, which is that of another address in the same place", got)
	}
	for i := range l.paths.known {
		l.paths.known[i].Store(&path{to, 1492, time.Now().Add(-time.Minute)})
	}
	if got := l.MTU(to); got == 1492 {
		t.Error("an MTU is believed for ever")
	}
}

// TestMTUOfInterface: in a network of its own, whose interface and one of whose routes have an MTU.
func TestMTUOfInterface(t *testing.T) {
	if os.Getenv("BIFRONS_MTU") == "" {
		cmd := exec.Command("unshare", "-n", "sh", "-c", `ip link set lo mtu 1492 up && ip addr add 192.0.2.1/24 dev lo && ip -6 addr add 2001:db8::1/64 dev lo nodad &&
			ip route add 198.51.100.0/24 dev lo mtu 1300 && exec "$0" -test.run='^TestMTUOfInterface$' -test.v`, os.Args[0])
		cmd.Env = append(os.Environ(), "BIFRONS_MTU=here")
		out, err := cmd.CombinedOutput()
		switch {
		case strings.Contains(string(out), "--- FAIL"):
			t.Errorf("%s", out)
		case err != nil:
			t.Skipf("no network of our own can be made: %v\n%s", err, out)
		}
		return
	}
	for _, c := range []struct {
		at, to string
		want   int
	}{{"192.0.2.1:0", "192.0.2.7", 1492}, {"192.0.2.1:0", "198.51.100.7", 1300}, {"192.0.2.1:0", "203.0.113.1", 0}, {"[2001:db8::1]:0", "2001:db8::1", 1492}} {
		l, err := ListenUDP(netip.MustParseAddrPort(c.at))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.MTU(netip.MustParseAddr(c.to)); got != c.want {
			t.Errorf("from %s to %s: %d, want %d", c.at, c.to, got, c.want)
		}
		l.Close()
	}
}
