package test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// accounts is the web server that menus ask.
type accounts struct {
	url  string
	mu   sync.Mutex
	told []string // what was posted
}

func newAccounts(t *testing.T, answer string) *accounts {
	t.Helper()
	a := &accounts{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			b, _ := io.ReadAll(r.Body)
			a.mu.Lock()
			a.told = append(a.told, r.URL.Path+" "+string(b))
			a.mu.Unlock()
			return
		}
		io.WriteString(w, answer)
	})}
	done := make(chan struct{})
	go func() { // ends with the server
		defer close(done)
		s.Serve(l)
	}()
	t.Cleanup(func() { s.Close(); <-done })
	a.url = "http://" + l.Addr().String()
	return a
}

func (a *accounts) all() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.told, "\n")
}

// TestConference: a wrong PIN, the right one, the room, and out of it.
func TestConference(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs("../configs/ivr")
	if err != nil {
		t.Fatal(err)
	}
	s, v := menuIn(t, filepath.Join(dir, "conference.yaml"), "conference", "")
	d, a := s.dialsMenu(t, v, "700")
	a.hears("Enter the number of your room")
	a.press("100#", &weather{})
	a.hears("Enter the PIN")
	a.press("1111", &weather{})
	a.hears("not the PIN")
	a.press("4711", &weather{})
	a.hears("You enter the board room")
	a.press("**", &weather{}) // the first may end the prompt before the room
	a.hears("You have left")
	d.hangsUp()
	s.ended(hungUp)
}

// TestConferenceOfTwo: the conference that is built into the program, with its table of rooms: two callers hear each other.
func TestConferenceOfTwo(t *testing.T) {
	t.Parallel()
	v := newVoice(t)
	s := start(t, func(set *settings) {
		set.Side = ", apps: [ivr/hall]"
		set.Users = "prompts: {speech: [{name: test, url: '" + v.url + "'}]}\nivr:\n  hall: {sample: conference}\n"
	})
	phone := newUA(t, s.caller(), s.core(), "secret")
	var calls [2]*dialog
	var ears [2]*listener
	for i := range calls {
		d := phone.dialogTo("700")
		answer := phone.answer(d.send("INVITE", sdp(s.media(s.caller()), 31000+10*i, 1)), 200)
		d.accept(answer)
		d.ack("")
		calls[i], ears[i] = d, &listener{odd: speak(t, s.media(s.caller()), 31000+10*i, answer.body, uint32(i+1)), v: v}
	}
	var sung, all sync.WaitGroup
	for _, a := range ears {
		all.Go(func() {
			a.hears("number of your room")
			a.press("100#", &weather{})
			a.hears("Enter the PIN")
			a.press("4711", &weather{})
			a.hears("You enter the board room")
		})
	}
	all.Wait()
	hz := []float64{2500, 3000}
	var heard [2]recording
	for i, a := range ears {
		sung.Go(func() { a.utter(note(hz[i], 3)) })
		all.Go(func() { heard[i] = a.record(time.Second) })
	}
	sung.Wait()
	for _, d := range calls {
		d.hangsUp()
	}
	all.Wait()
	for i := range heard {
		other, own := 0.0, 0.0
		for at := 0; at+4000 <= len(heard[i].samples); at += 4000 {
			other = max(other, amplitude(heard[i].samples[at:at+4000], hz[1-i]))
			own = max(own, amplitude(heard[i].samples[at:at+4000], hz[i]))
		}
		if other < 0.15 || own > 0.03 {
			t.Errorf("caller %d hears the other at %.3f and himself at %.3f, of 0.2", i, other, own)
		}
	}
	s.ended(hungUp, hungUp)
}

// TestPrepaid: the balance is asked for and said, the call put through and charged.
func TestPrepaid(t *testing.T) {
	t.Parallel()
	web := newAccounts(t, `{"cents": 250}`)
	s, v := menu(t, "prepaid", ", params: {accounts: '"+web.url+"'}")
	callee := newUA(t, s.callee(), s.carrier(), "hidden")
	d, a := s.dialsMenu(t, v, "bob")
	a.hears("Your balance")
	inv := callee.request("INVITE")
	res := callee.reply(inv, "200 OK", unique("hidden-tag-"), sdp(s.media(s.callee()), 32000, 1))
	callee.request("ACK")
	b := callee.answered(inv, res)
	callee.answer(b.send("BYE", ""), 200)
	d.isHungUp()
	if got := web.all(); !strings.Contains(got, `/charge {"seconds":`) {
		t.Errorf("charged %q", got)
	}
	s.ended(ending{200, "bifrons"})
}

