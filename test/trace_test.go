package test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func host(addr string) string {
	h, _, _ := net.SplitHostPort(addr)
	return h
}

// ctl runs a command of the binary against the server.
func (s *server) ctl(args ...string) string {
	s.t.Helper()
	out, err := exec.Command(s.cmd.Path, append([]string{"ctl", "--admin", s.api}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("ctl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// talk sends a packet of speech every 20 ms to where a description says, until stop is closed.
func talk(t *testing.T, from, description string, stop chan struct{}) {
	at, _ := net.ResolveUDPAddr("udp", from)
	conn, err := net.ListenUDP("udp", at)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	ip := regexp.MustCompile(`c=IN IP4 (\S+)`).FindStringSubmatch(description)
	port := regexp.MustCompile(`m=audio (\d+)`).FindStringSubmatch(description)
	if ip == nil || port == nil {
		t.Errorf("no address in %q", description)
		return
	}
	to, _ := net.ResolveUDPAddr("udp", ip[1]+":"+port[1])
	for n := byte(0); ; n++ {
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
			packet := append([]byte{0x80, 8, 0, n, 0, 0, 0, 0, 1, 2, 3, 4}, make([]byte, 160)...)
			packet[6], packet[7] = byte(int(n)*160>>8), byte(int(n)*160)
			_, _ = conn.WriteToUDP(packet, to)
		}
	}
}

// TestTrace: the messages of a call on both legs, while it lasts, when it has ended, and when it has failed; what was hidden is
// marked; a capture that tcpdump's readers open; an operator hangs a call up.
func TestTrace(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Side = ", liveness: {probe: {every: 0s}}" }) // the phones answer no probes
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	var page struct {
		Calls []struct{ ID uint64 }
	}
	if err := json.Unmarshal([]byte(s.ctl("calls", "--json")), &page); err != nil || len(page.Calls) != 1 {
		t.Fatalf("%v, %+v", err, page)
	}
	id := fmt.Sprint(page.Calls[0].ID)
	if out := s.ctl("call", id); !strings.Contains(out, "confirmed") || !strings.Contains(out, "side carrier") {
		t.Errorf("ctl call:\n%s", out)
	}
	drawn := s.ctl("trace", id)
	for _, part := range []string{"core " + s.caller(), "carrier " + s.callee(), "INVITE sip:", "200 OK (INVITE) sdp", "ACK sip:", "nobody else was shown"} {
		if !strings.Contains(drawn, part) {
			t.Errorf("the ladder has no %q:\n%s", part, drawn)
		}
	}
	if full := s.ctl("trace", id, "-m"); !strings.Contains(full, "Call-ID: «"+strings.Split(c.a.callID, "@")[0]) || !strings.Contains(full, "«"+host(s.caller())+"»") {
		t.Errorf("what was hidden is not marked:\n%s", full)
	}
	film := filepath.Join(s.dir, "call.pcap")
	s.ctl("trace", id, "--pcap", film)
	out, err := exec.Command(s.cmd.Path, "audit", "--side-a", host(s.caller()), "--side-b", host(s.callee()), film).CombinedOutput()
	if err != nil {
		t.Errorf("our own capture, judged: %v\n%s", err, out)
	}
	if info, err := os.Stat(film); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the capture: %v, %v", info.Mode(), err)
	}
	if plain, err := os.Stat(film); err == nil {
		stop := make(chan struct{})
		go talk(t, s.media(s.caller())+":31000", c.answer.body, stop)
		s.ctl("trace", id, "--pcap", film, "--rtp", "500ms")
		close(stop)
		if info, err := os.Stat(film); err != nil || info.Size() < plain.Size()+10*(16+40) {
			t.Errorf("the capture with speech has %d bytes, without %d", info.Size(), plain.Size())
		}
	}
	s.ctl("hangup", id)
	for _, d := range []*dialog{c.a, c.b} {
		bye := d.ua.await(patience, "BYE", func(m message) bool { return m.method() == "BYE" })
		d.ua.reply(bye, "200 OK", "", "")
	}
	if r := s.records(1)[0]; r.Cause != "hung up by an operator" || r.By != "operator" || r.Status != 200 {
		t.Errorf("record %+v", r)
	}
	if gone := s.ctl("trace", id); !strings.Contains(gone, "BYE") || !strings.Contains(gone, "hung up by an operator") {
		t.Errorf("after its end:\n%s", gone)
	}
	out, err = exec.Command(s.cmd.Path, "ctl", "--admin", s.api, "hangup", id).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "there is no call") {
		t.Errorf("hung up twice: %v %s", err, out)
	}
	failed := caller.dialogTo("bob")
	inv := failed.send("INVITE", sdp(s.media(s.caller()), 31002, 1))
	callee.reply(callee.request("INVITE"), "486 Busy Here", "hidden-tag-busy", "")
	failed.ackFailure(caller.answer(inv, 486))
	s.records(2)
	if out := s.ctl("records"); !strings.Contains(out, "486") || !strings.Contains(out, "operator") {
		t.Errorf("ctl records:\n%s", out)
	}
}

// TestCopies: a collector gets a copy of each message in HEP, with one correlation id for both legs.
func TestCopies(t *testing.T) {
	t.Parallel()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := start(t, func(set *settings) {
		set.Users = "trace: {memory: 0, hep: {to: '" + l.LocalAddr().String() + "', agent: 3}}\n"
	})
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	c.hangUp(c.a, c.b)
	s.records(1)
	ids, invites := map[string]bool{}, 0
	b := make([]byte, 1<<16)
	for range 10 { // more may come
		_ = l.SetReadDeadline(time.Now().Add(patience))
		n, _, err := l.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		if string(b[:4]) != "HEP3" {
			t.Fatalf("%q", b[:n])
		}
		for rest := b[6:n]; len(rest) >= 6; {
			size := int(rest[4])<<8 | int(rest[5])
			switch rest[3] {
			case 17:
				ids[string(rest[6:size])] = true
			case 15:
				if strings.HasPrefix(string(rest[6:size]), "INVITE") {
					invites++
				}
			}
			rest = rest[size:]
		}
	}
	if len(ids) != 1 || invites < 2 {
		t.Errorf("correlation ids %v, %d INVITEs", ids, invites)
	}
	if n := s.metric("bifrons_trace_copies_dropped_total"); n != 0 {
		t.Errorf("%v dropped", n)
	}
	if out, err := exec.Command(s.cmd.Path, "ctl", "--admin", s.api, "trace", "1").CombinedOutput(); err == nil {
		t.Errorf("a trace without memory: %s", out)
	}
}
