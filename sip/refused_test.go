package sip

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// closedPort returns an address where nobody listens.
func closedPort(t *testing.T, host string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(host)))
	if err != nil {
		t.Skipf("no such address here: %v", err)
	}
	defer c.Close()
	return netip.MustParseAddrPort(c.LocalAddr().String())
}

// TestICMPComesBack: a datagram to a closed port comes back with its beginning; others to open ports lose nothing by it.
func TestICMPComesBack(t *testing.T) {
	for _, host := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(host, func(t *testing.T) {
			l := listen(t, host)
			dead := closedPort(t, host)
			alive, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(host)))
			if err != nil {
				t.Fatal(err)
			}
			defer alive.Close()
			to := netip.MustParseAddrPort(alive.LocalAddr().String())
			const n = 200
			back := make(chan string, n)
			l.OnRefused(func(at netip.AddrPort, sent []byte) {
				if at != dead {
					t.Errorf("refused by %s, sent to %s", at, dead)
				}
				head, _, _ := strings.Cut(string(sent), "\r\n")
				back <- head
			})
			l.Serve(func(*Reader, *Message, error) {})
			for i := range n {
				if err := l.Send(fmt.Appendf(nil, "INVITE %d\r\n%s", i, strings.Repeat("x", 900)), dead); err != nil {
					t.Errorf("to the closed port: %v", err)
				}
				if err := l.Send([]byte("hello"), to); err != nil {
					t.Errorf("to the open port: %v", err)
				}
			}
			_ = alive.SetReadDeadline(time.Now().Add(5 * time.Second))
			buf := make([]byte, 100)
			for i := range n {
				if _, err := alive.Read(buf); err != nil {
					t.Fatalf("%d of %d datagrams came: %v", i, n, err)
				}
			}
			for came := 0; ; came++ {
				select {
				case head := <-back:
					if head == "INVITE 0" {
						return
					}
				case <-time.After(5 * time.Second):
					t.Fatalf("%d came back, the first not among them", came)
				}
			}
		})
	}
}
