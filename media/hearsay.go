package media

import (
	"encoding/binary"

	"github.com/bifrons/bifrons/internal/leak"
)

// hearsay is what the RTCP of a party has told of it.
type hearsay struct {
	texts   leak.Set
	sources []uint32
}

// hears returns what the party's RTCP has told.
func (t *traffic) hears() *hearsay {
	if t.heard == nil {
		t.heard = new(hearsay)
	}
	return t.heard
}

// clean tells whether RTCP to the party of q may be sent: it has nothing in it that the party of p has told of itself.
func (r *Relay) clean(p, q *port, out []byte) bool {
	if r.cfg.Audit == leak.Off || len(out) == 0 || p.traffic.heard == nil {
		return true
	}
	known := q.seen().hears()
	for _, s := range p.traffic.senders() { // what we send to p stands for sources of q
		if s != nil && s.mapped {
			known.source(s.source)
		}
	}
	if !p.traffic.heard.in(out, known) {
		return true
	}
	r.totals.leaks++
	return r.cfg.Audit != leak.Block
}

// maxSources bounds what is kept of a party that changes its source with every packet.
const maxSources = 16

// hear takes in a compound packet of the party.
func (h *hearsay) hear(b []byte) {
	WalkRTCP(b, h.source, nil, func(text []byte) { h.texts.Add(leak.CNAME, text) })
}

// source takes in an RTP source of the party.
func (h *hearsay) source(ssrc uint32) {
	if len(h.sources) < maxSources && !h.names(ssrc) {
		h.sources = append(h.sources, ssrc)
	}
}

func (h *hearsay) names(ssrc uint32) bool {
	for _, s := range h.sources {
		if s == ssrc {
			return true
		}
	}
	return false
}

// in tells whether a packet to another party, who has said what other heard, has a text or a source of this one in it.
func (h *hearsay) in(b []byte, other *hearsay) (found bool) {
	look := func(ssrc uint32) {
		if ssrc != 0 && h.names(ssrc) && !other.names(ssrc) {
			found = true
		}
	}
	WalkRTCP(b, look, look, func([]byte) {})
	for at := 0; ; {
		hit, ok := h.texts.Next(b, at)
		if !ok {
			return found
		}
		if at = hit.End; !other.texts.Has(h.texts.Token(hit)) {
			return true
		}
	}
}

// WalkRTCP goes through a compound packet (RFC 3550 6.1): sender gets the sources that the packets come from, about those
// they speak of, text the items of source descriptions and the reasons of BYE. Nil functions are not called.
func WalkRTCP(b []byte, sender, about func(ssrc uint32), text func([]byte)) {
	if sender == nil {
		sender = func(uint32) {}
	}
	if about == nil {
		about = func(uint32) {}
	}
	for {
		p, rest, ok := cutRTCP(b)
		if !ok || len(p) < 8 {
			return
		}
		b = rest
		count := int(p[0] & 0x1f)
		switch p[1] {
		case rtcpSR, rtcpRR:
			sender(binary.BigEndian.Uint32(p[4:]))
			at := 8
			if p[1] == rtcpSR {
				at = 28
			}
			for ; count > 0 && at+24 <= len(p); count, at = count-1, at+24 {
				about(binary.BigEndian.Uint32(p[at:]))
			}
		case rtcpSDES:
			walkSDES(p[4:], sender, text)
		case rtcpBYE:
			for i := 1; i <= count && 4*i+4 <= len(p); i++ {
				sender(binary.BigEndian.Uint32(p[4*i:]))
			}
			if at := 4 + 4*count; at < len(p) && at+1+int(p[at]) <= len(p) {
				text(p[at+1 : at+1+int(p[at])])
			}
		default:
			sender(binary.BigEndian.Uint32(p[4:]))
			if len(p) >= 12 && (p[1] == rtcpRTPFB || p[1] == rtcpPSFB) {
				about(binary.BigEndian.Uint32(p[8:]))
			}
		}
	}
}

// walkSDES goes through the chunks of a source description (RFC 3550 6.5).
func walkSDES(p []byte, sender func(uint32), text func([]byte)) {
	for len(p) >= 4 {
		sender(binary.BigEndian.Uint32(p))
		i := 4
		for i+1 < len(p) && p[i] != 0 {
			end := i + 2 + int(p[i+1])
			if end > len(p) {
				return
			}
			text(p[i+2 : end])
			i = end
		}
		p = p[min(len(p), (i/4+1)*4):]
	}
}
