package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bifrons/bifrons/media/codec"
)

var (
	pcma = codec.Format{Codec: codec.PCMA, Type: 8}
	pcmu = codec.Format{Codec: codec.PCMU, Type: 0}
	amr  = codec.Format{Codec: codec.AMR, Type: 96, Parameters: "octet-align=1"}
)

// fakePrompts is a library of letters: the file "a200" is 200 ms of the byte 'a', whatever the codec. "slow" waits until it is
// let go.
type fakePrompts struct {
	slow chan struct{}
}

func (f fakePrompts) Speaks(codec.Format) error { return nil }

func (f fakePrompts) Clip(ctx context.Context, item Item, format codec.Format, _ int8) (*codec.Clip, error) {
	name := item.File
	if name == "slow" {
		select {
		case <-f.slow:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		name = "s40"
	}
	if item.Tone == "beep" {
		name = "B60"
	}
	if item.Silence > 0 || name == "" {
		name = fmt.Sprintf("-%d", item.Silence.Milliseconds())
	}
	var ms int
	if _, err := fmt.Sscanf(name[1:], "%d", &ms); err != nil {
		return nil, errors.New("no such file")
	}
	ticks := int64(ms) * int64(format.ClockRate()) / 1000
	if format.IsAMR() {
		frame := append([]byte{7<<3 | 4}, bytes.Repeat([]byte{name[0]}, 31)...)
		_, c, err := codec.ParseAMR(append([]byte(codec.AMRHeader(false)), bytes.Repeat(frame, ms/20)...))
		if strings.HasSuffix(name, "...") {
			c = c.Lasting(codec.Endless)
		}
		return c, err
	}
	c := &codec.Clip{Data: bytes.Repeat([]byte{name[0]}, int(ticks)), Length: ticks}
	if strings.HasSuffix(name, "...") {
		c.Length = codec.Endless
	}
	return c, nil
}

// studio is a relay with a fake library, a phone on a port that is an endpoint, and what it tells.
type studio struct {
	*Relay
	t      *testing.T
	phone  *phone
	events chan Event
	slow   chan struct{}
}

func newStudio(t *testing.T, formats ...codec.Format) *studio {
	t.Helper()
	s := &studio{t: t, events: make(chan Event, 100), slow: make(chan struct{})}
	s.Relay = newRelay(t, func(c *Config) {
		c.Prompts = fakePrompts{slow: s.slow}
		c.Events = func(e Event) { s.events <- e }
	})
	s.phone = s.dial(0x11223344, formats...)
	return s
}

// dial opens another endpoint.
func (s *studio) dial(ssrc uint32, formats ...codec.Format) *phone {
	s.t.Helper()
	p := newPhone(s.t, ssrc)
	var err error
	if p.to, err = s.Open(Place{Call: uint64(ssrc), Local: loopback}); err != nil {
		s.t.Fatal(err)
	}
	s.describe(p, true, formats...)
	return p
}

func (s *studio) describe(p *phone, send bool, formats ...codec.Format) {
	c := p.remote()
	c.Send, c.Formats = send, formats
	if len(formats) > 0 {
		c.Clock = formats[0].ClockRate()
	}
	s.Do(c)
}

func (s *studio) play(p Play) {
	if p.Port == 0 {
		p.Port = s.phone.to.ID
	}
	s.Do(p)
}

func files(names ...string) (items []Item) {
	for _, n := range names {
		items = append(items, Item{File: n})
	}
	return items
}

// ended waits for the end of a player and compares it.
func (s *studio) ended(want Event) {
	s.t.Helper()
	select {
	case e := <-s.events:
		want.Kind, want.Port, want.Call = Played, e.Port, e.Call
		if d := cmp.Diff(want, e, cmpopts.IgnoreFields(Event{}, "Err")); d != "" {
			s.t.Errorf("the player told (-want +got): %s", d)
		}
		if want.Err != "" && !strings.Contains(e.Err, want.Err) {
			s.t.Errorf("error %q, want %q", e.Err, want.Err)
		}
	case <-time.After(5 * time.Second):
		s.t.Fatal("no event")
	}
}

// heard is what came in a row: payloads one after the other, and what was wrong with the headers.
type heard struct {
	t       *testing.T
	payload []byte
	packets int
	marks   []int
	last    []byte
	times   []uint32
}

// take reads one packet: it must follow the one before it by so many ticks, or be marked.
func (h *heard) take(p *phone, ticks uint32) bool {
	h.t.Helper()
	b := p.read(p.rtp, 2*time.Second)
	if b == nil {
		h.t.Error("no packet")
		return false
	}
	if b[1]&0x80 != 0 {
		h.marks = append(h.marks, h.packets)
	}
	seq, time := binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:])
	if h.last != nil {
		if int32(time-binary.BigEndian.Uint32(h.last[4:])) <= 0 {
			h.t.Errorf("packet %d: the timestamp went back", h.packets)
		}
		if d := seq - binary.BigEndian.Uint16(h.last[2:]); d != 1 {
			h.t.Errorf("packet %d: sequence number rose by %d", h.packets, d)
		}
		if !bytes.Equal(b[8:12], h.last[8:12]) {
			h.t.Errorf("packet %d: another SSRC", h.packets)
		}
		d := time - binary.BigEndian.Uint32(h.last[4:])
		if b[1]&0x80 == 0 && d != ticks && b[12] != 'v' {
			h.t.Errorf("packet %d: timestamp rose by %d, want %d", h.packets, d, ticks)
		}
		if d < ticks && h.last[12] != 'v' { // speech of ours is heard to its end
			h.t.Errorf("packet %d: it begins %d ticks behind the one before it, which has %d", h.packets, d, ticks)
		}
	}
	h.packets++
	h.last, h.payload, h.times = b, append(h.payload, b[12:]...), append(h.times, time)
	return true
}

