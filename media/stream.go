package media

// receiver follows the stream that a party sends (RFC 3550 A.1, A.3, A.8).
type receiver struct {
	ssrc     uint32
	max      uint32 // highest sequence number, extended by the number of wraps
	base     uint32 // the first one
	bad      uint32 // the number that confirms a jump, or noJump
	received uint32
	transit  uint32 // relative transit time of the last packet, in clock ticks
	jitter   uint32 // times 16
	lost     int64  // in earlier streams of this party
	pt       uint8
	started  bool
}

const (
	maxDropout  = 3000
	maxMisorder = -100
	noJump      = 1 << 31
)

// update takes a packet that arrived at the given time in clock ticks and returns its extended sequence number. The
// numbers are continuous over jumps, so that a translation by a difference stays right.
func (r *receiver) update(h *header, arrival uint32) uint32 {
	r.pt = h.pt
	if !r.started || r.ssrc != h.ssrc {
		r.restart(uint32(h.seq), h.ssrc, arrival-h.time)
		return r.max
	}
	d := int32(int16(h.seq - uint16(r.max)))
	ext := r.max + uint32(d)
	switch {
	case d > 0 && d < maxDropout:
		r.max, r.bad = ext, noJump
	case d <= 0 && d > maxMisorder:
	case r.bad == uint32(h.seq): // two in a row: the source has started anew
		r.restart(ext, h.ssrc, arrival-h.time)
		return ext
	default:
		r.bad = uint32(h.seq + 1)
		return ext
	}
	r.received++
	transit := arrival - h.time
	change := int32(transit - r.transit)
	r.transit = transit
	if change < 0 {
		change = -change
	}
	r.jitter += uint32(change) - (r.jitter+8)>>4
	return ext
}

func (r *receiver) restart(ext, ssrc, transit uint32) {
	*r = receiver{ssrc: ssrc, max: ext, base: ext, bad: noJump, received: 1, transit: transit,
		lost: r.missing(), pt: r.pt, started: true}
}

// missing is the number of packets that did not arrive.
func (r *receiver) missing() int64 {
	if !r.started {
		return 0
	}
	return r.lost + int64(r.max-r.base) + 1 - int64(r.received)
}

// sender is the one synchronisation source that a party sees of us: SSRC, numbers and timestamps are our own, whatever
// source is behind it.
type sender struct {
	ssrc    uint32
	source  uint32 // the SSRC that is translated now
	seq     uint32 // to be added to the source's extended sequence numbers
	time    uint32 // to be added to its timestamps
	max     uint32 // highest extended sequence number sent
	last    uint32 // timestamp of that packet
	packets uint32
	octets  uint32
	at      int64 // when that packet was sent, in nanoseconds
	mapped  bool
}

// translate returns sequence number and timestamp to send a packet with. When the source changes, numbers go on by one
// and timestamps by the time that has passed, so that the party sees one unbroken stream.
func (s *sender) translate(h *header, ext uint32, now int64, clock uint32) (seq uint16, time uint32) {
	if !s.mapped || s.source != h.ssrc {
		s.attach(h, ext, now, clock)
	}
	out, time := ext+s.seq, h.time+s.time
	if int32(out-s.max) > 0 {
		s.max, s.last, s.at = out, time, now
	}
	s.packets++
	s.octets += uint32(h.payload)
	return uint16(out), time
}

func (s *sender) attach(h *header, ext uint32, now int64, clock uint32) {
	time := s.last // before the first packet max and last are the random bases
	if s.mapped {
		time += max(1, ticks(now-s.at, clock))
	}
	s.seq, s.time = s.max+1-ext, time-h.time
	s.source, s.mapped = h.ssrc, true
}

// ticks converts nanoseconds to clock ticks.
func ticks(ns int64, clock uint32) uint32 { return uint32(ns / 1000 * int64(clock) / 1e6) }
