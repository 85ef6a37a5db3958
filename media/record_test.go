package media

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bifrons/bifrons/media/codec"
	"github.com/bifrons/bifrons/media/wav"
)

var loud = codec.Format{Codec: codec.PCMU, Type: 0}

// tune is packets of a rising tone in PCMU, some ms of it.
func tune(ms int) []byte {
	pcm := make([]int16, 8*ms)
	for i := range pcm {
		t := float64(i) / 8000
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*(400+600*t)*t))
	}
	out := make([]byte, len(pcm))
	for i, s := range pcm {
		out[i] = codec.ToMu(s)
	}
	return out
}

// speak sends speech in the time it takes, in packets of 20 ms.
func (p *phone) speak(data []byte) {
	p.t.Helper()
	next := time.Now()
	for ; len(data) >= 160; data = data[160:] {
		b := p.packet(string(data[:160]))
		b[1] = 0
		p.write(p.rtp, p.to.Local, b)
		next = next.Add(20 * time.Millisecond)
		for time.Until(next) > 0 {
			p.read(p.rtp, time.Until(next))
		}
	}
}

func (s *studio) recorded(want Event) Event {
	s.t.Helper()
	for {
		select {
		case e := <-s.events:
			if e.Kind != Recorded {
				continue
			}
			if e.ID != want.ID || e.Reason != want.Reason || want.Err != "" && !strings.Contains(e.Err, want.Err) || want.Err == "" && e.Err != "" {
				s.t.Errorf("the recorder told %+v, want %+v", e, want)
			}
			return e
		case <-time.After(10 * time.Second):
			s.t.Fatal("no event")
		}
	}
}

