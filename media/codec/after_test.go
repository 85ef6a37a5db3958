package codec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestG722After: a clip behind another one, or behind silence, sounds as it does to who has heard nothing before.
func TestG722After(t *testing.T) {
	t.Parallel()
	f := Format{Codec: G722}
	loud := make([]int16, 16000)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range loud {
		at := float64(i) / 16000
		loud[i] = int16(4000*(2+math.Cos(25*at))*math.Sin(2*math.Pi*(300+800*at)*at) + 600*random.NormFloat64())
	}
	for _, c := range []struct {
		name string
		pcm  []int16
	}{
		{"loud at once", loud},
		{"20 ms of silence before", append(make([]int16, 320), loud...)},
		{"silence behind", append(slices.Clone(loud), make([]int16, 3200)...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clip, err := f.NewClip(c.pcm)
			if err != nil {
				t.Fatal(err)
			}
			quiet, err := f.NewClip(make([]int16, 8000))
			if err != nil {
				t.Fatal(err)
			}
			want := newG722().Decode(nil, clip.Data)
			for _, heard := range [][]byte{clip.Data, quiet.Data, slices.Concat(clip.Data, quiet.Data), clip.Data[:4000]} {
				e, err := f.EncoderAfter(heard)
				if err != nil {
					t.Fatal(err)
				}
				live := newG722()
				live.Decode(nil, heard)
				near(t, "a live encoder", live.Decode(nil, e.Encode(nil, c.pcm)), want)

				d := newG722()
				d.Decode(nil, heard)
				head := f.After(heard, clip)
				got := d.Decode(nil, append(head, clip.Data[len(head):]...))
				near(t, "a clip", got, want)
			}
		})
	}
}

// near wants what was heard to be what it is for who has heard nothing before, but for its first 10 ms.
func near(t *testing.T, what string, got, want []int16) {
	t.Helper()
	for at := 160; at+160 <= len(want); at += 160 {
		sum := 0.0
		for i := at; i < at+160; i++ {
			e := float64(got[i]) - float64(want[i])
			sum += e * e
		}
		if rms := math.Sqrt(sum / 160); rms > 1200 {
			t.Errorf("%s, at %d ms: an error of %.0f", what, at/16, rms)
		}
	}
}
