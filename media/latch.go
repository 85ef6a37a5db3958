package media

import (
	"net/netip"
	"slices"
	"time"
)

// Latch is how a port learns where its party sends from.
type Latch uint8

const (
	// LatchOnce believes the first valid packet; later only the signalled address may take its place.
	LatchOnce Latch = iota
	// LatchStrict believes the signalled address only, for networks without address translation.
	LatchStrict
	// LatchAgain is as LatchOnce, and when the latched source has fallen silent, another one is believed: it must have a
	// new SSRC, or carry the stream on where it stopped. One from the signalled or the latched host is believed sooner.
	LatchAgain
)

var latchNames = [...]string{"latch-once", "strict", "relatch"}

// String returns the name of the policy.
func (l Latch) String() string {
	if int(l) < len(latchNames) {
		return latchNames[l]
	}
	return "unknown"
}

// LatchNamed returns the policy of that name.
func LatchNamed(name string) (Latch, bool) {
	i := slices.Index(latchNames[:], name)
	return Latch(max(i, 0)), i >= 0
}

const (
	// relatchPause is how long the old source is not believed after a party has announced a new address: its last packets
	// are still on the way.
	relatchPause = int64(time.Second)
	// quietNear and quietFar are how long a latched source must have been silent before LatchAgain believes another one:
	// one on the signalled or the latched host, a phone that has a new port behind address translation, and any other.
	quietNear = int64(300 * time.Millisecond)
	quietFar  = int64(2 * time.Second)
	// probation is how many packets of one stream in a row a source elsewhere must send before it is believed.
	probation = 4
)

// suitor is a source that may take the place of a silent one.
type suitor struct {
	from netip.AddrPort
	ssrc uint32
	next uint16
	n    uint8
}

// admits tells whether a source that is not the latched one may become it. The signalled address always may: nobody else
// gets packets back from there. h is the packet's header, nil on a raw link.
func (p *port) admits(from netip.AddrPort, h *header, now int64) bool {
	t := p.traffic
	switch {
	case from == p.rtp:
		return true
	case p.latch == LatchStrict:
		return false
	case !t.latched.IsValid():
		return from != t.conn || now >= p.relatch
	case p.latch != LatchAgain || !p.receive:
		return false
	}
	fits := h == nil || !t.main.in.started || h.ssrc != t.main.in.ssrc || t.main.in.continues(h)
	quiet := now - p.heard
	if a := from.Addr(); a == p.rtp.Addr() || a == t.latched.Addr() {
		return fits && quiet >= quietNear
	}
	if !fits || quiet < quietFar {
		t.suitor = suitor{}
		return false
	}
	return t.suitor.courts(from, h)
}

// courts counts packets in a row of one source.
func (s *suitor) courts(from netip.AddrPort, h *header) bool {
	if h == nil {
		h = &header{seq: s.next}
	}
	if s.n == 0 || s.from != from || s.ssrc != h.ssrc || s.next != h.seq {
		*s = suitor{from: from, ssrc: h.ssrc}
	}
	s.n++
	s.next = h.seq + 1
	return s.n >= probation
}

// continues tells whether a packet is one of the next of the stream.
func (r *receiver) continues(h *header) bool {
	d := int16(h.seq - uint16(r.max))
	return d > 0 && d < maxDropout
}

// admitsRTCP tells whether RTCP from there is the party's: from the signalled address, or from the host that is latched.
func (p *port) admitsRTCP(from netip.AddrPort) bool {
	if from == p.rtcp {
		return true
	}
	l := p.traffic.latched
	return p.latch != LatchStrict && l.IsValid() && l.Addr() == from.Addr()
}
