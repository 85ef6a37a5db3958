package b2buatest

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/cdr"
	"github.com/bifrons/bifrons/internal/leak"
	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/sip"
)

// World is a server, its network and the phones on it.
type World struct {
	T       testing.TB
	Server  *b2bua.Server
	Media   *Media
	Records []cdr.Record // of calls that ended
	Starts  []cdr.Record // of calls that were answered
	Notes   []string     // of the test's applications, for the script's lines told
	Parties map[string]*Party

	cfg    b2bua.Config
	clock  atomic.Int64 // a look-up that was given up may still read it
	random *rand.Rand
	fixed  uint64 // what randomness is while a server is replaced
	locals map[string]*b2bua.Local
	wire   []datagram // on its way to the parties
	log    bytes.Buffer
	sent   bytes.Buffer // everything the server sent
	mode   mode
	before map[uint64][]byte // snapshots before the last step
	steps  int
	at     int // stale mode: the step whose outcome is lost
	lost   bool
	shown  []string            // private values that this world's policy lets cross
	line   string              // of the script
	lines  func(*Party) string // further lines of every description

	// OnRelease is called by the script's line release, to let the look-ups of the test's applications end.
	OnRelease func()
}

type mode uint8

const (
	plain mode = iota
	current
	stale
)

type datagram struct {
	from *b2bua.Local
	to   netip.AddrPort
	data []byte
}

// conn is one address of the server on the network.
type conn struct {
	w  *World
	at *b2bua.Local
}

// Send puts a datagram on the wire.
func (c conn) Send(b []byte, to netip.AddrPort) error {
	c.w.wire = append(c.w.wire, datagram{c.at, to, bytes.Clone(b)})
	fmt.Fprintf(&c.w.sent, "%s %s to %s\n%s\n", c.w.Now()-time.Hour, c.at.Addr, to, b)
	return nil
}

// Now tells the injected time.
func (w *World) Now() time.Duration { return time.Duration(w.clock.Load()) }

// Wall tells the injected time for people.
func (w *World) Wall() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(w.Now()) }

// Write takes a record.
func (w *World) Write(r cdr.Record) {
	if r.Kind == cdr.Start {
		w.Starts = append(w.Starts, r)
		return
	}
	w.Records = append(w.Records, r)
}

func (w *World) rand() uint64 {
	if w.fixed != 0 {
		return w.fixed
	}
	return w.random.Uint64()
}

// Addresses of the world: the server's two sides, and the phones behind them. AliceAddr is where Alice's phone is.
var (
	coreAddr    = netip.MustParseAddrPort("10.0.0.1:5060")
	carrierAddr = netip.MustParseAddrPort("10.1.0.1:5060")
	AliceAddr   = netip.MustParseAddrPort("198.51.100.10:5060")
	bobAddr     = netip.MustParseAddrPort("203.0.113.20:5060")
	annaAddr    = netip.MustParseAddrPort("198.51.100.77:5060")
	carolAddr   = netip.MustParseAddrPort("203.0.113.30:5060")
)

// NewWorld makes a world: side core with Alice and Anna, side carrier with Bob, where calls go, and Carol.
func NewWorld(t testing.TB, set func(*World, *b2bua.Config)) *World {
	w := &World{T: t, random: rand.New(rand.NewPCG(1, 2)), locals: map[string]*b2bua.Local{}, Parties: map[string]*Party{},
		before: map[uint64][]byte{}}
	w.clock.Store(int64(time.Hour))
	side := func(name string, at netip.AddrPort, domain string, trust b2bua.Trust) *b2bua.Side {
		l := &b2bua.Local{Addr: at, Advertise: at.String()}
		l.Conn = conn{w, l}
		w.locals[name] = l
		return &b2bua.Side{Name: name, Locals: []*b2bua.Local{l}, Domain: domain, Trust: trust, Media: at.Addr()}
	}
	core := side("core", coreAddr, "home.example", b2bua.Home)
	carrier := side("carrier", carrierAddr, "carrier.example", b2bua.Untrusted)
	carrier.NextHop = b2bua.NextHop{Host: bobAddr.String(), Addr: bobAddr}
	cfg := b2bua.DefaultConfig()
	cfg.Sides = []*b2bua.Side{core, carrier}
	cfg.Routes = []b2bua.Route{{From: "core", To: "carrier"}}
	cfg.Audit = leak.Block // a message with a secret of the other party in it would fail the script
	cfg.Anchor, cfg.CDR, cfg.Clock, cfg.Random, cfg.Key = true, w, w, w.rand, [16]byte{7}
	cfg.Log = slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if set != nil {
		set(w, &cfg)
	}
	w.cfg = cfg
	w.add("alice", AliceAddr, "core", "AlicePhone/1.0")
	w.add("bob", bobAddr, "carrier", "BobPhone/2.0")
	w.add("carol", carolAddr, "carrier", "CarolPhone/3.0")
	w.add("anna", annaAddr, "core", "AnnaPhone/4.0")
	w.start(1)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the server:\n%s", w.log.String())
		}
	})
	return w
}

// start makes a server whose next call has an id above last.
func (w *World) start(last uint64) {
	next := uint16(20000)
	spoken := map[netip.AddrPort]uint64{}
	var tones []Sounded
	full := false
	if w.Media != nil {
		next, spoken, tones, full = w.Media.next, w.Media.Spoken, w.Media.Tones, w.Media.Full // as the ports of a real address are used in turn
	}
	w.Media = NewMedia(w.T)
	w.Media.next, w.Media.Spoken, w.Media.Tones, w.Media.Full = next, spoken, tones, full
	w.cfg.Media = w.Media
	w.fixed = last << 16
	srv, err := b2bua.New(w.cfg)
	w.fixed = 0
	if err != nil {
		w.T.Fatal(err)
	}
	w.Server = srv
}

