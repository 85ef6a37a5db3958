package b2bua

import (
	"slices"
	"strings"
	"time"

	"github.com/bifrons/bifrons/media"
)

// Collect gathers the keys that a leg's party presses, and ends in Collected. It listens once what is played to the party has
// ended, or was ended by a key (Play with Barge), which then counts. So do keys pressed before, since the last collection,
// unless Flush forgets them. Whether the digits are right is the App's to say.
type Collect struct {
	Leg     int
	Name    string        // comes back in Collected
	Min     int           // fewer keys are a "timeout" or "short"; 0 is 1
	Max     int           // as many end it; 0 is 32
	End     string        // keys that end it and do not count, such as "#"
	First   time.Duration // until the first key; 0 is 10 s
	Between time.Duration // between two; 0 is 3 s
	Limit   time.Duration // for all of it, what is played included; 0 is none
	Flush   bool          // what was pressed so far is forgotten
}

// Collected is the end of a Collect: "done" (Max keys, a key of End, or a pause behind at least Min), "short" (a key of End
// before Min keys), "timeout" (fewer than Min in time) or "stopped" (by Halt or another Collect), with what was pressed. End is the key of End that ended it, "" for none.
type Collected struct {
	Leg    int
	Name   string
	Digits string
	End    string
	Reason string
}

// Collecting is a collection, as data.
type Collecting struct {
	Owner
	What   Collect
	Digits []byte
	Until  time.Duration // the next key has to come; 0: what is played has not ended
	Limit  time.Duration // the end of it all; 0 none
}

// Bounds of a collection and of what is kept of keys.
const (
	maxDigits  = 64
	maxAhead   = 32 // pressed before anybody asked
	maxReports = 16
)

// pressed is one report of a key: by which ways it has come, and when.
type pressed struct {
	Key byte
	By  uint8 // a set
	At  time.Duration
}

// The ways a key comes, as bits.
const (
	wayRTP = 1 << iota
	wayInfo
	wayTone
)

// ways are those of Digit.By.
var ways = map[string]uint8{byRTP: wayRTP, byInfo: wayInfo, byTone: wayTone}

// echo is how long after a key's end the same key by another way is taken to be the same one, reported twice.
const echo = 600 * time.Millisecond

// reported tells that a key has been reported before by another way. Phones that send telephone events often leave the tone in
// their speech, and some send INFO as well.
func (c *Call) reported(l *Leg, d Digit) bool {
	e, now, way := l.endpoint(), c.srv.now(), ways[d.By]
	e.Reports = slices.DeleteFunc(e.Reports, func(r pressed) bool { return now-r.At > echo+d.Duration })
	for i := range e.Reports {
		if r := &e.Reports[i]; r.Key == d.Key[0] && r.By&way == 0 {
			r.By |= way
			return true
		}
	}
	if len(e.Reports) >= maxReports {
		e.Reports = slices.Delete(e.Reports, 0, 1)
	}
	e.Reports = append(e.Reports, pressed{d.Key[0], way, now})
	return false
}

// digit takes a key of a leg's party: collections first, then the Apps. One that was reported before is none.
func (c *Call) digit(l *Leg, d Digit) {
	if len(c.Chain) > 0 {
		if c.reported(l, d) {
			return
		}
		c.key(l, d.Key[0])
	}
	c.offer(Walk{Event: d, Leg: l.Slot, Branch: c.branchOf(l), Up: l.Slot != 0})
}

// longestKey is how long a key may be held in a collection.
const longestKey = 10 * time.Second

// keyDown is told of a key that goes down: it ends a prompt with Barge, and its collection waits until it is up. It counts as a key
// then. One that has come another way is none.
func (c *Call) keyDown(l *Leg, k byte) {
	e, now := l.End, c.srv.now()
	if e == nil || k == '!' || slices.ContainsFunc(e.Reports, func(r pressed) bool { return r.Key == k && r.By&wayRTP == 0 && now-r.At <= echo }) {
		return
	}
	if p := e.Player; p != nil && p.What.Barge {
		c.endPlayer(l, keyed)
	}
	if e.Collector != nil && e.Collector.Until != 0 {
		e.Collector.Until = max(e.Collector.Until, now+longestKey)
	}
}

