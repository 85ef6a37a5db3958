package media

import (
	"net/netip"

	"github.com/bifrons/bifrons/media/codec"
)

// port is the state of one open port. What it needs only with traffic is kept apart, so that a held call is small.
type port struct {
	id       PortID
	call     uint64
	local    netip.AddrPort
	rtp      netip.AddrPort // signalled
	rtcp     netip.AddrPort
	peer     *port
	traffic  *traffic
	payloads []Payload
	formats  []codec.Format
	heard    int64 // when the party was last heard, or when it was last told to speak
	relatch  int64 // until when the old source is not believed
	clock    uint32
	fd       [3]int32 // by socket; -1 if there is none
	thread   uint16
	leg      uint8
	dscp     uint8
	seed     [seedLen]byte
	latch    Latch
	known    bool // there was a Remote
	mux      bool
	quiet    bool // it wants no RTCP
	send     bool
	receive  bool
	strip    bool // of the link
	raw      bool // of the link
	silent   bool // the event was posted
	watched  bool // its unconnected sockets are in its thread's set
}

// socket tells which of a port's sockets a packet came in by.
type socket uint8

const (
	sockRTP  socket = iota // unconnected: the party before it is latched, then strangers
	sockRTCP               // unconnected
	sockPeer               // connected to the latched source
)

// A seed is an SSRC, a sequence number and a timestamp.
const seedLen = 4 + 2 + 4

// traffic is what a port has seen and sent; it is made with the first packet.
type traffic struct {
	latched      netip.AddrPort // where the party sends RTP from
	conn         netip.AddrPort // what sockPeer is connected to
	rtcpFrom     netip.AddrPort // where it sends RTCP from
	main         lane
	more         []*lane
	gone         replaced
	suitor       suitor
	received     Flow
	sent         Flow
	rtcpReceived uint32
	rtcpSent     uint32
	strays       uint32
	dropped      Dropped
	far          far
	digit        digit
	tones        []tone
	player       *player
	spoken       []byte // what was played last, if that counts for what comes next (codec.Format.After)
	seat         *seat  // in a room
	recorder     *recorder
	ear          *ear
	path         *path // its stream is forwarded elsewhere
	asked        asked // of our sender report
	theirs       asked // of the party's
	report       int64 // when RTCP of our own is due
	heard        *hearsay
}

// seen returns the port's traffic, made on demand.
func (p *port) seen() *traffic {
	if p.traffic == nil {
		p.traffic = &traffic{main: lane{out: seeded(p.seed[:])}}
	}
	return p.traffic
}

// payload returns what is to be done with a payload type, nil if it passes as it is.
func (p *port) payload(pt uint8) *Payload {
	for i := range p.payloads {
		if p.payloads[i].Type == pt {
			return &p.payloads[i]
		}
	}
	return nil
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
	r.withdraw(p)
	r.withdraw(p.peer)
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
	p.known, p.mux, p.quiet, p.latch, p.payloads = true, c.Mux, c.Quiet, c.Latch, c.Payloads
	p.send, p.receive = c.Send && usable(c.RTP), c.Receive
	p.heard, p.silent = r.now(), false
	r.reform(p, c.Formats)
}

const defaultClock = 8000

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func (c Join) apply(r *Relay) {
	a, b := r.lookup(c.A), r.lookup(c.B)
	if a == nil || b == nil || a == b {
		return
	}
	r.part(a)
	r.part(b)
	a.peer, b.peer = b, a
	a.strip, b.strip = c.StripExtensions, c.StripExtensions
	a.raw, b.raw = c.Raw, c.Raw
}

func (c Part) apply(r *Relay) {
	if a, b := r.lookup(c.A), r.lookup(c.B); a != nil && b != nil && a.peer == b {
		r.part(a)
	}
}

func (r *Relay) part(p *port) {
	if q := p.peer; q != nil {
		r.withdraw(p)
		r.withdraw(q)
		p.peer, q.peer = nil, nil
		p.raw, q.raw = false, false
	}
}
