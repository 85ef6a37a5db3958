package test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mirror is a proxy at which every call is sent back where it came from, to be for somebody there. One that hides changes the Call-ID, so that each
// round looks like another call.
type mirror struct {
	conn   *net.UDPConn
	to     string // who is called again
	hides  bool
	rounds map[string]string // what it sent on, by branch
}

func newMirror(t *testing.T, addr, to string, hides bool) *mirror {
	m := &mirror{conn: listenUDP(t, addr), to: to, hides: hides, rounds: map[string]string{}}
	done := make(chan struct{})
	go func() { // ends with the socket
		defer close(done)
		m.serve()
	}()
	t.Cleanup(func() { m.conn.Close(); <-done })
	return m
}

func (m *mirror) serve() {
	buf := make([]byte, 65536)
	for n := 0; ; n++ {
		k, from, err := m.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		text := string(buf[:k])
		first, rest, _ := strings.Cut(text, "\r\n")
		switch {
		case strings.HasPrefix(first, "INVITE "):
			branch := fmt.Sprintf("z9hG4bKmirror%d", n)
			hops := 0
			_, after, _ := strings.Cut(rest, "Max-Forwards: ")
			fmt.Sscan(after, &hops)
			rest = strings.Replace(rest, fmt.Sprintf("Max-Forwards: %d\r\n", hops), fmt.Sprintf("Max-Forwards: %d\r\n", hops-1), 1)
			if m.hides {
				rest = strings.Replace(rest, "Call-ID: ", "Call-ID: hidden-", 1)
			}
			on := "INVITE " + m.to + " SIP/2.0\r\nVia: SIP/2.0/UDP " + m.conn.LocalAddr().String() + ";branch=" + branch + "\r\n" + rest
			m.rounds[branch] = on
			m.conn.WriteToUDP([]byte(on), from)
		case strings.HasPrefix(first, "SIP/2.0 "):
			_, below, _ := strings.Cut(rest, "\r\n") // its own Via
			if m.hides {
				below = strings.Replace(below, "Call-ID: hidden-", "Call-ID: ", 1)
			}
			m.conn.WriteToUDP([]byte(first+"\r\n"+below), from)
			res, err := parse(text)
			if invite, err2 := parse(m.rounds[param(res.get("Via"), "branch")]); err == nil && err2 == nil && res.status() >= 300 {
				ack := []string{"ACK " + m.to + " SIP/2.0", "Via: " + invite.get("Via"), "From: " + res.get("From"), "To: " + res.get("To"), "Call-ID: " + res.get("Call-ID"),
					"CSeq: " + strings.Replace(res.get("CSeq"), "INVITE", "ACK", 1), "Max-Forwards: 70", "Content-Length: 0", "", ""}
				m.conn.WriteToUDP([]byte(strings.Join(ack, "\r\n")), from)
			}
		}
	}
}

// TestCircle: RFC 5393: a user registered with contacts that lead back to himself costs a bounded number of calls: the second round is 482 where it
// can be told, else Max-Breadth and Max-Forwards end it.
func TestCircle(t *testing.T) {
	t.Parallel()
	for _, hides := range []bool{false, true} {
		t.Run(map[bool]string{false: "told", true: "hidden"}[hides], func(t *testing.T) {
			t.Parallel()
			n, dir := newNetwork(t), t.TempDir()
			file := filepath.Join(dir, "bifrons.yaml")
			text := fmt.Sprintf("sides:\n  house: {listen: 'udp:%s', registrar: true}\nroutes:\n  - {from: house, to: house, next_hop: registered}\nadmin: {listen: '%s'}\n", n.core(), n.admin())
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			s := serve(t, built(t, checked), n, n.admin(), dir, file)
			m := newMirror(t, n.addr(20, 5060), "sip:alice@"+n.core(), hides)
			phone := newUA(t, n.caller(), n.core(), "secret")
			reg := strings.Join([]string{"REGISTER sip:" + n.core() + " SIP/2.0", "Via: SIP/2.0/UDP " + m.conn.LocalAddr().String() + ";branch=z9hG4bKreg", "From: <sip:alice@" + n.core() + ">;tag=1", "To: <sip:alice@" + n.core() + ">",
				"Call-ID: reg", "CSeq: 1 REGISTER", "Max-Forwards: 70", "Contact: <sip:one@" + m.conn.LocalAddr().String() + ">, <sip:two@" + m.conn.LocalAddr().String() + ">", "Content-Length: 0", "", ""}, "\r\n")
			to, err := net.ResolveUDPAddr("udp4", n.core())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.conn.WriteToUDP([]byte(reg), to); err != nil {
				t.Fatal(err)
			}
			eventually(t, patience, "alice is registered", func() bool { return strings.Contains(s.bifrons(true, "ctl", "bindings", "--admin", s.api), "two") })
			d := phone.dialogTo("alice")
			d.target = "sip:alice@" + n.core()
			inv := d.send("INVITE", sdp(n.media(n.caller()), 31000, 1), "Max-Forwards: 20", "Max-Breadth: 8")
			failed := phone.await(20*time.Second, "failure", func(m message) bool { return m.status() >= 300 && m.get("Call-ID") == inv.get("Call-ID") })
			d.ackFailure(failed)
			s.idle()
			calls := s.metric("bifrons_b2bua_call_attempts_total")
			t.Logf("%s: %.0f calls", failed.start, calls)
			if most := map[bool]float64{false: 3, true: 80}[hides]; calls > most || !hides && calls < 3 {
				t.Errorf("%.0f calls, want %.0f at most", calls, most)
			}
		})
	}
}
