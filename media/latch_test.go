package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// eventually polls the statistics of a port until they satisfy ok.
func eventually(t *testing.T, r *Relay, id PortID, what string, ok func(Stats) bool) Stats {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); <-time.After(time.Millisecond) {
		if s := r.Stats(id); ok(s) {
			return s
		}
	}
	t.Fatalf("never %s: %+v", what, r.Stats(id))
	return Stats{}
}

func TestStrangerIsNeverHeard(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{})
	stranger := newPhone(t, 0xeeeeeeee)
	a.say("hello")
	if got := b.hear(); got == nil {
		t.Fatal("b heard nothing")
	}
	const rounds = 50
	for range rounds {
		for range 10 {
			stranger.write(stranger.rtp, a.to.Local, stranger.packet("stranger"))
		}
		a.say("friend")
		if got := b.hear(); string(got[12:]) != "friend" {
			t.Fatalf("b heard %q", got[12:])
		}
	}
	s := eventually(t, r, a.to.ID, "all strays counted", func(s Stats) bool { return s.Strays == 10*rounds })
	if s.Received.Packets != rounds+1 || s.Latched != addrOf(a.rtp) || s.SSRC != a.ssrc {
		t.Fatalf("%+v", s)
	}
	if sent := r.Stats(b.to.ID).Sent.Packets; sent != rounds+1 {
		t.Fatalf("%d packets sent to b", sent)
	}
}

// TestLatch goes through the ways of learning a source: who sends what, in order, and who is heard.
func TestLatch(t *testing.T) {
	const signalled, other, third = 0, 1, 2
	tests := []struct {
		name   string
		strict bool
		who    []int  // sources of a's side that send, in order
		heard  []bool // whether b hears it
	}{
		{"the signalled source", false, []int{signalled, signalled}, []bool{true, true}},
		{"behind address translation", false, []int{other, other}, []bool{true, true}},
		{"only the first", false, []int{other, third, other}, []bool{true, false, true}},
		{"the signalled source wins", false, []int{other, signalled, other}, []bool{true, true, false}},
		{"strict", true, []int{other, signalled, other, signalled}, []bool{false, true, false, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRelay(t, nil)
			a, b := pair(t, r, Join{})
			from := []*phone{a, newPhone(t, 0xd1), newPhone(t, 0xd2)}
			remote := a.remote()
			if tt.strict {
				remote.Latch = LatchStrict
			}
			r.Do(remote)
			var strays uint32
			var heard uint64
			for i, who := range tt.who {
				from[who].write(from[who].rtp, a.to.Local, from[who].packet("x"))
				if tt.heard[i] {
					heard++
					if b.hear() == nil {
						t.Fatalf("packet %d was not heard", i)
					}
					continue
				}
				strays++
				eventually(t, r, a.to.ID, "a stray", func(s Stats) bool { return s.Strays == strays })
			}
			if got := r.Stats(b.to.ID).Sent.Packets; got != heard {
				t.Fatalf("%d packets sent to b, want %d", got, heard)
			}
		})
	}
}

// TestAnswerGoesToTheLatchedSource: the description names a private address, the packets come from another one.
func TestAnswerGoesToTheLatchedSource(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{})
	remote := a.remote()
	remote.RTP = netip.AddrPortFrom(loopback, addrOf(newPhone(t, 1).rtp).Port())
	r.Do(remote)
	a.say("x")
	if b.hear() == nil {
		t.Fatal("b heard nothing")
	}
	b.say("y")
	if a.hear() == nil {
		t.Fatal("a heard nothing")
	}
}

func TestRelatch(t *testing.T) {
	events := make(chan Event, 10)
	r := newRelay(t, func(c *Config) { c.Events = func(e Event) { events <- e } })
	a, b := pair(t, r, Join{})
	a.say("one")
	if b.hear() == nil {
		t.Fatal("b heard nothing")
	}
	moved := newPhone(t, 0xc1)
	moved.to = a.to
	r.Do(moved.remote())
	a.say("late") // from the old source
	eventually(t, r, a.to.ID, "a stray", func(s Stats) bool { return s.Strays == 1 })
	moved.say("two")
	if got := b.hear(); string(got[12:]) != "two" {
		t.Fatalf("b heard %q", got)
	}
	b.say("back")
	if got := moved.hear(); string(got[12:]) != "back" {
		t.Fatalf("moved heard %q", got)
	}
	// The old address once more: a hold by the null address does not lose the latch.
	hold := moved.remote()
	hold.RTP = netip.MustParseAddrPort("0.0.0.0:9")
	r.Do(hold)
	b.say("into the hold")
	eventually(t, r, b.to.ID, "dropped for its direction", func(s Stats) bool { return s.Dropped.Direction == 1 })
	r.Do(moved.remote())
	b.say("again")
	if got := moved.hear(); string(got[12:]) != "again" {
		t.Fatalf("moved heard %q", got)
	}
	r.Shutdown()
	close(events)
	var got []Event
	for e := range events {
		got = append(got, e)
	}
	want := []Event{{Call: 7, Port: a.to.ID, Kind: Latched}, {Call: 7, Port: a.to.ID, Kind: Latched}, {Call: 7, Port: b.to.ID, Kind: Latched}}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

func TestEarlyMediaIsNotRelayed(t *testing.T) {
	r := newRelay(t, nil)
	a := newPhone(t, 1)
	var err error
	if a.to, err = r.Open(Place{Call: 1, Local: loopback}); err != nil {
		t.Fatal(err)
	}
	a.say("too early")
	eventually(t, r, a.to.ID, "early", func(s Stats) bool { return s.Dropped.Early == 1 && !s.Latched.IsValid() })
}

func TestSilence(t *testing.T) {
	events := make(chan Event, 10)
	r := newRelay(t, func(c *Config) {
		c.Silence = 50 * time.Millisecond
		c.Events = func(e Event) {
			if e.Kind == Silence {
				events <- e
			}
		}
	})
	a, b := pair(t, r, Join{})
	quiet := b.remote()
	quiet.Receive = false // it may not send: its silence is no news
	r.Do(quiet)
	for range 2 {
		if got := <-events; got != (Event{Call: 7, Port: a.to.ID, Kind: Silence}) {
			t.Fatalf("got %v", got)
		}
		a.say("still here")
		if b.hear() == nil {
			t.Fatal("b heard nothing")
		}
	}
}
