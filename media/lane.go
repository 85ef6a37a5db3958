package media

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// maxLanes bounds the synchronisation sources of a port that are carried at once.
const maxLanes = 4

// lane is one synchronisation source each way: what the port's party sends, and what its party is sent. The source of lane
// i of a port leaves by lane i of the port at the other end of the link.
type lane struct {
	in     receiver
	out    sender
	heard  int64
	repair bool // of retransmissions (RFC 4588 4)
}

// replaced is the source that another one has taken the place of.
type replaced struct {
	ssrc uint32
	max  uint32
	at   int64
	is   bool
}

// together is how soon a source that was replaced must be heard again to be one that speaks beside the other.
const together = int64(time.Second)

// laneOf returns the lane of a packet's source, -1 for a late packet of a source that is gone. A new source takes the place
// of the first one, so that the far party hears one stream; if both are heard after that, the older one gets a lane of its
// own. Retransmissions always have one.
func (p *port) laneOf(h *header, kind PayloadKind, now int64) int {
	t := p.traffic
	if kind != PayloadRepair && (!t.main.in.started || t.main.in.ssrc == h.ssrc) {
		return 0
	}
	free, oldest := len(t.more)+1, 0
	for i, l := range t.more {
		if l.in.started && l.in.ssrc == h.ssrc || kind == PayloadRepair && l.repair {
			l.heard = now
			return i + 1
		}
		if oldest == 0 || l.heard < t.more[oldest-1].heard {
			oldest = i + 1
		}
	}
	back := t.gone.is && t.gone.ssrc == h.ssrc && now-t.gone.at < together
	switch {
	case kind == PayloadRepair:
	case back && int16(h.seq-uint16(t.gone.max)) <= 0:
		return -1
	case !back:
		t.gone = replaced{ssrc: t.main.in.ssrc, max: t.main.in.max, at: now, is: true}
		return 0
	}
	n := free
	if n >= maxLanes {
		n = oldest
	}
	l := p.lane(n)
	l.heard, l.repair = now, kind == PayloadRepair
	t.gone.is = false
	return n
}

// lane returns lane n, made on demand.
func (p *port) lane(n int) *lane {
	t := p.seen()
	if n == 0 {
		return &t.main
	}
	for len(t.more) < n {
		s := sha256.Sum256(append(p.seed[:], byte(len(t.more)+1)))
		t.more = append(t.more, &lane{out: seeded(s[:])})
	}
	return t.more[n-1]
}

// seeded makes a sender that begins at random (RFC 3550 5.1).
func seeded(s []byte) sender {
	return sender{ssrc: binary.BigEndian.Uint32(s), max: uint32(binary.BigEndian.Uint16(s[4:])), last: binary.BigEndian.Uint32(s[6:])}
}

// senders returns what the party is sent, lane by lane.
func (t *traffic) senders() (s [maxLanes]*sender) {
	s[0] = &t.main.out
	for i, l := range t.more {
		s[i+1] = &l.out
	}
	return s
}
