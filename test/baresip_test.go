package test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// softphone is a baresip: a tone as microphone, a test picture as camera, what it hears in a file.
type softphone struct {
	ip      string
	ports   string // for media, as in 40000-40020
	user    string
	account string // its line; empty: it does not register, and sends calls to proxy
	proxy   string
	tone    int    // Hz; 0 means 440
	more    string // lines of its configuration
}

// baresip runs a telephone of that name that does not register.
func baresip(t *testing.T, ip string, ports string, user, proxy string, args ...string) *exec.Cmd {
	t.Helper()
	return softphone{ip: ip, ports: ports, user: user, proxy: proxy}.start(t, args...)
}

// start runs it in a folder of its own until the end of the test.
func (p softphone) start(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	modules := ""
	for _, dir := range []string{"/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules", "/usr/local/lib/baresip/modules"} {
		if _, err := os.Stat(filepath.Join(dir, "fakevideo.so")); err == nil {
			modules = dir
		}
	}
	if modules == "" {
		t.Skip("baresip has no fakevideo")
	}
	dir := t.TempDir()
	config := fmt.Sprintf(`poll_method epoll
sip_listen %[1]s:5060
call_local_timeout 120
call_max_calls 4
audio_path %[2]s
audio_source ausine,%[3]d
audio_player aubridge,%[4]s
audio_alert aubridge,%[4]s
ausrc_srate 48000
auplay_srate 8000
ausrc_channels 2
auplay_channels 1
video_source fakevideo,nil
video_display fakevideo,nil
video_size 176x144
video_bitrate 128000
video_fps 10
rtp_ports %[5]s
rtp_stats no
rtcp_mux no
net_interface %[1]s
module_path %[6]s
module g711.so
module ausine.so
module aubridge.so
module fakevideo.so
module vp8.so
module account.so
module menu.so
%[7]s`, p.ip, dir, cmp.Or(p.tone, 440), p.user, p.ports, modules, p.more)
	account := cmp.Or(p.account, fmt.Sprintf("<sip:%s@%s>;regint=0;outbound=\"sip:%s\"", p.user, p.ip, p.proxy)) +
		";answermode=auto;audio_codecs=PCMA/8000/1;video_codecs=vp8\n"
	for name, text := range map[string]string{"config": config, "accounts": account, "contacts": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("baresip", append([]string{"-f", dir}, args...)...)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with the process
		cmd.Wait()
		close(done)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			cmd.Process.Kill()
			<-done
		}
		if t.Failed() {
			t.Logf("%s wrote:\n%s", p.user, tail(out.String(), 60))
		}
	})
	return cmd
}

// TestVideoCall: two baresips talk and see each other; both hang up when one ends.
func TestVideoCall(t *testing.T) {
	t.Parallel()
	need(t, "baresip")
	s := start(t)
	base := 40000 + s.n*80
	range2 := func(from int) string { return fmt.Sprintf("%d-%d", from, from+20) }
	baresip(t, s.media(s.callee()), range2(base), "bob", s.carrier())
	eventually(t, patience, "bob listens", func() bool { return bound(t, s.callee()) })
	alice := baresip(t, s.media(s.caller()), range2(base+40), "alice", s.core(), "-e", "/dial sip:bob@"+s.core())
	good := func(e ear, packets int) bool { return e.Received.Packets > packets && e.Sent.Packets > packets }
	eventually(t, 20*time.Second, "speech and pictures both ways", func() bool {
		legs := s.streams()
		if len(legs) != 2 || len(legs[0]) != 2 || len(legs[1]) != 2 {
			return false
		}
		for _, l := range legs {
			if !good(l[0], 100) || !good(l[1], 30) || l[0].RTCPReceived == 0 || l[1].RTCPReceived == 0 {
				return false
			}
		}
		return true
	})
	for _, l := range s.streams() {
		for i, e := range l {
			// One report may come before speech has told where it comes from.
			if e.Strays > 1 || e.Lost > 0 || e.Dropped["malformed"] != 0 {
				t.Errorf("m-line %d: %+v", i, e)
			}
		}
		if l[0].MOS < 4 || l[1].MOS != 0 {
			t.Errorf("MOS of speech %.1f, of pictures %.1f", l[0].MOS, l[1].MOS)
		}
	}
	alice.Process.Signal(syscall.SIGTERM)
	s.ended(hungUp)
}