func readWav(t *testing.T, path string) wav.Audio {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := wav.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// alike finds where b lies in a and how alike they are there.
func alike(a, b []int16) (best float64, at int) {
	for d := range max(1, len(a)-len(b)) {
		var ab, aa, bb float64
		for i := 0; i < len(b) && d+i < len(a); i += 3 {
			x, y := float64(a[d+i]), float64(b[i])
			ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
		}
		if r := ab / math.Sqrt(aa*bb+1); r > best {
			best, at = r, d
		}
	}
	return best, at
}

func decoded(data []byte) []int16 {
	d, _ := loud.NewDecoder()
	return d.Decode(nil, data)
}

// TestRecord writes what the party says and hears, and what is in the file while it is written can be played.
func TestRecord(t *testing.T) {
	t.Parallel()
	s := newStudio(t, loud)
	path := filepath.Join(t.TempDir(), "a")
	s.Do(Record{Port: s.phone.to.ID, ID: 5, Path: path, Voices: VoicesStereo})
	s.play(Play{Items: files("a20...")}) // a constant
	said := tune(700)
	s.phone.speak(said)
	if got := readWav(t, path+".wav"); len(got.Samples) < 800 {
		t.Errorf("%d samples while it is written", len(got.Samples))
	}
	s.Do(StopRecord{Port: s.phone.to.ID, ID: 5})
	e := s.recorded(Event{ID: 5, Reason: ReasonStopped})
	data, err := os.ReadFile(e.Path)
	if err != nil {
		t.Fatal(err)
	}
	var left, right []int16
	for i := 44; i+4 <= len(data); i += 4 {
		left = append(left, int16(uint16(data[i])|uint16(data[i+1])<<8))
		right = append(right, int16(uint16(data[i+2])|uint16(data[i+3])<<8))
	}
	if d := time.Duration(len(left)) * time.Second / 8000; d != e.Duration || d < 650*time.Millisecond || d > 5*time.Second {
		t.Errorf("%s in the file, %s told", d, e.Duration)
	}
	if r, _ := alike(left, decoded(said)[:4800]); r < 0.95 {
		t.Errorf("what the party said has a correlation of %.2f", r)
	}
	if want := codec.FromMu('a'); right[len(right)/2] != want {
		t.Errorf("what it heard is %d, want %d", right[len(right)/2], want)
	}
}

// TestRecordEnds by its limit, by silence, by a hang-up; and what cannot be recorded.
func TestRecordEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("limit", func(t *testing.T) {
		t.Parallel()
		s := newStudio(t, loud)
		s.Do(Record{Port: s.phone.to.ID, Path: filepath.Join(dir, "limit.wav"), Max: 100 * time.Millisecond})
		if e := s.recorded(Event{Reason: ReasonLimit}); e.Duration != 100*time.Millisecond {
			t.Errorf("%s in the file", e.Duration)
		}
	})
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		s := newStudio(t, loud)
		s.Do(Record{Port: s.phone.to.ID, Path: filepath.Join(dir, "silence"), Silence: 200 * time.Millisecond})
		s.phone.speak(tune(300))
		if e := s.recorded(Event{Reason: ReasonSilence}); e.Duration < 450*time.Millisecond {
			t.Errorf("%s in the file", e.Duration)
		}
	})
	t.Run("hang-up", func(t *testing.T) {
		t.Parallel()
		s := newStudio(t, loud)
		s.Do(Record{Port: s.phone.to.ID, Path: filepath.Join(dir, "hangup")})
		s.phone.speak(tune(60))
		s.Close(s.phone.to.ID)
		if e := s.recorded(Event{Reason: ReasonHangup}); len(readWav(t, e.Path).Samples) == 0 {
			t.Error("nothing in the file")
		}
	})
	t.Run("another", func(t *testing.T) {
		t.Parallel()
		s := newStudio(t, loud)
		s.Do(Record{Port: s.phone.to.ID, ID: 1, Path: filepath.Join(dir, "one")})
		s.Do(Record{Port: s.phone.to.ID, ID: 2, Path: filepath.Join(dir, "two")})
		s.recorded(Event{ID: 1, Reason: ReasonStopped})
		s.Do(StopRecord{Port: s.phone.to.ID})
		s.recorded(Event{ID: 2, Reason: ReasonStopped})
	})
	t.Run("failures", func(t *testing.T) {
		t.Parallel()
		s := newStudio(t, loud)
		if err := os.WriteFile(filepath.Join(dir, "there.wav"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{
			filepath.Join(dir, "there.wav"): "file exists", filepath.Join(dir, "no", "such"): "no such file", "": "no path",
			filepath.Join(dir, "a.amr"): "PCMU to a .amr file",
		} {
			s.Do(Record{Port: s.phone.to.ID, Path: path})
			s.recorded(Event{Reason: ReasonFailed, Err: want})
		}
		s.describe(s.phone, true)
		s.Do(Record{Port: s.phone.to.ID, Path: filepath.Join(dir, "none")})
		s.recorded(Event{Reason: ReasonFailed, Err: "no format"})
	})
}

// TestRecordPause leaves out what is said meanwhile.
func TestRecordPause(t *testing.T) {
	t.Parallel()
	s := newStudio(t, loud)
	id := s.phone.to.ID
	s.Do(Record{Port: id, Path: filepath.Join(t.TempDir(), "a"), Voices: VoicesParty})
	said := tune(200)
	sent := uint64(0)
	speak := func(data []byte) { // a command shall not overtake speech
		t.Helper()
		s.phone.speak(data)
		sent += uint64(len(data) / 160)
		eventually(t, s.Relay, id, "all is heard", func(st Stats) bool { return st.Received.Packets >= sent })
	}
	speak(said)
	s.Do(Pause{Port: id, On: true})
	speak(decodedNoise(400))
	s.Do(Pause{Port: id})
	speak(said)
	s.Do(StopRecord{Port: id})
	e := s.recorded(Event{Reason: ReasonStopped})
	got := readWav(t, e.Path).Samples
	half := len(got) / 2
	for i, part := range [][]int16{got[:half], got[half:]} {
		// A packet of the noise would outweigh the tune; a pause that is some milliseconds off moves the half.
		if r, _ := alike(part, decoded(said)[:800]); r < 0.8 {
			t.Errorf("half %d has a correlation of %.2f", i, r)
		}
	}
	if e.Duration < 350*time.Millisecond {
		t.Errorf("%s in the file", e.Duration)
	}
}

// decodedNoise is a loud square wave.
func decodedNoise(ms int) []byte {
	out := make([]byte, 8*ms)
	for i := range out {
		out[i] = codec.ToMu(int16(20000 * (1 - 2*(i/8%2))))
	}
	return out
}

// TestRecordBeep plays the tone before it begins.
func TestRecordBeep(t *testing.T) {
	t.Parallel()
	s := newStudio(t, loud)
	s.Do(Record{Port: s.phone.to.ID, Path: filepath.Join(t.TempDir(), "a"), Beep: true, Max: 50 * time.Millisecond})
	if b := s.phone.hear(); b == nil || b[12] != 'B' {
		t.Errorf("heard %q before the recording", b)
	}
	s.recorded(Event{Reason: ReasonLimit})
}

// TestRecordAMR keeps the frames as they come, in the order of their timestamps, with gaps where they were lost.
func TestRecordAMR(t *testing.T) {
	t.Parallel()
	s := newStudio(t, amr)
	path := filepath.Join(t.TempDir(), "a")
	s.Do(Record{Port: s.phone.to.ID, Path: path})
	o, err := amr.AMR()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2, 1, 4, 5} { // 3 is lost
		frame := append([]byte{7<<3 | 4}, make([]byte, 31)...)
		frame[1] = byte(i + 1)
		s.phone.seq, s.phone.time = uint16(i), uint32(160*i)
		b := s.phone.packet(string(o.Pack(nil, [][]byte{frame})))
		b[1] = amr.Type
		s.phone.write(s.phone.rtp, s.phone.to.Local, b)
	}
	for s.phone.read(s.phone.rtp, 200*time.Millisecond) != nil {
	}
	s.Do(StopRecord{Port: s.phone.to.ID})
	e := s.recorded(Event{Reason: ReasonStopped})
	data, err := os.ReadFile(e.Path)
	if err != nil || filepath.Ext(e.Path) != ".amr" {
		t.Fatal(e.Path, err)
	}
	_, c, err := codec.ParseAMR(data)
	if err != nil {
		t.Fatal(err)
	}
	var order []byte
	for i := range c.Frames {
		if f := c.Frame(int64(160 * i)); len(f) > 1 {
			order = append(order, f[1])
		} else if len(order) > 0 {
			order = append(order, '-')
		}
	}
	if !strings.HasPrefix(string(order), "\x01\x02\x03-\x05\x06") {
		t.Errorf("frames %q", order)
	}
}

// TestRecordFullDisk ends the recording, and the call goes on.
func TestRecordFullDisk(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full")
	}
	defer full.Close()
	if _, err := newWavTape(full, &recorder{formats: []codec.Format{loud}}); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("a full disk: %v", err)
	}
}
