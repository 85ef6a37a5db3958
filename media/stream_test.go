package media

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReceiver(t *testing.T) {
	run := func(from uint32, n int, rest ...uint16) []uint16 {
		var s []uint16
		for i := range n {
			s = append(s, uint16(from)+uint16(i))
		}
		return append(s, rest...)
	}
	tests := []struct {
		name string
		seq  []uint16
		lost int64
		last uint32 // the extended number returned for the last packet
	}{
		{"in order", run(10, 5), 0, 14},
		{"gap", []uint16{10, 11, 14, 15}, 2, 15},
		{"late packet fills the gap", []uint16{10, 12, 11}, 0, 11},
		{"duplicate", []uint16{10, 11, 11}, -1, 11},
		{"wrap", []uint16{65534, 65535, 0, 1}, 0, 65537},
		{"late over the wrap", []uint16{65534, 0, 65535}, 0, 65535},
		{"one wild packet is not believed", []uint16{10, 11, 30000, 12}, 0, 12},
		{"two wild packets are a new start", []uint16{10, 12, 30000, 30001, 30002}, 1, 30002},
		{"back to the beginning", run(60000, 3, 5000, 5001), 0, 65536 + 5001},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r receiver
			var last uint32
			for i, seq := range tt.seq {
				last = r.update(&header{seq: seq, ssrc: 1, time: uint32(i) * 160}, uint32(i)*160, 8000)
			}
			if r.missing() != tt.lost || last != tt.last {
				t.Fatalf("lost %d, last %d, want %d, %d", r.missing(), last, tt.lost, tt.last)
			}
		})
	}
}

func TestJitter(t *testing.T) {
	var r receiver
	for i := range uint32(200) {
		r.update(&header{seq: uint16(i), ssrc: 1, time: i * 160}, i*160+i%2*40, 8000) // every second one 40 ticks late
	}
	if j := r.jitter >> 4; j < 36 || j > 40 { // RFC 3550 A.8 converges on the mean difference
		t.Fatalf("jitter %d", j)
	}
}

func TestLossesSurviveANewSource(t *testing.T) {
	var r receiver
	for _, h := range []header{{seq: 1, ssrc: 1}, {seq: 4, ssrc: 1}, {seq: 900, ssrc: 2}, {seq: 902, ssrc: 2}} {
		r.update(&h, 0, 8000)
	}
	if r.missing() != 3 {
		t.Fatalf("lost %d", r.missing())
	}
}

// TestSenderContinuity: a party sees one stream whatever sources come and go behind it.
func TestSenderContinuity(t *testing.T) {
	type number struct {
		Seq  uint16
		Time uint32
	}
	var in receiver
	out := sender{ssrc: 99, max: 65534, last: 1000}
	var got []number
	step := func(ssrc uint32, seq uint16, time uint32, ms int64) {
		h := header{ssrc: ssrc, seq: seq, time: time}
		s, ts := out.translate(&h, in.update(&h, 0, 8000), ms*1e6, 8000)
		got = append(got, number{s, ts})
	}
	step(1, 10, 5000, 0)
	step(1, 11, 5160, 20)
	step(1, 13, 5480, 60) // one lost: the gap is seen
	step(1, 12, 5320, 61) // late
	step(2, 700, 9, 80)   // another source
	step(2, 701, 169, 100)
	step(3, 0, 0, 100) // at the same moment
	step(3, 1, 480, 160)
	step(3, 2, 480, 180) // a key: its packets have the timestamp of its beginning
	step(3, 3, 480, 220)
	step(4, 0, 0, 240) // the clock has gone on meanwhile
	want := []number{{65535, 1000}, {0, 1160}, {2, 1480}, {1, 1320}, {3, 1640}, {4, 1800}, {5, 1801},
		{6, 2281}, {7, 2281}, {8, 2281}, {9, 2281 + 640}}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}
