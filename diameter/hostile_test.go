package diameter

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/bifrons/bifrons/diameter/dict"
)

// spoil returns a stream of messages with some bytes changed, cut or doubled.
func spoil(r *rand.Rand, messages ...[]byte) []byte {
	var out []byte
	for range 1 + r.IntN(4) {
		out = append(out, messages[r.IntN(len(messages))]...)
	}
	for range 1 + r.IntN(6) {
		switch i := r.IntN(len(out)); r.IntN(4) {
		case 0:
			out[i] = byte(r.Uint32())
		case 1:
			out[i] ^= 1 << r.IntN(8)
		case 2:
			out = out[:max(i, 1)]
		case 3:
			out = append(out[:i:i], out[i/2:]...)
		}
	}
	return out
}

// drain reads what comes until the connection ends or nothing comes for a while.
func drain(c net.Conn) {
	buf := make([]byte, 4096)
	for {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// TestHostileClient sends spoiled messages to a server; whoever behaves is served all the same.
func TestHostileClient(t *testing.T) {
	_, addr := server(t, "hss.ims.example", Handlers{udr: named})
	good := client(t, PeerConfig{Address: addr})
	r := rand.New(rand.NewPCG(3, 4))
	udr, err := serialize(good.NewRequest(dict.Sh, dict.UserDataCommand, Route{Realm: realm}))
	if err != nil {
		t.Fatal(err)
	}
	dwr, err := serialize(good.watchdogRequest())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		p := dialRaw(t, addr)
		_, _ = p.Write(spoil(r, udr, dwr, withProxy(rawMessage(0xc0, 306, dict.Sh, sessionAVP))))
		drain(p)
		p.Close()
		if i%10 == 0 {
			if who, code, err := ask(t.Context(), good, Route{Realm: realm}); who != "hss.ims.example" || code != Success || err != nil {
				t.Fatalf("after %d: %s, %v, %v", i, who, code, err)
			}
		}
	}
}

// TestHostileServer answers a client with spoiled messages; it asks its other peer all the same.
func TestHostileServer(t *testing.T) {
	_, addr := server(t, "hss.ims.example", Handlers{udr: named})
	l := listen(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rand.New(rand.NewPCG(5, 6))
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			misbehave(t, c, r)
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm, cfg.ReconnectMin, cfg.ReconnectMax = "as.ims.example", realm, time.Millisecond, 5*time.Millisecond
	cfg.AttemptTimeout, cfg.ConnectTimeout = 10*time.Millisecond, 100*time.Millisecond
	cfg.Peers = []PeerConfig{{Address: l.Addr().String(), Priority: 1}, {Host: "hss.ims.example", Address: addr, Priority: 2}}
	as := clientWith(t, cfg, Handlers{{dict.Sh, dict.PushNotification}: named})
	waitFor(t, func() bool { return as.Status()[1].State == "okay" })
	for range 50 {
		// The hostile peer may spoil its own answer, but whoever asks the good one by name gets a good one.
		_, _, _ = ask(t.Context(), as, Route{Realm: realm})
		if who, code, err := ask(t.Context(), as, Route{Realm: realm, Host: "hss.ims.example"}); who != "hss.ims.example" || code != Success || err != nil {
			t.Fatalf("%s, %v, %v", who, code, err)
		}
	}
}

// misbehave serves one connection: a good CEA most times, then spoiled answers and requests.
func misbehave(t *testing.T, c net.Conn, r *rand.Rand) {
	defer c.Close()
	p := rawConn(t, c)
	g := p.e.guard(c)
	m, err := g.message(p.e.dict.Parser())
	if err != nil {
		return
	}
	cea, err := serialize(p.e.capabilitiesAnswer(m, Success, c.LocalAddr(), ""))
	if err != nil {
		return
	}
	if r.IntN(3) == 0 {
		cea = spoil(r, cea)
	}
	_, _ = c.Write(cea)
	for {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		m, err := g.message(p.e.dict.Parser())
		if err != nil {
			return
		}
		answer, err := serialize(p.e.baseAnswer(m, Success, true))
		if err != nil {
			return
		}
		_, _ = c.Write(spoil(r, answer, rawMessage(0xc0, 309, dict.Sh, sessionAVP), rawMessage(0x80, 280, 0, nil)))
	}
}
