package media

import (
	"encoding/binary"
	"time"
)

// Tone sends a key to a port's party as a telephone event (RFC 4733), in the place of what the far party says meanwhile.
// Keys queue.
type Tone struct {
	Port PortID `json:"port"`
	// Key is one of 0 to 9, *, #, A to D, and ! for a flash.
	Key byte `json:"key"`
	// Duration is how long it sounds, 40 ms to 8 s; 0 is 160 ms.
	Duration time.Duration `json:"duration,omitempty"`
	// Type and Clock are those of the party's telephone-event format.
	Type  uint8  `json:"type"`
	Clock uint32 `json:"clock"`
}

const (
	toneStep  = 20 * time.Millisecond // between packets of an event
	toneGap   = 60 * time.Millisecond // between events
	toneLast  = 3                     // packets with the end bit (RFC 4733 2.5.1.4)
	maxTones  = 32
	toneShort = 40 * time.Millisecond
	toneLong  = 8 * time.Second
	toneUsual = 160 * time.Millisecond
	toneLevel = 10 // -10 dBm0
)

// tone is a key that waits or sounds.
type tone struct {
	Tone
	code   byte
	spent  time.Duration
	ends   int
	time   uint32 // when it began, for all its packets (RFC 4733 2.2.2)
	at     int64  // the same in nanoseconds
	begun  bool
	resume time.Duration // silence behind it that is left
}

func (c Tone) apply(r *Relay) {
	p := r.lookup(c.Port)
	code, ok := codeOf(c.Key)
	if p == nil || !ok || p.raw || !p.send {
		return
	}
	t := p.seen()
	if len(t.tones) >= maxTones {
		return
	}
	r.withdraw(p.peer) // what it sends to p stops for the key
	if c.Duration == 0 {
		c.Duration = toneUsual
	}
	c.Duration = min(max(c.Duration, toneShort), toneLong)
	if c.Clock == 0 {
		c.Clock = defaultClock
	}
	t.tones = append(t.tones, tone{Tone: c, code: code, resume: toneGap})
	if th := r.threads[p.thread]; len(t.tones) == 1 {
		th.sounding = append(th.sounding, c.Port)
		th.sound = 1
		th.due.Store(1)
		r.rouse(th)
	}
}

// sound makes the packets of the keys that sound on a thread's ports, one for each; the lock is held.
func (r *Relay) sound(t *thread, now int64, out []delivery) []delivery {
	rest := t.sounding[:0]
	for _, id := range t.sounding {
		p := r.lookup(id)
		if p == nil || len(p.traffic.tones) == 0 {
			continue
		}
		tr := p.traffic
		k := &tr.tones[0]
		if b := k.next(p, now); b != nil {
			if fd, to, ok := p.destination(); ok && p.send {
				tr.sent.add(b)
				r.totals.sent.add(b)
				out = append(out, delivery{data: b, port: p, fd: fd, to: to})
			}
		} else if k.resume -= toneStep; k.resume <= 0 {
			tr.tones = tr.tones[1:]
		}
		if len(tr.tones) > 0 {
			rest = append(rest, id)
		} else {
			tr.tones = nil
		}
	}
	t.sounding = rest
	if len(rest) > 0 {
		t.sound = now + int64(toneStep)
	} else {
		t.sound = 0
	}
	return out
}

// next makes the next packet of a key, nil when it is over.
func (k *tone) next(p *port, now int64) []byte {
	if k.ends >= toneLast {
		return nil
	}
	out := &p.traffic.main.out
	marker := byte(0)
	if !k.begun {
		clock := p.clock
		if p.peer != nil {
			clock = p.peer.clock
		}
		k.begun, k.time, k.at, marker = true, out.clockAt(now, clock), max(now, out.end), 0x80
		out.last = k.time
	}
	if k.spent < k.Duration {
		k.spent = min(k.spent+toneStep, k.Duration)
	}
	end := byte(0)
	if k.spent >= k.Duration {
		end = 0x80
		k.ends++
	}
	b := make([]byte, 0, rtpFixed+4)
	b = binary.BigEndian.AppendUint16(append(b, rtpVersion, marker|k.Type), out.insert(4, k.at))
	out.end = k.at + int64(k.spent)
	b = binary.BigEndian.AppendUint32(b, k.time)
	b = binary.BigEndian.AppendUint32(b, out.ssrc)
	b = append(b, k.code, end|toneLevel)
	return binary.BigEndian.AppendUint16(b, uint16(min(uint64(k.spent)*uint64(k.Clock)/uint64(time.Second), 0xffff)))
}
