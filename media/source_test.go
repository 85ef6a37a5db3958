package media

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// TestRelatchPolicies: a phone's packets come from another port of its host, or from elsewhere, while it speaks and after
// it has been silent.
func TestRelatchPolicies(t *testing.T) {
	const tick = int64(20 * time.Millisecond)
	party, near, far := "127.0.0.1:4000", "127.0.0.1:4002", "127.0.0.9:4000"
	tests := []struct {
		name  string
		latch Latch
		from  string
		ssrc  uint32 // of the new source; that of the phone is 7
		seq   uint16
		quiet time.Duration
		want  int // how many of ten packets are believed
	}{
		{"once: never", LatchOnce, near, 9, 500, time.Minute, 0},
		{"strict: never", LatchStrict, near, 9, 500, time.Minute, 0},
		{"again: not while it speaks", LatchAgain, near, 9, 500, 20 * time.Millisecond, 0},
		{"again: a new port of the host, the stream goes on", LatchAgain, near, 7, 101, 400 * time.Millisecond, 10},
		{"again: a new port of the host, a new SSRC", LatchAgain, near, 9, 500, 400 * time.Millisecond, 10},
		{"again: a new port, an old packet of the stream", LatchAgain, near, 7, 80, 400 * time.Millisecond, 0},
		{"again: elsewhere, too soon", LatchAgain, far, 9, 500, time.Second, 0},
		{"again: elsewhere, a row of packets", LatchAgain, far, 9, 500, 3 * time.Second, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &port{id: 1 << slotBits, latch: tt.latch, known: true, receive: true, clock: 8000, rtp: addr(party), rtcp: addr(party)}
			r := &Relay{slots: []slot{{port: p}}}
			send := func(from string, ssrc uint32, seq uint16, now int64) {
				b := []byte{0x80, 8, byte(seq >> 8), byte(seq), 0, 0, 0, 0}
				b = append(binary.BigEndian.AppendUint32(b, ssrc), "voice"...)
				r.judge(p.id, sockRTP, addr(from), b, nil, now)
			}
			now := int64(time.Hour)
			send(party, 7, 100, now)
			now += int64(tt.quiet)
			for i := range uint16(10) {
				send(tt.from, tt.ssrc, tt.seq+i, now)
				now += tick
			}
			if got := int(p.traffic.received.Packets) - 1; got != tt.want || int(p.traffic.strays) != 10-tt.want {
				t.Fatalf("%d packets believed, %d strays, want %d", got, p.traffic.strays, tt.want)
			}
		})
	}
}

// TestSourcesOfAPort: a source that replaces another one goes on in its stream; two that speak at once have a stream each,
// and a party's reports about either find their way.
func TestSourcesOfAPort(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{})
	second := &phone{t: t, rtp: a.rtp, rtcp: a.rtcp, to: a.to, ssrc: 0x5e, seq: 9000}
	seen := func(p *phone) (ssrc uint32, seq uint16) {
		p.say("x")
		got := b.hear()
		if got == nil {
			t.Fatal("b heard nothing")
		}
		return binary.BigEndian.Uint32(got[8:]), binary.BigEndian.Uint16(got[2:])
	}
	first, n := seen(a)
	for range 5 { // a new SSRC takes the place of the old one
		n++
		if ssrc, seq := seen(second); ssrc != first || seq != n {
			t.Fatalf("after the change b sees %x/%d, want %x/%d", ssrc, seq, first, n)
		}
	}
	other, m := seen(a) // the old one is still there: both speak
	if other == first {
		t.Fatal("two sources in one stream")
	}
	for range 5 {
		n, m = n+1, m+1
		if ssrc, seq := seen(second); ssrc != first || seq != n {
			t.Fatalf("b sees %x/%d, want %x/%d", ssrc, seq, first, n)
		}
		if ssrc, seq := seen(a); ssrc != other || seq != m {
			t.Fatalf("b sees %x/%d, want %x/%d", ssrc, seq, other, m)
		}
	}
	pli, err := rtcp.Marshal([]rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: b.ssrc, MediaSSRC: other}})
	if err != nil {
		t.Fatal(err)
	}
	at := b.to.Local
	b.write(b.rtcp, addr(fmt.Sprintf("%s:%d", at.Addr(), at.Port()+1)), pli)
	got := a.read(a.rtcp, 5*time.Second)
	if len(got) < 12 || binary.BigEndian.Uint32(got[8:]) != a.ssrc {
		t.Fatalf("a got %x, want a PLI about %x", got, a.ssrc)
	}
}

// TestNumbersStartAnew: a phone begins its numbers and timestamps again under the same SSRC, forward or back, and one packet
// out of nowhere comes between: the far party hears one stream.
func TestNumbersStartAnew(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{})
	a.say("x")
	b.hear()
	a.say("x") // when this one is heard, the latch is complete
	last := b.hear()
	for _, step := range []struct{ seq, time uint32 }{{30000, 5}, {40000, 1 << 31}, {50, 9}} {
		a.seq, a.time = uint16(step.seq), step.time
		for range 3 {
			a.say("x")
		}
		stray := *a
		stray.seq += 20000
		stray.say("x")
		for range 3 {
			a.say("x")
		}
		for i := range 7 {
			got := b.hear()
			if got == nil || binary.BigEndian.Uint16(got[2:]) != binary.BigEndian.Uint16(last[2:])+1 || string(got[8:12]) != string(last[8:12]) {
				t.Fatalf("from %d, packet %d: %x after %x", step.seq, i, got, last)
			}
			if d := int32(binary.BigEndian.Uint32(got[4:]) - binary.BigEndian.Uint32(last[4:])); d <= 0 || d > 80000 {
				t.Fatalf("from %d, packet %d: timestamp moves by %d", step.seq, i, d)
			}
			last = got
		}
	}
}

// TestRetransmissionsHaveTheirOwnStream: RFC 4588 4 uses an SSRC of its own for them, from the first packet on.
func TestRetransmissionsHaveTheirOwnStream(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{})
	remote := a.remote()
	remote.Payloads = []Payload{{Type: 97, To: 107, Kind: PayloadRepair, Clock: 90000, ToClock: 90000}}
	r.Do(remote)
	a.say("x")
	first := b.hear()
	rtx := &phone{t: t, rtp: a.rtp, to: a.to, ssrc: 0x5e}
	p := rtx.packet("again")
	p[1] = 97
	a.write(a.rtp, a.to.Local, p)
	got := b.hear()
	if first == nil || got == nil || string(got[8:12]) == string(first[8:12]) || got[1] != 107 {
		t.Fatalf("%x after %x", got, first)
	}
	a.say("y")
	if again := b.hear(); string(again[8:12]) != string(first[8:12]) || binary.BigEndian.Uint16(again[2:]) != binary.BigEndian.Uint16(first[2:])+1 {
		t.Fatalf("%x after %x", again, first)
	}
}
