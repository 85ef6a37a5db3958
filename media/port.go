package media

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// relatchPause is how long the old source is not believed after a party has announced a new address: its last packets are
// still on the way.
const relatchPause = int64(time.Second)

// port is the state of one open port. What it needs only with traffic is kept apart, so that a held call is small.
type port struct {
	id      PortID
	call    uint64
	local   netip.AddrPort
	rtp     netip.AddrPort // signalled
	rtcp    netip.AddrPort
	peer    *port
	traffic *traffic
	heard   int64 // when the party was last heard, or when it was last told to speak
	relatch int64 // until when the old source is not believed
	clock   uint32
	fd      [3]int32 // by socket; -1 if there is none
	thread  uint16
	seed    [seedLen]byte
	known   bool // there was a Remote
	mux     bool
	send    bool
	receive bool
	strict  bool
	strip   bool // of the link
	raw     bool // of the link
	silent  bool // the event was posted
}

// socket tells which of a port's sockets a packet came in by.
type socket uint8

const (
	sockRTP  socket = iota // unconnected: the party before it is latched, then strangers
	sockRTCP               // unconnected
	sockPeer               // connected to the latched source
)

const seedLen = 4 + 2 + 4 + cnameLen

// traffic is what a port has seen and sent; it is made with the first packet.
type traffic struct {
	latched      netip.AddrPort // where the party sends RTP from
	conn         netip.AddrPort // what sockPeer is connected to
	rtcpFrom     netip.AddrPort // where it sends RTCP from
	in           receiver
	out          sender
	received     Flow
	sent         Flow
	rtcpReceived uint32
	rtcpSent     uint32
	strays       uint32
	dropped      Dropped
	cname        [cnameLen]byte
}

// seen returns the port's traffic, made on demand. SSRC, sequence number and timestamp begin at random (RFC 3550 5.1).
func (p *port) seen() *traffic {
	if p.traffic == nil {
		s := p.seed[:]
		p.traffic = &traffic{cname: [cnameLen]byte(s[10:]), out: sender{
			ssrc: binary.BigEndian.Uint32(s), max: uint32(binary.BigEndian.Uint16(s[4:])), last: binary.BigEndian.Uint32(s[6:]),
		}}
	}
	return p.traffic
}

func (p *port) stats() Stats {
	t := p.traffic
	if t == nil {
		return Stats{}
	}
	return Stats{
		Received: t.received, Sent: t.sent, RTCPReceived: t.rtcpReceived, RTCPSent: t.rtcpSent, Strays: t.strays,
		Dropped: t.dropped, Lost: t.in.missing(), Jitter: t.in.jitter >> 4, SSRC: t.in.ssrc, PayloadType: t.in.pt,
		Latched: t.latched,
	}
}

// admits tells whether a source that is not the latched one may become it. The signalled address always may: nobody else
// gets packets back from there. Any other may only be the first.
func (p *port) admits(from netip.AddrPort, now int64) bool {
	switch {
	case from == p.rtp:
		return true
	case p.strict || p.traffic.latched.IsValid():
		return false
	}
	return from != p.traffic.conn || now >= p.relatch
}

// admitsRTCP tells whether RTCP from there is the party's: from the signalled address, or from the host that is latched.
func (p *port) admitsRTCP(from netip.AddrPort) bool {
	if from == p.rtcp {
		return true
	}
	l := p.traffic.latched
	return !p.strict && l.IsValid() && l.Addr() == from.Addr()
}

// destination returns where RTP goes and the socket to use; to is the zero value on a connected socket.
func (p *port) destination() (fd int32, to netip.AddrPort, ok bool) {
	if t := p.traffic; t != nil && t.latched.IsValid() {
		if p.fd[sockPeer] >= 0 && t.conn == t.latched {
			return p.fd[sockPeer], netip.AddrPort{}, true
		}
		return p.fd[sockRTP], t.latched, true
	}
	return p.fd[sockRTP], p.rtp, p.rtp.IsValid()
}

// rtcpDestination does the same for RTCP.
func (p *port) rtcpDestination() (fd int32, to netip.AddrPort, ok bool) {
	if p.mux {
		return p.destination()
	}
	fd, to = p.fd[sockRTCP], p.rtcp
	if t := p.traffic; t != nil {
		switch l := t.latched; {
		case t.rtcpFrom.IsValid():
			to = t.rtcpFrom
		case l.IsValid() && l != p.rtp && l.Port() < 65535: // behind address translation: guess (RFC 3550 11)
			to = netip.AddrPortFrom(l.Addr(), l.Port()+1)
		}
	}
	return fd, to, to.IsValid()
}

// usable tells whether packets can be sent to a signalled address; the null address of a hold is none.
func usable(a netip.AddrPort) bool {
	return a.IsValid() && a.Port() != 0 && !a.Addr().IsUnspecified() && !a.Addr().IsMulticast()
}

func (c Remote) apply(r *Relay) {
	p := r.lookup(c.Port)
	if p == nil {
		return
	}
	// A null address (a hold) leaves the old one and its latch in place for the resume.
	if rtp := unmap(c.RTP); usable(rtp) && rtp != p.rtp {
		if p.rtp.IsValid() && p.traffic != nil {
			p.traffic.latched, p.traffic.rtcpFrom = netip.AddrPort{}, netip.AddrPort{}
			p.relatch = r.now() + relatchPause
		}
		p.rtp = rtp
	}
	if rtcp := unmap(c.RTCP); usable(rtcp) {
		p.rtcp = rtcp
	}
	p.clock = c.Clock
	if p.clock == 0 {
		p.clock = defaultClock
	}
	p.known, p.mux, p.strict = true, c.Mux, c.Strict
	p.send, p.receive = c.Send && usable(c.RTP), c.Receive
	p.heard, p.silent = r.now(), false
}

const defaultClock = 8000

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func (c Join) apply(r *Relay) {
	a, b := r.lookup(c.A), r.lookup(c.B)
	if a == nil || b == nil || a == b {
		return
	}
	a.part()
	b.part()
	a.peer, b.peer = b, a
	a.strip, b.strip = c.StripExtensions, c.StripExtensions
	a.raw, b.raw = c.Raw, c.Raw
}

func (c Part) apply(r *Relay) {
	if a, b := r.lookup(c.A), r.lookup(c.B); a != nil && b != nil && a.peer == b {
		a.part()
	}
}

func (p *port) part() {
	if q := p.peer; q != nil {
		p.peer, q.peer = nil, nil
		p.raw, q.raw = false, false
	}
}