// key takes a key at the leg's endpoint.
func (c *Call) key(l *Leg, k byte) {
	e := l.endpoint()
	if k == '!' {
		return
	}
	if r := e.Recorder; r != nil && strings.IndexByte(r.What.End, k) >= 0 {
		r.Key = string(k)
		c.stopRecorder(l)
		return
	}
	if p := e.Player; p != nil && p.What.Barge {
		c.endPlayer(l, keyed) // a collection that has waited for its end listens now
	}
	if e.Collector == nil || e.Player.ends() {
		c.keep(e, k)
		return
	}
	c.take(l, k)
}

// keep remembers a key that nobody has asked for yet.
func (c *Call) keep(e *Endpoint, k byte) {
	if len(e.Ahead) >= maxAhead {
		c.srv.metrics.keysDropped.Inc()
		return
	}
	e.Ahead = append(e.Ahead, k)
}

// applyCollect starts a collection.
func (c *Call) applyCollect(w *Walk, e Collect) bool {
	l, end, err := c.at(e.Leg)
	if e.Min <= 0 {
		e.Min = 1
	}
	if e.Max <= 0 {
		e.Max = max(32, e.Min)
	}
	if e.First <= 0 {
		e.First = 10 * time.Second
	}
	if e.Between <= 0 {
		e.Between = 3 * time.Second
	}
	if err == nil && (e.Max > maxDigits || e.Min > e.Max) {
		err = errUnnatural
	}
	if err != nil {
		c.tell(c.owner(w), c.legOr(e.Leg), Collected{Leg: e.Leg, Name: e.Name, Reason: media.ReasonFailed.String()})
		return false
	}
	c.stopCollector(l)
	k := &Collecting{Owner: c.owner(w), What: e}
	if e.Limit > 0 {
		k.Limit = c.srv.now() + e.Limit
	}
	end.Collector = k
	if e.Flush {
		end.Ahead = nil
	}
	if p := end.Player; p != nil && p.What.Barge && len(end.Ahead) > 0 {
		c.endPlayer(l, keyed) // typed ahead: nobody needs the prompt
		return true
	}
	if !end.Player.ends() {
		c.listenKeys(l)
	}
	return true
}

// listenKeys begins to listen: what was typed ahead comes first.
func (c *Call) listenKeys(l *Leg) {
	e := l.End
	k := e.Collector
	if k.Until != 0 {
		return
	}
	k.Until = c.srv.now() + k.What.First
	ahead := e.Ahead
	e.Ahead = nil
	for i, key := range ahead {
		c.take(l, key)
		if e.Collector != k { // the rest is for the next one
			e.Ahead = append(e.Ahead, ahead[i+1:]...)
			return
		}
	}
}

// take adds a key to the collection.
func (c *Call) take(l *Leg, key byte) {
	k := l.End.Collector
	switch {
	case strings.IndexByte(k.What.End, key) >= 0:
		reason := media.ReasonDone.String()
		if len(k.Digits) < k.What.Min {
			reason = "short"
		}
		c.collected(l, reason, string(key))
	default:
		k.Digits = append(k.Digits, key)
		k.Until = c.srv.now() + k.What.Between
		if len(k.Digits) >= k.What.Max {
			c.collected(l, media.ReasonDone.String(), "")
		}
	}
}

// pause ends a collection whose next key has not come.
func (c *Call) pause(l *Leg) {
	reason := media.ReasonDone.String()
	if k := l.End.Collector; len(k.Digits) < k.What.Min {
		reason = "timeout"
	}
	c.collected(l, reason, "")
}

func (c *Call) stopCollector(l *Leg) {
	if l.End != nil && l.End.Collector != nil {
		c.collected(l, media.ReasonStopped.String(), "")
	}
}

func (c *Call) collected(l *Leg, reason, end string) {
	k := l.End.Collector
	l.End.Collector = nil
	c.tell(k.Owner, l, Collected{Leg: int(l.Slot), Name: k.What.Name, Digits: string(k.Digits), End: end, Reason: reason})
}

// due returns when the collection ends if no key comes, 0 while what is played goes on.
func (k *Collecting) due() time.Duration {
	if k.Limit > 0 && (k.Until == 0 || k.Limit < k.Until) {
		return k.Limit
	}
	return k.Until
}
