package diameter

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"

	"github.com/bifrons/bifrons/diameter/dict"
)

// memory is a network of pipes, so that a test can run on synctest's clock.
type memory struct {
	mu    sync.Mutex
	peers map[string]*scripted
}

func (n *memory) dial(_ context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.peers[address]
	if s == nil || s.is(&s.refuse) {
		return nil, errors.New("connection refused")
	}
	a, b := net.Pipe()
	go s.serve(b)
	return a, nil
}

// scripted is a peer that answers everything until it is frozen.
type scripted struct {
	host string
	e    *Endpoint

	mu      sync.Mutex
	frozen  bool // reads, says nothing
	refuse  bool // takes no connection
	conn    net.Conn
	watch   []time.Time // when DWRs came
	opened  []time.Time
	ended   []time.Time
	asked   []*diam.Message
	leaving DisconnectCause
}

func newScripted(t *testing.T, n *memory, host string) *scripted {
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm = host, realm
	s := &scripted{host: host, e: endpoint(t, cfg, nil), leaving: disconnectCauseUnknown}
	n.peers[host+":3868"] = s
	return s
}

func (s *scripted) is(b *bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *b
}

func (s *scripted) set(b *bool, v bool) {
	s.mu.Lock()
	*b = v
	s.mu.Unlock()
}

// seen is what a scripted peer has seen so far.
type seen struct {
	watch, opened []time.Time
	ended         int
	asked         []*diam.Message
	leaving       DisconnectCause
	conn          net.Conn
}

func (s *scripted) seen() seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return seen{slices.Clone(s.watch), slices.Clone(s.opened), len(s.ended), slices.Clone(s.asked), s.leaving, s.conn}
}

func (s *scripted) write(m *diam.Message) {
	if raw, err := serialize(m); err == nil {
		_, _ = s.seen().conn.Write(raw)
	}
}

func (s *scripted) serve(c net.Conn) {
	s.mu.Lock()
	s.conn = c
	s.opened = append(s.opened, time.Now())
	s.mu.Unlock()
	defer c.Close()
	for {
		m, err := diam.ReadMessage(c, s.e.dict.Parser())
		if err != nil {
			s.mu.Lock()
			s.ended = append(s.ended, time.Now())
			s.mu.Unlock()
			return
		}
		s.received(c, m)
	}
}

func (s *scripted) received(c net.Conn, m *diam.Message) {
	request := m.Header.CommandFlags&flagRequest != 0
	s.mu.Lock()
	frozen := s.frozen
	switch {
	case m.Header.CommandCode == dict.DeviceWatchdog && request:
		s.watch = append(s.watch, time.Now())
	case m.Header.CommandCode == dict.DisconnectPeer && request:
		cause, _ := Number(m.AVP, 0, dict.DisconnectCause)
		s.leaving = DisconnectCause(cause)
	case m.Header.ApplicationID == dict.Sh:
		s.asked = append(s.asked, m)
	}
	s.mu.Unlock()
	switch {
	case frozen || !request:
	case m.Header.CommandCode == dict.CapabilitiesExchange:
		s.write(s.e.capabilitiesAnswer(m, Success, c.LocalAddr(), ""))
	case m.Header.ApplicationID == dict.Base:
		s.write(s.e.baseAnswer(m, Success, true))
	default:
		a := answerHeader(m, Success)
		Add(a, dict.ResultCode, datatype.Unsigned32(Success))
		a.AVP = append(a.AVP, s.e.origin...)
		s.write(a)
	}
}

// scriptedClient is a client of scripted peers; the bubble's clock is its only clock.
func scriptedClient(t *testing.T, n *memory, hosts ...string) *Endpoint {
	cfg := DefaultConfig()
	cfg.OriginHost, cfg.OriginRealm, cfg.Dial = "as.ims.example", realm, n.dial
	cfg.AttemptTimeout = time.Hour // only the watchdog moves requests here
	for i, h := range hosts {
		cfg.Peers = append(cfg.Peers, PeerConfig{Host: h, Address: h + ":3868", Priority: i})
	}
	e := endpoint(t, cfg, nil)
	e.Start()
	synctest.Wait()
	return e
}

