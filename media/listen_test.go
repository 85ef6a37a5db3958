package media

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/bifrons/bifrons/media/codec"
	dtmf "github.com/bifrons/bifrons/media/tone"
)

// TestListen hears keys in speech that comes with lost, doubled and reordered packets, in each codec that is decoded.
func TestListen(t *testing.T) {
	t.Parallel()
	for _, f := range []codec.Format{{Codec: codec.PCMA, Type: 8}, {Codec: codec.G722, Type: 9}, {Codec: codec.L16, Clock: 16000, Type: 97}} {
		t.Run(f.Codec, func(t *testing.T) {
			t.Parallel()
			s := newStudio(t, f)
			s.Do(Listen{Port: s.phone.to.ID, InBand: true})
			spec, err := dtmf.Keys("19*0#AD", 120*time.Millisecond, 80*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			e, err := f.NewEncoder()
			if err != nil {
				t.Fatal(err)
			}
			data := e.Encode(nil, append(make([]int16, f.SampleRate()/10), spec.Samples(f.SampleRate())...))
			ticks := uint32(span(20*time.Millisecond, f))
			size := int(ticks) * f.Rate()
			var packets [][]byte
			for i := 0; len(data) >= size; i, data = i+1, data[size:] {
				s.phone.seq, s.phone.time = uint16(i), uint32(i)*ticks
				b := s.phone.packet(string(data[:size]))
				b[1] = f.Type
				if i%17 != 8 { // lost
					packets = append(packets, b)
				}
				if i%7 == 3 {
					packets = append(packets, b)
				}
			}
			r := rand.New(rand.NewPCG(1, 1))
			for i := range len(packets) - 2 {
				if j := i + r.IntN(3); r.IntN(3) == 0 {
					packets[i], packets[j] = packets[j], packets[i]
				}
			}
			for i, b := range packets {
				s.phone.write(s.phone.rtp, s.phone.to.Local, b)
				if i < 2 || i%32 == 31 { // the first one makes the socket of the others; no more at once than one takes
					eventually(t, s.Relay, s.phone.to.ID, "what was sent has come", func(st Stats) bool { return st.Received.Packets > uint64(i) })
				}
			}
			s.phone.write(s.phone.rtp, s.phone.to.Local, packets[len(packets)-1])
			keys := ""
			for strings.Count(keys, "") < 8 {
				select {
				case e := <-s.events:
					if e.Kind == Digit && e.InBand {
						keys += string(e.Key)
					}
				case <-time.After(5 * time.Second):
					t.Fatalf("heard only %q", keys)
				}
			}
			if keys != "19*0#AD" {
				t.Errorf("heard %q", keys)
			}
		})
	}
}

// TestShelf puts packets in order and tells of gaps.
func TestShelf(t *testing.T) {
	t.Parallel()
	var s shelf
	got := ""
	put := func(times ...uint32) {
		for _, at := range times {
			s.put(at, []byte{byte('a' + at/10%26)}, 10, func(gap uint32, data []byte) {
				got += strings.Repeat("-", int(gap/10)) + string(data)
			})
		}
	}
	start := ^uint32(0) - 15 // it wraps
	start -= start % 10
	put(start, start+10, start+10)
	got = ""
	s = shelf{}
	put(0, 20, 10, 10, 30, 0, 50, 60, 70, 80, 40, 90)
	if got != "abcd-fghij" {
		t.Errorf("in order: %q", got)
	}
	if len(s.packets) > maxShelf+1 {
		t.Errorf("%d packets wait", len(s.packets))
	}
}
