package test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// What callers say: recorded, also by a server that is killed; mixed; keys in their speech.

// toALaw encodes a sample: the byte that is decoded to the value nearest to it.
func toALaw(v float64) byte {
	sign, low, high := byte(0xd5), 0, 127
	if v < 0 {
		sign, v = 0x55, -v
	}
	for low < high { // what 0 to 127 mean rises
		if mid := (low + high + 1) / 2; math.Abs(alaw(byte(mid)^0xd5)) <= v {
			low = mid
		} else {
			high = mid - 1
		}
	}
	if low < 127 && math.Abs(alaw(byte(low+1)^0xd5))-v < v-math.Abs(alaw(byte(low)^0xd5)) {
		low++
	}
	return byte(low) ^ sign
}

// utter sends speech in the time it takes.
func (o *odd) utter(samples []float64) {
	o.t.Helper()
	o.PayloadType = 8
	o.pace(len(samples)/160, func(i int) {
		payload := make([]byte, 160)
		for k := range payload {
			payload[k] = toALaw(samples[160*i+k])
		}
		o.write(o.next(string(payload)))
	})
}

// pace does something every 20 ms.
func (o *odd) pace(n int, do func(i int)) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := range n {
		do(i)
		<-tick.C
	}
}

// recordingServer starts a server with the application memo, and returns the directory of its recordings.
func recordingServer(t *testing.T) (s *server, dir string) {
	t.Helper()
	dir = t.TempDir()
	prompts := filepath.Join(dir, "en")
	if err := os.MkdirAll(prompts, 0o755); err != nil {
		t.Fatal(err)
	}
	writeWAV(t, filepath.Join(prompts, "leave-message.wav"), tune(0.2))
	return start(t, func(set *settings) {
		set.Side, set.Media = ", apps: [memo]", ", recordings: '"+dir+"'"
		set.Users = "prompts: {directory: '" + dir + "'}\n"
	}), dir
}

// memoIn waits for the recording.
func memoIn(t *testing.T, dir, ext string) (path string) {
	t.Helper()
	eventually(t, patience, "a recording", func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, "memo-*"+ext))
		if len(found) == 1 {
			path = found[0]
		}
		return path != ""
	})
	return path
}

// hears waits until the relay has so many packets of the caller: a key shall not overtake them.
func hears(t *testing.T, s *server, packets int) {
	t.Helper()
	eventually(t, patience, "all is heard", func() bool {
		legs := s.streams()
		return len(legs) == 1 && len(legs[0]) == 1 && legs[0][0].Received.Packets >= packets
	})
}

// TestMemo: what a caller says is in the file, and comes back.
func TestMemo(t *testing.T) {
	t.Parallel()
	s, dir := recordingServer(t)
	d, a, _ := s.dials(t, "memo", sdp(s.media(s.caller()), 31000, 1), 200)
	a.record(time.Second) // the prompt and the beep
	said := tune(2)
	a.utter(said)
	path := memoIn(t, dir, ".wav")
	hears(t, s, len(said)/160)
	d.ua.answer(d.send("INFO", "#", "Content-Type: application/dtmf"), 200)
	judge(t, a.record(400*time.Millisecond), said)
	c, click := compare(readWAV(t, path), said)
	t.Logf("in the file: correlation %.4f, click %.4f", c, click)
	if c < 0.95 || click > 0.08 {
		t.Errorf("in the file: correlation %.4f, click %.4f", c, click)
	}
	d.ua.reply(d.ua.request("BYE"), "200 OK", "", "")
	s.ended(ending{200, "bifrons"})
}

// TestKilledRecorder: what was said until the server was killed can be played.
func TestKilledRecorder(t *testing.T) {
	t.Parallel()
	s, dir := recordingServer(t)
	_, a, _ := s.dials(t, "memo", sdp(s.media(s.caller()), 31000, 1), 200)
	a.record(time.Second)
	said := tune(2)
	a.utter(said)
	path := memoIn(t, dir, ".wav")
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.done
	s.stopped = true
	data, err := os.ReadFile(path)
	if err != nil || len(data) < 44 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if size := int(binary.LittleEndian.Uint32(data[40:])); string(data[36:40]) != "data" || size > len(data)-44 || size < 16000*3/2 {
		t.Errorf("the header tells of %d bytes in a file of %d", size, len(data))
	}
	if c, _ := compare(readWAV(t, path), said[:8000]); c < 0.95 {
		t.Errorf("correlation %.4f", c)
	}
}

