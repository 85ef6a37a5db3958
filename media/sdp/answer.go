package sdp

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/media/codec"
)

// Ours is a section of a description of our own: where, what we speak, and the formats of telephone events beside it
// (RFC 4733), whose PT and Clock count.
type Ours struct {
	At      Local
	Formats []codec.Format
	Events  []Payload
}

// OwnFormats returns what Bifrons offers where it makes the offer itself: all of the codecs it knows but L16, which needs
// more bandwidth than others like to give, the best known first. The numbers are fixed (RFC 3551 6) or usual ones.
func OwnFormats() []codec.Format {
	return []codec.Format{
		{Codec: codec.PCMA, Clock: 8000, Type: 8}, {Codec: codec.PCMU, Clock: 8000, Type: 0}, {Codec: codec.G722, Clock: 8000, Type: 9},
		{Codec: codec.AMRWB, Clock: 16000, Type: 104}, {Codec: codec.AMRWB, Clock: 16000, Type: 110, Parameters: "octet-align=1"},
		{Codec: codec.AMR, Clock: 8000, Type: 102}, {Codec: codec.AMR, Clock: 8000, Type: 108, Parameters: "octet-align=1"},
	}
}

// The numbers under which an offer of ours has telephone events at 8000 and 16000 Hz.
const (
	event8k  = 101
	event16k = 105
)

// OwnEvents returns the telephone events that go with formats of an offer of ours: one for each clock rate.
func OwnEvents(formats []codec.Format) (out []Payload) {
	for _, f := range formats {
		pt, clock := uint8(event8k), uint32(8000)
		if f.ClockRate() == 16000 {
			pt, clock = event16k, 16000
		}
		if !slices.ContainsFunc(out, func(p Payload) bool { return p.PT == pt }) {
			out = append(out, EventPayload(pt, clock))
		}
	}
	return out
}

// Speech returns the speech formats of an active audio section over plain RTP that have a name, in the party's order. Their
// packets are as long as the section's ptime and maxptime say (RFC 8866 6.4).
func (m *Media) Speech() (out []codec.Format) {
	if m.Kind != KindAudio || !m.Active() || m.Proto != ProtoAVP && m.Proto != ProtoAVPF {
		return nil
	}
	packet := m.packet()
	for rest := m.Formats; len(rest) > 0; {
		var f []byte
		f, rest = token(rest)
		pt, ok := decimal(f, 127)
		if !ok {
			continue
		}
		name, rate, channels := m.encoding(f, uint8(pt))
		if rate == 0 || channels == 0 || bytes.EqualFold(name, []byte(eventName)) {
			continue
		}
		c := codec.Format{Codec: strings.ToUpper(string(name)), Clock: rate, Type: uint8(pt), PTime: packet, Parameters: m.parameters(f)}
		if channels != 1 {
			c.Channels = channels
		}
		out = append(out, c)
	}
	return out
}

// packet returns how much speech the party wants in a packet: a whole number of 10 ms, 0 if it does not say, or strangely.
func (m *Media) packet() time.Duration {
	ms := func(name string) uint32 {
		v, _ := m.Attr(name)
		v, _, _ = bytes.Cut(bytes.TrimSpace(v), []byte("."))
		n, ok := decimal(v, 1000)
		if !ok {
			return 0
		}
		return n
	}
	want, most := ms("ptime"), ms("maxptime")
	if most >= 10 && (want == 0 && most < 20 || want > most) {
		want = most
	}
	if want = want / 10 * 10; want < 10 {
		return 0
	}
	return time.Duration(min(want, 120)) * time.Millisecond
}

// parameters returns the fmtp of a format.
func (m *Media) parameters(format []byte) string {
	for i := range m.Lines {
		if l := &m.Lines[i]; l.attr == attrFmtp {
			if f, p, _ := bytes.Cut(l.Attr(), space); bytes.Equal(f, format) {
				return string(bytes.TrimSpace(p))
			}
		}
	}
	return ""
}

// rtpmap returns name and clock rate of a format of one channel.
func (m *Media) rtpmap(format []byte, pt uint8) (name []byte, rate uint32) {
	name, rate, channels := m.encoding(format, pt)
	if channels != 1 {
		return nil, 0
	}
	return name, rate
}

// statics are the formats whose numbers are fixed (RFC 3551 6), as far as we know them.
var statics = [...]struct {
	pt       uint8
	name     string
	rate     uint32
	channels uint8
}{{0, codec.PCMU, 8000, 1}, {8, codec.PCMA, 8000, 1}, {9, codec.G722, 8000, 1}, {10, codec.L16, 44100, 2}, {11, codec.L16, 44100, 1}}

// encoding returns what a format is called, its clock rate and number of channels; a rate of 0 is none that is known.
func (m *Media) encoding(format []byte, pt uint8) (name []byte, rate uint32, channels uint8) {
	for i := range m.Lines {
		l := &m.Lines[i]
		if l.attr != attrRTPMap {
			continue
		}
		f, enc, _ := bytes.Cut(l.Attr(), space)
		if !bytes.Equal(f, format) {
			continue
		}
		name, enc, _ = bytes.Cut(bytes.TrimSpace(enc), []byte("/"))
		number, wide, _ := bytes.Cut(enc, []byte("/"))
		n, ok := decimal(number, 1<<30)
		k, good := uint32(1), true
		if len(wide) > 0 {
			k, good = decimal(wide, 255)
		}
		if !ok || !good {
			return nil, 0, 0
		}
		return name, n, uint8(k)
	}
	for i := range statics {
		if s := &statics[i]; s.pt == pt {
			return []byte(s.name), s.rate, s.channels
		}
	}
	return nil, 0, 0
}

