package media

import (
	"time"

	"github.com/bifrons/bifrons/media/codec"
	dtmf "github.com/bifrons/bifrons/media/tone"
)

// ear listens for keys in what a party says.
type ear struct {
	format   codec.Format
	decoder  codec.Decoder
	detector *dtmf.Detector
	queue    shelf
	pcm      []int16
}

func (c Listen) apply(r *Relay) {
	p := r.lookup(c.Port)
	if p == nil || p.traffic == nil && !c.InBand {
		return
	}
	switch t := p.seen(); {
	case !c.InBand:
		t.ear = nil
	case t.ear == nil && !p.raw:
		r.withdraw(p)
		t.ear = &ear{}
	}
}

// take hears a packet and tells of keys with their length in nanoseconds.
func (e *ear) take(f codec.Format, stamp uint32, payload []byte, found func(key byte, long int64)) {
	if f != e.format {
		*e = ear{format: f}
		d, err := f.NewDecoder()
		if err != nil {
			return // AMR: not searched
		}
		e.decoder, e.detector = d, dtmf.NewDetector(f.SampleRate())

	}
	if e.decoder == nil || len(payload) == 0 {
		return
	}
	heard := func(key byte, long time.Duration) { found(key, int64(long)) }
	e.queue.put(stamp, payload, uint32(len(payload)/max(f.Rate(), 1)), func(gap uint32, data []byte) {
		if gap > 0 {
			e.detector.Skip(int(gap)*f.SampleRate()/int(f.ClockRate()), heard)
		}
		e.pcm = e.decoder.Decode(e.pcm[:0], data)
		e.detector.Hear(e.pcm, heard)
	})
}

// key tells of a key that was heard.
func (d *delivery) key(p *port, key byte, long int64) {
	d.events = append(d.events, Event{Call: p.call, Port: p.id, Kind: Digit, Key: key, Duration: time.Duration(long), InBand: true})
}

// shelf puts packets in the order of their timestamps. One that is early waits for those before it until three more have come.
type shelf struct {
	packets []shelved
	next    uint32 // the timestamp that is wanted

	begun bool
}

type shelved struct {
	time  uint32
	ticks uint32
	data  []byte
}

const (
	maxShelf = 3
	maxGap   = 8000 * 60 // a longer one is a new stream
)

// put takes a packet and calls use for each that is due, with how many ticks are missing before it.
func (s *shelf) put(time uint32, data []byte, ticks uint32, use func(gap uint32, data []byte)) {
	late := int32(time - s.next)
	if !s.begun || late > maxGap || late < -maxGap {
		for len(s.packets) > 0 {
			s.use(0, use)
		}
		s.next, s.begun, late = time, true, 0
	}
	switch {
	case late < 0:
		return // its place is taken
	case late == 0:
		use(0, data)
		s.next = time + ticks
	default:
		s.packets = append(s.packets, shelved{time, ticks, append([]byte(nil), data...)})
	}
	for {
		i := s.first()
		if i < 0 || s.packets[i].time != s.next && len(s.packets) <= maxShelf {
			return
		}
		s.use(i, use)
	}
}

// first is the earliest packet on the shelf, -1 if there is none.
func (s *shelf) first() int {
	best := -1
	for i := range s.packets {
		if best < 0 || int32(s.packets[i].time-s.packets[best].time) < 0 {
			best = i
		}
	}
	return best
}

func (s *shelf) use(i int, use func(uint32, []byte)) {
	p := s.packets[i]
	s.packets = append(s.packets[:i], s.packets[i+1:]...)
	if gap := int32(p.time - s.next); gap >= 0 {
		use(uint32(gap), p.data)
		s.next = p.time + p.ticks
	}
}
