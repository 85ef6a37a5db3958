package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	port := flag.Int("p", 5068, "port to listen on, at 127.0.0.1")
	next := flag.Int("np", 5090, "port the calls go to")
	readers := flag.Int("readers", 2, "reading threads")
	flag.Parse()
	s := &server{
		myAddr:    fmt.Appendf(nil, "127.0.0.1:%d", *port),
		myContact: fmt.Appendf(nil, "Contact: <sip:127.0.0.1:%d>\r\n", *port),
		bNext:     fmt.Appendf(nil, "sip:bench@127.0.0.1:%d", *next),
		next:      addr(*next),
	}
	for i := range s.table {
		s.table[i].m, s.table[i].k = map[uint64]*call{}, map[string]*call{}
	}
	var err error
	if s.fd, err = listen(*port); err != nil {
		fmt.Fprintln(os.Stderr, "baseline:", err)
		os.Exit(1)
	}
	go s.turn()
	for range *readers {
		go s.read()
	}
	select {}
}

func listen(port int) (int, error) {
	f, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return 0, fmt.Errorf("open socket: %w", err)
	}
	if err := unix.SetsockoptInt(f, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20); err != nil {
		return 0, fmt.Errorf("set receive buffer: %w", err)
	}
	if err := unix.Bind(f, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, fmt.Errorf("listen on port %d: %w", port, err)
	}
	return f, nil
}

// read serves one thread for ever.
func (s *server) read() {
	runtime.LockOSThread()
	in, out := make([]byte, 8192), make([]byte, 8192)
	var m msg
	var from sa
	for {
		sl := uint32(unix.SizeofSockaddrInet4)
		n, _, e := unix.Syscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&in[0])), uintptr(len(in)), 0, uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&sl)))
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			fmt.Fprintln(os.Stderr, "baseline:", e)
			os.Exit(1)
		}
		if m.parse(in[:n]) {
			s.handle(&m, &from, out)
		}
	}
}

func (s *server) handle(m *msg, src *sa, out []byte) {
	switch {
	case m.status != 0:
		s.response(m, out)
	case m.line[0] == 'I':
		s.invite(m, src, out)
	case m.line[0] == 'A':
		s.ack(m, out)
	case m.line[0] == 'B':
		s.bye(m, src, out)
	}
}

func (s *server) response(m *msg, out []byte) {
	id, ok := hexid(m.callID)
	if !ok {
		return
	}
	c := s.get(id)
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case m.method == 'B':
		c.byeDone, c.bye = true, nil
	case m.status == 100:
		c.inv = nil
	case m.status < 200:
		c.inv = nil
		c.last = append(c.last[:0], s.toA(c, out[:0], string(m.line[8:]), true, false, m)...)
		s.send(c.last, &c.src)
	case c.gotFinal:
		if c.ack != nil {
			s.send(c.ack, &s.next)
		}
	default:
		c.gotFinal, c.inv = true, nil
		// one block for what the dialog keeps
		k := make([]byte, 0, len(m.to)+len(m.contact))
		k = append(append(k, m.to...), uri(m.contact)...)
		c.bTo, c.bURI = k[:len(m.to):len(m.to)], k[len(m.to):]
		c.last = append(c.last[:0], s.toA(c, out[:0], string(m.line[8:]), true, true, m)...)
		s.send(c.last, &c.src)
		c.rt = 1
		s.wheel.add(c, 500)
	}
}

func (s *server) invite(m *msg, src *sa, out []byte) {
	h := &s.table[fnv(m.callID)%shards]
	h.mu.Lock()
	if c := h.k[string(m.callID)]; c != nil {
		h.mu.Unlock()
		c.mu.Lock()
		if len(c.last) > 0 {
			s.send(c.last, &c.src)
		}
		c.mu.Unlock()
		return
	}
	c := &call{id: s.nextID.Add(1)<<16 ^ 0x5bd1e99500000000, src: *src, cseqB: 1}
	c.keep(m)
	h.k[unsafe.String(&c.aCallID[0], len(c.aCallID))] = c
	h.mu.Unlock()
	h = &s.table[c.id%shards]
	h.mu.Lock()
	h.m[c.id] = c
	h.mu.Unlock()
	c.mu.Lock()
	s.send(s.toA(c, out[:0], "100 Trying", false, false, m), src)
	b := fin(s.req(c, out[:0], "INVITE", s.bNext, 'i'), true, m)
	c.inv = bytes.Clone(b)
	s.send(b, &s.next)
	s.wheel.add(c, 500)
	c.mu.Unlock()
}

// keep copies the head of the INVITE, in one block.
func (c *call) keep(m *msg) {
	n := len(m.from) + len(m.to) + len(m.callID) + len(m.cseq) + len(m.contact)
	for _, v := range m.allVia[:m.nvia] {
		n += len(v) + 7
	}
	bl := make([]byte, 0, n)
	put := func(b []byte) []byte {
		i := len(bl)
		bl = append(bl, b...)
		return bl[i:len(bl):len(bl)]
	}
	c.aFrom, c.aTo, c.aCallID, c.aCSeq, c.aURI = put(m.from), put(m.to), put(m.callID), put(m.cseq), put(uri(m.contact))
	i := len(bl)
	for _, v := range m.allVia[:m.nvia] {
		bl = append(bl, "Via: "...)
		bl = append(bl, v...)
		bl = append(bl, "\r\n"...)
	}
	c.via = bl[i:]
}

func (s *server) ack(m *msg, out []byte) {
	id, ok := hexid(param(m.to, ";tag="))
	if !ok {
		return
	}
	c := s.get(id)
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.acked {
		return
	}
	c.acked = true
	c.last = nil
	b := append(s.req(c, out[:0], "ACK", c.bURI, 'a'), "Content-Length: 0\r\n\r\n"...)
	c.ack = bytes.Clone(b)
	d := uriAddr(c.bURI)
	s.send(b, &d)
}

func (s *server) bye(m *msg, src *sa, out []byte) {
	id, ok := hexid(param(m.to, ";tag="))
	if !ok {
		return
	}
	c := s.get(id)
	b := append(out[:0], "SIP/2.0 200 OK\r\n"...)
	for _, v := range m.allVia[:m.nvia] {
		b = append(b, "Via: "...)
		b = append(b, v...)
		b = append(b, "\r\n"...)
	}
	for _, h := range []struct {
		name  string
		value []byte
	}{{"From: ", m.from}, {"To: ", m.to}, {"Call-ID: ", m.callID}, {"CSeq: ", m.cseq}} {
		b = append(b, h.name...)
		b = append(b, h.value...)
		b = append(b, "\r\n"...)
	}
	s.send(append(b, "Content-Length: 0\r\n\r\n"...), src)
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bye != nil || c.byeDone {
		return
	}
	c.cseqB++
	b = append(s.req(c, out[:0], "BYE", c.bURI, 'b'), "Content-Length: 0\r\n\r\n"...)
	c.bye, c.ack = bytes.Clone(b), nil
	d := uriAddr(c.bURI)
	s.send(b, &d)
	s.wheel.add(c, 500)
}
