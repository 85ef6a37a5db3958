package test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// announcing starts an announcement server whose folder holds hello.wav, and which may fetch from a web server that has it, too.
func announcing(t *testing.T) (s *server, web string, source []float64) {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile("../configs/ivr/annc.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "annc.yaml"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	source = tune(1)
	writeWAV(t, filepath.Join(dir, "hello.wav"), source)
	if err := os.WriteFile(filepath.Join(dir, "fake.wav"), []byte("ID3 is no speech"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{Handler: http.FileServer(http.Dir(dir))}
	done := make(chan struct{})
	go func() { // ends with the server
		defer close(done)
		h.Serve(l)
	}()
	t.Cleanup(func() { h.Close(); <-done })
	web = "http://" + l.Addr().String()
	s, _ = menuIn(t, filepath.Join(dir, "annc.yaml"), "annc", ", fetch: ['"+web+"/']")
	return s, web, source
}

// annc calls an announcement and returns the dialog, the phone's ear, and what was answered first but 100.
func annc(t *testing.T, s *server, phone *ua, port int, params string, status int) (*dialog, *odd, message) {
	t.Helper()
	d := phone.dialogTo("annc")
	d.target += params
	inv := d.send("INVITE", sdp(s.media(s.caller()), port, 1))
	answer := phone.answer(inv, status)
	if status >= 300 {
		d.ackFailure(answer)
		return d, nil, answer
	}
	if status == 200 {
		d.accept(answer)
		d.ack("")
	}
	return d, speak(t, s.media(s.caller()), port, answer.body, 7), answer
}

// plays counts how often a source is in what was heard, and the shortest silence between.
func plays(heard, source []float64) (n int, gap time.Duration) {
	gap = time.Hour
	last := -1
	loud := func(at int) bool {
		sum := 0.0
		for _, x := range heard[at : at+160] {
			sum += x * x
		}
		return sum/160 > 1e-6
	}
	for at := 0; at+160 <= len(heard); at += 160 {
		if !loud(at) {
			continue
		}
		if last < 0 || at-last > 1600 {
			n++
			if last >= 0 {
				gap = min(gap, time.Duration(at-last-160)*time.Second/8000)
			}
		}
		last = at
	}
	return n, gap
}

// TestAnnc: an announcement of RFC 4240 3 is played as often as asked, with the delay between; then the server hangs up.
func TestAnnc(t *testing.T) {
	t.Parallel()
	s, web, source := announcing(t)
	phone := newUA(t, s.caller(), s.core(), "secret")
	d, a, _ := annc(t, s, phone, 31000, ";play=hello.wav;early=yes", 183)
	judge(t, a.record(1e9), source)
	d.ackFailure(d.ua.answer(d.invite, 480))
	d, a, _ = annc(t, s, phone, 31010, ";play=hello.wav;repeat=2;delay=600", 200)
	n, gap := plays(a.record(1e9).samples, source)
	if n != 2 || gap < 580*time.Millisecond || gap > 700*time.Millisecond {
		t.Errorf("played %d times with %s between", n, gap)
	}
	d.isHungUp()
	d, a, _ = annc(t, s, phone, 31020, ";play="+web+"/hello.wav;repeat=forever;delay=200;duration=2000", 200)
	r := a.record(1e9)
	if n, _ = plays(r.samples, source); n != 2 || len(r.samples) < 15200 || len(r.samples) > 16800 {
		t.Errorf("played %d times, for %d ms", n, len(r.samples)/8)
	}
	d.isHungUp()
	s.idle()
}

// TestAnncRefused: what cannot be played is refused before the answer, and says why.
func TestAnncRefused(t *testing.T) {
	t.Parallel()
	s, web, _ := announcing(t)
	phone := newUA(t, s.caller(), s.core(), "secret")
	for _, c := range []struct {
		params  string
		status  int
		warning string
	}{
		{";play=gone.wav", 404, "Announcement content not found"},
		{";play=" + web + "/gone.wav", 404, "Announcement content not found"},
		{";play=" + web + "/annc.yaml", 400, "could not be retrieved"},
		{";play=http://127.0.0.2/hello.wav", 400, "could not be retrieved"},
		{";play=../../../../etc/passwd", 400, "could not be retrieved"},
		{"", 400, "Mandatory play parameter missing"},
		{";play=fake.wav", 400, "could not be retrieved"},
		{";play=hello.wav;repeat=-1", 400, "no number"},
		{";play=hello.wav;content-type=video/mp4", 415, "Only WAV"},
	} {
		_, _, answer := annc(t, s, phone, 31000, c.params, c.status)
		if got := answer.get("Warning"); !strings.Contains(got, c.warning) {
			t.Errorf("%s: warned %q, not %q", c.params, got, c.warning)
		}
	}
	s.idle()
}
