package test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// Bifrons as the end of a call: what it plays is recorded at the far end and compared with its source, keys go there and back.

// speaking makes a server whose callers reach an application, with a prompt "source" of that many seconds, and returns the prompt.
func speaking(t *testing.T, app string, seconds float64) (*server, []float64) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "prompts")
	if err := os.MkdirAll(filepath.Join(dir, "en"), 0o755); err != nil {
		t.Fatal(err)
	}
	source := tune(seconds)
	writeWAV(t, filepath.Join(dir, "en", "source.wav"), source)
	s := start(t, func(set *settings) {
		set.Side = ", apps: [" + app + "]"
		set.Users = "prompts: {directory: '" + dir + "'}\n"
	})
	return s, source
}

// tune is a signal that sounds different at every moment, and so has one place only where it fits: 8000 samples a second.
func tune(seconds float64) []float64 {
	out := make([]float64, int(seconds*8000))
	phase := 0.0
	random := rand.New(rand.NewPCG(9, 9))
	low := 0.0
	for i := range out {
		at := float64(i) / 8000
		phase += 2 * math.Pi * (300 + 900*math.Abs(math.Sin(2.1*at)) + 500*math.Abs(math.Sin(0.7*at))) / 8000
		low = 0.9*low + 0.1*random.NormFloat64()
		out[i] = (0.5 + 0.5*math.Sin(2*math.Pi*3*at)) * (0.35*math.Sin(phase) + 0.1*low)
	}
	return out
}

