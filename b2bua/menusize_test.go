package b2bua

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/prompt"
	"github.com/bifrons/bifrons/sip"
)

// menu is an application that answers, and does more if it is told to.
type menu struct{ speaks bool }

func (menu) Name() string { return "menu" }

func (m menu) Handle(s *Step, ev Event) Verdict {
	if _, ok := ev.(Invite); !ok {
		return Pass
	}
	s.Do(Accept{})
	if m.speaks {
		s.Do(Play{Name: "welcome", Items: []media.Item{{Tone: "ring", Length: time.Hour}, {Silence: time.Second}}, Barge: true})
		s.Do(Collect{Name: "choice", Max: 1, First: 7 * time.Second})
		s.Save(struct{ Node, Language string }{"main", "en"})
	}
	return Stop
}

// nobody takes messages.
type nobody struct{}

func (nobody) Send([]byte, netip.AddrPort) error { return nil }

// TestMenuCallIsSmall: a call that hears a prompt and is asked for keys takes at most 24 KB more of the heap than one that is only
// answered, with a real relay and real players.
func TestMenuCallIsSmall(t *testing.T) {
	sink, err := net.ListenPacket("udp4", "127.0.0.1:0") // nobody reads it: what does not fit is dropped
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	answered, speaking := menuCalls(t, menu{}, sink), menuCalls(t, menu{speaks: true}, sink)
	t.Logf("a call that is answered has %d bytes, one that listens to a menu %d", answered, speaking)
	if speaking-answered > 24<<10 {
		t.Errorf("a menu takes %d bytes of a call", speaking-answered)
	}
}

// menuCalls returns how much of the heap one of many calls to an application takes.
func menuCalls(t *testing.T, app App, sink net.PacketConn) int64 {
	const n = 200
	library, err := prompt.New(prompt.DefaultConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	rc := media.DefaultConfig()
	rc.Quarantine, rc.Prompts = 0, library
	var s *Server
	rc.Events = func(e media.Event) { s.MediaEvent(e) }
	relay, err := media.New(rc, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Shutdown()
	at, from := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("198.51.100.7:5080")
	l := &Local{Conn: nobody{}, Addr: at, Advertise: at.String()}
	cfg := DefaultConfig()
	cfg.Sides = []*Side{{Name: "core", Locals: []*Local{l}, Domain: "example.org", Trust: Home, Apps: []string{"menu"}, Media: netip.MustParseAddr("127.0.0.1")}}
	cfg.Clock, cfg.Key, cfg.Anchor, cfg.Media = &hours{now: time.Second}, [16]byte{1}, true, relay
	cfg.Apps = map[string]Link{"menu": {App: app, Version: "1"}}
	if s, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	run := s.fence.join(nil)
	offer := bytes.ReplaceAll([]byte(benchSDP("alice", "127.0.0.1")), []byte("audio 6000"), fmt.Appendf(nil, "audio %d", sink.LocalAddr().(*net.UDPAddr).Port))
	before := heap()
	for i := range n {
		text := append(fmt.Appendf(nil, benchInvite, i, len(offer)), offer...)
		m := &sip.Message{Source: from}
		s.receive(run, l, m, m.Parse(text))
	}
	for deadline := time.Now().Add(10 * time.Second); app.(menu).speaks && !allHear(s, relay); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("not all calls hear something")
		}
	}
	after := heap()
	if s.Active() != n {
		t.Fatalf("%d calls", s.Active())
	}
	return (after - before) / n
}

// allHear tells that every call's player has begun.
func allHear(s *Server, relay *media.Relay) bool {
	for _, c := range s.table.all() {
		if relay.Stats(c.Legs[0].Ports[0].ID).Sent.Packets < 3 {
			return false
		}
	}
	return true
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