func letters(spec string) string {
	var out strings.Builder
	for _, w := range strings.Fields(spec) {
		var n int
		_, _ = fmt.Sscanf(w[1:], "%d", &n)
		out.WriteString(strings.Repeat(w[:1], n))
	}
	return out.String()
}

// TestPlaySequence plays items whose lengths are no multiple of a packet: each begins at the sample where the one before it
// ended, and only the end is filled up.
func TestPlaySequence(t *testing.T) {
	t.Parallel()
	s := newStudio(t, pcma)
	s.play(Play{ID: 7, Items: files("a31", "b50", "c7"), Repeat: 1, Gap: 12 * time.Millisecond})
	h := heard{t: t}
	for range 10 {
		h.take(s.phone, 160)
	}
	s.ended(Event{ID: 7, Reason: ReasonDone, Duration: 188 * time.Millisecond})
	want := letters("a248 b400 c56 -96 a248 b400 c56 \xd596")
	if got := string(h.payload); got != want {
		t.Errorf("heard %q", got)
	}
	if d := cmp.Diff([]int{0}, h.marks); d != "" {
		t.Errorf("markers: %s", d)
	}
	if h.last[1]&0x7f != 8 {
		t.Errorf("payload type %d", h.last[1]&0x7f)
	}
}

func TestPlayOffset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		play   Play
		want   string
		length time.Duration
	}{
		{"in the second item", Play{Items: files("a30", "b30"), Offset: 40 * time.Millisecond}, "b160", 60 * time.Millisecond},
		{"in the third round", Play{Items: files("a20", "b20"), Offset: 90 * time.Millisecond, Repeat: 2}, "a80 b160 \xd580", 120 * time.Millisecond},
		{"in an endless loop", Play{Items: files("a20", "b40"), Offset: 10 * time.Hour, Repeat: -1}, "a160 b320", 0},
		{"beyond the end", Play{Items: files("a20"), Offset: time.Second}, "", time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStudio(t, pcma)
			s.play(c.play)
			h := heard{t: t}
			for len(h.payload) < len(letters(c.want)) && h.take(s.phone, 160) {
			}
			if string(h.payload) != letters(c.want) {
				t.Errorf("heard %q", h.payload)
			}
			if c.length > 0 {
				s.ended(Event{Reason: ReasonDone, Duration: c.length})
			}
		})
	}
}

// TestPlayRemembered: G.722 is sent as a decoder needs it that has heard what was sent before, by this player or the last one.
func TestPlayRemembered(t *testing.T) {
	t.Parallel()
	g722 := codec.Format{Codec: codec.G722, Type: 9}
	s := newStudio(t, g722)
	h := heard{t: t}
	want := letters("a1600")
	for i, play := range []Play{{Items: files("a200", "b200")}, {Items: files("c200")}} {
		play.ID = uint32(i)
		s.play(play)
		for range 10 * len(play.Items) {
			h.take(s.phone, 160)
		}
		s.ended(Event{ID: play.ID, Reason: ReasonDone, Duration: time.Duration(len(play.Items)) * 200 * time.Millisecond})
	}
	for _, letter := range []string{"b", "c"} {
		clip := &codec.Clip{Data: []byte(letters(letter + "1600")), Length: 1600}
		head := g722.After([]byte(want), clip)
		want += string(head) + string(clip.Data[len(head):])
	}
	if string(h.payload) != want {
		t.Error("what was heard before was not thought of")
	}
}

