package sdp

import "bytes"

// Format is what kind of packets a payload type stands for, as far as a relay has to know.
type Format uint8

// The kinds: speech or pictures, the telephone events of RFC 4733, and retransmissions with an SSRC and numbers of their
// own (RFC 4588).
const (
	FormatMedia Format = iota
	FormatEvent
	FormatRepair
)

// Payload is a dynamic payload type of one section: which codec the number stands for. It is plain data.
type Payload struct {
	// Name stands for the encoding: a hash of name, clock rate and channels.
	Name uint32 `json:"name"`
	// Form stands for the parameters without which two formats of one name are not the same; 0 if there are none.
	Form uint32 `json:"form,omitempty"`
	// Clock is the RTP clock rate.
	Clock uint32 `json:"clock"`
	// PT is the number.
	PT uint8 `json:"pt"`
	// Format is the kind of packets.
	Format Format `json:"format,omitempty"`
}

// firstDynamic is the lowest number whose meaning is not fixed by RFC 3551 6.
const firstDynamic = 35

// Payloads returns the dynamic payload types of an active RTP section that have an rtpmap, in the order of the lines.
func (m *Media) Payloads() []Payload {
	if !m.Active() || !m.Proto.RTP() {
		return nil
	}
	n := 0
	for i := range m.Lines {
		if m.Lines[i].attr == attrRTPMap {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	out := make([]Payload, 0, n)
	for i := range m.Lines {
		l := &m.Lines[i]
		if l.attr != attrRTPMap {
			continue
		}
		format, encoding, _ := bytes.Cut(l.Attr(), space)
		pt, ok := decimal(format, 127)
		if !ok || pt < firstDynamic || !m.names(format) || find(out, uint8(pt)) != nil {
			continue
		}
		if p, ok := payload(uint8(pt), bytes.TrimSpace(encoding)); ok {
			out = append(out, p)
		}
	}
	for i := range m.Lines {
		if l := &m.Lines[i]; l.attr == attrFmtp {
			format, params, _ := bytes.Cut(l.Attr(), space)
			if pt, ok := decimal(format, 127); ok {
				if p := find(out, uint8(pt)); p != nil {
					p.Form = form(params)
				}
			}
		}
	}
	return out
}

// payload reads the encoding of an rtpmap: name/rate[/channels].
func payload(pt uint8, encoding []byte) (Payload, bool) {
	name, rest, ok := bytes.Cut(encoding, []byte("/"))
	rate, channels, _ := bytes.Cut(rest, []byte("/"))
	clock, good := decimal(rate, 1<<30)
	if !ok || !good || len(name) == 0 || clock == 0 {
		return Payload{}, false
	}
	h := hash(hash(hashStart, name), rate)
	if len(channels) > 0 && string(channels) != "1" {
		h = hash(h, channels)
	}
	p := Payload{Name: h, Clock: clock, PT: pt}
	switch {
	case bytes.EqualFold(name, []byte("telephone-event")):
		p.Format = FormatEvent
	case bytes.EqualFold(name, []byte("rtx")):
		p.Format = FormatRepair
	}
	return p, true
}

// formative are the parameters that make another bit stream of the same codec: those of AMR (RFC 4867 8.1), H.264
// (RFC 6184 8.1), and the format that a retransmission repeats (RFC 4588 8.1).
var formative = [...]string{"octet-align", "crc", "robust-sorting", "interleaving", "packetization-mode", "profile-level-id", "apt"}

// form hashes the parameters that count, whatever their order; of an H.264 profile the level does not count.
func form(params []byte) uint32 {
	var sum uint32
	for rest := params; len(rest) > 0; {
		var one []byte
		one, rest, _ = bytes.Cut(rest, []byte(";"))
		name, value, _ := bytes.Cut(bytes.TrimSpace(one), []byte("="))
		for _, f := range formative {
			if len(name) != len(f) || !bytes.EqualFold(name, []byte(f)) || string(value) == "0" {
				continue
			}
			if f == "profile-level-id" && len(value) == 6 {
				value = value[:4]
			}
			sum += hash(hash(hashStart, name), value)
		}
	}
	return sum
}

const hashStart = 2166136261

// hash is FNV-1a without regard to case, with a separator behind.
func hash(h uint32, b []byte) uint32 {
	for _, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint32(c)) * 16777619
	}
	return (h ^ '/') * 16777619
}

// find returns the payload of a number, nil if there is none.
func find(list []Payload, pt uint8) *Payload {
	for i := range list {
		if list[i].PT == pt {
			return &list[i]
		}
	}
	return nil
}

// same finds the payload of a codec: of the same form, else, unless exact, of the same name.
func same(list []Payload, p *Payload, exact bool) *Payload {
	var near *Payload
	for i := range list {
		if q := &list[i]; q.Name == p.Name {
			if q.Form == p.Form {
				return q
			}
			if near == nil {
				near = q
			}
		}
	}
	if exact {
		return nil
	}
	return near
}

