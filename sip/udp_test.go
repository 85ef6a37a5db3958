package sip

import (
	"net"
	"net/netip"
	"testing"
)

func TestListenerAnswersFromItsOwnAddress(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "127.0.0.2:0", "[::1]:0"} {
		l, err := ListenUDP(netip.MustParseAddrPort(addr))
		if err != nil {
			t.Logf("%s: %v", addr, err)
			continue
		}
		l.Serve(func(r *Reader, m *Message, err error) { _ = r.Listener.Send(m.raw, m.Source) })
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.Local)) // connected: hears only that address
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		if _, err := c.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(buf); err != nil || string(buf[:n]) != "ping" {
			t.Errorf("%s: %q %v", addr, buf[:n], err)
		}
		c.Close()
		l.Close()
	}
	if _, err := ListenUDP(netip.MustParseAddrPort("0.0.0.0:0")); err == nil {
		t.Error("an unspecified address was accepted")
	}
}