// TestMemoOfAMR: the frames of a telephone that speaks AMR are in the file as they came, and come back so.
func TestMemoOfAMR(t *testing.T) {
	t.Parallel()
	need(t, "ffmpeg")
	if out, _ := exec.Command("ffmpeg", "-hide_banner", "-encoders").CombinedOutput(); !bytes.Contains(out, []byte("libopencore_amrnb")) {
		t.Skip("ffmpeg has no encoder for AMR")
	}
	s, dir := recordingServer(t)
	in, out := filepath.Join(t.TempDir(), "said.wav"), filepath.Join(t.TempDir(), "said.amr")
	writeWAV(t, in, tune(1.5))
	if text, err := exec.Command("ffmpeg", "-v", "error", "-i", in, "-b:a", "12.2k", out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	said, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	said = said[6:] // behind "#!AMR", frames of 32 bytes
	offer := described(s.media(s.caller()), "m=audio 31000 RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\na=fmtp:96 octet-align=1; mode-set=7\r\n")
	d, a, _ := s.dials(t, "memo", offer, 200)
	a.recordType(96, time.Second)
	a.PayloadType = 96
	a.pace(len(said)/32, func(i int) { a.write(a.next("\xf0" + string(said[32*i:32*i+32]))) })
	path := memoIn(t, dir, ".amr")
	hears(t, s, len(said)/32)
	d.ua.answer(d.send("INFO", "#", "Content-Type: application/dtmf"), 200)
	var back []byte
	for _, p := range a.recordType(96, 400*time.Millisecond) {
		back = append(back, p[1:]...)
	}
	file, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(file, []byte("#!AMR\n")) {
		t.Fatalf("%.10q, %v", file, err)
	}
	if !bytes.Contains(file, said) {
		t.Errorf("%d bytes in the file, and not all of what was said", len(file))
	}
	if !bytes.Contains(back, said) {
		t.Errorf("%d bytes came back, and not all of what was said", len(back))
	}
	d.ua.reply(d.ua.request("BYE"), "200 OK", "", "")
	s.ended(ending{200, "bifrons"})
}

// recordType returns the payloads of a type until nothing comes for a while.
func (o *odd) recordType(pt uint8, quiet time.Duration) (out [][]byte) {
	o.t.Helper()
	buf := make([]byte, 4096)
	for wait := patience; ; wait = quiet {
		o.conn.SetReadDeadline(time.Now().Add(wait))
		n, err := o.conn.Read(buf)
		if err != nil {
			return out
		}
		var p rtp.Packet
		if p.Unmarshal(bytes.Clone(buf[:n])) == nil && p.PayloadType == pt {
			out = append(out, p.Payload)
		}
	}
}

// note is a tone.
func note(hz, seconds float64) []float64 {
	out := make([]float64, int(seconds*8000))
	for i := range out {
		out[i] = 0.2 * math.Sin(2*math.Pi*hz*float64(i)/8000)
	}
	return out
}

// amplitude is the amplitude of a tone in what was heard.
func amplitude(samples []float64, hz float64) float64 {
	var re, im float64
	for i, v := range samples {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / 8000)
		re, im = re+v*cos, im+v*sin
	}
	return 2 * math.Hypot(re, im) / float64(max(len(samples), 1))
}

// TestRoomOfThree: each hears the other two and not itself; a fourth, who speaks nothing but AMR, is told why not.
func TestRoomOfThree(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Side = ", apps: [room]" })
	phone := newUA(t, s.caller(), s.core(), "secret")
	notes := []float64{400, 700, 1100}
	var calls []*dialog
	var heard [3]recording
	var sung, all sync.WaitGroup
	var singers []*odd
	for i := range notes {
		d := phone.dialogTo("lobby")
		inv := d.send("INVITE", sdp(s.media(s.caller()), 31000+2*i, 1))
		answer := phone.answer(inv, 200)
		d.accept(answer)
		d.ack("")
		singers = append(singers, speak(t, s.media(s.caller()), 31000+2*i, answer.body, uint32(i+1)))
		calls = append(calls, d)
	}
	for i, a := range singers {
		sung.Go(func() { a.utter(note(notes[i], 3)) })
		all.Go(func() { heard[i] = a.record(time.Second) })
	}
	fourth := phone.dialogTo("lobby")
	inv := fourth.send("INVITE", described(s.media(s.caller()), "m=audio 31010 RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\n"))
	refused := phone.answer(inv, 488)
	fourth.ackFailure(refused)
	if w := refused.get("Warning"); !strings.HasPrefix(w, "305 ") || !strings.Contains(w, "PCMA") || strings.Contains(w, "AMR") {
		t.Errorf("Warning %q", w)
	}
	sung.Wait()
	for _, d := range calls {
		phone.answer(d.send("BYE", ""), 200)
	}
	all.Wait()
	for i := range heard {
		r := heard[i].samples
		if len(r) < 20000 || heard[i].gap > 20*time.Millisecond {
			t.Fatalf("%d heard %d samples, gap %v", i, len(r), heard[i].gap)
		}
		for j, hz := range notes {
			least, most := math.Inf(1), 0.0 // in any second: a busy machine holds singers up
			for at := 8000; at+8000 <= len(r); at += 1000 {
				a := amplitude(r[at:at+8000], hz)
				least, most = min(least, a), max(most, a)
			}
			if i == j && most > 0.02 || i != j && math.Abs(most-0.2) > 0.03 {
				t.Errorf("%d hears %d at %.3f to %.3f of 0.2", i, j, least, most)
			}
		}
	}
	s.ended(ending{488, "bifrons"}, ending{200, "caller"}, ending{200, "caller"}, ending{200, "caller"})
}