// Change is a payload type that is shown under another number, and with another clock rate unless Clock is 0.
type Change struct {
	From, To uint8
	Clock    uint32
}

// Show decides under which numbers a party sees the payload types of the other one. shown is what it saw before in this
// section: a number never changes its codec (RFC 3264 8.3.2). own is what the party itself uses: a codec that both know
// gets the party's number, for many phones send under the number they receive. Telephone events that the party knows at
// another clock rate only are shown as it knows them. In an answer the party's own number goes first (RFC 3264 6.1). It returns shown with what is new, and the
// numbers that change, nil in the usual case.
func Show(shown, theirs, own []Payload, answer bool) (now []Payload, changes []Change) {
	if shown == nil && len(theirs) > 0 {
		shown = make([]Payload, 0, len(theirs))
	}
	s := shows{shown: shown, theirs: theirs, own: own, answer: answer}
	other, known := foreign(theirs, own)
	for i := range theirs {
		p, clock := theirs[i], uint32(0)
		from := p.PT
		if i == other {
			p, clock = *known, known.Clock
		}
		p.PT = s.number(&p)
		s.used[p.PT/64] |= 1 << (p.PT % 64)
		if q := find(s.shown, p.PT); q == nil {
			s.shown = append(s.shown, p)
		} else {
			*q = p
		}
		if p.PT != from || clock != 0 {
			changes = append(changes, Change{from, p.PT, clock})
		}
	}
	return s.shown, changes
}

// shows is the state of one Show.
type shows struct {
	shown, theirs, own []Payload
	used               [2]uint64 // in this description
	answer             bool
}

// free tells whether a number may stand for the codec: it has not been shown for another one.
func (s *shows) free(pt uint8, p *Payload) bool {
	q := find(s.shown, pt)
	return s.used[pt/64]&(1<<(pt%64)) == 0 && (q == nil || q.Name == p.Name)
}

func (s *shows) number(p *Payload) uint8 {
	if q := same(s.own, p, true); s.answer && q != nil && s.free(q.PT, p) {
		if q := find(s.own, p.PT); q != nil && q.Name == p.Name && q.Form == p.Form && s.free(p.PT, p) {
			return p.PT
		}
		return q.PT
	}
	if q := find(s.shown, p.PT); q != nil && q.Name == p.Name && s.free(p.PT, p) {
		return p.PT
	}
	if q := same(s.shown, p, true); q != nil && s.free(q.PT, p) {
		return q.PT
	}
	if q := find(s.own, p.PT); q != nil && q.Name == p.Name && s.free(p.PT, p) {
		return p.PT
	}
	if q := same(s.own, p, false); q != nil && s.free(q.PT, p) {
		return q.PT
	}
	if find(s.own, p.PT) == nil && s.free(p.PT, p) {
		return p.PT
	}
	for _, r := range [...][2]uint8{{96, 127}, {firstDynamic, 63}} {
		for pt := r[0]; pt <= r[1]; pt++ {
			if find(s.shown, pt) == nil && find(s.own, pt) == nil && find(s.theirs, pt) == nil && s.free(pt, p) {
				return pt
			}
		}
	}
	return p.PT // a party that has used up all numbers
}

// Route is what becomes of one payload type on its way from a party to the other one.
type Route struct {
	Payload       // as the party sends it
	To      uint8 // the number that the other party expects
	ToClock uint32
}

// Routes tells how the packets of a party have to be renumbered: shown is what it was shown in this section, own what it
// uses itself, to what the other party has described. Every format of shown and own is in the result but those that
// nothing has to be known about, whose clock rate is that given.
func Routes(shown, own, to []Payload, clock uint32) (out []Route) {
	add := func(p *Payload) {
		for i := range out {
			if out[i].PT == p.PT {
				return
			}
		}
		r := Route{Payload: *p, To: p.PT, ToClock: p.Clock}
		q := find(to, p.PT)
		if q == nil || q.Name != p.Name {
			q = same(to, p, false)
		} else if exact := same(to, p, true); exact != nil {
			q = exact
		}
		if q == nil && p.Format == FormatEvent {
			q = events(to)
		}
		if q != nil {
			r.To, r.ToClock = q.PT, q.Clock
		}
		if r.To != r.PT || r.Format != FormatMedia || r.Clock != clock {
			out = append(out, r)
		}
	}
	for i := range shown {
		add(&shown[i])
	}
	for i := range own {
		if find(shown, own[i].PT) == nil {
			add(&own[i])
		}
	}
	return out
}

// events returns the first format for telephone events.
func events(list []Payload) *Payload {
	for i := range list {
		if list[i].Format == FormatEvent {
			return &list[i]
		}
	}
	return nil
}

// HasEvents tells whether there is a format for telephone events among the payloads.
func HasEvents(list []Payload) bool { return events(list) != nil }
