package main

import (
	"bytes"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

type sa = unix.RawSockaddrInet4

// call is one call; its id is minted into our tags, Call-ID and branches.
type call struct {
	mu                               sync.Mutex
	id                               uint64
	via                              []byte // A's Via lines, ready made
	aFrom, aTo, aCallID, aURI, aCSeq []byte
	bTo, bURI                        []byte
	src                              sa
	inv, last, ack, bye              []byte // what we may have to send again
	acked, gotFinal, byeDone         bool
	rt                               int
	cseqB                            uint32
}

const shards = 256

type shard struct {
	mu sync.Mutex
	m  map[uint64]*call
	k  map[string]*call // by Call-ID of the INVITE: for retransmissions
}

// server is the whole program.
type server struct {
	fd                       int
	table                    [shards]shard
	nextID                   atomic.Uint64
	wheel                    wheel
	myAddr, myContact, bNext []byte
	next                     sa
}

func (s *server) get(id uint64) *call {
	h := &s.table[id%shards]
	h.mu.Lock()
	c := h.m[id]
	h.mu.Unlock()
	return c
}

func (s *server) forget(c *call) {
	h := &s.table[c.id%shards]
	h.mu.Lock()
	delete(h.m, c.id)
	h.mu.Unlock()
	h = &s.table[fnv(c.aCallID)%shards]
	h.mu.Lock()
	delete(h.k, string(c.aCallID))
	h.mu.Unlock()
}

func (s *server) send(b []byte, to *sa) {
	unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(to)), unix.SizeofSockaddrInet4)
}

// toA makes a response of leg A.
func (s *server) toA(c *call, b []byte, status string, toTag, withBody bool, m *msg) []byte {
	b = append(b, "SIP/2.0 "...)
	b = append(b, status...)
	b = append(b, "\r\n"...)
	b = append(b, c.via...)
	b = append(b, "From: "...)
	b = append(b, c.aFrom...)
	b = append(b, "\r\nTo: "...)
	b = append(b, c.aTo...)
	if toTag {
		b = append(b, ";tag="...)
		b = puthex(b, c.id)
	}
	b = append(b, "\r\nCall-ID: "...)
	b = append(b, c.aCallID...)
	b = append(b, "\r\nCSeq: "...)
	b = append(b, c.aCSeq...)
	b = append(b, "\r\n"...)
	if toTag {
		b = append(b, s.myContact...)
	}
	return fin(b, withBody, m)
}

// fin ends a message, with the other leg's headers and body or without.
func fin(b []byte, withBody bool, m *msg) []byte {
	if withBody && len(m.body) > 0 {
		for _, p := range m.pass[:m.npass] {
			b = append(b, p...)
			b = append(b, "\r\n"...)
		}
		b = append(b, "Content-Type: "...)
		b = append(b, m.ctyp...)
		b = append(b, "\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(m.body)), 10)
		b = append(b, "\r\n\r\n"...)
		return append(b, m.body...)
	}
	return append(b, "Content-Length: 0\r\n\r\n"...)
}

// req makes a request of leg B.
func (s *server) req(c *call, b []byte, method string, ruri []byte, kind byte) []byte {
	b = append(b, method...)
	b = append(b, ' ')
	b = append(b, ruri...)
	b = append(b, " SIP/2.0\r\nVia: SIP/2.0/UDP "...)
	b = append(b, s.myAddr...)
	b = append(b, ";branch=z9hG4bK"...)
	b = puthex(b, c.id)
	b = append(b, kind)
	b = append(b, "\r\nFrom: <"...)
	b = append(b, uri(c.aFrom)...)
	b = append(b, ">;tag="...)
	b = puthex(b, c.id)
	b = append(b, "\r\nTo: "...)
	if c.bTo != nil {
		b = append(b, c.bTo...)
	} else {
		b = append(b, c.aTo...)
	}
	b = append(b, "\r\nCall-ID: "...)
	b = puthex(b, c.id)
	b = append(b, "\r\nCSeq: "...)
	b = strconv.AppendUint(b, uint64(c.cseqB), 10)
	b = append(b, ' ')
	b = append(b, method...)
	b = append(b, "\r\nMax-Forwards: 69\r\n"...)
	return append(b, s.myContact...)
}

// wheel has 512 slots of 100 ms; a call may be in it several times.
type wheel struct {
	mu    sync.Mutex
	slots [512][]*call
	pos   int
}

func (w *wheel) add(c *call, ms int) {
	w.mu.Lock()
	i := (w.pos + ms/100 + 1) % 512
	w.slots[i] = append(w.slots[i], c)
	w.mu.Unlock()
}

// turn runs the timers for ever.
func (s *server) turn() {
	w := &s.wheel
	for range time.Tick(100 * time.Millisecond) {
		w.mu.Lock()
		w.pos = (w.pos + 1) % 512
		l := w.slots[w.pos]
		w.slots[w.pos] = nil
		w.mu.Unlock()
		for i, c := range l {
			l[i] = nil
			s.due(c)
		}
	}
}

// due sends again what is not answered; an ended call is kept 32 s to absorb retransmissions.
func (s *server) due(c *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.byeDone && c.rt >= 0:
		c.rt = -1
		s.wheel.add(c, 32000)
	case c.byeDone:
		s.forget(c)
	case c.bye != nil:
		s.send(c.bye, &s.next)
		s.wheel.add(c, 1000)
	case c.inv != nil:
		s.send(c.inv, &s.next)
		s.wheel.add(c, 1000)
	case c.gotFinal && !c.acked:
		s.send(c.last, &c.src)
		s.wheel.add(c, 1000)
	}
}

func hexid(b []byte) (uint64, bool) {
	if len(b) < 16 {
		return 0, false
	}
	var v uint64
	for _, c := range b[:16] {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}

func puthex(b []byte, v uint64) []byte {
	const d = "0123456789abcdef"
	for s := 60; s >= 0; s -= 4 {
		b = append(b, d[v>>s&15])
	}
	return b
}

func fnv(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

func addr(p int) sa {
	a := sa{Family: unix.AF_INET, Addr: [4]byte{127, 0, 0, 1}}
	a.Port = uint16(p>>8) | uint16(p&255)<<8
	return a
}

func uriAddr(u []byte) sa {
	if i := bytes.LastIndexByte(u, ':'); i > 0 {
		n := 0
		for _, c := range u[i+1:] {
			if c < '0' || c > '9' {
				break
			}
			n = n*10 + int(c-'0')
		}
		return addr(n)
	}
	return addr(5060)
}
