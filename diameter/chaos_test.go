package diameter

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"

	"github.com/bifrons/bifrons/diameter/dict"
)

// proxy stands before a server and can freeze or cut what passes.
type proxy struct {
	net.Listener
	to     string
	mu     sync.Mutex
	conns  []net.Conn
	frozen chan struct{} // nil: flowing; closed to thaw
	wg     sync.WaitGroup
}

func newProxy(t *testing.T, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, to: to}
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", p.to)
			if err != nil {
				c.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, c, s)
			p.mu.Unlock()
			p.wg.Go(func() { p.copy(c, s) })
			p.wg.Go(func() { p.copy(s, c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.thaw()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) copy(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		wait := p.frozen
		p.mu.Unlock()
		if wait != nil {
			<-wait
		}
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) freeze() {
	p.mu.Lock()
	p.frozen = make(chan struct{})
	p.mu.Unlock()
}

func (p *proxy) thaw() {
	p.mu.Lock()
	if p.frozen != nil {
		close(p.frozen)
		p.frozen = nil
	}
	p.mu.Unlock()
}

func (p *proxy) cut() {
	p.mu.Lock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
	p.mu.Unlock()
}

// TestPeersDieUnderLoad kills, freezes and thaws one of two peers at a time while requests run. Every request must have
// its own answer, in time: the other peer is always there.
func TestPeersDieUnderLoad(t *testing.T) {
	echo := Handlers{udr: func(r *Request) {
		a := r.Answer(Success)
		a.AVP = append(a.AVP, diam.NewAVP(dict.UserData, 0xc0, dict.Vendor3GPP,
			datatype.OctetString(Text(r.Message.AVP, 0, dict.SessionID))))
		_ = r.Reply(a)
	}}
	_, stable := server(t, "hss1.ims.example", echo)
	_, shaky := server(t, "hss2.ims.example", echo)
	p := newProxy(t, shaky)
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm = "as.ims.example", realm
	cfg.AttemptTimeout, cfg.ReconnectMin = 30*time.Millisecond, 20*time.Millisecond
	cfg.Peers = []PeerConfig{
		{Host: "hss1.ims.example", Address: stable}, {Host: "hss2.ims.example", Address: p.Addr().String()}}
	as := clientWith(t, cfg, nil)

	var wg sync.WaitGroup
	var stop atomic.Bool
	var answers atomic.Int64
	for range 32 {
		wg.Go(func() {
			for !stop.Load() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				m := as.NewRequest(dict.Sh, dict.UserDataCommand, Route{Realm: realm})
				a, err := as.Do(ctx, m)
				cancel()
				if err != nil {
					t.Errorf("request lost: %v", err)
					return
				}
				if got, want := Text(a.AVP, dict.Vendor3GPP, dict.UserData), Text(m.AVP, 0, dict.SessionID); got != want {
					t.Errorf("answer of %s for %s", got, want)
				}
				answers.Add(1)
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		<-time.After(time.Duration(20+r.IntN(60)) * time.Millisecond)
		switch r.IntN(3) {
		case 0:
			p.cut()
		case 1:
			p.freeze()
			<-time.After(60 * time.Millisecond)
			p.thaw()
		case 2:
			p.freeze()
			<-time.After(30 * time.Millisecond)
			p.cut()
			p.thaw()
		}
	}
	stop.Store(true)
	wg.Wait()
	if answers.Load() < 1000 {
		t.Errorf("only %d answers", answers.Load())
	}
}

// TestOnlyPeerDiesUnderLoad: nobody can answer, so every caller must be told so, and soon.
func TestOnlyPeerDiesUnderLoad(t *testing.T) {
	_, addr := server(t, "hss.ims.example", Handlers{udr: func(*Request) {}})
	p := newProxy(t, addr)
	as := client(t, PeerConfig{Address: p.Addr().String()})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, _, err := ask(t.Context(), as, Route{Realm: realm}); !errors.Is(err, ErrNoPeer) {
				t.Errorf("err = %v, want ErrNoPeer", err)
			}
		})
	}
	waitFor(t, func() bool { return as.Status()[0].InFlight == 50 })
	start := time.Now()
	p.cut()
	wg.Wait()
	if d := time.Since(start); d > 4*time.Second {
		t.Errorf("callers were told after %s", d)
	}
}
