package prompt

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/codec"
	"github.com/bifrons/bifrons/media/wav"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	pcmu  = codec.Format{Codec: codec.PCMU}
	pcma  = codec.Format{Codec: codec.PCMA, Type: 8}
	g722  = codec.Format{Codec: codec.G722, Type: 9}
	l16   = codec.Format{Codec: codec.L16, Type: 97, Clock: 16000}
	amr   = codec.Format{Codec: codec.AMR, Type: 98}
	amrwb = codec.Format{Codec: codec.AMRWB, Type: 99, Parameters: "octet-align=1"}
)

func open(t *testing.T, change func(*Config)) *Library {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Directory = t.TempDir()
	if change != nil {
		change(&cfg)
	}
	l, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// speechlike is a second of something whose shape cannot be mistaken.
func speechlike(rate int) []int16 {
	out := make([]int16, rate)
	for i := range out {
		t := float64(i) / float64(rate)
		out[i] = int16(8000 * math.Sin(2*math.Pi*(300+400*t)*t) * (0.6 + 0.4*math.Sin(2*math.Pi*3*t)))
	}
	return out
}

// save writes a 16-bit WAV file.
func save(t *testing.T, path string, rate int, pcm []int16) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := wav.NewWriter(f, rate, 1)
	if err == nil {
		err = w.Write(pcm)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// correlation compares two signals of one rate.
func correlation(a, b []int16) float64 {
	var ab, aa, bb float64
	for i := range min(len(a), len(b)) {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb+1)
}

func clipOf(t *testing.T, l *Library, item media.Item, f codec.Format) *codec.Clip {
	t.Helper()
	c, err := l.Clip(t.Context(), item, f, 0)
	if err != nil {
		t.Fatalf("%+v in %s: %v", item, f.Codec, err)
	}
	return c
}

// TestFiles plays files of all rates in all codecs and compares what would be heard.
func TestFiles(t *testing.T) {
	t.Parallel()
	l := open(t, nil)
	for _, rate := range []int{8000, 16000, 44100, 48000} {
		path := save(t, filepath.Join(l.cfg.Directory, "tune.wav"), rate, speechlike(rate))
		for _, f := range []codec.Format{pcmu, pcma, g722, l16, {Codec: codec.L16, Clock: 44100, Channels: 2}} {
			c := clipOf(t, l, media.Item{File: path}, f)
			if want := int64(f.ClockRate()); c.Length != want {
				t.Errorf("%d Hz in %s: %d ticks, want %d", rate, f.Codec, c.Length, want)
			}
			d, err := f.NewDecoder()
			if err != nil {
				t.Fatal(err)
			}
			got, want := d.Decode(nil, c.Data), speechlike(f.SampleRate())
			if f.Codec == codec.G722 {
				got = got[22:] // the delay of its filters
			}
			if r := correlation(got, want); r < 0.99 {
				t.Errorf("%d Hz in %s: correlation %.3f", rate, f.Codec, r)
			}
		}
	}
}

// TestShared says that a clip is made once for all, and again when the file changes.
func TestShared(t *testing.T) {
	t.Parallel()
	l := open(t, nil)
	path := save(t, filepath.Join(l.cfg.Directory, "a.wav"), 8000, speechlike(8000))
	clips := make([]*codec.Clip, 20)
	var wait sync.WaitGroup
	for i := range clips {
		wait.Go(func() { clips[i], _ = l.Clip(context.Background(), media.Item{File: "a.wav"}, pcmu, 0) })
	}
	wait.Wait()
	for _, c := range clips {
		if c == nil || c != clips[0] {
			t.Fatal("players got clips of their own")
		}
	}
	if l.cache.counts.misses != 1 {
		t.Errorf("made %d times", l.cache.counts.misses)
	}
	save(t, path, 8000, speechlike(8000)[:4000])
	if c := clipOf(t, l, media.Item{File: "a.wav"}, pcmu); c.Length != 4000 {
		t.Errorf("a changed file has %d ticks", c.Length)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Clip(t.Context(), media.Item{File: "a.wav"}, pcmu, 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
}

// TestBound keeps the cache below its bound.
func TestBound(t *testing.T) {
	t.Parallel()
	l := open(t, func(c *Config) { c.Cache = 1 << 20 })
	for i := range 20 {
		name := string(rune('a'+i)) + ".wav"
		save(t, filepath.Join(l.cfg.Directory, name), 8000, make([]int16, 100_000))
		clipOf(t, l, media.Item{File: name}, pcmu)
	}
	if l.cache.size > 1<<20 || l.cache.size < 800_000 || l.cache.order.Len() != len(l.cache.clips) {
		t.Errorf("%d bytes in %d clips", l.cache.size, len(l.cache.clips))
	}
	if _, ok := l.cache.clips[form(pcmu, 0)+"file t.wav"]; ok {
		t.Error("keys have no identity")
	}
}

// TestHostile says that what is no speech, or no file, is an error and harms nobody.
func TestHostile(t *testing.T) {
	t.Parallel()
	l := open(t, func(c *Config) { c.Longest = 2 * time.Second })
	dir := l.cfg.Directory
	write := func(name, data string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("empty.wav", "")
	write("short.wav", "RIFF\x04\x00\x00\x00WAVE")
	write("text.wav", strings.Repeat("hello ", 1000))
	write("odd.amr", "#!AMR\n\xff\xff\xff")
	save(t, filepath.Join(dir, "long.wav"), 8000, make([]int16, 8000*3))
	if err := os.Mkdir(filepath.Join(dir, "dir.wav"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo.wav"), 0o644); err != nil {
		t.Fatal(err)
	}
	giant, err := os.Create(filepath.Join(dir, "giant.wav"))
	if err != nil {
		t.Fatal(err)
	}
	if err := giant.Truncate(maxFile + 1); err != nil {
		t.Fatal(err)
	}
	_ = giant.Close()
	for name, want := range map[string]string{
		"empty.wav": "no RIFF", "short.wav": "no data", "text.wav": "no RIFF", "odd.amr": "malformed AMR", "long.wav": "more than 2s",
		"dir.wav": "not a regular file", "fifo.wav": "not a regular file", "giant.wav": "more than", "none.wav": "no such file",
		"/dev/zero": "not a regular file",
	} {
		if _, err := l.Clip(t.Context(), media.Item{File: name}, pcmu, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if want == "more than 2s" { // which its head does not tell
			continue
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if err := l.Check(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is checked: %v, want %q", name, err, want)
		}
	}
	big := save(t, filepath.Join(dir, "big.wav"), 48000, make([]int16, head))
	if err := l.Check(big); err != nil {
		t.Error(err)
	}
	deep, err := os.OpenFile(big, os.O_WRONLY, 0)
	if err == nil {
		_, err = deep.WriteAt([]byte{24}, 34) // bits of a sample
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = deep.Close()
	if err := l.Check(big); !errors.Is(err, wav.ErrFormat) {
		t.Errorf("samples of 24 bits: %v", err)
	}
	for name, item := range map[string]media.Item{
		"nothing": {}, "two": {File: "a", Prompt: "b"}, "path": {Prompt: "../a"}, "language": {Prompt: "one", Language: "../en"},
		"voice": {Text: "a", Voice: "-w/etc/passwd"}, "tone": {Tone: "squeak"}, "frequency": {Tone: "99999/20"},
	} {
		if _, err := l.Clip(t.Context(), item, pcmu, 0); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestBuiltIn plays the set without any directory, also in AMR without an encoder.
func TestBuiltIn(t *testing.T) {
	t.Parallel()
	l := open(t, func(c *Config) { c.Directory, c.Encoder = "", "none" })
	for _, language := range []string{"en", "de", "de-AT"} {
		for _, f := range []codec.Format{pcmu, g722, amr, amrwb} {
			c := clipOf(t, l, media.Item{Prompt: "goodbye", Language: language}, f)
			if d := time.Duration(c.Length) * time.Second / time.Duration(f.ClockRate()); d < 400*time.Millisecond || d > 3*time.Second {
				t.Errorf("goodbye in %s and %s takes %s", language, f.Codec, d)
			}
		}
	}
	if c := clipOf(t, l, media.Item{Silence: 130 * time.Millisecond}, amr); c.Length != 960 || len(c.Frames) < 5 {
		t.Errorf("silence of 130 ms has %d ticks in %d frames", c.Length, len(c.Frames))
	}
	low := amr
	low.Parameters = "mode-set=0,1"
	if err := l.Speaks(low); !errors.Is(err, ErrNoEncoder) {
		t.Errorf("a mode-set without ours: %v", err)
	}
	if err := l.Speaks(amr); !errors.Is(err, codec.ErrPartly) {
		t.Errorf("AMR without an encoder: %v", err)
	}
	if _, err := l.Clip(t.Context(), media.Item{Prompt: "goodbye", Language: "de"}, low, 0); !errors.Is(err, ErrNoEncoder) {
		t.Errorf("a prompt in a mode that is not there: %v", err)
	}
	if _, err := l.Clip(t.Context(), media.Item{Prompt: "goodbye", Language: "xx"}, pcmu, 0); !errors.Is(err, errMissing) {
		t.Errorf("a language that is not there: %v", err)
	}
}

// TestOwnPrompts says that the directory comes before what is built in.
func TestOwnPrompts(t *testing.T) {
	t.Parallel()
	l := open(t, nil)
	save(t, filepath.Join(l.cfg.Directory, "de", "goodbye.wav"), 8000, make([]int16, 1234))
	if c := clipOf(t, l, media.Item{Prompt: "goodbye", Language: "de-CH"}, pcmu); c.Length != 1234 {
		t.Errorf("%d ticks", c.Length)
	}
	if c := clipOf(t, l, media.Item{Prompt: "goodbye"}, pcmu); c.Length == 1234 {
		t.Error("English got the German prompt")
	}
}

// TestEncoded has an encoder make AMR of a file, keeps it on disk, and decodes AMR for a party that has none.
func TestEncoded(t *testing.T) {
	t.Parallel()
	l := open(t, func(c *Config) { c.Store = filepath.Join(t.TempDir(), "store") })
	if !l.encoder.supports(t.Context(), codec.AMRWB) || !l.encoder.supports(t.Context(), codec.AMR) {
		t.Skip("ffmpeg with the AMR encoders is not installed")
	}
	save(t, filepath.Join(l.cfg.Directory, "a.wav"), 16000, speechlike(16000))
	for _, f := range []codec.Format{amr, amrwb, {Codec: codec.AMR, Parameters: "mode-set=0,2"}} {
		c := clipOf(t, l, media.Item{File: "a.wav"}, f)
		if n := len(c.Frames); n < 50 || n > 52 {
			t.Errorf("a second of %s has %d frames", f.Codec, n)
		}
		o, err := f.AMR()
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Fits(c); err != nil {
			t.Error(err)
		}
		heard, err := l.encoder.decode(t.Context(), source{amr: c, wide: o.Wide})
		if err != nil {
			t.Fatal(err)
		}
		best := 0.0
		for delay := range 200 {
			best = max(best, correlation(heard.Samples[delay:], speechlike(f.SampleRate())))
		}
		if best < 0.9 {
			t.Errorf("%s: correlation %.3f", f.Codec, best)
		}
	}
	files, err := os.ReadDir(l.cfg.Store)
	if err != nil || len(files) != 3 {
		t.Errorf("%d files in the store, %v", len(files), err)
	}
	head := codec.AMRHeader(true)
	c := clipOf(t, l, media.Item{File: "a.wav"}, amrwb)
	if err := os.WriteFile(filepath.Join(l.cfg.Directory, "b.awb"), append([]byte(head), c.Data...), 0o644); err != nil {
		t.Fatal(err)
	}
	if c := clipOf(t, l, media.Item{File: "b.awb"}, pcmu); c.Length < 8000 {
		t.Errorf("AMR-WB in PCMU has %d ticks", c.Length)
	}
	if other := clipOf(t, l, media.Item{File: "b.awb"}, amrwb); binary.Size(other.Data) != len(c.Data) {
		t.Error("frames of a file were not taken as they are")
	}
	for _, name := range []string{"a.awb", "broken.awb"} { // the one lies beside a WAV file, the other alone
		if err := os.WriteFile(filepath.Join(l.cfg.Directory, name), []byte(head+"\xff\xff"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if again := clipOf(t, l, media.Item{File: "a.wav"}, amrwb); again.Length != c.Length {
		t.Errorf("beside what cannot be read, %d ticks instead of %d", again.Length, c.Length)
	}
	if _, err := l.Clip(t.Context(), media.Item{File: "broken.awb"}, amrwb, 0); !errors.Is(err, codec.ErrAMR) {
		t.Errorf("what cannot be read: %v", err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"language": func(c *Config) { c.Language = "" },
		"country":  func(c *Config) { c.Country = "xx" },
		"cache":    func(c *Config) { c.Cache = 1 },
		"longest":  func(c *Config) { c.Longest = 0 },
		"wait":     func(c *Config) { c.Wait = 0 },
		"port":     func(c *Config) { c.Speech = []Port{{Name: "x"}} },
		"url":      func(c *Config) { c.Speech = []Port{{Name: "x", URL: "http://localhost/"}} },
		"blank":    func(c *Config) { c.Speech = []Port{{Name: "x", URL: "http://localhost/?t={text}&v=a b"}} },
		"scheme":   func(c *Config) { c.Speech = []Port{{Name: "x", URL: "localhost/?t={text}"}} },
		"encoder":  func(c *Config) { c.Encoder = "/no/such/program" },
		"dir":      func(c *Config) { c.Directory = "/no/such/directory" },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if l, err := New(cfg, slog.New(slog.DiscardHandler)); err == nil {
			l.Close()
			t.Errorf("a wrong %s was accepted", name)
		}
	}
}
