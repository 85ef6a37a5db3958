package test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// resident returns the bytes of memory that the server's process has.
func (s *server) resident() int {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		s.t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// spoofed is how many sources TestFloodOfSources has, or what FLOOD_SOURCES says.
func spoofed() int {
	if n, err := strconv.Atoi(os.Getenv("FLOOD_SOURCES")); err == nil {
		return n
	}
	return 20_000
}

// TestFloodOfSources: many addresses (100 000 in make soak) send a datagram each, all kinds of them, to a side that answers its strangers and to
// one that knows none. The server's memory does not grow with them, and calls go on in the middle of it.
func TestFloodOfSources(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *settings) {
		o.build, o.Log, o.Side = product, "warn", ", strangers: forbid, allow: "+o.ip(0)+"/24"
	})
	caller, callee := s.phones()
	running := s.connect(caller, callee)
	before := s.resident()
	texts := []string{
		"\x00\x01\x02", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("A", 1400),
		"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: f%d\r\nCSeq: 1 OPTIONS\r\n\r\n",
		"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: f%d\r\nCSeq: 1 REGISTER\r\n\r\n",
		"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nContact: <sip:a@b>\r\nCall-ID: f%d\r\nCSeq: 1 INVITE\r\n\r\n",
		"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK%d\r\nCall-ID: f%d\r\nCSeq: 1 BYE\r\n\r\n",
	}
	to := [2]syscall.SockaddrInet4{{Port: 5060}, {Port: 5060}}
	copy(to[0].Addr[:], net.ParseIP(s.ip(1)).To4())
	copy(to[1].Addr[:], net.ParseIP(s.ip(2)).To4())
	n := spoofed()
	for i := range n {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		text := texts[i%len(texts)]
		if strings.Contains(text, "%d") {
			text = fmt.Sprintf(text, i, i)
		}
		from := syscall.SockaddrInet4{Addr: [4]byte{127, byte(100 + i>>16), byte(i >> 8), byte(i)}}
		if err := syscall.Bind(fd, &from); err == nil {
			_ = syscall.Sendto(fd, []byte(text), syscall.MSG_DONTWAIT, &to[i%2]) // a flood may lose some
		}
		syscall.Close(fd)
		if i == n/2 {
			c := s.connect(caller, callee)
			c.hangUp(c.a, c.b)
		}
	}
	running.hangUp(running.a, running.b)
	s.ended(hungUp, hungUp)
	if grown := s.resident() - before; grown > 40<<20 {
		t.Errorf("after %d sources the server has %d MB more", n, grown>>20)
	}
	if got := s.metric("bifrons_b2bua_forbidden_messages_total"); got < 0.5*float64(n) {
		t.Errorf("%.0f messages of strangers are counted of %d", got, n)
	}
	if lines := strings.Count(s.log.String(), "malformed"); lines > 60 {
		t.Errorf("%d lines of the log tell of it", lines)
	}
	now := s.counts()
	if now.goroutines > s.base.goroutines+5 {
		t.Errorf("%d goroutines, %d at the start", now.goroutines, s.base.goroutines)
	}
}

// TestFloodOfConnections: connections that say nothing, or too little too slowly, from many addresses, and a shower of SYNs. Each address
// has its share and no more, a slow one loses its connection after ten seconds, calls over TCP and UDP go on, and all is given back.
func TestFloodOfConnections(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *settings) { o.build, o.Log = product, "warn" })
	caller, callee := s.phones()
	before := s.resident()
	var all []net.Conn
	defer func() {
		for _, c := range all {
			c.Close()
		}
	}()
	const perSource, sources = 200, 10 // of StreamConfig
	for i := range sources {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(s.ip(100 + i))}, Timeout: patience}
		for k := range perSource + 20 {
			c, err := d.Dial("tcp", s.core())
			if err != nil {
				t.Fatal(err)
			}
			if all = append(all, c); k%2 == 0 {
				_, _ = io.WriteString(c, "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP ")
			}
		}
	}
	begun := time.Now()
	half := halfOpen(t, s, 20_000)
	eventually(t, patience, "what is too much is turned away", func() bool {
		return s.metric("bifrons_sip_stream_connections_turned_away_total") == sources*20
	})
	if n := s.metric("bifrons_sip_stream_connections"); n != sources*perSource {
		t.Errorf("%.0f connections are open, want %d", n, sources*perSource)
	}
	c := s.connect(caller, callee)
	c.hangUp(c.a, c.b)
	overStream := overTCP(plain[0].caller).start(t, s.addr(13, 5060), s.core())
	for _, c := range all { // a byte now and then does not help a slow one
		_, _ = c.Write([]byte("1"))
	}
	callee.reply(callee.request("INVITE"), "486 Busy Here", "hidden-tag", "")
	_ = overStream.cmd.Wait() // it wanted an answer, and got one
	if grown := s.resident() - before; grown > 100<<20 {
		t.Errorf("%d connections cost %d MB", sources*perSource, grown>>20)
	}
	eventually(t, 40*time.Second, "slow connections are ended", func() bool { return s.metric("bifrons_sip_stream_connections") <= 1 })
	if d := time.Since(begun); d < 8*time.Second || d > 30*time.Second {
		t.Errorf("they lasted %s, want ten seconds", d)
	}
	t.Logf("%d SYNs sent", half)
	now := s.counts()
	if now.goroutines > s.base.goroutines+10 || now.files > s.base.files+5 {
		t.Errorf("left are %+v, at the start there were %+v", now, s.base)
	}
}

// halfOpen sends SYNs from many addresses that never go on, if this process may: it needs a raw socket.
func halfOpen(t *testing.T, s *server, n int) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.IPPROTO_RAW)
	if err != nil {
		t.Logf("no SYNs: %v", err)
		return 0
	}
	defer syscall.Close(fd)
	to := syscall.SockaddrInet4{}
	copy(to.Addr[:], net.ParseIP(s.ip(1)).To4())
	sent := 0
	for range n {
		p := make([]byte, 40)
		p[0], p[8], p[9] = 0x45, 64, syscall.IPPROTO_TCP
		binary.BigEndian.PutUint16(p[2:], 40)
		copy(p[12:], []byte{127, byte(100 + rand.IntN(100)), byte(rand.Uint32()), byte(rand.Uint32())})
		copy(p[16:], to.Addr[:])
		binary.BigEndian.PutUint16(p[20:], uint16(1024+rand.IntN(60000)))
		binary.BigEndian.PutUint16(p[22:], 5060)
		binary.BigEndian.PutUint32(p[24:], rand.Uint32())
		p[32], p[33] = 5<<4, 2 // SYN
		binary.BigEndian.PutUint16(p[34:], 64240)
		binary.BigEndian.PutUint16(p[36:], tcpSum(p))
		if syscall.Sendto(fd, p, 0, &to) == nil {
			sent++
		}
	}
	return sent
}

// tcpSum returns the checksum of the TCP header in an IPv4 packet of 40 bytes.
func tcpSum(p []byte) uint16 {
	sum := uint32(syscall.IPPROTO_TCP + 20)
	for i := 12; i < 40; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
