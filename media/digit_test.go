package media

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// event sends a key as a phone does: packets of 20 ms at the same timestamp, the last one three times.
func (p *phone) event(pt, code byte, steps, step int) {
	at := p.time
	for i := 1; i <= steps+2; i++ {
		b := p.packet("")
		b[1] = pt
		if i == 1 {
			b[1] |= 0x80
		}
		binary.BigEndian.PutUint32(b[4:], at)
		end := byte(0)
		if i >= steps {
			end = 0x80
		}
		b = append(b, code, end|10)
		p.write(p.rtp, p.to.Local, binary.BigEndian.AppendUint16(b, uint16(min(i, steps)*step)))
	}
	p.time = at + uint32(steps*step)
}

// TestDigitsCross: keys are seen, and cross to a party that has another number and clock rate for them.
func TestDigitsCross(t *testing.T) {
	events := make(chan Event, 10)
	r := newRelay(t, func(c *Config) {
		c.Events = func(e Event) {
			if e.Kind == Digit || e.Kind == Pressed {
				events <- e
			}
		}
	})
	a, b := pair(t, r, Join{})
	remote := a.remote()
	remote.Clock = 16000
	remote.Payloads = []Payload{{Type: 101, To: 96, Kind: PayloadEvent, Clock: 8000, ToClock: 16000}}
	r.Do(remote)
	a.say("voice")
	b.hear()
	a.say("voice") // when this one is heard, the latch is complete
	first := b.hear()
	a.event(101, 5, 8, 160)
	a.event(101, 11, 4, 160)
	a.say("voice")
	var got, want []int
	for i := range 16 {
		p := b.hear()
		if len(p) != 16 || p[1]&0x7f != 96 || binary.BigEndian.Uint16(p[2:]) != binary.BigEndian.Uint16(first[2:])+uint16(i)+1 {
			t.Fatalf("packet %d: %x after %x", i, p, first)
		}
		got = append(got, int(p[12])<<16|int(binary.BigEndian.Uint16(p[14:])))
	}
	for i := 1; i <= 10; i++ {
		want = append(want, 5<<16|min(i, 8)*320)
	}
	for i := 1; i <= 6; i++ {
		want = append(want, 11<<16|min(i, 4)*320)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	if p := b.hear(); string(p[12:]) != "voice" {
		t.Fatalf("b heard %x", p)
	}
	for _, e := range []Event{
		{Call: 7, Port: a.to.ID, Kind: Pressed, Key: '5'},
		{Call: 7, Port: a.to.ID, Kind: Digit, Key: '5', Duration: 160 * time.Millisecond},
		{Call: 7, Port: a.to.ID, Kind: Pressed, Key: '#'},
		{Call: 7, Port: a.to.ID, Kind: Digit, Key: '#', Duration: 80 * time.Millisecond},
	} {
		if got := <-events; got != e {
			t.Fatalf("got %+v, want %+v", got, e)
		}
	}
	if s := r.Stats(a.to.ID); s.Lost != 0 || s.PayloadType != 8 {
		t.Fatalf("%+v", s)
	}
}

// TestDigitWithoutEnd: an event whose end is lost is over when the next one begins, or after a while.
func TestDigitWithoutEnd(t *testing.T) {
	var d digit
	send := func(time uint32, code byte, duration uint16, now int64) byte {
		key, _ := d.watch(&header{time: time}, []byte{code, 10, byte(duration >> 8), byte(duration)}, 8000, now)
		return key
	}
	if send(100, 1, 160, 0) != 0 || send(100, 1, 320, 20e6) != 0 {
		t.Fatal("a key before its end")
	}
	if key := send(5000, 2, 160, 500e6); key != '1' {
		t.Fatalf("got %c", key)
	}
	if send(100, 1, 480, 501e6) != 0 {
		t.Fatal("a late packet of the first event counts")
	}
	if key, _ := d.overdue(600e6); key != 0 {
		t.Fatal("over too soon")
	}
	if key, long := d.overdue(900e6); key != '2' || long != 20*time.Millisecond {
		t.Fatalf("got %c, %s", key, long)
	}
	if key, _ := d.overdue(5000e6); key != 0 {
		t.Fatal("twice")
	}
	if key, _ := d.watch(&header{time: 9000}, []byte{5}, 8000, 6000e6); key != 0 {
		t.Fatal("a truncated event counts")
	}
	d.pressed()
	send(10000, 3, 160, 7000e6)
	if first, again := d.pressed(), d.pressed(); first != '3' || again != 0 {
		t.Fatalf("held: %c, then %c", first, again)
	}
}

// TestLongDigit: a key that is held for longer than a duration can tell is one key, also when packets where it goes on are lost;
// the same key pressed again is another one.
func TestLongDigit(t *testing.T) {
	t.Parallel()
	for _, lost := range []int{0, 20} {
		var d digit
		now, got := int64(0), ""
		var held time.Duration
		send := func(at uint32, duration int, end byte) {
			now += 20e6
			key, long := d.watch(&header{time: at}, []byte{5, end | 10, byte(duration >> 8), byte(duration)}, 16000, now)
			if key != 0 {
				got, held = got+string(key), long
			}
		}
		first := uint32(1<<32 - 1000) // the timestamp runs over, too
		for n := 320; n <= 0xffff-320*lost; n += 320 {
			send(first, n, 0)
		}
		now += int64(lost) * 20e6
		for n := 320; n <= 16000; n += 320 {
			send(first+0xffff, n, 0)
		}
		for range 3 {
			send(first+0xffff, 16320, 0x80)
		}
		if got != "5" || held != time.Duration(0xffff+16320)*time.Second/16000 {
			t.Errorf("%d packets lost: %q, the last one of %s", lost, got, held)
		}
		send(first+0xffff+20000, 320, 0)
		send(first+0xffff+20000, 640, 0x80)
		if got != "55" || held != 40*time.Millisecond {
			t.Errorf("%d packets lost, then a short one: %q, the last one of %s", lost, got, held)
		}
	}
}

// TestDigitOfAnotherSource: a party that goes on as another source, with timestamps of its own, presses keys at once.
func TestDigitOfAnotherSource(t *testing.T) {
	t.Parallel()
	var d digit
	got := ""
	for i, h := range []header{{ssrc: 1, time: 90000}, {ssrc: 2, time: 500}, {ssrc: 2, time: 2000}, {ssrc: 3, time: 2000}} {
		for range 3 {
			if key, _ := d.watch(&h, []byte{byte(i), 0x80 | 10, 1, 64}, 8000, int64(i+1)*100e6); key != 0 {
				got += string(key)
			}
		}
	}
	if got != "0123" {
		t.Errorf("got %q", got)
	}
}

// TestToneClock: the timestamp of a key tells when it began (RFC 3550 5.1), so that it is not heard before the one before it is over.
func TestToneClock(t *testing.T) {
	t.Parallel()
	p := &port{clock: 8000, traffic: &traffic{}}
	now := int64(1e9)
	p.traffic.main.out.at, p.traffic.main.out.end = now, now
	var got []uint32
	for range 3 {
		k := tone{Tone: Tone{Key: '1', Duration: 100 * time.Millisecond, Clock: 8000}}
		for b := k.next(p, now); b != nil; b = k.next(p, now) {
			if got = append(got, binary.BigEndian.Uint32(b[4:])); len(got) > 1 && got[len(got)-1] == got[len(got)-2] {
				got = got[:len(got)-1]
			}
			now += int64(toneStep)
		}
		now += int64(toneGap)
	}
	if d := cmp.Diff([]uint32{1, 1601, 3201}, got); d != "" {
		t.Fatal(d)
	}
}

// TestTone: keys of our own sound in the place of the far party's speech, and the party sees one stream.
func TestTone(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{})
	a.say("voice")
	last := b.hear()
	r.Do(Tone{Port: b.to.ID, Key: '7', Duration: 60 * time.Millisecond, Type: 101, Clock: 8000})
	r.Do(Tone{Port: b.to.ID, Key: '*', Duration: 40 * time.Millisecond, Type: 101, Clock: 8000})
	r.Do(Tone{Port: b.to.ID, Key: 'x', Type: 101})
	a.say("not heard")
	var got []int
	for len(got) < 9 {
		p := b.hear()
		if p == nil {
			t.Fatalf("only %d packets", len(got))
		}
		if binary.BigEndian.Uint16(p[2:]) != binary.BigEndian.Uint16(last[2:])+1 || string(p[8:12]) != string(last[8:12]) {
			t.Fatalf("%x after %x", p, last)
		}
		if p[1]&0x7f != 101 || len(p) != 16 {
			t.Fatalf("b heard %q", p[12:])
		}
		last = p
		got = append(got, int(p[12])<<20|int(p[13]&0x80)<<10|int(binary.BigEndian.Uint16(p[14:])))
	}
	const end = 0x80 << 10
	want := []int{7<<20 | 160, 7<<20 | 320, 7<<20 | end | 480, 7<<20 | end | 480, 7<<20 | end | 480,
		10<<20 | 160, 10<<20 | end | 320, 10<<20 | end | 320, 10<<20 | end | 320}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	for end := time.Now().Add(5 * time.Second); ; {
		a.say("voice")
		if p := b.read(b.rtp, 50*time.Millisecond); p != nil {
			if string(p[12:]) != "voice" || binary.BigEndian.Uint16(p[2:]) != binary.BigEndian.Uint16(last[2:])+1 ||
				int32(binary.BigEndian.Uint32(p[4:])-binary.BigEndian.Uint32(last[4:])) <= 0 {
				t.Fatalf("%x after %x", p, last)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal("the speech does not come back")
		}
	}
}