// TestSurvey: the callee hangs up, and the caller is asked how it was.
func TestSurvey(t *testing.T) {
	t.Parallel()
	web := newAccounts(t, "")
	s, v := menu(t, "survey", ", params: {results: '"+web.url+"/survey'}")
	phone, callee := s.phones()
	d := phone.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	offer := callee.request("INVITE")
	res := callee.reply(offer, "200 OK", unique("hidden-tag-"), sdp(s.media(s.callee()), 32000, 1))
	answer := phone.answer(inv, 200)
	d.accept(answer)
	d.ack("")
	callee.request("ACK")
	a := &listener{odd: speak(t, s.media(s.caller()), 31000, answer.body, 7), v: v}
	b := callee.answered(offer, res)
	callee.answer(b.send("BYE", ""), 200)
	a.hears("How was your call")
	a.press("4", &weather{})
	a.hears("Thank you for your answer")
	d.isHungUp()
	var got struct {
		Called string
		Rating int
	}
	_, body, _ := strings.Cut(web.all(), " ")
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Rating != 4 || got.Called != "bob" {
		t.Errorf("told %q, %v", web.all(), err)
	}
	s.ended(ending{200, "bifrons"})
}

// TestChanged: the new number is heard before the answer, and the call is refused with 410.
func TestChanged(t *testing.T) {
	t.Parallel()
	s, v := menu(t, "changed", ", params: {number: '12'}", "repeat: 1", "repeat: 0")
	d, o, _ := s.dials(t, "bob", sdp(s.media(s.caller()), 31000, 1), 183)
	a := &listener{odd: o, v: v}
	a.hears("has changed")
	d.ackFailure(d.ua.answer(d.invite, 410))
	s.ended(ending{410, "bifrons"})
}

// voicemail starts the voicemail sample with a folder of recordings. The menu changes while the server runs: it is told the phone's
// address then, instead of the domain where nobody is.
func voicemail(t *testing.T) (s *server, v *voice, tapes string) {
	t.Helper()
	tapes, file := t.TempDir(), filepath.Join(t.TempDir(), "voicemail.yaml")
	text, err := os.ReadFile("../configs/ivr/voicemail.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	s, v = menuIn(t, file, "voicemail", ", recordings: '"+tapes+"', params: {pin: '1234'}")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "${call.domain}", s.caller())), 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the menu to be read again", func() bool { return strings.Contains(s.log.String(), "menu read again") })
	return s, v, tapes
}

// isTold takes a NOTIFY of messages.
func (u *ua) isTold(counts string) {
	u.t.Helper()
	note := u.request("NOTIFY")
	u.reply(note, "200 OK", unique("tag"), "")
	if note.get("Event") != "message-summary" || !strings.Contains(note.body, "Voice-Message: "+counts+"\r\n") ||
		strings.Contains(note.body, "Messages-Waiting: yes") != (counts[0] != '0') {
		u.t.Errorf("the phone is told, not %s:\n%s", counts, note.raw)
	}
}

// TestVoicemail: a message is left by hanging up, and the owner's phone is told (RFC 3842).
func TestVoicemail(t *testing.T) {
	t.Parallel()
	s, v, tapes := voicemail(t)
	d, a := s.dialsMenu(t, v, "bob")
	a.hears("bob is not here")
	eventually(t, patience, "the recording", func() bool {
		a.say(20, strings.Repeat("\x21", 160))
		got, _ := filepath.Glob(filepath.Join(tapes, "bob", "*"))
		return len(got) == 1
	})
	a.say(300, strings.Repeat("\x21", 160))
	d.hangsUp()
	d.ua.isTold("1/0")
	s.ended(hungUp)
}

// TestMailbox: the owner deletes a message and keeps another one; his phone is told how many there are then.
func TestMailbox(t *testing.T) {
	t.Parallel()
	s, v, tapes := voicemail(t)
	if err := os.MkdirAll(filepath.Join(tapes, "alice", "old"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.wav", "b.wav", "old/c.wav"} {
		writeWAV(t, filepath.Join(tapes, "alice", name), note(3000, 0.2))
	}
	d, a := s.dialsMenu(t, v, "*97")
	a.hears("Enter your PIN")
	a.press("1234", &weather{})
	a.hears("New messages")
	a.hears("Old messages")
	a.hears("delete it press 7")
	a.press("7", &weather{})
	a.hears("Deleted")
	a.hears("delete it press 7")
	a.press("9", &weather{})
	a.hears("delete it press 7")
	a.press("9", &weather{})
	a.hears("You have heard all")
	d.ua.isTold("0/2")
	d.isHungUp()
	var left []string
	for _, glob := range []string{"alice/*.wav", "alice/old/*.wav"} {
		got, _ := filepath.Glob(filepath.Join(tapes, glob))
		for _, g := range got {
			left = append(left, strings.TrimPrefix(g, tapes))
		}
	}
	if strings.Join(left, " ") != "/alice/old/b.wav /alice/old/c.wav" {
		t.Errorf("there is %q", left)
	}
	s.ended(ending{200, "bifrons"})
}
