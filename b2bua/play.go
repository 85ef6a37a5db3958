package b2bua

import (
	"errors"
	"time"

	"github.com/bifrons/bifrons/media"
)

// Play plays items to a leg's party, and ends in Played. It takes the place of what is being played to it. Played to a caller
// who has no answer yet, it is heard before the call is answered (as after Ring with Media). While a party holds the call the player stands still.
type Play struct {
	Leg    int
	Name   string // comes back in Played
	Items  []media.Item
	Repeat int           // how often again, -1 for ever
	Gap    time.Duration // between repetitions
	Offset time.Duration // where to begin
	Volume int8          // dB
	Barge  bool          // the first key ends it
}

// Say is Play of one text: spoken in Voice and Language, or, with As, put together from prompts ("number", "digits", "money",
// "date", "time", "spell").
type Say struct {
	Leg      int
	Name     string
	Text     string
	As       string
	Language string
	Voice    string
	Barge    bool
}

// Halt ends what goes on at a leg: "play", "collect", "record" or "send", "" all of it. Each has its own event, with the
// reason "stopped".
type Halt struct {
	Leg  int
	What string
}

// Played is the end of a Play or Say: "done", "stopped" (by Halt, another Play, a join), "key" (by a key, with Barge) or
// "failed", with the error. Offset is how far it got. Status is set if the caller's offer is why nothing was heard: with what a
// Reject refuses it then (488: no codec in common, RFC 3261 13.3.1.3).
type Played struct {
	Leg    int
	Name   string
	Reason string
	Err    string
	Status int `json:",omitempty"`
	Offset time.Duration
}

// Playing is a player, as data.
type Playing struct {
	Owner
	ID    uint32
	What  Play
	From  time.Duration // offset
	Since time.Duration // when it was there; 0: it stands still
	Keys  bool          // it sends keys in-band: its end is Sent
}

// keyed is the reason of a player, recorder or collection that a key has ended.
const keyed = "key"

// maxItems bounds what one Play may ask for.
const maxItems = 256

// applyPlay starts a player.
func (c *Call) applyPlay(w *Walk, e Play) bool {
	l, end, err := c.at(e.Leg)
	if err == nil && (len(e.Items) == 0 || len(e.Items) > maxItems) {
		err = errUnnatural
	}
	if err != nil {
		p := Played{Leg: e.Leg, Name: e.Name, Reason: media.ReasonFailed.String(), Err: err.Error()}
		if no := (*errOffer)(nil); errors.As(err, &no) {
			p.Status, c.warning = no.status, no.text
		}
		c.tell(c.owner(w), c.legOr(e.Leg), p)
		return false
	}
	c.beginPlayer(l, end, &Playing{Owner: c.owner(w), What: e, From: e.Offset})
	return true
}

// applySay starts a player of a text.
func (c *Call) applySay(w *Walk, e Say) bool {
	return c.applyPlay(w, Play{Leg: e.Leg, Name: e.Name, Barge: e.Barge,
		Items: []media.Item{{Text: e.Text, As: e.As, Language: e.Language, Voice: e.Voice}}})
}

// legOr returns a leg, or the caller's where there is none of that number.
func (c *Call) legOr(slot int) *Leg {
	if slot < 0 || slot >= len(c.Legs) {
		slot = 0
	}
	return c.Legs[slot]
}

func (c *Call) beginPlayer(l *Leg, e *Endpoint, p *Playing) {
	if old := e.Player; old != nil { // the relay puts the new one in its place
		e.Player = nil
		c.ended(l, old, media.ReasonStopped.String(), "", old.offset(c.srv.now()))
	}
	e.Last++
	p.ID, e.Player = e.Last, p
	if k := e.Collector; k != nil && len(k.Digits) == 0 && p.ends() {
		k.Until = 0 // its wait begins behind the prompt
	}
	c.startPlayer(l, l.speech(), p)
}

// startPlayer tells the relay of a player, which begins where it is.
func (c *Call) startPlayer(l *Leg, s *line, p *Playing) {
	now := c.srv.now()
	p.From, p.Since = p.offset(now), 0
	if s.heard(l) {
		p.Since = now
	}
	c.do(media.Play{Port: s.port, ID: p.ID, Items: p.What.Items, Repeat: p.What.Repeat, Gap: p.What.Gap, Offset: p.From, Volume: p.What.Volume})
}

// offset tells how far a player has got.
func (p *Playing) offset(now time.Duration) time.Duration {
	if p.Since == 0 {
		return p.From
	}
	return p.From + max(now-p.Since, 0)
}

// ends tells that a player will end by itself.
func (p *Playing) ends() bool { return p != nil && p.What.Repeat >= 0 }

// stopPlayer ends a leg's player; the relay's word about it comes too late to count.
func (c *Call) stopPlayer(l *Leg) { c.endPlayer(l, media.ReasonStopped.String()) }

func (c *Call) endPlayer(l *Leg, reason string) {
	if l.End == nil || l.End.Player == nil {
		return
	}
	p := l.End.Player
	l.End.Player = nil
	if s := l.speech(); s != nil {
		c.do(media.Stop{Port: s.port, ID: p.ID})
	}
	c.ended(l, p, reason, "", p.offset(c.srv.now()))
}

// ended tells of a player that is over; a collection that waited for it begins to listen.
func (c *Call) ended(l *Leg, p *Playing, reason, text string, offset time.Duration) {
	if p.Keys {
		c.tell(p.Owner, l, Sent{Leg: int(l.Slot), Name: p.What.Name, Reason: reason, Err: text})
	} else {
		c.tell(p.Owner, l, Played{Leg: int(l.Slot), Name: p.What.Name, Reason: reason, Err: text, Offset: offset})
	}
	if l.End != nil && l.End.Collector != nil && l.End.Player == nil {
		c.listenKeys(l)
	}
}

// holdPlayer notes that a party has held the call, or hears us again.
func (c *Call) holdPlayer(l *Leg) {
	s := l.speech()
	if l.End == nil || l.End.Player == nil || s == nil {
		return
	}
	p, now := l.End.Player, c.srv.now()
	switch {
	case s.heard(l) && p.Since == 0:
		p.Since = now
	case !s.heard(l) && p.Since != 0:
		p.From, p.Since = p.offset(now), 0
	}
}

// applyHalt ends what goes on at a leg.
func (c *Call) applyHalt(e Halt) bool {
	if e.Leg < 0 || e.Leg >= len(c.Legs) {
		return false
	}
	l, all := c.Legs[e.Leg], e.What == ""
	if l.End == nil {
		return true
	}
	known := false
	for _, h := range [...]struct {
		what string
		stop func(*Leg)
	}{{"collect", c.stopCollector}, {"play", c.stopPlayer}, {"send", c.stopSender}, {"record", c.stopRecorder}} {
		if all || h.what == e.What {
			known = true
			h.stop(l)
		}
	}
	return known
}
