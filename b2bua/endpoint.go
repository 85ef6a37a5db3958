package b2bua

import (
	"errors"
	"slices"
	"time"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/codec"
)

// Endpoint is what Bifrons itself does at a leg's media: it speaks to the party, listens for its keys, records. It is plain
// data, there since the first effect that needs it.
type Endpoint struct {
	Last      uint32 // number of the last player or recorder
	Player    *Playing
	Collector *Collecting
	Recorder  *Recording
	Sender    *Sending
	Ahead     []byte    // keys pressed since the last collection
	Reports   []pressed // of keys, lately
}

// Owner is the App that asked for something: it alone gets the event that ends it.
type Owner struct{ App, Branch uint8 }

// orphan is the App of an owner that is no longer in the chain.
const orphan = 255

func (c *Call) owner(w *Walk) Owner { return Owner{uint8(w.At), c.home(uint8(w.At), w.Branch)} }

// Errors of effects that do not fit.
var (
	errNoLeg     = errors.New("there is no such leg")
	errOver      = errors.New("the leg is over")
	errNoSpeech  = errors.New("nothing has been agreed on that could be spoken to the party")
	errNoMedia   = errors.New("media is not anchored")
	errNoOffer   = errors.New("the caller has offered nothing yet")
	errUnnatural = errors.New("the effect asks for something that does not exist")
)

// speaker is a Media that can be the end of speech by itself; one that cannot is taken to speak G.711.
type speaker interface {
	Speaks(codec.Format) error
}

// speaks tells why Bifrons cannot say anything in a format, nil if it can say something.
func (s *Server) speaks(f codec.Format) error {
	if err := s.saysAll(f); !errors.Is(err, codec.ErrPartly) {
		return err
	}
	return nil
}

// saysAll tells why Bifrons cannot say everything in a format: codec.ErrPartly if it can say something.
func (s *Server) saysAll(f codec.Format) error {
	if sp, ok := s.cfg.Media.(speaker); ok {
		return sp.Speaks(f)
	}
	if f.Codec == codec.PCMA || f.Codec == codec.PCMU {
		return nil
	}
	return codec.ErrUnknown
}

// at returns the leg of an effect, answered early by Bifrons itself if nobody has, and its endpoint.
func (c *Call) at(slot int) (*Leg, *Endpoint, error) {
	if slot < 0 || slot >= len(c.Legs) {
		return nil, nil, errNoLeg
	}
	l := c.Legs[slot]
	switch {
	case l.Phase == Over:
		return nil, nil, errOver
	case c.srv.cfg.Media == nil || !c.srv.cfg.Anchor && !l.Own:
		if l.Phase != Trying || l.Slot != 0 || c.srv.cfg.Media == nil {
			return nil, nil, errNoMedia
		}
	}
	if l.speech() == nil {
		if l.Phase != Trying || l.Slot != 0 {
			return nil, nil, errNoSpeech
		}
		if err := c.answerEarly(183, nil); err != nil {
			return nil, nil, err
		}
	}
	return l, l.endpoint(), nil
}

// endpoint returns the leg's endpoint, made on demand.
func (l *Leg) endpoint() *Endpoint {
	if l.End == nil {
		l.End = &Endpoint{}
	}
	return l.End
}

// line is an m-line of speech that has been agreed on with a party.
type line struct {
	port media.PortID
	stream
}

// speech returns the first m-line in which something can be spoken to a leg's party, nil if there is none: of the confirmed
// dialog, else of the early one with Bifrons' own answer, else of any.
func (l *Leg) speech() *line {
	var found *line
	for _, d := range l.Dialogs {
		for i, s := range d.Offer.Theirs {
			if len(s.Formats) == 0 || i >= len(l.Ports) || l.Ports[i].ID == 0 || found != nil && !d.Own && !d.Confirmed {
				continue
			}
			found = &line{l.Ports[i].ID, s}
			break
		}
	}
	return found
}

// do gives the relay a command.
func (c *Call) do(cmd media.Command) { c.srv.cfg.Media.Do(cmd) }

// tell gives the owner of an effect its event, at the end of the step: what it asks for then finds the call as it is.
func (c *Call) tell(o Owner, l *Leg, ev Event) {
	if o.App != orphan && c.Cause == nil {
		c.told = append(c.told, Walk{Event: ev, Leg: l.Slot, Branch: o.Branch, At: int8(o.App)})
	}
}

// maxTold bounds the events that effects bring forth within one step: an App that asks again and again for what cannot be
// had would never end it.
const maxTold = 64

// deliver gives the Apps what tell has kept for them.
func (c *Call) deliver() {
	for n := 0; len(c.told) > 0; n++ {
		w := c.told[0]
		c.told = c.told[1:]
		switch {
		case c.Cause != nil:
			c.told = nil
		case n == maxTold:
			c.end(Cause{Status: 500, By: ByBifrons, Text: "application " + c.Chain[w.At].Name + " asks in vain for ever"})
		default:
			c.setOut(w)
		}
	}
	c.told = nil
}