// rows and columns of the keypad (ITU-T Q.23).
var (
	rows    = []float64{697, 770, 852, 941}
	columns = []float64{1209, 1336, 1477, 1633}
)

const pad = "123A456B789C*0#D"

// TestKeysInSpeech: a telephone without telephone events sends its keys as tones, through a network that loses and delays. They
// come back as INFO, or, to a telephone whose side takes none, as tones.
func TestKeysInSpeech(t *testing.T) {
	t.Parallel()
	s, _ := speaking(t, "echo", 0.2)
	noEvents := described(s.media(s.caller()), "m=audio 31000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n")
	d, a, _ := s.dials(t, "source", noEvents, 200)
	a.record(500 * time.Millisecond)
	const keys = "17*0A55D39"
	var sound []float64
	for _, k := range keys + "#" {
		n := strings.IndexRune(pad, k)
		low, high := note(rows[n/4], 0.12), note(columns[n%4], 0.12)
		for i := range low {
			low[i] += high[i]
		}
		sound = append(append(sound, low...), make([]float64, 800)...)
	}
	a.through(weather{loss: 0.05, jitter: 30 * time.Millisecond}, sound)
	got := ""
	for range keys {
		info := d.ua.request("INFO")
		d.ua.reply(info, "200 OK", "", "")
		signal, _, _ := strings.Cut(info.body, "\r")
		got += strings.TrimPrefix(signal, "Signal=")
	}
	if got != keys {
		t.Errorf("%q came back, want %q", got, keys)
	}
	d.ua.reply(d.ua.request("BYE"), "200 OK", "", "")
	s.ended(ending{200, "bifrons"})
}

// TestTonesSent: a telephone that has no telephone events, on a side where nothing is converted, hears its keys.
func TestTonesSent(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Side, set.CoreMedia = ", apps: [echo]", "dtmf: pass" })
	noEvents := described(s.media(s.caller()), "m=audio 31000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n")
	d, a, _ := s.dials(t, "source", noEvents, 200)
	a.record(time.Second)
	const keys = "159D*0#"
	for _, k := range keys[:6] + "#" {
		d.ua.answer(d.send("INFO", fmt.Sprintf("Signal=%c\r\n", k), "Content-Type: application/dtmf-relay"), 200)
	}
	var got []byte
	last := byte(0)
	samples := a.record(time.Second).samples
	for at := 0; at+160 <= len(samples); at += 160 {
		key := keyHeard(samples[at : at+160])
		if key != last && key != 0 {
			got = append(got, key)
		}
		last = key
	}
	if string(got) != keys[:6] {
		t.Errorf("%q is heard, want %q", got, keys[:6])
	}
	d.ua.reply(d.ua.request("BYE"), "200 OK", "", "")
	s.ended(ending{200, "bifrons"})
}

// keyHeard returns the key that sounds in a piece of speech, 0 for none.
func keyHeard(samples []float64) byte {
	loudest := func(list []float64) (at int) {
		for i, hz := range list {
			if amplitude(samples, hz) > amplitude(samples, list[at]) {
				at = i
			}
		}
		return at
	}
	r, c := loudest(rows), loudest(columns)
	if amplitude(samples, rows[r]) < 0.05 || amplitude(samples, columns[c]) < 0.05 {
		return 0
	}
	return pad[4*r+c]
}

// through sends speech in the time it takes, through a network.
func (o *odd) through(w weather, samples []float64) {
	o.PayloadType = 8
	var late sync.WaitGroup
	o.pace(len(samples)/160, func(i int) {
		payload := make([]byte, 160)
		for k := range payload {
			payload[k] = toALaw(samples[160*i+k])
		}
		b := o.next(string(payload))
		if i%int(1/w.loss) == 7 {
			return
		}
		wait := time.Duration(i*7%10) * w.jitter / 9
		late.Go(func() {
			<-time.After(wait)
			_, _ = o.conn.WriteToUDP(b, o.to)
		})
	})
	late.Wait()
}