// TestPlayBehindPlay: what is played at the end of something else, or instead of it, or in another codec, begins where the last
// packet ends, not in it.
func TestPlayBehindPlay(t *testing.T) {
	t.Parallel()
	s := newStudio(t, pcma)
	h := heard{t: t}
	for i := range uint32(3) {
		s.play(Play{ID: i, Items: files("a15")})
		h.take(s.phone, 160)
		s.ended(Event{ID: i, Reason: ReasonDone, Duration: 15 * time.Millisecond})
	}
	s.play(Play{ID: 3, Items: files("b20...")})
	h.take(s.phone, 160)
	s.play(Play{ID: 4, Items: files("c20...")})
	for h.last[12] != 'c' && h.take(s.phone, 160) {
	}
	s.describe(s.phone, true, pcmu)
	for h.last[1]&0x7f != 0 && h.take(s.phone, 160) {
	}
}

// TestPlayStops: a stop, another player, and one that is stopped under another name.
func TestPlayStops(t *testing.T) {
	t.Parallel()
	s := newStudio(t, pcma)
	s.play(Play{ID: 1, Items: files("a20..."), Repeat: -1})
	h := heard{t: t}
	h.take(s.phone, 160)
	s.play(Play{ID: 2, Items: files("b20...")})
	s.ended(Event{ID: 1, Reason: ReasonStopped, Duration: 20 * time.Millisecond})
	for bytes.IndexByte(h.payload, 'b') < 0 && h.take(s.phone, 160) {
	}
	s.Do(Stop{Port: s.phone.to.ID, ID: 1})
	h.take(s.phone, 160)
	s.Do(Stop{Port: s.phone.to.ID, ID: 2})
	e := <-s.events
	if e.ID != 2 || e.Reason != ReasonStopped {
		t.Errorf("told %+v", e)
	}
}

// TestPlayFails names what is missing, and plays the fallback where there is one.
func TestPlayFails(t *testing.T) {
	t.Parallel()
	s := newStudio(t, pcma)
	s.play(Play{ID: 1, Items: files("a20", "?")})
	s.ended(Event{ID: 1, Reason: ReasonFailed, Err: "no such file", Duration: 20 * time.Millisecond})
	s.play(Play{ID: 2})
	s.ended(Event{ID: 2, Reason: ReasonFailed, Err: "0 items"})
	s.play(Play{ID: 3, Items: []Item{{File: "?", Fallback: &Item{File: "f20"}}}})
	s.ended(Event{ID: 3, Reason: ReasonDone, Err: "no such file", Duration: 20 * time.Millisecond})
	s.play(Play{ID: 4, Items: files("a0", "b0"), Repeat: -1})
	s.ended(Event{ID: 4, Reason: ReasonDone})
}

// TestPlayWaits says that an item that is late is waited for, and begins with a marker and a timestamp for the time that has
// passed.
func TestPlayWaits(t *testing.T) {
	t.Parallel()
	s := newStudio(t, pcma)
	s.play(Play{Items: files("a20", "slow")})
	h := heard{t: t}
	h.take(s.phone, 160)
	if b := s.phone.read(s.phone.rtp, 60*time.Millisecond); b != nil {
		t.Errorf("heard %q while waiting", b[12:])
	}
	close(s.slow)
	h.take(s.phone, 160)
	h.take(s.phone, 160)
	s.ended(Event{Reason: ReasonDone, Duration: 60 * time.Millisecond})
	if got := string(h.payload); got != letters("a160 s320") {
		t.Errorf("heard %q", got)
	}
	if d := cmp.Diff([]int{0, 1}, h.marks); d != "" {
		t.Errorf("markers: %s", d)
	}
	if d := h.times[1] - h.times[0]; d < 8*60 || d > 8*1500 {
		t.Errorf("the timestamp rose by %d over the pause", d)
	}
}