// Choose picks what an answer of our own accepts: the first audio section that has a format which speaks does not refuse,
// and of that the first in order's codecs; without an order, the first in the party's own. event has PT 0 if the party has no telephone events:
// else those of the format's clock rate (RFC 4733 2.4), or, for there are phones that offer no others, the first.
func (s *Session) Choose(speaks func(codec.Format) error, order []string) (section int, f codec.Format, event Payload, ok bool) {
	for i := range s.Media {
		best := len(order) + 1
		for _, c := range s.Media[i].Speech() {
			rank := slices.IndexFunc(order, func(name string) bool { return strings.EqualFold(name, c.Codec) })
			if len(order) == 0 {
				rank = 0
			}
			if rank >= 0 && rank < best && c.Check() == nil && speaks(c) == nil {
				f, best, ok = c, rank, true
			}
		}
		if ok {
			return i, f, s.Media[i].event(f.ClockRate()), true
		}
	}
	return 0, codec.Format{}, Payload{}, false
}

// event returns the section's telephone events of a clock rate, else the first.
func (m *Media) event(clock uint32) Payload {
	var first Payload
	for _, p := range m.Payloads() {
		switch {
		case p.Format != FormatEvent:
		case p.Clock == clock:
			return p
		case first.PT == 0:
			first = p
		}
	}
	return first
}

// Answer appends an answer of our own to an offer: the section with that number is accepted as own says, every other one is
// rejected (RFC 3264 6). If the offer has preconditions, the answer tells that ours are met (RFC 3312 5).
func Answer(dst []byte, offer *Session, o *Origin, section int, own Ours) []byte {
	at := own.At.RTP
	dst, start := begin(dst)
	w := writer{dst: dst, in: offer, addr: at.Addr()}
	w.str("s=-\r\n")
	w.connection(at.Addr())
	w.str("t=0 0\r\n")
	for i := range offer.Media {
		m := &offer.Media[i]
		if i != section {
			w.media(m, 0)
			continue
		}
		w.audio(string(m.Transport), &own)
		w.str("a=" + m.Effective().Reverse().String() + "\r\n")
		if m.Mux {
			w.str("a=rtcp-mux\r\n")
		}
		w.preconditions(m)
	}
	return o.seal(w.dst, start, at.Addr())
}

// Offer appends an offer of our own: one audio section.
func Offer(dst []byte, o *Origin, own Ours) []byte {
	at := own.At.RTP
	dst, start := begin(dst)
	w := writer{dst: dst}
	w.str("s=-\r\n")
	w.connection(at.Addr())
	w.str("t=0 0\r\n")
	w.audio("RTP/AVP", &own)
	w.str("a=sendrecv\r\n")
	return o.seal(w.dst, start, at.Addr())
}

// audio writes an audio section of our own up to its direction.
func (w *writer) audio(transport string, own *Ours) {
	w.str("m=audio ")
	w.number(uint64(own.At.RTP.Port()))
	w.str(" " + transport)
	for i := range own.Formats {
		w.str(" ")
		w.number(uint64(own.Formats[i].Type))
	}
	for i := range own.Events {
		w.str(" ")
		w.number(uint64(own.Events[i].PT))
	}
	w.str("\r\n")
	packet := 20 * time.Millisecond
	for i := range own.Formats {
		f := &own.Formats[i]
		if len(own.Formats) == 1 {
			packet = f.Packet()
		}
		channels := ""
		if f.Width() > 1 {
			channels = "/" + strconv.Itoa(f.Width())
		}
		w.rtpmap(f.Type, f.Codec, f.ClockRate(), channels)
		w.fmtp(f.Type, agreed(f))
	}
	for i := range own.Events {
		w.rtpmap(own.Events[i].PT, eventName, own.Events[i].Clock, "")
		w.fmtp(own.Events[i].PT, "0-15")
	}
	w.str("a=ptime:")
	w.number(uint64(packet / time.Millisecond))
	w.str("\r\n")
}

func (w *writer) rtpmap(pt uint8, name string, rate uint32, channels string) {
	w.str("a=rtpmap:")
	w.number(uint64(pt))
	w.str(" " + name + "/")
	w.number(uint64(rate))
	w.str(channels + "\r\n")
}

func (w *writer) fmtp(pt uint8, params string) {
	if params != "" {
		w.str("a=fmtp:")
		w.number(uint64(pt))
		w.str(" " + params + "\r\n")
	}
}

// agreed returns the parameters of a format that an answer has to repeat, for both ways have them alike: those of AMR
// (RFC 4867 8.3.1).
func agreed(f *codec.Format) string {
	if !f.IsAMR() {
		return ""
	}
	var out []string
	for p := range strings.SplitSeq(f.Parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch value = strings.ReplaceAll(strings.TrimSpace(value), " ", ""); {
		case strings.EqualFold(name, "octet-align") && value == "1":
			out = append(out, "octet-align=1")
		case strings.EqualFold(name, "mode-set") && value != "":
			out = append(out, "mode-set="+value)
		}
	}
	return strings.Join(out, "; ")
}

func (w *writer) number(n uint64) { w.dst = strconv.AppendUint(w.dst, n, 10) }
