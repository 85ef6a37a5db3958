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
	clock    uint32 // of the transit time
	lost     int64  // in earlier streams of this party
	before   uint64 // packets expected in earlier streams of this party
	pt       uint8
	started  bool
	wild     bool // the last packet was a jump that nothing has confirmed yet
	broken   bool // its number does not follow the one before, nor that of an earlier jump

	toldExpected uint64 // when the party was last told of its losses
	toldLost     int64
}

const (
	maxDropout  = 3000
	maxMisorder = -100
	noJump      = 1 << 31
)

// update takes a packet that arrived at the given time in ticks of its clock and returns its extended sequence number. The
// numbers are continuous over jumps, so that a translation by a difference stays right. A clock of 0 leaves the jitter
// alone: the timestamps of a telephone event stand still (RFC 4733 2.3).
func (r *receiver) update(h *header, arrival, clock uint32) uint32 {
	was := r.wild
	r.wild, r.broken = false, false
	if !r.started || r.ssrc != h.ssrc {
		r.pt = h.pt
		r.restart(uint32(h.seq), h.ssrc, arrival-h.time, clock)
		return r.max
	}
	d := int32(int16(h.seq - uint16(r.max)))
	ext := r.max + uint32(d)
	switch {
	case d > 0 && d < maxDropout:
		r.max, r.bad, r.broken = ext, noJump, was
	case d <= 0 && d > maxMisorder:
	case r.bad == uint32(h.seq): // two in a row: the source has started anew
		r.restart(ext, h.ssrc, arrival-h.time, clock)
		return ext
	default:
		r.bad = uint32(h.seq + 1)
		r.wild, r.broken = true, true
		return ext
	}
	r.received++
	if clock == 0 {
		return ext
	}
	r.pt = h.pt
	transit := arrival - h.time
	if clock != r.clock { // another codec: its times cannot be compared (RFC 7160 4)
		r.clock, r.transit, r.jitter = clock, transit, 0
		return ext
	}
	change := int32(transit - r.transit)
	r.transit = transit
	if change < 0 {
		change = -change
	}
	r.jitter += uint32(change) - (r.jitter+8)>>4
	return ext
}

func (r *receiver) restart(ext, ssrc, transit, clock uint32) {
	*r = receiver{ssrc: ssrc, max: ext, base: ext, bad: noJump, received: 1, transit: transit, clock: clock,
		lost: r.missing(), before: r.expected(), pt: r.pt, started: true, toldExpected: r.toldExpected, toldLost: r.toldLost}
}

// expected is the number of packets that the party has sent, as its numbers tell.
func (r *receiver) expected() uint64 {
	if !r.started {
		return 0
	}
	return r.before + uint64(r.max-r.base) + 1
}

// missing is the number of packets that did not arrive.
func (r *receiver) missing() int64 {
	if !r.started {
		return 0
	}
	return r.lost + int64(r.max-r.base) + 1 - int64(r.received)
}

// sender is one synchronisation source that a party sees of us: SSRC, numbers and timestamps are our own, whatever source
// is behind it.
type sender struct {
	ssrc    uint32
	source  uint32 // the SSRC that is translated now
	seq     uint32 // to be added to the source's extended sequence numbers
	time    uint32 // to be added to its timestamps
	max     uint32 // highest extended sequence number sent
	last    uint32 // the timestamp sent last
	packets uint32
	octets  uint32
	at      int64 // when that timestamp was sent first, in nanoseconds: a telephone event has one only (RFC 4733 2.2.2)
	end     int64 // when the speech of the packet is over if it was one of ours, else when it was sent
	mapped  bool
	own     bool // the last packet was one of ours
}

// translate returns sequence number and timestamp to send a packet with. When the source changes, numbers go on by one
// and timestamps by the time that has passed, so that the party sees one unbroken stream.
func (s *sender) translate(h *header, ext uint32, now int64, clock uint32) (seq uint16, time uint32) {
	if !s.mapped || s.source != h.ssrc {
		s.attach(h, ext, now, clock)
	}
	out, time := ext+s.seq, h.time+s.time
	if s.own { // the source's clock may be behind ours
		s.own = false
		if back := s.last + max(1, ticks(s.end-s.at, clock)) - time; int32(back) > 0 {
			s.time += back
			time += back
		}
	}
	if int32(out-s.max) > 0 {
		if s.at == 0 || time != s.last {
			s.last, s.at = time, now
		}
		s.max, s.end = out, now
	}
	s.packets++
	s.octets += uint32(h.payload)
	return uint16(out), time
}

func (s *sender) attach(h *header, ext uint32, now int64, clock uint32) {
	s.seq, s.time = s.max+1-ext, s.clockAt(now, clock)-h.time
	s.source, s.mapped = h.ssrc, true
}

// clockAt is the timestamp of what would be sent now: not before the speech of ours is over that was sent last.
func (s *sender) clockAt(now int64, clock uint32) uint32 {
	if s.at == 0 {
		return s.last // before the first packet max and last are the random bases
	}
	return s.last + max(1, ticks(max(now, s.end)-s.at, clock))
}

// skip leaves a packet of the source out: what follows closes up.
func (s *sender) skip(h *header) {
	if s.mapped && s.source == h.ssrc {
		s.seq--
	}
}

// insert takes the next number for a packet of our own whose timestamp is that of a time.
func (s *sender) insert(payload int, at int64) uint16 {
	s.max++
	s.seq++
	s.packets++
	s.octets += uint32(payload)
	s.at, s.end, s.own = at, at, true
	return uint16(s.max)
}

// ticks converts nanoseconds to clock ticks.
func ticks(ns int64, clock uint32) uint32 { return uint32(ns / 1000 * int64(clock) / 1e6) }
