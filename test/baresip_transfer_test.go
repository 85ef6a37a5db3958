package test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// handset is a baresip that is told what to do, says a tone of its own, and records what it hears.
type handset struct {
	t    *testing.T
	ctrl string
	dir  string
}

// newHandset runs one at an address of the server's network.
func newHandset(s *server, name, addr string, tone, base int, proxy string) *handset {
	h := &handset{s.t, s.media(addr) + ":4444", s.t.TempDir()}
	more := fmt.Sprintf("ctrl_tcp_listen %s\nmodule ctrl_tcp.so\nsnd_path %s\nmodule sndfile.so\njitter_buffer_type off\n", h.ctrl, h.dir)
	softphone{ip: s.media(addr), ports: fmt.Sprintf("%d-%d", base, base+18), user: name, proxy: proxy, tone: tone, more: more}.start(s.t)
	eventually(s.t, patience, name+" listens", func() bool { return bound(s.t, addr) && listening(s.t, h.ctrl) })
	return h
}

// tell gives it a command of its menu.
func (h *handset) tell(command, params string) {
	h.t.Helper()
	conn, err := net.Dial("tcp4", h.ctrl)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	text, _ := json.Marshal(map[string]string{"command": command, "params": params})
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "%d:%s,", len(text), text)
	if _, err := io.ReadAtLeast(conn, make([]byte, 4), 4); err != nil {
		h.t.Errorf("%s: %v", command, err)
	}
}

// hears returns which share of its last half second of sound is the tone, over all it has recorded.
func (h *handset) hears(tone float64) float64 {
	found, _ := filepath.Glob(filepath.Join(h.dir, "*dec.wav"))
	best := 0.0
	for _, f := range found {
		all := readWAV(h.t, f)
		if len(all) < 4000 {
			continue
		}
		var re, im, power float64
		for i, v := range all[len(all)-4000:] {
			sin, cos := math.Sincos(2 * math.Pi * tone * float64(i) / 8000)
			re, im, power = re+v*cos, im+v*sin, power+v*v
		}
		best = max(best, (re*re+im*im)/(2000*power+1e-9))
	}
	return best
}

// TestBaresipTransfer: Alice calls Bob, each hears the other's tone; she sends him on to Carol, and those two hear each other. Carol holds him
// and takes him back. (A baresip that was held records no more: what flows then is counted by the relay.)
func TestBaresipTransfer(t *testing.T) {
	t.Parallel()
	s, alice, bob, third := quartet(t)
	alice.tell("dial", "sip:bob@"+s.core())
	hear := func(what string, h *handset, tone float64) {
		t.Helper()
		eventually(t, 15*time.Second, what, func() bool { return h.hears(tone) > 0.9 })
	}
	hear("Bob hears Alice", bob, 440)
	hear("Alice hears Bob", alice, 660)

	alice.tell("transfer", "sip:carol@"+s.core())
	hear("Carol hears Bob", third, 660)
	hear("Bob hears Carol", bob, 880)

	third.tell("hold", "")
	still := func() bool {
		before := s.ears()
		time.Sleep(200 * time.Millisecond)
		after := s.ears()
		return len(before) == 2 && len(after) == 2 && before[0].Sent.Packets == after[0].Sent.Packets && before[1].Sent.Packets == after[1].Sent.Packets
	}
	eventually(t, patience, "silence while Bob is held", still)
	third.tell("resume", "")
	eventually(t, patience, "speech again", func() bool { return !still() })
	third.tell("hangup", "")
	s.ended(ending{200, "callee"})
}
