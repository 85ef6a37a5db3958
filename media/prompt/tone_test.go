package prompt

import (
	"math"
	"slices"
	"testing"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/codec"
)

// TestToneGoesRound: a tone that has no end sounds without a hole where it begins anew, in codecs with a memory, too; its cadence is
// right in whole frames.
func TestToneGoesRound(t *testing.T) {
	t.Parallel()
	l := open(t, nil)
	for _, c := range []struct {
		tone, country string
		f             codec.Format
		ticks         int // until it begins anew
	}{
		{"dial", "de", pcma, 8000},
		{"dial", "de", g722, 8000},
		{"dial", "de", amr, 8000},
		{"dial", "de", amrwb, 16000},
		{"busy", "au", pcma, 6000},
		{"busy", "au", amr, 12000}, // 750 ms are no whole frames
	} {
		if c.f.IsAMR() && !l.encoder.supports(t.Context(), c.f.Codec) {
			t.Log("ffmpeg with the AMR encoders is not installed")
			continue
		}
		clip := clipOf(t, l, media.Item{Tone: c.tone, Country: c.country}, c.f)
		ticks := len(clip.Data) / max(1, c.f.Rate())
		if c.f.IsAMR() {
			ticks = len(clip.Frames) * int(clip.Step())
		}
		if ticks != c.ticks || clip.Length != codec.Endless {
			t.Errorf("%s of %s in %s begins anew after %d ticks and has %d, want %d without end", c.tone, c.country, c.f.Codec, ticks, clip.Length, c.ticks)
		}
		if c.tone != "dial" {
			continue
		}
		pcm := decoded(t, l, &codec.Clip{Data: slices.Repeat(clip.Data, 3), Frames: repeated(clip, 3)}, c.f)
		width := c.f.SampleRate() / 100
		low, high := math.Inf(1), 0.0
		for at := 5 * width; at+width < len(pcm)-5*width; at += width / 2 {
			sum := 0.0
			for _, s := range pcm[at : at+width] {
				sum += float64(s) * float64(s)
			}
			low, high = min(low, sum), max(high, sum)
		}
		if low < high/12 { // AMR alone lets a tone waver by 9 dB
			t.Errorf("%s in %s falls by %.1f dB", c.tone, c.f.Codec, 10*math.Log10(high/low))
		}
	}
}

// repeated are the frames of a clip that many times.
func repeated(c *codec.Clip, times int) (out []uint32) {
	for i := range times {
		for _, at := range c.Frames {
			out = append(out, uint32(i*len(c.Data))+at)
		}
	}
	return out
}

// decoded is what is heard of a clip.
func decoded(t *testing.T, l *Library, c *codec.Clip, f codec.Format) []int16 {
	t.Helper()
	if f.IsAMR() {
		a, err := l.encoder.decode(t.Context(), source{amr: c, wide: f.Codec == codec.AMRWB})
		if err != nil {
			t.Fatal(err)
		}
		return a.Samples
	}
	d, err := f.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	return d.Decode(nil, c.Data)
}
