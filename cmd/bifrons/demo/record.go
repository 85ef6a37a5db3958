package demo

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Message is one SIP datagram as it passed a phone's socket.
type Message struct {
	At     time.Time
	Sent   bool // by the phone; otherwise received
	Remote netip.AddrPort
	Raw    []byte
}

// recorder is the phone's SIP socket; it keeps a copy of all that passes.
type recorder struct {
	net.PacketConn
	mu       sync.Mutex
	messages []Message
}

// ReadFrom reads one datagram and records it.
func (r *recorder) ReadFrom(b []byte) (int, net.Addr, error) {
	n, addr, err := r.PacketConn.ReadFrom(b)
	if err == nil {
		r.add(false, addr, b[:n])
	}
	return n, addr, err
}

// WriteTo records one datagram and sends it. It records first: otherwise the
// answer could be recorded before what it answers.
func (r *recorder) WriteTo(b []byte, addr net.Addr) (int, error) {
	r.add(true, addr, b)
	return r.PacketConn.WriteTo(b, addr)
}

func (r *recorder) add(sent bool, addr net.Addr, b []byte) {
	at := time.Now()
	if len(b) <= 4 {
		return // RFC 5626 3.5.1: a keep-alive is no message
	}
	m := Message{At: at, Sent: sent, Raw: slices.Clone(b)}
	if udp, ok := addr.(*net.UDPAddr); ok {
		ap := udp.AddrPort()
		m.Remote = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, m)
}

// all returns what has passed so far, in order.
func (r *recorder) all() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages)
}
