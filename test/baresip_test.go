package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// baresip runs a telephone of that name in a folder of its own: a tone as microphone, a test picture as camera.
func baresip(t *testing.T, ip string, ports string, user, proxy string, args ...string) *exec.Cmd {
	t.Helper()
	return baresipWith(t, ip, ports, user, proxy, "", args...)
}

// baresipWith adds lines to its configuration.
func baresipWith(t *testing.T, ip string, ports string, user, proxy, more string, args ...string) *exec.Cmd {
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
sip_listen %s:5060
call_local_timeout 120
call_max_calls 4
audio_path %s
audio_source ausine,440
audio_player aubridge,%s
audio_alert aubridge,%s
ausrc_srate 48000
auplay_srate 8000
ausrc_channels 2
auplay_channels 1
video_source fakevideo,nil
video_display fakevideo,nil
video_size 176x144
video_bitrate 128000
video_fps 10
rtp_ports %s
rtp_stats no
rtcp_mux no
net_interface %s
module_path %s
module g711.so
module ausine.so
module aubridge.so
module fakevideo.so
module vp8.so
module account.so
module menu.so
%s`, ip, dir, user, user, ports, ip, modules, more)
	account := fmt.Sprintf("<sip:%s@%s>;regint=0;answermode=auto;audio_codecs=PCMA/8000/1;video_codecs=vp8;outbound=\"sip:%s\"\n", user, ip, proxy)
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
			t.Logf("%s wrote:\n%s", user, tail(out.String(), 60))
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
