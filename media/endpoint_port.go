package media

import "github.com/bifrons/bifrons/media/codec"

// reform takes the formats of a new description; the lock is held.
func (r *Relay) reform(p *port, formats []codec.Format) {
	first := p.speech()
	p.formats = formats
	if t := p.traffic; t != nil && t.recorder != nil {
		t.recorder.formats = formats
	}
	if t := p.traffic; t != nil && t.seat != nil && p.speech() != first {
		if err := p.speech().Decodable(); err != nil {
			r.leaveRoom(p)
			r.post(p, Event{Kind: Left, Reason: ReasonFailed, Err: "it cannot be mixed any more: " + err.Error()})
		} else {
			r.furnish(t.seat.room)
		}
	}
	if t := p.traffic; t != nil && t.player != nil && p.speech() != first {
		r.tune(p)
	}
}

// speech is the format that is spoken to the party; the zero value if there is none.
func (p *port) speech() codec.Format {
	if len(p.formats) == 0 {
		return codec.Format{}
	}
	return p.formats[0]
}

// silence ends what Bifrons itself does on a port that is closed; the lock is held.
func (r *Relay) silence(p *port) {
	if p.traffic == nil {
		return
	}
	if n := p.traffic.player; n != nil {
		r.drop(n)
		p.traffic.player = nil
	}
	if n := p.traffic.recorder; n != nil {
		n.end(ReasonHangup)
		p.traffic.recorder = nil
	}
	r.leaveRoom(p)
}