// private tells that an event is for the App alone that it names, and not on its way through the chain.
func private(ev Event) bool {
	switch ev.(type) {
	case Timer, Played, Collected, Recorded, Sent, Connected:
		return true
	}
	return false
}

// disown ends what Apps from an index on had asked for: they leave the chain.
func (c *Call) disown(from int) {
	left := func(o *Owner) bool { return o.App != orphan && int(o.App) >= from }
	for _, l := range c.Legs {
		if l.End == nil {
			continue
		}
		if p := l.End.Player; p != nil && left(&p.Owner) {
			c.stopPlayer(l)
		}
		if k := l.End.Collector; k != nil && left(&k.Owner) {
			l.End.Collector = nil
		}
		if s := l.End.Sender; s != nil && left(&s.Owner) {
			l.End.Sender = nil
		}
		if r := l.End.Recorder; r != nil && left(&r.Owner) {
			c.stopRecorder(l)
			r.App = orphan
		}
	}
	c.told = slices.DeleteFunc(c.told, func(w Walk) bool { return int(w.At) >= from })
}

// busy tells that an effect goes on at the endpoint, whose end an App waits for.
func (e *Endpoint) busy() bool {
	return e != nil && (e.Player != nil || e.Collector != nil || e.Recorder != nil || e.Sender != nil)
}

// due returns the endpoint's next deadline, 0 for none.
func (e *Endpoint) due() (due time.Duration) {
	if e == nil {
		return 0
	}
	if k := e.Collector; k != nil {
		due = k.due()
	}
	if s := e.Sender; s != nil && (due == 0 || s.At < due) {
		due = s.At
	}
	return due
}

// endpointDue does what is due.
func (c *Call) endpointDue(l *Leg, now time.Duration) {
	e := l.End
	if k := e.Collector; k != nil {
		if due := k.due(); due > 0 && now >= due {
			c.pause(l)
		}
	}
	if s := e.Sender; s != nil && now >= s.At {
		c.sendNext(l)
	}
}

// shift moves the endpoint's times into another clock.
func (e *Endpoint) shift(by time.Duration, deadline func(*time.Duration)) {
	if e == nil {
		return
	}
	if p := e.Player; p != nil && p.Since != 0 {
		p.Since += by
	}
	if r := e.Recorder; r != nil && r.Since != 0 {
		r.Since += by
	}
	if k := e.Collector; k != nil {
		deadline(&k.Until)
		deadline(&k.Limit)
	}
	if s := e.Sender; s != nil {
		deadline(&s.At)
	}
	for i := range e.Reports {
		e.Reports[i].At += by
	}
}

// resumeEndpoint tells another relay what the endpoint does.
func (c *Call) resumeEndpoint(l *Leg) {
	e, s := l.End, l.speech()
	if e == nil || s == nil {
		return
	}
	if c.keysInBand(l, s) {
		c.do(media.Listen{Port: s.port, InBand: true})
	}
	if p := e.Player; p != nil {
		c.startPlayer(l, s, p)
	}
	if r := e.Recorder; r != nil {
		c.continueRecorder(l, s, r)
	}
}

// closeEndpoint ends what goes on at a leg that is over while the call goes on; the call's end is told by Ended.
func (c *Call) closeEndpoint(l *Leg) {
	e := l.End
	if e == nil {
		return
	}
	c.stopPlayer(l)
	c.stopCollector(l)
	c.stopSender(l)
	if r := e.Recorder; r != nil {
		e.Recorder = nil
		c.tell(r.Owner, l, r.ended(media.ReasonHangup.String(), "", c.srv.now()))
	}
	l.End = nil
}

// mediaEnded takes the end of a player or recorder from the relay.
func (c *Call) mediaEnded(l *Leg, ev media.Event) {
	e := l.End
	if e == nil {
		return
	}
	switch ev.Kind {
	case media.Played:
		if p := e.Player; p != nil && p.ID == ev.ID {
			e.Player = nil
			if ev.Err != "" {
				c.srv.log.Warn("not played as asked", "call", c.ID, "leg", l.Slot, "err", ev.Err)
			}
			c.ended(l, p, ev.Reason.String(), ev.Err, ev.Duration)
		}
	case media.Recorded:
		if r := e.Recorder; r != nil && r.ID == ev.ID {
			e.Recorder = nil
			if ev.Path != "" && len(r.Files) > 0 {
				r.Files[len(r.Files)-1] = ev.Path
			}
			r.Long, r.Since = r.Long+ev.Duration, 0
			reason := ev.Reason.String()
			c.tell(r.Owner, l, r.ended(reason, ev.Err, 0))
		}
	}
}
