package test

import (
	"encoding/binary"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// The menus of configs/ivr, walked end to end: each text is spoken by a voice whose pitch tells which text it is, and heard by a
// telephone that presses keys as telephone events.

// voice is a speech port that speaks every text as a tone of its own.
type voice struct {
	url   string
	mu    sync.Mutex
	texts []string // the tone of number i is pitch(i)
}

func pitch(i int) float64 { return 350 + 50*float64(i) }

func newVoice(t *testing.T) *voice {
	t.Helper()
	v := &voice{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: v}
	done := make(chan struct{})
	go func() { // ends with the server
		defer close(done)
		s.Serve(l)
	}()
	t.Cleanup(func() { s.Close(); <-done })
	v.url = "http://" + l.Addr().String() + "/?language={language}&text={text}"
	return v
}

// ServeHTTP speaks: half a second of the text's tone.
func (v *voice) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text := r.FormValue("text")
	v.mu.Lock()
	n := -1
	for i, known := range v.texts {
		if known == text {
			n = i
		}
	}
	if n < 0 {
		n = len(v.texts)
		v.texts = append(v.texts, text)
	}
	v.mu.Unlock()
	w.Write(tone(pitch(n), 400*time.Millisecond))
}

// tone is a WAV file of a sine.
func tone(hz float64, long time.Duration) []byte {
	n := int(long.Seconds() * 8000)
	b := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(36+2*n))...)
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*n))
	for i := range n {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(12000*math.Sin(2*math.Pi*hz*float64(i)/8000))))
	}
	return b
}

// text is the one of a tone, "" for none.
func (v *voice) text(samples []float64) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	best, at := 0.1, -1
	for i := range v.texts {
		w := 2 * math.Cos(2*math.Pi*pitch(i)/8000)
		s1, s2 := 0.0, 0.0
		for _, x := range samples {
			s1, s2 = x+w*s1-s2, s1
		}
		if level := 2 * math.Sqrt(max(0, s1*s1+s2*s2-w*s1*s2)) / float64(len(samples)); level > best {
			best, at = level, i
		}
	}
	if at < 0 {
		return ""
	}
	return v.texts[at]
}

// listener is a telephone that understands the voice.
type listener struct {
	*odd
	v       *voice
	samples []float64
	seen    []string
}

// hears waits until a text is spoken that contains the words.
func (l *listener) hears(words string) {
	l.t.Helper()
	buf := make([]byte, 4096)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		l.conn.SetReadDeadline(deadline)
		n, err := l.conn.Read(buf)
		if err != nil {
			break
		}
		var p rtp.Packet
		if p.Unmarshal(buf[:n]) != nil || p.PayloadType != 8 {
			continue
		}
		for _, b := range p.Payload {
			l.samples = append(l.samples, alaw(b))
		}
		for len(l.samples) >= 800 {
			text := l.v.text(l.samples[:800])
			l.samples = l.samples[800:]
			if text == "" || len(l.seen) > 0 && l.seen[len(l.seen)-1] == text && !strings.Contains(text, words) {
				continue
			}
			l.seen = append(l.seen, text)
			if strings.Contains(text, words) {
				return
			}
		}
	}
	l.t.Fatalf("%q was not heard, but %q", words, l.seen)
}

// menu starts a server whose callers on side core reach a menu of configs/ivr, which change may change.
func menu(t *testing.T, name, more string, change ...string) (*server, *voice) {
	t.Helper()
	text, err := os.ReadFile("../configs/ivr/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name+".yaml")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(change...).Replace(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}
	return menuIn(t, file, name, more)
}

// menuIn starts a server whose callers on side core reach the menu of a file.
func menuIn(t *testing.T, file, name, more string) (*server, *voice) {
	t.Helper()
	v := newVoice(t)
	return start(t, func(set *settings) {
		set.Side = ", apps: [ivr/" + name + "]"
		set.Users = "prompts: {speech: [{name: test, url: '" + v.url + "'}]}\nivr:\n  " + name + ": {file: '" + file + "'" + more + "}\n"
	}), v
}

// dialsMenu dials a menu and is answered.
func (s *server) dialsMenu(t *testing.T, v *voice, user string) (*dialog, *listener) {
	t.Helper()
	d, a, _ := s.dials(t, user, sdp(s.media(s.caller()), 31000, 1), 200)
	return d, &listener{odd: a, v: v}
}

// hangsUp ends a call from the caller's side.
func (d *dialog) hangsUp() {
	d.ua.answer(d.send("BYE", ""), 200)
}

// isHungUp takes the BYE of a menu.
func (d *dialog) isHungUp() {
	d.ua.reply(d.ua.request("BYE"), "200 OK", "", "")
}

// TestCompany walks the menu of a company: its hours, an extension that is busy, a department, keys that lead nowhere.
func TestCompany(t *testing.T) {
	t.Parallel()
	s, v := menu(t, "company", ", params: {always: 'yes'}")
	callee := newUA(t, s.callee(), s.carrier(), "hidden")
	d, a := s.dialsMenu(t, v, "200")
	a.hears("Welcome to Example")
	a.hears("For sales press 1")
	a.press("7", &weather{})
	a.hears("There is nothing")
	a.press("345", &weather{loss: 0.05, jitter: 20 * time.Millisecond})
	inv := callee.request("INVITE")
	if !strings.Contains(inv.start, "sip:345@") {
		t.Errorf("dialled %s", inv.start)
	}
	callee.reply(inv, "486 Busy Here", unique("hidden-tag-"), "")
	a.hears("That line is busy")
	a.press("1", &weather{})
	a.hears("Connecting you to sales")
	inv = callee.request("INVITE")
	res := callee.reply(inv, "200 OK", unique("hidden-tag-"), sdp(s.media(s.callee()), 32000, 1))
	callee.request("ACK")
	b := callee.answered(inv, res)
	d.hangsUp()
	callee.reply(callee.request("BYE"), "200 OK", "", "")
	_ = b
	s.ended(hungUp)
	for path, want := range map[string][]string{
		"/metrics":  {`bifrons_ivr_node_events_total{app="company",node="main",what="no_match"} 1`, `bifrons_ivr_node_branches_total{app="company",branch="3XX",node="main"} 1`},
		"/v1/menus": {`"app": "ivr/company"`, `"node": "main"`, `"no_match": 1`, `"3XX": 1`, `"calls": 1`},
	} {
		text, err := s.get(path)
		for _, w := range want {
			if err != nil || !strings.Contains(text, w) {
				t.Errorf("%s: no %s, %v in\n%s", path, w, err, text)
			}
		}
	}
}

// TestCompanyClosed: out of hours the menu says so and hangs up.
func TestCompanyClosed(t *testing.T) {
	t.Parallel()
	s, v := menu(t, "company", "", "{mon-thu: 09:00-18:00, fri: 09:00-16:00}", "{daily: closed}", "holidays: [01-01, ", "holidays: [")
	d, a := s.dialsMenu(t, v, "200")
	a.hears("Our office is closed")
	d.isHungUp()
	s.ended(ending{200, "bifrons"})
}
