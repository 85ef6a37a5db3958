package media

import "github.com/bifrons/bifrons/media/codec"

// spoken is a packet of speech as a recorder gets it.
type spoken struct {
	at   int64  // when it came or was sent, in nanoseconds of the recording
	time uint32 // its timestamp
	from int32  // where its payload lies in the tap's bytes
	size int32
	pt   uint8
	out  bool  // said to the party, not by it
	part uint8 // rises with each pause
}

// tap gathers the speech of a port for its recorder, which fetches it. It is bounded: what a recorder whose disk is slow does
// not fetch in time is lost to it, and nobody waits.
type tap struct {
	packets []spoken
	bytes   []byte
	lost    int
	on      bool  // not paused, and the beep is over
	origin  int64 // when it began, moved on by pauses
	part    uint8
}

// maxTap is some 20 s of two wide-band streams.
const maxTap = 1 << 20

func (t *tap) add(p spoken, payload []byte) {
	if !t.on {
		return
	}
	if len(t.bytes)+len(payload) > maxTap || len(t.packets) >= maxTap/32 {
		t.lost++
		return
	}
	p.at, p.part = max(0, p.at-t.origin), t.part
	p.from, p.size = int32(len(t.bytes)), int32(len(payload))
	t.bytes = append(t.bytes, payload...)
	t.packets = append(t.packets, p)
}

// overhear gives a packet of speech of a port to its recorder, its room and what listens for keys; the lock is held.
func (r *Relay) overhear(p *port, h *header, payload []byte, now int64, d *delivery) {
	t := p.traffic
	if t.recorder != nil {
		t.recorder.tap.add(spoken{at: now, time: h.time, pt: h.pt}, payload)
	}
	if t.ear == nil && t.seat == nil {
		return
	}
	f := p.format(h.pt)
	if f == nil {
		return
	}
	if t.ear != nil {
		t.ear.take(*f, h.time, payload, func(key byte, long int64) { d.key(p, key, long) })
	}
	if t.seat != nil {
		t.seat.take(*f, h.time, payload)
	}
}

// emit gives a packet that a port sends to its recorder; the lock is held.
func (r *Relay) emit(p *port, b []byte, now int64) {
	c := p.traffic.recorder
	if c == nil {
		return
	}
	if h, ok := parseRTP(b); ok {
		c.tap.add(spoken{at: now, time: h.time, pt: h.pt, out: true}, b[h.size:h.size+h.payload])
	}
}

// format returns the port's format of a payload number, nil if there is none.
func (p *port) format(pt uint8) *codec.Format {
	for i := range p.formats {
		if p.formats[i].Type == pt {
			return &p.formats[i]
		}
	}
	return nil
}

// overheard tells whether somebody here needs the packets of a port.
func (t *traffic) overheard() bool { return t.recorder != nil || t.ear != nil || t.seat != nil }
