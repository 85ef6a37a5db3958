package tone

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func hear(rate int, pcm []int16) (keys string, long []time.Duration) {
	d := NewDetector(rate)
	found := func(k byte, l time.Duration) { keys += string(k); long = append(long, l) }
	for i := 0; i < len(pcm); i += 160 {
		d.Hear(pcm[i:min(i+160, len(pcm))], found)
	}
	d.Hear(make([]int16, rate/10), found)
	return keys, long
}

// tones makes keys with frequencies that are off by a share, and with a twist in dB (columns above rows).
func tones(rate int, keys string, on, off time.Duration, share, twist float64, at int) []int16 {
	out := make([]int16, at)
	for _, k := range keys {
		i := strings.IndexRune(keypad, k)
		a, b := rows[i/4]*(1+share), columns[i%4]*(1-share)
		n := int(int64(on) * int64(rate) / int64(time.Second))
		for j := range n {
			t := 2 * math.Pi * float64(j) / float64(rate)
			out = append(out, int16(4000*math.Sin(a*t)+4000*math.Pow(10, twist/20)*math.Sin(b*t)))
		}
		out = append(out, make([]int16, int(int64(off)*int64(rate)/int64(time.Second)))...)
	}
	return out
}

const all = "1234567890*#ABCD"

// TestEveryCleanKey of 40 ms with pauses of 40 ms, wherever it begins, is heard once; and those that are a little off.
func TestEveryCleanKey(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{8000, 16000, 48000} {
		for at := 0; at < rate/100; at += rate / 800 {
			for _, c := range []struct{ share, twist float64 }{{0, 0}, {0.015, 0}, {-0.015, 0}, {0, 4}, {0, -8}} {
				if got, _ := hear(rate, tones(rate, all, 40*time.Millisecond, 40*time.Millisecond, c.share, c.twist, at)); got != all {
					t.Errorf("%d Hz, begun at %d, off by %g, twist %g dB: heard %q", rate, at, c.share, c.twist, got)
				}
			}
		}
	}
}

// TestNoKey: what is too short, too far off, too uneven, too faint, or one tone only.
func TestNoKey(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, pcm := range map[string][]int16{
		"20 ms":         tones(8000, all, 20*ms, 80*ms, 0, 0, 0),
		"4 % off":       tones(8000, all, 80*ms, 80*ms, 0.04, 0, 0),
		"twist 12 dB":   tones(8000, all, 80*ms, 80*ms, 0, 12, 0),
		"twist -14 dB":  tones(8000, all, 80*ms, 80*ms, 0, -14, 0),
		"one tone":      Spec{Steps: []Step{{Hz: []float64{770}, Length: time.Second}}}.Samples(8000),
		"dial tone":     Spec{Steps: []Step{{Hz: []float64{350, 440}, Length: time.Second}}}.Samples(8000),
		"three tones":   Spec{Steps: []Step{{Hz: []float64{697, 1209, 1500, 2000}, Length: time.Second}}}.Samples(8000),
		"ring, UK":      Spec{Steps: []Step{{Hz: []float64{400, 450}, Length: time.Second}}}.Samples(8000),
		"special (SIT)": Spec{Steps: []Step{{Hz: []float64{950}, Length: 330 * ms}, {Hz: []float64{1400}, Length: 330 * ms}}}.Samples(8000),
	} {
		if got, _ := hear(8000, pcm); got != "" {
			t.Errorf("%s: heard %q", name, got)
		}
	}
}

// TestLength: one long key is one key, and its length is told.
func TestLength(t *testing.T) {
	t.Parallel()
	keys, long := hear(8000, tones(8000, "55", 500*time.Millisecond, 60*time.Millisecond, 0, 0, 33))
	if keys != "55" {
		t.Fatalf("heard %q", keys)
	}
	for _, l := range long {
		if d := l - 500*time.Millisecond; d.Abs() > 25*time.Millisecond {
			t.Errorf("half a second was told as %s", l)
		}
	}
}

// TestNoise is Q.24's recognition with white noise 10 dB below the key.
func TestNoise(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 9))
	sent, heard, extra := 0, 0, 0
	for range 30 {
		pcm := tones(8000, all, 50*time.Millisecond, 50*time.Millisecond, (r.Float64()-0.5)*0.03, (r.Float64()-0.5)*8, r.IntN(80))
		level := 0.0
		for _, s := range pcm {
			level += float64(s) * float64(s)
		}
		level = math.Sqrt(level / float64(len(pcm)) * 2 / 10) // half of it is pauses
		for i := range pcm {
			pcm[i] = int16(min(max(float64(pcm[i])+r.NormFloat64()*level, -32768), 32767))
		}
		got, _ := hear(8000, pcm)
		sent += len(all)
		n := common(got, all)
		heard += n
		extra += len(got) - n
	}
	if heard*100 < sent*98 || extra > sent/100 {
		t.Errorf("heard %d of %d keys, and %d that were none", heard, sent, extra)
	}
}