// Deliver gives the server a datagram of a party and then everybody what it sent.
func (w *World) Deliver(p *Party, data []byte) {
	side, from := p.Side, p.Addr
	if p.via != "" {
		side = p.via
	}
	if p.from.IsValid() {
		from = p.from
	}
	w.step(func() { w.Server.Receive(w.locals[side], data, from) })
}

// Wait lets time pass, from one tick of the wheel at which anything may happen to the next one.
func (w *World) Wait(d time.Duration) {
	const tick = 10 * time.Millisecond
	for end := w.Now() + d; w.Now() < end; {
		w.settle() // a question for a snapshot may still look at the clock
		next := min(w.Server.Due(), end)
		w.clock.Add(int64(max((next-w.Now()+tick-1)/tick*tick, tick)))
		if w.Server.Tick() > 0 || len(w.wire) > 0 {
			w.stepped()
		}
	}
}

// step runs one step of the server, replaces the server as the mode says, and delivers what was sent.
func (w *World) step(f func()) {
	f()
	w.stepped()
}

func (w *World) stepped() {
	w.settle()
	w.steps++
	if w.mode != plain {
		after := w.snapshots()
		switch {
		case w.mode == current:
			w.replace(after, false)
		case w.steps == w.at && len(w.before) > 0 && w.Parties["alice"].remoteTag != "":
			w.replace(w.before, true)
			w.lost = true
			after = w.snapshots()
		}
		w.before = after
	}
	for len(w.wire) > 0 {
		d := w.wire[0]
		w.wire = w.wire[1:]
		w.arrive(d)
	}
}

// settle waits for the goroutines of posted events.
func (w *World) settle() {
	for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		if _, posts := w.Server.Busy(); posts == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.T.Fatal("posted events are not handled")
		}
	}
}

func (w *World) snapshots() map[uint64][]byte {
	all, err := w.Server.Snapshots()
	for range 10 { // a call is given a second to answer, which a busy machine may not have
		if err != nil {
			all, err = w.Server.Snapshots()
		}
	}
	if err != nil {
		w.T.Fatal(err)
	}
	return all
}

// replace puts a new server in the old one's place, with the calls of the snapshots.
func (w *World) replace(calls map[uint64][]byte, old bool) {
	last := w.Server.LastCall()
	w.Server.Close()
	w.start(last)
	for id, data := range calls {
		if err := w.Server.Restore(data, old); err != nil {
			w.T.Fatalf("call %d: %v", id, err)
		}
	}
	w.settle()
}

// arrive gives a datagram to the party at its destination, who checks it.
func (w *World) arrive(d datagram) {
	for _, p := range w.Parties {
		if p.lives(d.to) {
			if p.drop > 0 {
				p.drop--
				return
			}
			if p.bounce > 0 {
				p.bounce--
				w.Server.Refused(d.from)(d.to, d.data)
				w.settle()
				return
			}
			m := &sip.Message{Source: d.from.Addr}
			if err := m.Parse(bytes.Clone(d.data)); err != nil {
				w.T.Errorf("%s got a malformed message: %v\n%s", p.Name, err, d.data)
				return
			}
			p.receive(m, d)
			return
		}
	}
	w.T.Errorf("a message went to %s, where nobody is:\n%s", d.to, d.data)
}

// hush ends what is played.
func (w *World) hush() {
	for id, p := range w.Media.Playing {
		delete(w.Media.Playing, id)
		w.step(func() {
			w.Server.MediaEvent(media.Event{Call: w.Media.calls[id], Port: id, Kind: media.Played, ID: p.ID, Reason: media.ReasonStopped})
		})
	}
}

// Finish lets all timers run out and checks that nothing is left.
func (w *World) Finish() {
	for _, p := range w.Parties {
		p.auto = true
	}
	w.mode = plain
	for range 8 {
		if alice := w.Parties["alice"]; w.Server.Active() > 0 && alice.confirmed() && !alice.hung() {
			alice.send(alice.InDialog("BYE", options{}))
		}
		w.hush()
		if w.transferred() {
			w.hangUpOthers(true)
		}
		for end := w.Now() + time.Minute; w.left() && w.Now() < end; {
			w.Wait(time.Second)
		}
		if !w.left() {
			break
		}
	}
	for _, g := range w.Server.Admission().Gates {
		if g.Calls != 0 {
			w.fail("%d calls stand in the gate %s after all have ended", g.Calls, g.Name)
		}
	}
	if n, k := w.Server.Active(), w.Server.Lingering(); n+k != 0 {
		w.T.Errorf("%s, step %d lost: %d calls and %d lingering ones are left:\n%+v", w.line, w.at, n, k, w.Server.Calls())
	}
	if n := w.Media.Count(); n != 0 {
		w.T.Errorf("%d media ports are left", n)
	}
	w.Server.Close()
}

// left tells whether there are calls, or what lingers of them.
func (w *World) left() bool { return w.Server.Active()+w.Server.Lingering() > 0 }

// Takeover replaces the server by another node that has its calls' last snapshots.
func (w *World) Takeover() { w.replace(w.snapshots(), false) }
