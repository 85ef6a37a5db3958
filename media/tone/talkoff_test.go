package tone_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bifrons/bifrons/media/codec"
	"github.com/bifrons/bifrons/media/tone"
	"github.com/bifrons/bifrons/media/wav"
)

// music is generated: chords of instruments with overtones, with a bass and now and then a beat.
func music(seed uint64, seconds int) []int16 {
	const rate = 8000
	r := rand.New(rand.NewPCG(seed, 3))
	out := make([]float64, seconds*rate)
	scale := []float64{0, 2, 4, 5, 7, 9, 11}
	note := func(at, long int, hz, level, bright float64) {
		phase := r.Float64()
		for i := range min(long, len(out)-at) {
			t := float64(i) / rate
			fade := math.Exp(-3*float64(i)/float64(long)) * math.Min(1, t/0.01)
			for k := 1.0; k < 8 && k*hz < 3800; k++ {
				out[at+i] += level * fade * math.Pow(bright, k-1) * math.Sin(2*math.Pi*(k*hz*t+phase))
			}
		}
	}
	for at := 0; at < len(out); {
		beat := rate * (15 + r.IntN(45)) / 100
		bright := 0.3 + 0.5*r.Float64()
		root := r.IntN(12)
		note(at, 2*beat, 55*math.Pow(2, float64(root)/12), 3000, bright)
		for range 1 + r.IntN(4) {
			degree := scale[r.IntN(7)] + float64(12*r.IntN(3))
			note(at, beat*(1+r.IntN(3)), 220*math.Pow(2, (float64(root)+degree)/12), 1000+2500*r.Float64(), bright)
		}
		if r.IntN(3) == 0 {
			for i := range min(400, len(out)-at) {
				out[at+i] += 4000 * math.Exp(-float64(i)/80) * r.NormFloat64()
			}
		}
		at += beat
	}
	pcm := make([]int16, len(out))
	for i, v := range out {
		pcm[i] = int16(min(max(v, -32768), 32767))
	}
	return pcm
}

func falseKeys(pcm []int16) (keys string) {
	d := tone.NewDetector(8000)
	for i := 0; i < len(pcm); i += 160 {
		d.Hear(pcm[i:min(i+160, len(pcm))], func(k byte, long time.Duration) { keys += fmt.Sprintf("%c at %ds (%s) ", k, i/8000, long) })
	}
	return keys
}

// TestTalkOff finds no key in some minutes of speech and music; with BIFRONS_SOAK in an hour of each.
func TestTalkOff(t *testing.T) {
	t.Parallel()
	soak := os.Getenv("BIFRONS_SOAK") != ""
	seconds := 60
	if soak {
		seconds = 3600
	}
	for seed := range uint64(seconds / 30) {
		if keys := falseKeys(music(seed, 30)); keys != "" {
			t.Errorf("music %d: %s", seed, keys)
		}
	}
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Skip("espeak-ng is not installed: no speech")
	}
	texts, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(texts) == 0 {
		t.Fatal("no text to read out", err)
	}
	voices := []string{"en", "de", "en-us+f3", "fr", "en+m3", "de+f2", "es", "it", "pl", "en-gb+m7"}
	heard := time.Duration(0)
	for round := 0; heard < time.Duration(seconds)*time.Second; round++ {
		data, err := os.ReadFile(texts[round%len(texts)])
		if err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("|", " ", "`", "", "*", "", "#", "").Replace(string(data))
		if !soak {
			text = text[:min(len(text), 900)]
		}
		cmd := exec.CommandContext(t.Context(), "espeak-ng", "--stdin", "--stdout", "-v", voices[round%len(voices)], "-p", fmt.Sprint(20+round*7%60))
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		a, err := wav.Parse(out)
		if err != nil || len(a.Samples) == 0 {
			t.Fatal("espeak-ng said nothing", err, binary.Size(out))
		}
		pcm := codec.Resample(a.Samples, a.Rate, 8000)
		heard += time.Duration(len(pcm)) * time.Second / 8000
		if keys := falseKeys(pcm); keys != "" {
			t.Errorf("%s read by %s: %s", texts[round%len(texts)], voices[round%len(voices)], keys)
		}
	}
	t.Logf("%s of speech, %d s of music", heard.Round(time.Second), seconds)
}
