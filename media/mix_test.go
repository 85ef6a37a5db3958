package media

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bifrons/bifrons/media/codec"
)

// singer is a phone in a room that sings one note and keeps what it hears.
type singer struct {
	*phone
	f       codec.Format
	hz      float64
	encoder codec.Encoder
	decoder codec.Decoder
	at      int
	heard   []int16
}

func (s *studio) sing(ssrc uint32, hz float64, f codec.Format) *singer {
	s.t.Helper()
	g := &singer{phone: s.dial(ssrc, f), f: f, hz: hz}
	var err error
	if g.encoder, err = f.NewEncoder(); err != nil {
		s.t.Fatal(err)
	}
	g.decoder, _ = f.NewDecoder()
	return g
}

// round sends 20 ms and takes what has come.
func (g *singer) round() {
	pcm := make([]int16, g.f.SampleRate()/50)
	for i := range pcm {
		pcm[i] = int16(6000 * math.Sin(2*math.Pi*g.hz*float64(g.at)/float64(g.f.SampleRate())))
		g.at++
	}
	b := g.packet("")
	g.time += uint32(span(20*time.Millisecond, g.f)) - 160
	b[1] = g.f.Type
	g.write(g.rtp, g.to.Local, g.encoder.Encode(b, pcm))
}

func (g *singer) listen(until time.Time) {
	for time.Until(until) > 0 {
		if b := g.read(g.rtp, time.Until(until)); b != nil {
			g.heard = g.decoder.Decode(g.heard, b[12:])
		}
	}
}

// power is what is in a signal at a frequency, as the amplitude of a sine.
func power(pcm []int16, hz float64, rate int) float64 {
	var re, im float64
	for i, s := range pcm {
		w := 2 * math.Pi * hz * float64(i) / float64(rate)
		re += float64(s) * math.Cos(w)
		im += float64(s) * math.Sin(w)
	}
	return 2 * math.Hypot(re, im) / float64(max(len(pcm), 1))
}

// TestMix lets four parties with four codecs hear each other, and not themselves.
func TestMix(t *testing.T) {
	t.Parallel()
	s := newStudio(t, pcma)
	singers := []*singer{s.sing(1, 400, pcma), s.sing(2, 700, codec.Format{Codec: codec.G722, Type: 9}),
		s.sing(3, 1100, codec.Format{Codec: codec.L16, Clock: 16000, Type: 97}), s.sing(4, 1700, pcmu)}
	for _, g := range singers {
		s.Do(Enter{Port: g.to.ID, Room: 77})
	}
	next := time.Now()
	short := func(g *singer) bool { return len(g.heard) < g.f.SampleRate()/2 }
	for i := 0; i < 40 || i < 1000 && slices.ContainsFunc(singers, short); i++ { // a busy machine takes longer
		next = next.Add(20 * time.Millisecond)
		for _, g := range singers {
			g.round()
		}
		for i, g := range singers {
			g.listen(next.Add(time.Duration(i-len(singers)+1) * 5 * time.Millisecond))
		}
	}
	for i, g := range singers {
		rate := g.f.SampleRate()
		tail := g.heard[min(len(g.heard), rate/4):]
		if len(tail) < rate/4 {
			t.Fatalf("%s heard %d samples", g.f.Codec, len(g.heard))
		}
		for j, other := range singers {
			level := power(tail, other.hz, rate)
			if i == j && level > 600 {
				t.Errorf("%s hears itself at %.0f", g.f.Codec, level)
			}
			if i != j && level < 3000 {
				t.Errorf("%s hears %s at %.0f of 6000", g.f.Codec, other.f.Codec, level)
			}
		}
	}
	for _, g := range singers {
		s.Do(Leave{Port: g.to.ID})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rooms) != 0 {
		t.Error("an empty room is still there")
	}
}

// TestRefused tells who cannot be mixed, and why.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := newStudio(t, amr)
	left := func(want string) {
		t.Helper()
		select {
		case e := <-s.events:
			if e.Kind != Left || !strings.Contains(e.Err, want) {
				t.Errorf("told %+v, want %q", e, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("no event")
		}
	}
	s.Do(Enter{Port: s.phone.to.ID, Room: 1})
	left("AMR: codec is not decoded here")
	for i := range uint32(maxRoom) {
		s.Do(Enter{Port: s.dial(100+i, pcmu).to.ID, Room: 2})
	}
	s.describe(s.phone, true, pcmu)
	s.Do(Enter{Port: s.phone.to.ID, Room: 2})
	left("full")
	s.Do(Enter{Port: s.phone.to.ID, Room: 3})
	s.describe(s.phone, true, amr)
	left("any more")
}

// TestPlayInRoom is heard in the place of the room.
func TestPlayInRoom(t *testing.T) {
	t.Parallel()
	s := newStudio(t, pcma)
	s.Do(Enter{Port: s.phone.to.ID, Room: 1})
	h := heard{t: t}
	h.take(s.phone, 160)
	h.take(s.phone, 160)
	s.play(Play{Items: files("a60")})
	for strings.Count(string(h.payload), "a") < 480 && h.take(s.phone, 160) {
	}
	s.ended(Event{Reason: ReasonDone, Duration: 60 * time.Millisecond})
	h.take(s.phone, 160)
	if h.last[12] != 0xd5 {
		t.Errorf("after the player the room says %#x", h.last[12])
	}
}

// TestRoomRemembers: what the room says to who speaks G.722 is encoded for a decoder that has heard what was played before; else it
// would begin with a bang.
func TestRoomRemembers(t *testing.T) {
	t.Parallel()
	g722 := codec.Format{Codec: codec.G722, Type: 9}
	s := newStudio(t, g722)
	h := heard{t: t}
	s.play(Play{Items: files("a200")})
	for range 10 {
		h.take(s.phone, 160)
	}
	s.ended(Event{Reason: ReasonDone, Duration: 200 * time.Millisecond})
	played := len(h.payload)
	e, err := g722.EncoderAfter(h.payload)
	if err != nil {
		t.Fatal(err)
	}
	s.Do(Enter{Port: s.phone.to.ID, Room: 1})
	for range 5 {
		h.take(s.phone, 160)
	}
	if !slices.Equal(h.payload[played:], e.Encode(nil, make([]int16, 5*320))) {
		t.Error("the room does not go on where the prompt ended")
	}
	fresh, _ := g722.NewEncoder()
	if slices.Equal(h.payload[played:], fresh.Encode(nil, make([]int16, 5*320))) {
		t.Error("the prompt makes no difference: this test tests nothing")
	}
}
