package sip

import (
	"net/netip"
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