// pass lets time pass and everybody come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func state(e *Endpoint, i int) string { return e.Status()[i].State }

func TestWatchdogOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &memory{peers: map[string]*scripted{}}
		hss := newScripted(t, n, "hss1.ims.example")
		as := scriptedClient(t, n, hss.host)
		defer as.Close(context.Background(), Rebooting)
		start := time.Now()

		// Silence: a DWR per Tw, 30 s give or take 2.
		pass(100 * time.Second)
		if len(hss.seen().watch) != 3 {
			t.Fatalf("%d DWRs in 100 s, want 3", len(hss.seen().watch))
		}
		for last, w := range hss.seen().watch {
			if d := w.Sub(start); d < 28*time.Second || d > 32*time.Second {
				t.Errorf("DWR %d after %s", last, d)
			}
			start = w
		}

		// Traffic keeps the watchdog quiet.
		for range 20 {
			pass(10 * time.Second)
			if _, _, err := ask(t.Context(), as, Route{Realm: realm}); err != nil {
				t.Fatal(err)
			}
		}
		if len(hss.seen().watch) > 4 {
			t.Errorf("%d DWRs under traffic", len(hss.seen().watch))
		}

		// Frozen: suspect after the first unanswered DWR, closed after the next Tw.
		hss.set(&hss.frozen, true)
		before := len(hss.seen().watch)
		pass(32 * time.Second)
		if len(hss.seen().watch) != before+1 || state(as, 0) != "okay" {
			t.Fatalf("%d DWRs, state %s", len(hss.seen().watch)-before, state(as, 0))
		}
		pass(32 * time.Second)
		if state(as, 0) != "suspect" || hss.seen().ended != 0 {
			t.Fatalf("state %s, want suspect", state(as, 0))
		}
		pass(32 * time.Second)
		if hss.seen().ended == 0 {
			t.Fatal("not closed after the third Tw")
		}

		// Back again: three answers before it carries traffic.
		hss.set(&hss.frozen, false)
		opened := len(hss.seen().opened)
		for len(hss.seen().opened) == opened {
			pass(time.Second)
		}
		synctest.Wait()
		if state(as, 0) != "reopen" {
			t.Fatalf("state %s, want reopen", state(as, 0))
		}
		if _, _, err := ask(t.Context(), as, Route{Realm: realm}); !errors.Is(err, ErrNoPeer) {
			t.Errorf("err = %v, want ErrNoPeer", err)
		}
		before = len(hss.seen().watch)
		pass(66 * time.Second)
		if state(as, 0) != "okay" || len(hss.seen().watch)-before > 3 {
			t.Errorf("state %s after %d DWRs", state(as, 0), len(hss.seen().watch)-before)
		}
	})
}

func TestSuspectFailsOverAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &memory{peers: map[string]*scripted{}}
		one, two := newScripted(t, n, "hss1.ims.example"), newScripted(t, n, "hss2.ims.example")
		as := scriptedClient(t, n, one.host, two.host)
		defer as.Close(context.Background(), Rebooting)
		one.set(&one.frozen, true)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		start := time.Now()
		who, _, err := ask(ctx, as, Route{Realm: realm})
		if err != nil || who != two.host {
			t.Fatalf("got %s, %v", who, err)
		}
		if d := time.Since(start); d < 56*time.Second || d > 64*time.Second {
			t.Errorf("failed over after %s, want two Tw", d)
		}
		synctest.Wait()
		if a, b := one.seen().asked[0], two.seen().asked[0]; a.Header.EndToEndID != b.Header.EndToEndID ||
			b.Header.CommandFlags&flagRetransmitted == 0 || a.Header.CommandFlags&flagRetransmitted != 0 {
			t.Errorf("resent as %v after %v", b.Header, a.Header)
		}
		one.set(&one.frozen, false)
		pass(time.Second)
		one.write(one.e.watchdogRequest()) // any message brings a suspect peer back
		synctest.Wait()
		if who, _, err := ask(ctx, as, Route{Realm: realm}); err != nil || who != one.host {
			t.Errorf("after failback: %s, %v", who, err)
		}
	})
}

func TestLostConnectionIsReportedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &memory{peers: map[string]*scripted{}}
		hss := newScripted(t, n, "hss1.ims.example")
		as := scriptedClient(t, n, hss.host)
		defer as.Close(context.Background(), Rebooting)
		hss.set(&hss.frozen, true)
		hss.set(&hss.refuse, true)
		go func() {
			time.Sleep(time.Second)
			hss.seen().conn.Close()
		}()
		start := time.Now()
		_, _, err := ask(t.Context(), as, Route{Realm: realm})
		if !errors.Is(err, ErrNoPeer) || time.Since(start) > 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func TestReconnectBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dials []time.Time
		cfg := DefaultConfig()
		cfg.OriginHost, cfg.OriginRealm = "as.ims.example", realm
		cfg.Peers = []PeerConfig{{Address: "hss:3868"}}
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			dials = append(dials, time.Now())
			return nil, errors.New("connection refused")
		}
		as := endpoint(t, cfg, nil)
		as.Start()
		pass(10 * time.Minute)
		as.Close(t.Context(), Rebooting)
		synctest.Wait()
		if n := len(dials); n < 15 || n > 45 {
			t.Errorf("%d dials in 10 minutes", n)
		}
		if d := dials[1].Sub(dials[0]); d > time.Second {
			t.Errorf("second dial after %s", d)
		}
		if s := as.Status()[0]; s.LastError != "connection refused" || s.State != "closed" {
			t.Errorf("status %+v", s)
		}
	})
}

func TestLeaveTaking(t *testing.T) {
	tests := []struct {
		cause     DisconnectCause
		reconnect bool
	}{{Rebooting, true}, {Busy, true}, {DoNotWantToTalkToYou, false}}
	for _, tt := range tests {
		t.Run(tt.cause.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &memory{peers: map[string]*scripted{}}
				hss := newScripted(t, n, "hss1.ims.example")
				as := scriptedClient(t, n, hss.host)
				m := hss.e.baseRequest(dict.DisconnectPeer)
				Add(m, dict.DisconnectCause, datatype.Enumerated(tt.cause))
				hss.write(m)
				synctest.Wait()
				if state(as, 0) != "closing" {
					t.Errorf("state %s after DPR", state(as, 0))
				}
				if _, _, err := ask(t.Context(), as, Route{Realm: realm}); !errors.Is(err, ErrNoPeer) {
					t.Errorf("err = %v, want ErrNoPeer", err)
				}
				pass(10 * time.Second)
				if got := len(hss.seen().opened) == 2; got != tt.reconnect {
					t.Errorf("reconnected: %v", got)
				}
				if tt.reconnect && state(as, 0) != "okay" {
					t.Errorf("state %s: a polite peer need not prove itself", state(as, 0))
				}
				if !tt.reconnect {
					as.Reconnect(hss.host)
					synctest.Wait()
					if state(as, 0) != "okay" {
						t.Errorf("state %s after Reconnect", state(as, 0))
					}
				}
				as.Close(t.Context(), Busy)
				synctest.Wait()
				if hss.seen().leaving != Busy {
					t.Errorf("we left with %v, want BUSY", hss.seen().leaving)
				}
			})
		})
	}
}

func TestPeerEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &memory{peers: map[string]*scripted{}}
		hss := newScripted(t, n, "hss1.ims.example")
		var events []PeerEvent
		cfg := DefaultConfig()
		cfg.OriginHost, cfg.OriginRealm, cfg.Dial = "as.ims.example", realm, n.dial
		cfg.Peers = []PeerConfig{{Address: hss.host + ":3868"}}
		cfg.PeerChanged = func(ev PeerEvent) { events = append(events, ev) }
		as := endpoint(t, cfg, nil)
		as.Start()
		defer as.Close(context.Background(), Rebooting)
		synctest.Wait()
		hss.e.stateID += 10 // as after a restart
		hss.seen().conn.Close()
		pass(2 * time.Minute)
		want := []PeerEvent{{Host: hss.host, Up: true}, {Host: hss.host}, {Host: hss.host, Up: true, Restarted: true}}
		if len(events) != 3 || events[0] != want[0] || events[1] != want[1] || events[2] != want[2] {
			t.Errorf("events %+v, want %+v", events, want)
		}
	})
}
