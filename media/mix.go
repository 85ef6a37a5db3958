package media

import (
	"fmt"
	"slices"
	"time"

	"github.com/bifrons/bifrons/media/codec"
)

// RoomID names a room of a relay, in which each party hears all others. Who calls Do chooses the numbers.
type RoomID uint64

// Enter brings a port into a room, which is made by the first one and gone with the last; it leaves the room it was in. A
// port whose party speaks a format that is not decoded (AMR), and the 33rd port, get the event Left instead. A player of the
// port is heard by its party alone, in the place of the room.
type Enter struct {
	Port PortID `json:"port"`
	Room RoomID `json:"room"`
}

// Leave takes a port out of its room.
type Leave struct {
	Port PortID `json:"port"`
}

const (
	// maxRoom is how many ports a room has at most.
	maxRoom = 32
	// roundTime is how much speech a room mixes at once.
	roundTime = 20 * time.Millisecond
	// quietRounds is after how long without speech a party has to fill its buffer anew.
	quietRounds = 5
)

// room mixes the speech of its seats. One relay thread does so, that of the first port; it is on that thread's agenda.
type room struct {
	id     RoomID
	rate   int // of the mix: 8000, or 16000 if a party has so much
	seats  []*seat
	thread *thread
	clock  int64 // when the next round is due
	sum    []int32
	out    []int16
}

// seat is a port in a room.
type seat struct {
	room *room
	port PortID

	// What the party says: decoded in the order of timestamps, and a buffer of what is not yet mixed.
	heard   codec.Format
	decoder codec.Decoder
	up      *codec.Resampler // to the room's rate
	shelf   shelf
	said    []int16
	filling bool // waits until there is some
	quiet   int  // rounds without speech
	frame   []int16

	// What it hears.
	spoken  codec.Format
	encoder codec.Encoder
	down    *codec.Resampler // to its rate
	packet  []int16          // what is not yet a packet
	time    uint32
	fresh   bool
}

func (c Enter) apply(r *Relay) {
	p := r.lookup(c.Port)
	if p == nil {
		return
	}
	r.leaveRoom(p)
	m := r.rooms[c.Room]
	why := ""
	switch {
	case p.raw:
		why = "the stream is relayed as it is (SRTP, fax): it cannot be mixed"
	case len(p.formats) == 0:
		why = "the party has no format that is known here"
	case p.speech().Decodable() != nil:
		why = fmt.Sprintf("it cannot be mixed: %v", p.speech().Decodable())
	case m != nil && len(m.seats) >= maxRoom:
		why = fmt.Sprintf("the room is full: it has %d ports", maxRoom)
	}
	if why != "" {
		r.post(p, Event{Kind: Left, Reason: ReasonFailed, Err: why})
		return
	}
	if m == nil {
		m = &room{id: c.Room, rate: 8000, thread: r.threads[p.thread], clock: r.now()}
		if r.rooms == nil {
			r.rooms = map[RoomID]*room{}
		}
		r.rooms[c.Room] = m
		r.schedule(m.thread, due{at: m.clock, room: m})
	}
	r.withdraw(p)
	r.withdraw(p.peer)
	s := &seat{room: m, port: p.id, filling: true, fresh: true}
	p.seen().seat = s
	m.seats = append(m.seats, s)
	r.furnish(m)
}

func (c Leave) apply(r *Relay) {
	if p := r.lookup(c.Port); p != nil {
		r.leaveRoom(p)
	}
}

// leaveRoom takes a port out of its room, if it is in one; the lock is held.
func (r *Relay) leaveRoom(p *port) {
	if p.traffic == nil || p.traffic.seat == nil {
		return
	}
	m := p.traffic.seat.room
	m.seats = slices.DeleteFunc(m.seats, func(s *seat) bool { return s.port == p.id })
	p.traffic.seat = nil
	if len(m.seats) == 0 {
		delete(r.rooms, m.id)
		return
	}
	r.furnish(m)
}

// furnish chooses the rate of a room, and lets every seat see that its converters fit; the lock is held.
func (r *Relay) furnish(m *room) {
	rate := 8000
	for _, s := range m.seats {
		if p := r.lookup(s.port); p != nil && p.speech().SampleRate() >= 16000 {
			rate = 16000
		}
	}
	if rate == m.rate {
		return
	}
	m.rate = rate
	for _, s := range m.seats {
		s.decoder, s.encoder = nil, nil // made anew with the next packet
		s.said, s.packet, s.filling = s.said[:0], s.packet[:0], true
	}
}

