package sdp

import (
	"bytes"
	"net/netip"
	"strconv"
)

// Codec is one payload format that Bifrons itself can send and receive.
type Codec struct {
	// Name is the encoding name of the rtpmap, for example "PCMA" or "telephone-event".
	Name string
	// Fmtp is what we write as its parameters, if anything.
	Fmtp string
	// Rate is the RTP clock rate.
	Rate uint32
	// PT is the payload type we offer it with; an answer takes over the offer's.
	PT uint8
}

// Event tells whether the format is the telephone-event of RFC 4733, which accompanies a codec.
func (c *Codec) Event() bool { return c.Name == "telephone-event" }

// OwnCodecs returns what Bifrons can speak as an endpoint of its own, best first.
func OwnCodecs() []Codec {
	return []Codec{
		{Name: "PCMA", Rate: 8000, PT: 8},
		{Name: "PCMU", Rate: 8000, PT: 0},
		{Name: "telephone-event", Rate: 8000, PT: 101, Fmtp: "0-15"},
	}
}

// Negotiate picks from an audio section the first format, in the party's order, that is in caps, and the
// telephone-event format of the same clock rate, which has an empty Name if there is none (RFC 4733 2.4). The payload
// types in the result are the party's.
func (m *Media) Negotiate(caps []Codec) (speech, event Codec, ok bool) {
	if m.Kind != KindAudio || !m.Active() || (m.Proto != ProtoAVP && m.Proto != ProtoAVPF) {
		return Codec{}, Codec{}, false
	}
	speech, ok = m.match(caps, func(c *Codec) bool { return !c.Event() })
	if !ok {
		return Codec{}, Codec{}, false
	}
	event, _ = m.match(caps, func(c *Codec) bool { return c.Event() && c.Rate == speech.Rate })
	return speech, event, true
}

// match returns the first format of the section that is one of the wanted caps.
func (m *Media) match(caps []Codec, want func(*Codec) bool) (Codec, bool) {
	for rest := m.Formats; len(rest) > 0; {
		var f []byte
		f, rest = token(rest)
		pt, ok := decimal(f, 127)
		if !ok {
			continue
		}
		name, rate := m.rtpmap(f, uint8(pt))
		for i := range caps {
			c := caps[i]
			if want(&c) && c.Rate == rate && bytes.EqualFold([]byte(c.Name), name) {
				c.PT = uint8(pt)
				return c, true
			}
		}
	}
	return Codec{}, false
}

// rtpmap returns name and clock rate of a format; for G.711 the numbers are fixed (RFC 3551 6).
func (m *Media) rtpmap(format []byte, pt uint8) (name []byte, rate uint32) {
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
		number, channels, _ := bytes.Cut(enc, []byte("/"))
		n, ok := decimal(number, 1<<30)
		if !ok || (len(channels) > 0 && string(channels) != "1") {
			return nil, 0
		}
		return name, n
	}
	switch pt {
	case 0:
		return []byte("PCMU"), 8000
	case 8:
		return []byte("PCMA"), 8000
	}
	return nil, 0
}

// Answer appends an answer of our own to an offer: the first audio section that has a codec of caps and an address in
// local is accepted with that one codec, every other section is rejected (RFC 3264 6). If the offer has preconditions, the
// answer tells that ours are met (RFC 3312 5). Without a common codec it returns dst unchanged and ErrNoCodec.
func Answer(dst []byte, offer *Session, o *Origin, caps []Codec, local []Local) ([]byte, error) {
	chosen, speech, event := -1, Codec{}, Codec{}
	for i := range offer.Media {
		if i >= len(local) || !local[i].RTP.IsValid() {
			continue
		}
		var ok bool
		if speech, event, ok = offer.Media[i].Negotiate(caps); ok {
			chosen = i
			break
		}
	}
	if chosen < 0 {
		return dst, ErrNoCodec
	}
	at := local[chosen].RTP
	dst, start := begin(dst)
	w := writer{dst: dst, in: offer, addr: at.Addr()}
	w.str("s=-\r\n")
	w.connection(at.Addr())
	w.str("t=0 0\r\n")
	for i := range offer.Media {
		m := &offer.Media[i]
		if i != chosen {
			w.media(m, 0)
			continue
		}
		codecs := [2]Codec{speech, event}
		n := 1
		if event.Name != "" {
			n = 2
		}
		w.audio(string(m.Transport), at.Port(), codecs[:n])
		w.str("a=" + m.Effective().Reverse().String() + "\r\n")
		if m.Mux {
			w.str("a=rtcp-mux\r\n")
		}
		w.preconditions(m)
	}
	return o.seal(w.dst, start, at.Addr()), nil
}

// Offer appends an offer of our own: one audio section with all of caps, for an INVITE that came without a description.
// It offers the first address of local.
func Offer(dst []byte, o *Origin, caps []Codec, local []Local) []byte {
	var at netip.AddrPort
	if len(local) > 0 {
		at = local[0].RTP
	}
	dst, start := begin(dst)
	w := writer{dst: dst}
	w.str("s=-\r\n")
	w.connection(at.Addr())
	w.str("t=0 0\r\n")
	w.audio("RTP/AVP", at.Port(), caps)
	w.str("a=sendrecv\r\n")
	return o.seal(w.dst, start, at.Addr())
}

// audio writes an audio section of our own up to its direction.
func (w *writer) audio(transport string, port uint16, codecs []Codec) {
	w.str("m=audio ")
	w.number(uint64(port))
	w.str(" " + transport)
	for i := range codecs {
		w.str(" ")
		w.number(uint64(codecs[i].PT))
	}
	w.str("\r\n")
	for i := range codecs {
		c := &codecs[i]
		w.str("a=rtpmap:")
		w.number(uint64(c.PT))
		w.str(" " + c.Name + "/")
		w.number(uint64(c.Rate))
		w.str("\r\n")
		if c.Fmtp != "" {
			w.str("a=fmtp:")
			w.number(uint64(c.PT))
			w.str(" " + c.Fmtp + "\r\n")
		}
	}
	w.str("a=ptime:20\r\n")
}

func (w *writer) number(n uint64) { w.dst = strconv.AppendUint(w.dst, n, 10) }