// writeWAV writes samples as 16-bit PCM.
func writeWAV(t *testing.T, path string, samples []float64) {
	t.Helper()
	data := make([]byte, 0, 44+2*len(samples))
	data = append(data, "RIFF"...)
	data = binary.LittleEndian.AppendUint32(data, uint32(36+2*len(samples)))
	data = append(data, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	data = binary.LittleEndian.AppendUint32(data, 8000)
	data = binary.LittleEndian.AppendUint32(data, 16000)
	data = append(data, "\x02\x00\x10\x00data"...)
	data = binary.LittleEndian.AppendUint32(data, uint32(2*len(samples)))
	for _, s := range samples {
		data = binary.LittleEndian.AppendUint16(data, uint16(int16(s*32767)))
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// alaw decodes a byte of G.711 A-law (ITU-T G.711 table 1a).
func alaw(b byte) float64 {
	b ^= 0x55
	v := int(b&15)<<4 + 8
	if e := b >> 4 & 7; e > 0 {
		v = (v + 0x100) << (e - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return float64(v) / 32768
}

// recording is what a telephone has heard of one source, by time.
type recording struct {
	samples []float64
	events  []rtp.Packet // other payload types
	gap     time.Duration
	markers int
}

// record hears until nothing comes for a while; payload type 8 is speech.
func (o *odd) record(quiet time.Duration) (r recording) {
	o.t.Helper()
	buf := make([]byte, 4096)
	var first, next uint32
	var ssrc uint32
	for begun := false; ; {
		wait := quiet
		if !begun {
			wait = patience
		}
		o.conn.SetReadDeadline(time.Now().Add(wait))
		n, err := o.conn.Read(buf)
		if err != nil {
			return r
		}
		var p rtp.Packet
		if p.Unmarshal(slices.Clone(buf[:n])) != nil {
			o.t.Error("malformed RTP")
			continue
		}
		if p.PayloadType != 8 {
			r.events = append(r.events, p)
			continue
		}
		if !begun {
			begun, first, next, ssrc = true, p.Timestamp, p.Timestamp, p.SSRC
		}
		if p.SSRC != ssrc {
			o.t.Errorf("another SSRC %x behind %x", p.SSRC, ssrc)
		}
		if p.Marker {
			r.markers++
		}
		r.gap = max(r.gap, time.Duration(int32(p.Timestamp-next))*time.Second/8000)
		next = p.Timestamp + uint32(len(p.Payload))
		at := int(p.Timestamp - first)
		if need := at + len(p.Payload); need > len(r.samples) {
			r.samples = append(r.samples, make([]float64, need-len(r.samples))...)
		}
		for i, b := range p.Payload {
			r.samples[at+i] = alaw(b)
		}
	}
}

// compare finds a source in what was heard: how well it fits, and the largest jump that is not in the source.
func compare(heard, source []float64) (correlation, click float64) {
	best, at := 0.0, 0
	probe := source[len(source)/3 : len(source)/3+1600]
	for lag := 0; lag+len(probe) <= len(heard); lag++ {
		sum, power := 0.0, 1e-9
		for i, v := range probe {
			sum += v * heard[lag+i]
			power += heard[lag+i] * heard[lag+i]
		}
		if c := sum / math.Sqrt(power); c > best {
			best, at = c, lag-len(source)/3
		}
	}
	var xy, xx, yy float64
	for i, v := range source {
		if k := at + i; k >= 0 && k < len(heard) {
			xy, xx, yy = xy+v*heard[k], xx+v*v, yy+heard[k]*heard[k]
		} else {
			xx += v * v
		}
	}
	gain := xy / xx
	for i := 1; i < len(source); i++ {
		if k := at + i; k >= 1 && k < len(heard) {
			click = max(click, math.Abs(heard[k]-heard[k-1]-gain*(source[i]-source[i-1])))
		}
	}
	return xy / math.Sqrt(xx*yy), click
}

// judge fails where a recording is not its source.
func judge(t *testing.T, r recording, source []float64) {
	t.Helper()
	c, click := compare(r.samples, source)
	t.Logf("%d samples heard of %d, correlation %.4f, largest gap %v, largest click %.4f, %d markers", len(r.samples), len(source), c, r.gap, click, r.markers)
	if c < 0.95 || r.gap > 20*time.Millisecond || click > 0.08 {
		t.Errorf("correlation %.4f, gap %v, click %.4f", c, r.gap, click)
	}
}

// dials sends an INVITE for a user to an application and opens the telephone's speech.
func (s *server) dials(t *testing.T, user, body string, status int) (*dialog, *odd, message) {
	t.Helper()
	phone := newUA(t, s.caller(), s.core(), "secret")
	conn := listenUDP(t, s.media(s.caller())+":31000") // before anything can come
	conn.Close()
	d := phone.dialogTo(user)
	inv := d.send("INVITE", body)
	answer := phone.answer(inv, status)
	a := speak(t, s.media(s.caller()), 31000, answer.body, 7)
	if status == 200 {
		d.accept(answer)
		d.ack("")
	}
	return d, a, answer
}

// TestAnnouncementIsHeard: before the answer, in a 183 with P-Early-Media; then the refusal.
func TestAnnouncementIsHeard(t *testing.T) {
	t.Parallel()
	s, source := speaking(t, "announce", 2.5)
	d, a, ringing := s.dials(t, "source", sdp(s.media(s.caller()), 31000, 1), 183)
	if ringing.get("P-Early-Media") != "sendrecv" {
		t.Errorf("P-Early-Media %q", ringing.get("P-Early-Media"))
	}
	judge(t, a.record(time.Second), source)
	d.ackFailure(d.ua.answer(d.invite, 404))
	s.ended(ending{404, "bifrons"})
}

// TestEchoOfKeys: keys by telephone event, through a network that loses and delays, and by INFO, come back as pressed.
func TestEchoOfKeys(t *testing.T) {
	t.Parallel()
	for name, press := range map[string]func(t *testing.T, d *dialog, a *odd, keys string){
		"rfc4733": func(_ *testing.T, _ *dialog, a *odd, keys string) {
			a.press(keys, &weather{loss: 0.05, jitter: 30 * time.Millisecond})
		},
		"info": func(_ *testing.T, d *dialog, _ *odd, keys string) {
			for i, k := range keys {
				if i%2 == 0 {
					d.ua.answer(d.send("INFO", fmt.Sprintf("Signal=%c\r\nDuration=160\r\n", k), "Content-Type: application/dtmf-relay"), 200)
				} else {
					d.ua.answer(d.send("INFO", string(k), "Content-Type: application/dtmf"), 200)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, source := speaking(t, "echo", 1)
			d, a, _ := s.dials(t, "source", sdp(s.media(s.caller()), 31000, 1), 200)
			judge(t, a.record(500*time.Millisecond), source)
			const keys = "19*0A5577"
			press(t, d, a, keys+"#")
			got := keysIn(a.record(4000 * time.Millisecond).events)
			if got != keys {
				t.Errorf("%q came back, want %q", got, keys)
			}
			bye := d.ua.request("BYE")
			d.ua.reply(bye, "200 OK", "", "")
			s.ended(ending{200, "bifrons"})
		})
	}
}

// TestAMRPhone: a telephone that speaks nothing but AMR is answered and hears frames of the mode it allows; what ffmpeg decodes of them is
// the prompt.
func TestAMRPhone(t *testing.T) {
	t.Parallel()
	need(t, "ffmpeg")
	if out, _ := exec.Command("ffmpeg", "-hide_banner", "-encoders").CombinedOutput(); !bytes.Contains(out, []byte("libopencore_amrnb")) {
		t.Skip("ffmpeg has no encoder for AMR")
	}
	s, source := speaking(t, "announce", 2.5)
	offer := described(s.media(s.caller()), "m=audio 31000 RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\na=fmtp:96 octet-align=1; mode-set=7; max-red=0\r\n")
	d, a, ringing := s.dials(t, "source", offer, 183)
	if want := "a=fmtp:96 octet-align=1; mode-set=7"; !slices.Contains(linesOf(ringing.body, "a=fmtp"), want) {
		t.Errorf("no %q in\n%s", want, ringing.body)
	}
	file := []byte("#!AMR\n")
	next := uint32(0)
	for i, p := range a.record(time.Second).events {
		if p.PayloadType != 96 || len(p.Payload) != 2+31 || p.Payload[1]>>3&15 != 7 || i > 0 && p.Timestamp != next {
			t.Fatalf("packet %d: type %d, %d bytes %x at %d, want %d", i, p.PayloadType, len(p.Payload), p.Payload[:2], p.Timestamp, next)
		}
		next = p.Timestamp + 160
		file = append(append(file, p.Payload[1]&0x7c), p.Payload[2:]...)
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "heard.amr"), filepath.Join(dir, "heard.wav")
	if err := os.WriteFile(in, file, 0o644); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command("ffmpeg", "-v", "error", "-i", in, "-ar", "8000", "-ac", "1", out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	c, _ := compare(readWAV(t, out), source)
	t.Logf("%d bytes of AMR, correlation %.4f", len(file), c)
	if c < 0.9 { // AMR keeps what the ear hears, not the form of the wave
		t.Errorf("correlation %.4f", c)
	}
	d.ackFailure(d.ua.answer(d.invite, 404))
	s.ended(ending{404, "bifrons"})
}

// weather is a network that loses packets and delays them.
type weather struct {
	loss   float64
	jitter time.Duration
}

const keySigns = "0123456789*#ABCD!"

// press sends keys as telephone events with speech between them, in real time.
func (o *odd) press(keys string, w *weather) {
	o.t.Helper()
	random := rand.New(rand.NewPCG(4, 7))
	var late sync.WaitGroup
	send := func(b []byte) {
		if random.Float64() < w.loss {
			return
		}
		wait := time.Duration(random.Float64() * float64(w.jitter))
		late.Go(func() {
			<-time.After(wait)
			_, _ = o.conn.WriteToUDP(b, o.to)
		})
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, k := range keys {
		code, at := byte(strings.IndexRune(keySigns, k)), o.Timestamp
		for i := 1; i <= 9; i++ { // 120 ms, the end three times
			n, end := min(i, 6), byte(0)
			if i >= 7 {
				end = 0x80
			}
			o.Timestamp, o.PayloadType, o.Marker = at, 101, i == 1
			send(o.next(string(binary.BigEndian.AppendUint16([]byte{code, end | 10}, uint16(n*160)))))
			<-tick.C
		}
		o.Timestamp, o.PayloadType, o.Marker = at+9*160, 8, false
		for range 4 {
			send(o.next(strings.Repeat("\xd5", 160)))
			<-tick.C
		}
	}
	late.Wait()
}

// keysIn reads the keys of telephone events.
func keysIn(events []rtp.Packet) string {
	var out []byte
	last := uint32(0)
	for i, p := range events {
		if len(p.Payload) == 4 && int(p.Payload[0]) < len(keySigns) && (i == 0 || p.Timestamp != last) {
			out = append(out, keySigns[p.Payload[0]])
			last = p.Timestamp
		}
	}
	return string(out)
}

// TestBaresipHears: baresip records what is played to it.
func TestBaresipHears(t *testing.T) {
	t.Parallel()
	need(t, "baresip")
	s, source := speaking(t, "echo", 2.5)
	dir := t.TempDir()
	base := 40000 + s.n*80
	softphone{ip: s.media(s.caller()), ports: fmt.Sprintf("%d-%d", base, base+20), user: "alice", proxy: s.core(), more: hearing(dir)}.start(t,
		"-e", "/dial sip:source@"+s.core())
	eventually(t, patience, "the call", func() bool { return s.calls() == 1 })
	var heard []float64
	eventually(t, 20*time.Second, "the end of the call and a recording", func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, "*dec.wav"))
		if len(found) == 1 && s.calls() == 0 {
			heard = readWAV(t, found[0])
		}
		return len(heard) > len(source)
	})
	c, click := compare(heard, source)
	t.Logf("correlation %.4f, largest click %.4f", c, click)
	if c < 0.95 || click > 0.08 {
		t.Errorf("correlation %.4f, click %.4f", c, click)
	}
	s.ended(ending{200, "bifrons"})
}

// readWAV returns the samples of a file of 16-bit PCM, 8000 a second, one channel.
func readWAV(t *testing.T, path string) (out []float64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, pcm, ok := bytes.Cut(data, []byte("data"))
	if !ok || len(pcm) < 4 {
		return nil
	}
	for pcm = pcm[4:]; len(pcm) >= 2; pcm = pcm[2:] {
		out = append(out, float64(int16(binary.LittleEndian.Uint16(pcm)))/32768)
	}
	return out
}