// take decodes a packet of what the party says.
func (s *seat) take(f codec.Format, stamp uint32, payload []byte) {
	if s.decoder == nil || f != s.heard {
		d, err := f.NewDecoder()
		if err != nil {
			return
		}
		s.heard, s.decoder, s.up, s.shelf = f, d, codec.NewResampler(f.SampleRate(), s.room.rate), shelf{}
	}
	ticks := uint32(len(payload) / max(f.Rate(), 1))
	s.shelf.put(stamp, payload, ticks, func(gap uint32, data []byte) {
		rate := f.SampleRate()
		if missing := int(gap) * rate / int(f.ClockRate()); missing > 0 && missing <= rate/10 {
			s.said = s.up.Process(s.said, make([]int16, missing))
		}
		s.frame = s.decoder.Decode(s.frame[:0], data)
		s.said = s.up.Process(s.said, s.frame)
	})
	// What has piled up beyond a quarter of a second is dropped: the party's clock is faster than ours.
	if limit := s.room.rate / 4; len(s.said) > limit {
		s.said = append(s.said[:0], s.said[len(s.said)-limit/2:]...)
	}
}

// next returns what the party says in this round, nil if it says nothing.
func (s *seat) next(n int) []int16 {
	// Three packets before it begins: one may be late by two without a gap.
	if s.filling && len(s.said) < 3*n {
		return nil
	}
	s.filling = false
	if len(s.said) < n {
		if s.quiet++; s.quiet > quietRounds {
			s.filling, s.said = true, s.said[:0]
		}
		return nil
	}
	s.quiet = 0
	return s.said[:n]
}

// mix does one round of a room; the lock is held.
func (r *Relay) mix(t *thread, m *room, now int64, out []delivery) []delivery {
	if len(m.seats) == 0 {
		return out
	}
	n := m.rate * int(roundTime/time.Millisecond) / 1000
	m.sum = slices.Grow(m.sum[:0], n)[:n]
	clear(m.sum)
	var saying [maxRoom][]int16
	for i, s := range m.seats {
		saying[i] = s.next(n)
		sum := m.sum[:len(saying[i])]
		for j, v := range saying[i] {
			sum[j] += int32(v)
		}
	}
	m.out = slices.Grow(m.out[:0], n)[:n]
	for i, s := range m.seats {
		if own := saying[i]; own != nil {
			sum, out := m.sum[:len(own)], m.out[:len(own)]
			for j, v := range own {
				out[j] = int16(min(max(sum[j]-int32(v), -32768), 32767))
			}
			s.said = append(s.said[:0], s.said[n:]...)
		} else {
			for j, v := range m.sum {
				m.out[j] = int16(min(max(v, -32768), 32767))
			}
		}
		out = r.hand(t, s, m.out, m.clock, out)
	}
	if now-m.clock > slack {
		r.totals.late++
	}
	if m.clock += int64(roundTime); now-m.clock > late {
		m.clock = now
	}
	r.schedule(t, due{at: m.clock, room: m})
	return out
}

// hand sends a party what it hears, when that is a packet.
func (r *Relay) hand(t *thread, s *seat, pcm []int16, at int64, out []delivery) []delivery {
	p := r.lookup(s.port)
	f := p.speech()
	if s.encoder == nil || f != s.spoken {
		e, err := f.EncoderAfter(p.traffic.spoken)
		if err != nil {
			return out
		}
		s.spoken, s.encoder, s.down, s.packet, s.fresh = f, e, codec.NewResampler(s.room.rate, f.SampleRate()), nil, true
	}
	s.packet = s.down.Process(s.packet, pcm)
	step := f.Packet()
	size := int(int64(step) * int64(f.SampleRate()) / int64(time.Second))
	for ; len(s.packet) >= size; s.packet = append(s.packet[:0], s.packet[size:]...) {
		ticks := span(step, f)
		fd, to, ok := p.destination()
		if tr := p.traffic; !ok || !p.send || len(tr.tones) > 0 || tr.player != nil && !tr.player.idle || s.fresh && at < tr.main.out.end {
			s.fresh = true
			continue
		}
		b := t.parcel.room(rtpFixed + int(ticks)*f.Rate())[:rtpFixed]
		b[0], b[1] = rtpVersion, f.Type
		if s.fresh {
			s.time, s.fresh = p.traffic.main.out.clockAt(at, f.ClockRate()), false
			b[1] |= 0x80
		}
		b = s.encoder.Encode(b, s.packet[:size])
		p.traffic.remember(f, b[rtpFixed:])
		out = append(out, r.depart(p, b, s.time, at, step, fd, to))
		s.time += uint32(ticks)
		r.totals.played++
	}
	return out
}
