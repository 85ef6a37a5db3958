package b2bua

import (
	"slices"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/sdp"
)

// What the relay is told of a party's payload types, and what it tells of the party.

// renumber decides under which numbers the other party sees the payload types of a description, and what becomes of its
// telephone events.
func renumber(s *sdp.Session, fl *Leg, from *Dialog, tl *Leg, to *Dialog, answer bool) (numbers [][]sdp.Change, events []sdp.Events) {
	for i := range s.Media {
		m := &s.Media[i]
		theirs, own, shown := from.Offer.Pending[i].Payloads, to.Offer.own(i, answer), to.Offer.shown(i)
		e := edit(m, fl, tl, theirs, own, shown, answer)
		if e != (sdp.Events{}) {
			if events == nil {
				events = make([]sdp.Events, len(s.Media))
			}
			events[i] = e
			if e.Drop {
				theirs = speechOnly(theirs)
			}
		}
		if len(theirs) == 0 && e.Add == 0 {
			continue
		}
		now, changes := sdp.Show(shown, theirs, own, answer)
		if e.Add != 0 {
			now = append(now[:len(now):len(now)], sdp.EventPayload(e.Add, e.Clock))
		}
		for len(to.Offer.Shown) <= i {
			to.Offer.Shown = append(to.Offer.Shown, nil)
		}
		to.Offer.Shown[i] = now
		if len(changes) > 0 {
			if numbers == nil {
				numbers = make([][]sdp.Change, len(s.Media))
			}
			numbers[i] = changes
		}
	}
	return numbers, events
}

// own returns the payload types that the party itself has described: in the exchange that an answer closes, else last.
func (o *offer) own(i int, answer bool) []sdp.Payload {
	if answer && o.Pending != nil {
		if i < len(o.Pending) {
			return o.Pending[i].Payloads
		}
		return nil
	}
	return o.stream(i).Payloads
}

func (o *offer) shown(i int) []sdp.Payload {
	if i < len(o.Shown) {
		return o.Shown[i]
	}
	return nil
}

// cloneAll copies what a party was shown, for a fork that goes its own way.
func cloneAll(shown [][]sdp.Payload) (out [][]sdp.Payload) {
	for _, s := range shown {
		out = append(out, slices.Clone(s))
	}
	return out
}

func speechOnly(list []sdp.Payload) (out []sdp.Payload) {
	for _, p := range list {
		if p.Format != sdp.FormatEvent {
			out = append(out, p)
		}
	}
	return out
}

// remote tells the relay of a party: s is what it described, t what the party at the other end of the link did, shown what
// it was shown.
func (l *Leg) remote(i int, s, t stream, shown []sdp.Payload, other *Leg) media.Remote {
	r := media.Remote{Port: l.Ports[i].ID, RTP: s.RTP, RTCP: s.RTCP, Clock: s.Clock, Mux: s.Mux, Quiet: s.Quiet, Send: s.Send,
		Receive: s.Receive, Latch: l.side.MediaLatch, Formats: s.Formats}
	r.Send = s.heard(l)
	if l.Own && len(r.Formats) > 1 { // the others were not answered
		r.Formats = r.Formats[:1:1]
	}
	stop := other != nil && other.keysByInfo(t)
	for _, p := range sdp.Routes(shown, s.Payloads, t.Payloads, s.Clock) {
		r.Payloads = append(r.Payloads, media.Payload{Type: p.PT, To: p.To, Kind: media.PayloadKind(p.Format), Clock: p.Clock, ToClock: p.ToClock,
			Stop: stop && p.Format == sdp.FormatEvent})
	}
	return r
}

// heard tells that a leg's party can hear what is sent to it.
func (s *stream) heard(l *Leg) bool { return s.Send && !(s.Unready && l.Phase == Trying) }

// MediaEvent takes news of the relay; it only posts.
func (s *Server) MediaEvent(e media.Event) {
	if c := s.find(e.Call); c != nil {
		c.srv.post(c, event{order: func(c *Call) { c.mediaNews(e) }})
	}
}

// mediaNews tells the Apps what happened on a leg's port.
func (c *Call) mediaNews(e media.Event) {
	if c.Cause != nil || len(c.Chain) == 0 && e.Kind != media.Digit {
		return
	}
	for _, l := range c.Legs {
		for _, p := range l.Ports {
			if p.ID != e.Port || p.ID == 0 {
				continue
			}
			switch e.Kind {
			case media.Played, media.Recorded:
				c.mediaEnded(l, e)
			case media.Left:
				c.left(l, e.Err)
			case media.Pressed:
				c.keyDown(l, e.Key)
			case media.Digit:
				by := byRTP
				if e.InBand {
					by = byTone
				}
				c.digit(l, Digit{Leg: int(l.Slot), Key: string(rune(e.Key)), Duration: e.Duration, By: by})
			default:
				c.offer(Walk{Event: MediaNews{Leg: int(l.Slot), Kind: e.Kind.String()}, Leg: l.Slot, Branch: c.branchOf(l), Up: l.Slot != 0})
			}
			return
		}
	}
}