// common is the length of the longest common subsequence.
func common(a, b string) int {
	row := make([]int, len(b)+1)
	for i := range a {
		before := 0
		for j := range b {
			here := row[j+1]
			if a[i] == b[j] {
				row[j+1] = before + 1
			} else {
				row[j+1] = max(row[j], row[j+1])
			}
			before = here
		}
	}
	return row[len(b)]
}

// TestLoss: a key with lost packets in it is still one key.
func TestLoss(t *testing.T) {
	t.Parallel()
	d := NewDetector(8000)
	keys := ""
	found := func(k byte, _ time.Duration) { keys += string(k) }
	pcm := tones(8000, "147*", 160*time.Millisecond, 80*time.Millisecond, 0, 0, 0)
	for i := 0; i+160 <= len(pcm); i += 160 {
		if i/160%12 == 4 {
			d.Skip(160, found)
		} else {
			d.Hear(pcm[i:i+160], found)
		}
	}
	if keys != "147*" {
		t.Errorf("heard %q", keys)
	}
	d.Hear(tones(8000, "9", 100*time.Millisecond, 0, 0, 0, 0), found)
	d.Skip(8000, found)
	if !strings.HasSuffix(keys, "9") {
		t.Error("a stream that broke off left its key open")
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	m, err := parseTable(tonesText)
	if err != nil || len(m) < 25 {
		t.Fatalf("%d countries, %v", len(m), err)
	}
	de, err := Find("busy", "DE")
	if err != nil || len(de.Steps) != 2 || de.Steps[0].Hz[0] != 425 || de.Steps[0].Length != 480*time.Millisecond || !de.Repeat {
		t.Errorf("busy in Germany is %+v, %v", de, err)
	}
	if n := len(de.Samples(8000)); n != 7680 {
		t.Errorf("it has %d samples", n)
	}
	if us, err := Find("dial", "us"); err != nil || len(us.Samples(16000)) != 16000 || !us.Repeat {
		t.Errorf("dial tone in the USA: %v", err)
	}
	for _, bad := range []string{"squeak", "", "425/0,0/10", "1e99", "NaN/20", "425/70000", "10/10", "100x2x3/10", "1+2+3", strings.Repeat("425/10,", 100)} {
		if s, err := Find(bad, "de"); err == nil {
			t.Errorf("%q is %+v", bad, s)
		}
	}
	if _, err := Find("busy", "xx"); err == nil {
		t.Error("a country without tones has a busy tone")
	}
}

// TestSamples measures frequency and level of a tone.
func TestSamples(t *testing.T) {
	t.Parallel()
	s, err := Parse("1000/1000")
	if err != nil {
		t.Fatal(err)
	}
	pcm := s.Samples(8000)
	crossings, power := 0, 0.0
	for i := 1; i < len(pcm); i++ {
		if pcm[i-1] < 0 && pcm[i] >= 0 {
			crossings++
		}
		power += float64(pcm[i]) * float64(pcm[i])
	}
	level := 10*math.Log10(power/float64(len(pcm))) - 20*math.Log10(32767/math.Sqrt2) + 3.14
	if crossings < 998 || crossings > 1000 || math.Abs(level+13) > 0.3 {
		t.Errorf("%d Hz at %.1f dBm0, want 1000 at -13", crossings, level)
	}
	if slices.Max(pcm[:4]) > 500 {
		t.Error("it begins with a click")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("425/480,0/480*")
	f.Add("400x25")
	f.Add("dtmf:12#")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Find(text, "de")
		if err == nil && len(s.Samples(8000)) > 8000*61 {
			t.Errorf("%q has %d samples", text, len(s.Samples(8000)))
		}
	})
}

// BenchmarkDetector is the cost of a packet of 20 ms.
func BenchmarkDetector(b *testing.B) {
	d := NewDetector(8000)
	pcm := tones(8000, "5", 20*time.Millisecond, 0, 0, 0, 0)
	for b.Loop() {
		d.Hear(pcm, func(byte, time.Duration) {})
	}
}
