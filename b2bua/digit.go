package b2bua

import (
	"bytes"
	"strconv"
	"time"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/sdp"
	"github.com/bifrons/bifrons/sip"
)

// Keys is how the parties of a side send and get the keys they press.
type Keys uint8

const (
	// KeysAuto gives a party its digits as telephone events (RFC 4733) if its description has them, else as INFO.
	KeysAuto Keys = iota
	// KeysPass converts nothing: events and INFO cross as they come.
	KeysPass
	// KeysRTP puts telephone events into what the party is shown, also where the far party has none.
	KeysRTP
	// KeysInfo takes telephone events out of what the party is shown; its digits come and go as INFO.
	KeysInfo
)

// Content types of digits in INFO. Neither is registered; all telephones know them.
const (
	dtmfRelayType = "application/dtmf-relay" // Signal=5, Duration=160
	dtmfType      = "application/dtmf"       // 5
)

// How a Digit came.
const (
	byRTP  = "rfc4733"
	byInfo = "info"
)

// keysByInfo tells that a leg's party, which has described s, gets digits as INFO.
func (l *Leg) keysByInfo(s stream) bool {
	switch l.side.Keys {
	case KeysInfo:
		return true
	case KeysAuto:
		return s.Speech && !sdp.HasEvents(s.Payloads)
	}
	return false
}

// edit decides what becomes of the telephone events in a section that fl's party has described, in what tl's is shown.
func edit(m *sdp.Media, fl, tl *Leg, theirs, own, shown []sdp.Payload, answer bool) (e sdp.Events) {
	adds := func(fl, tl *Leg) bool {
		return tl.side.Keys == KeysRTP || fl.side.Keys == KeysInfo && tl.side.Keys == KeysAuto
	}
	switch {
	case tl.side.Keys == KeysInfo:
		e.Drop = sdp.HasEvents(theirs)
	case sdp.HasEvents(theirs): // of an answer to what was added to the offer
		e.Drop = answer && adds(tl, fl) && !sdp.HasEvents(own)
	case adds(fl, tl) && (!answer || sdp.HasEvents(own)):
		e.Add, e.Clock = m.FreeEvent(shown, own)
	}
	return e
}

// digitSent gives a digit that came as a telephone event to a party that gets INFO.
func (c *Call) digitSent(l *Leg, ev Digit) {
	o := c.other(l)
	if o == nil || ev.By != byRTP || o.Phase != Confirmed || l.Phase != Confirmed {
		return
	}
	d := o.confirmed()
	if i := speechOf(d); d == nil || i < 0 || !o.keysByInfo(d.Offer.stream(i)) || len(o.Txs) >= maxTxs {
		return
	}
	c.send(o, d, sip.INFO, outgoing{contentType: dtmfRelayType, body: keyInfo(ev.Key[0], ev.Duration)}).Own = true
}

// keyInfo is the body of an INFO with a key.
func keyInfo(key byte, long time.Duration) []byte {
	return []byte("Signal=" + string(key) + "\r\nDuration=" + strconv.FormatInt(max(long.Milliseconds(), 40), 10) + "\r\n")
}

// digitAsked sounds a digit that came in an INFO for a party that has telephone events; false leaves the INFO to cross.
func (c *Call) digitAsked(l *Leg, t *Tx, m *sip.Message) bool {
	key, long, ok := digitIn(m)
	o := c.other(l)
	if !ok || o == nil || l.side.Keys == KeysPass || o.side.Keys == KeysPass || !c.srv.cfg.Anchor {
		return false
	}
	d, od := l.confirmed(), o.confirmed()
	i := speechOf(od)
	if d == nil || i < 0 || i >= len(o.Ports) || o.Ports[i].ID == 0 || o.keysByInfo(od.Offer.stream(i)) {
		return false
	}
	e, ok := sdp.Event(od.Offer.stream(i).Payloads)
	if !ok || l.side.Keys == KeysAuto && o.side.Keys == KeysAuto && sdp.HasEvents(d.Offer.stream(i).Payloads) {
		return false // both have events: who sends INFO all the same means it
	}
	c.srv.cfg.Media.Do(media.Tone{Port: o.Ports[i].ID, Key: key, Duration: long, Type: e.PT, Clock: e.Clock})
	c.reply(l, t, reply{status: 200})
	return true
}

// speechOf returns the first m-line of speech that a dialog's party has described, -1 for none.
func speechOf(d *Dialog) int {
	if d != nil {
		for i, s := range d.Offer.Theirs {
			if s.Speech && s.RTP.IsValid() {
				return i
			}
		}
	}
	return -1
}

// digitIn reads the digit of an INFO.
func digitIn(m *sip.Message) (key byte, long time.Duration, ok bool) {
	if m.Method != sip.INFO {
		return 0, 0, false
	}
	text := bytes.TrimSpace(m.Body)
	switch ct := mediaType(m.Get(sip.HdrContentType)); {
	case sip.EqualFold(ct, dtmfRelayType):
		var signal []byte
		for line := range bytes.Lines(text) {
			name, value, _ := bytes.Cut(line, []byte("="))
			switch value = bytes.TrimSpace(value); {
			case sip.EqualFold(bytes.TrimSpace(name), "Signal"):
				signal = value
			case sip.EqualFold(bytes.TrimSpace(name), "Duration"):
				if ms, err := strconv.Atoi(string(value)); err == nil && ms > 0 {
					long = time.Duration(min(ms, 8000)) * time.Millisecond
				}
			}
		}
		text = signal
	case !sip.EqualFold(ct, dtmfType):
		return 0, 0, false
	}
	key, ok = keyNamed(text)
	return key, long, ok
}

// keyNamed reads a key: its sign, or the number of its event (RFC 4733 3.2).
func keyNamed(b []byte) (byte, bool) {
	const signs = "0123456789*#ABCD!"
	if len(b) == 1 {
		k := b[0]
		if k >= 'a' && k <= 'd' {
			k -= 'a' - 'A'
		}
		return k, bytes.IndexByte([]byte(signs), k) >= 0
	}
	n, err := strconv.Atoi(string(b))
	if err != nil || len(b) != 2 || n < 10 || n >= len(signs) {
		return 0, false
	}
	return signs[n], true
}
