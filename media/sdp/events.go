package sdp

import "bytes"

// eventName is the encoding name of telephone events (RFC 4733 7.1.1).
const eventName = "telephone-event"

// Events tells what becomes of a section's telephone events. The zero value leaves them as they are.
type Events struct {
	// Drop leaves all formats for them out.
	Drop bool
	// Add writes a format of that number, 0 for none, with that clock rate.
	Add   uint8
	Clock uint32
}

// isEvent tells whether a format of the section is for telephone events.
func (m *Media) isEvent(format []byte) bool {
	for i := range m.Lines {
		l := &m.Lines[i]
		if l.attr != attrRTPMap {
			continue
		}
		f, encoding, _ := bytes.Cut(l.Attr(), space)
		if name, _, _ := bytes.Cut(bytes.TrimSpace(encoding), []byte("/")); bytes.Equal(f, format) {
			return bytes.EqualFold(name, []byte(eventName))
		}
	}
	return false
}

// left tells whether a line goes with a format that is left out.
func (w *writer) left(m *Media, l *Line) bool {
	if !w.events.Drop || l.attr != attrRTPMap && l.attr != attrFmtp {
		return false
	}
	format, _, _ := bytes.Cut(l.Attr(), space)
	return m.isEvent(format)
}

// addEvents writes the format that is added.
func (w *writer) addEvents() {
	if w.events.Add == 0 {
		return
	}
	w.str("a=rtpmap:")
	w.number(uint64(w.events.Add))
	w.str(" " + eventName + "/")
	w.number(uint64(w.events.Clock))
	w.str("\r\na=fmtp:")
	w.number(uint64(w.events.Add))
	w.str(" 0-15\r\n")
}

// clockOf returns the clock rate under which a format of telephone events is shown, 0 if it is its own.
func (w *writer) clockOf(format []byte) uint32 {
	if pt, ok := decimal(format, 127); ok {
		for _, c := range w.changes {
			if c.From == uint8(pt) {
				return c.Clock
			}
		}
	}
	return 0
}

// FreeEvent returns a number and a clock rate for telephone events in a section that has none, for a reader that was shown
// and uses the payloads given: those of the first format (RFC 4733 2.1). It is 0 for a section that is no speech over RTP.
func (m *Media) FreeEvent(shown, own []Payload) (pt uint8, clock uint32) {
	if m.Kind != KindAudio || m.Proto != ProtoAVP && m.Proto != ProtoAVPF || !m.Active() {
		return 0, 0
	}
	if e := events(own); e != nil {
		return e.PT, e.Clock
	}
	if e := events(shown); e != nil {
		return e.PT, e.Clock
	}
	for i := range uint8(32) {
		if n := 96 + (5+i)%32; m.types[n/64]&(1<<(n%64)) == 0 && find(shown, n) == nil {
			return n, m.Clock()
		}
	}
	return 0, 0
}

// EventPayload is the payload for telephone events of a number and clock rate.
func EventPayload(pt uint8, clock uint32) Payload {
	var rate [10]byte
	n := len(rate)
	for c := clock; n > 0 && (c > 0 || n == len(rate)); c /= 10 {
		n--
		rate[n] = byte('0' + c%10)
	}
	return Payload{Name: hash(hash(hashStart, []byte(eventName)), rate[n:]), Clock: clock, PT: pt, Format: FormatEvent}
}

// Event returns the first format for telephone events among the payloads.
func Event(list []Payload) (Payload, bool) {
	if e := events(list); e != nil {
		return *e, true
	}
	return Payload{}, false
}

// foreign returns the index of the first telephone-event format that the reader knows at other clock rates only, and the
// reader's own format; -1 if it knows one of them, or none at all.
func foreign(theirs, own []Payload) (int, *Payload) {
	e, first := events(own), -1
	if e == nil {
		return -1, nil
	}
	for i := range theirs {
		if theirs[i].Format != FormatEvent {
			continue
		}
		if same(own, &theirs[i], false) != nil {
			return -1, nil
		}
		if first < 0 {
			first = i
		}
	}
	return first, e
}
