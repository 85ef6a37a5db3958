package diameter

import (
	"context"
	"net"
	"testing"
	"time"
)

// TestBothDial lets two peers dial each other at the same time: RFC 6733 5.6.4 leaves one connection, and it serves both.
func TestBothDial(t *testing.T) {
	for range 5 {
		la, lb := listen(t), listen(t)
		make := func(host, peer string, l net.Listener, address string) *Endpoint {
			cfg := DefaultConfig()
			cfg.OriginHost, cfg.OriginRealm, cfg.ReconnectMin = host, realm, 10*time.Millisecond
			cfg.Peers = []PeerConfig{{Host: peer, Address: address}}
			e := endpoint(t, cfg, Handlers{udr: named})
			go func() { _ = e.Serve(l) }()
			return e
		}
		a := make("a.ims.example", "b.ims.example", la, lb.Addr().String())
		b := make("b.ims.example", "a.ims.example", lb, la.Addr().String())
		a.Start()
		b.Start()
		ready(t, a)
		ready(t, b)
		count := func(e *Endpoint) (links, accepted int) {
			for _, s := range e.Status() {
				if s.State == "okay" {
					links++
					if s.Accepted {
						accepted++
					}
				}
			}
			return links, accepted
		}
		waitFor(t, func() bool {
			al, aa := count(a)
			bl, ba := count(b)
			return al == 1 && bl == 1 && aa+ba == 1
		})
		for _, x := range []struct {
			e    *Endpoint
			host string
		}{{a, "b.ims.example"}, {b, "a.ims.example"}} {
			if who, code, err := ask(t.Context(), x.e, Route{Realm: realm, Host: x.host}); who != x.host || code != Success || err != nil {
				t.Errorf("asked %s: %s, %v, %v", x.host, who, code, err)
			}
		}
		a.Close(context.Background(), Rebooting)
		b.Close(context.Background(), Rebooting)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestConnectionsAreBounded(t *testing.T) {
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm, cfg.AcceptUnknown, cfg.MaxConnections = "hss.ims.example", realm, true, 2
	_, addr := serverWith(t, cfg, Handlers{udr: named}, "127.0.0.1:0")
	one, two := dialRaw(t, addr), dialRaw(t, addr)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("a third connection was kept: %v", err)
	}
	one.Close()
	waitFor(t, func() bool {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		defer c.Close()
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, err = c.Read(make([]byte, 1))
		return isTimeout(err) // it waits for our CER
	})
	two.write(rawMessage(0xc0, 306, 16777217, sessionAVP))
	two.read()
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}