// TestPlayStandsStill while its party may not be sent to, and goes on where it was.
func TestPlayStandsStill(t *testing.T) {
	t.Parallel()
	s := newStudio(t, pcma)
	s.play(Play{Items: files("a20", "b20", "c20", "d20", "e20", "f20", "g20", "h20")})
	h := heard{t: t}
	h.take(s.phone, 160)
	s.describe(s.phone, false, pcma)
	for b := s.phone.read(s.phone.rtp, 50*time.Millisecond); b != nil; b = s.phone.read(s.phone.rtp, 50*time.Millisecond) {
		h.payload, h.last, h.packets = append(h.payload, b[12:]...), b, h.packets+1 // was on its way
	}
	before := h.packets
	if before == 8 {
		t.Skip("too slow to hold it in time")
	}
	s.describe(s.phone, true, pcma)
	for h.packets < 8 && h.take(s.phone, 160) {
	}
	if got := string(h.payload); got != letters("a160 b160 c160 d160 e160 f160 g160 h160") {
		t.Errorf("heard %q", got)
	}
	if d := cmp.Diff([]int{0, before}, h.marks); d != "" {
		t.Errorf("markers: %s", d)
	}
}

// TestPlayRetuned goes on in the codec of a new description, with the item it was at.
func TestPlayRetuned(t *testing.T) {
	t.Parallel()
	s := newStudio(t, pcmu)
	s.play(Play{Items: files("a20", "slow", "c20")})
	h := heard{t: t}
	h.take(s.phone, 160)
	s.describe(s.phone, true, amr, pcmu)
	close(s.slow)
	for _, want := range "ssc" {
		if h.take(s.phone, 160); h.last[1]&0x7f != 96 || h.last[len(h.last)-2] != byte(want) {
			t.Errorf("heard %q with payload type %d, want %q with 96", h.last[12:], h.last[1]&0x7f, want)
		}
	}
	s.ended(Event{Reason: ReasonDone, Duration: 80 * time.Millisecond})
	s.play(Play{Items: files("a20...")})
	h.take(s.phone, 160)
	s.describe(s.phone, true, pcmu)
	for h.last[1]&0x7f != 0 && h.take(s.phone, 160) {
	}
	s.describe(s.phone, true)
	s.Do(Stop{Port: s.phone.to.ID})
	if e := <-s.events; e.Reason != ReasonStopped || e.Duration < 40*time.Millisecond {
		t.Errorf("told %+v", e)
	}
}

// TestPlayIntoLink: the party hears the player, then the far party again, in one stream.
func TestPlayIntoLink(t *testing.T) {
	t.Parallel()
	s := newStudio(t, pcma)
	far := s.dial(0x55667788, pcma)
	s.Do(Join{A: s.phone.to.ID, B: far.to.ID})
	h := heard{t: t}
	voice := strings.Repeat("v", 160)
	far.say(voice)
	h.take(s.phone, 160)
	s.play(Play{Items: files("a20...")})
	h.take(s.phone, 160)
	far.say(voice) // not heard
	h.take(s.phone, 160)
	h.take(s.phone, 160)
	s.Do(Stop{Port: s.phone.to.ID})
	for e := range s.events {
		if e.Kind == Played {
			break
		}
	}
	far.say(voice)
	for h.take(s.phone, 160) && h.last[12] == 'a' {
	}
	if n := strings.Count(string(h.payload), "v"); n != 320 || h.last[12] != 'v' {
		t.Errorf("the far party's speech was heard %d times, want twice", n/160)
	}
}

// TestPlayAMR packs whole frames, and as many as ptime says.
func TestPlayAMR(t *testing.T) {
	t.Parallel()
	f := amr
	f.PTime = 60 * time.Millisecond
	s := newStudio(t, f)
	s.play(Play{Items: files("a60", "b20")})
	h := heard{t: t}
	h.take(s.phone, 480)
	if want := 1 + 3*32; len(h.payload) != want {
		t.Errorf("three frames are %d bytes, want %d", len(h.payload), want)
	}
	h.take(s.phone, 480)
	s.ended(Event{Reason: ReasonDone, Duration: 80 * time.Millisecond})
	o, err := f.AMR()
	if err != nil {
		t.Fatal(err)
	}
	frames, err := o.Unpack(nil, h.last[12:])
	if err != nil || len(frames) != 32 || frames[1] != 'b' {
		t.Errorf("the second packet has %x, %v", frames, err)
	}
}
