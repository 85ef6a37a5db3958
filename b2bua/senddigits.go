package b2bua

import (
	"errors"
	"strings"
	"time"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/sdp"
	"github.com/bifrons/bifrons/sip"
)

// SendDigits sends keys to a leg's party, and ends in Sent. In Keys, w is a pause of half a second, and p or a comma one of
// two seconds. By is the way: "rfc4733", "info" or "tone"; "" is what the party takes.
type SendDigits struct {
	Leg      int
	Name     string // comes back in Sent
	Keys     string
	Duration time.Duration // of a key, 40 ms to 8 s; 0 is 100 ms
	Gap      time.Duration // between two; 0 is 100 ms
	By       string
}

// Sent is the end of a SendDigits: "done", "stopped" (by Halt, or another SendDigits) or "failed", with the error.
type Sent struct {
	Leg    int
	Name   string
	Reason string
	Err    string
}

// Sending is keys that are being sent, as data.
type Sending struct {
	Owner
	What SendDigits
	Next int           // key
	At   time.Duration // when it is sent, or all is done
}

// Pauses of SendDigits.
const (
	pauseShort = 500 * time.Millisecond
	pauseLong  = 2 * time.Second
	maxKeys    = 128
)

var errWay = errors.New("the party takes no keys that way")

// byTone is the way of keys that are heard in the party's speech.
const byTone = "tone"

// keyPause returns how long a sign of Keys waits, 0 for a key; ok is false for what is neither.
func keyPause(k byte) (pause time.Duration, ok bool) {
	switch k {
	case 'w':
		return pauseShort, true
	case 'p', ',':
		return pauseLong, true
	}
	_, ok = keyNamed([]byte{k})
	return 0, ok
}

// applySendDigits starts to send.
func (c *Call) applySendDigits(w *Walk, e SendDigits) bool {
	l, end, err := c.at(e.Leg)
	if err == nil {
		err = c.sendable(l, &e)
	}
	if err != nil {
		c.tell(c.owner(w), c.legOr(e.Leg), Sent{Leg: e.Leg, Name: e.Name, Reason: media.ReasonFailed.String(), Err: err.Error()})
		return false
	}
	c.stopSender(l)
	o := c.owner(w)
	if e.By == byTone {
		c.beginPlayer(l, end, &Playing{Owner: o, Keys: true, What: Play{Leg: e.Leg, Name: e.Name, Items: toneItems(&e)}})
		return true
	}
	end.Sender = &Sending{Owner: o, What: e, At: c.srv.now()}
	c.sendNext(l)
	return true
}

// sendable completes what is to be sent, by a way the party takes.
func (c *Call) sendable(l *Leg, e *SendDigits) error {
	if e.Keys == "" || len(e.Keys) > maxKeys || e.Duration < 0 || e.Gap < 0 {
		return errUnnatural
	}
	for i := range len(e.Keys) {
		if _, ok := keyPause(e.Keys[i]); !ok {
			return errUnnatural
		}
	}
	if e.Duration == 0 {
		e.Duration = 100 * time.Millisecond
	}
	if e.Gap == 0 {
		e.Gap = 100 * time.Millisecond
	}
	s := l.speech()
	tone := !s.Formats[0].IsAMR() && !strings.Contains(e.Keys, "!")
	_, events := sdp.Event(s.Payloads)
	switch {
	case e.By == byRTP && events, e.By == byInfo && l.Phase == Confirmed, e.By == byTone && tone:
	case e.By != "":
		return errWay
	case l.side.Keys == KeysInfo && l.Phase == Confirmed:
		e.By = byInfo
	case events:
		e.By = byRTP
	case l.keysByInfo(s.stream) && l.Phase == Confirmed:
		e.By = byInfo
	case tone:
		e.By = byTone
	default:
		return errWay
	}
	return nil
}

// toneItems are keys as tones and pauses.
func toneItems(e *SendDigits) (out []media.Item) {
	for i := range len(e.Keys) {
		if p, _ := keyPause(e.Keys[i]); p > 0 {
			out = append(out, media.Item{Silence: p})
			continue
		}
		out = append(out, media.Item{Tone: "dtmf:" + e.Keys[i:i+1], Length: e.Duration}, media.Item{Silence: e.Gap})
	}
	return out
}

// sendNext sends the next key, or waits for the next pause's end.
func (c *Call) sendNext(l *Leg) {
	s, now := l.End.Sender, c.srv.now()
	w := &s.What
	if s.Next >= len(w.Keys) {
		c.sent(l, media.ReasonDone.String(), "")
		return
	}
	k := w.Keys[s.Next]
	s.Next++
	if p, _ := keyPause(k); p > 0 {
		s.At = now + p
		return
	}
	s.At = now + w.Duration + w.Gap
	key, _ := keyNamed([]byte{k})
	speech := l.speech()
	if speech == nil {
		c.sent(l, media.ReasonFailed.String(), errNoSpeech.Error())
		return
	}
	if w.By == byRTP {
		e, ok := sdp.Event(speech.Payloads)
		if !ok { // they are gone with a re-INVITE
			c.sent(l, media.ReasonFailed.String(), errWay.Error())
			return
		}
		c.do(media.Tone{Port: speech.port, Key: key, Duration: w.Duration, Type: e.PT, Clock: e.Clock})
		return
	}
	d := l.confirmed()
	if d == nil || len(l.Txs) >= maxTxs {
		c.sent(l, media.ReasonFailed.String(), errWay.Error())
		return
	}
	c.send(l, d, sip.INFO, outgoing{contentType: dtmfRelayType, body: keyInfo(key, w.Duration)}).Own = true
}

func (c *Call) sent(l *Leg, reason, text string) {
	s := l.End.Sender
	l.End.Sender = nil
	c.tell(s.Owner, l, Sent{Leg: int(l.Slot), Name: s.What.Name, Reason: reason, Err: text})
}

// stopSender ends what is being sent to a leg's party, in-band keys included.
func (c *Call) stopSender(l *Leg) {
	if l.End == nil {
		return
	}
	if l.End.Sender != nil {
		c.sent(l, media.ReasonStopped.String(), "")
	}
	if p := l.End.Player; p != nil && p.Keys {
		c.stopPlayer(l)
	}
}

// keysInBand tells that keys are looked for in what a party says: it has no telephone events, and sends digits as its side's parties do.
func (c *Call) keysInBand(l *Leg, s *line) bool {
	return l.Own && l.side.Keys != KeysPass && !sdp.HasEvents(s.Payloads) && !s.Formats[0].IsAMR()
}
