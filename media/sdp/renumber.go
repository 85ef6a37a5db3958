package sdp

import (
	"bytes"
	"strconv"
)

// formats writes a section's format list under the numbers that the reader sees.
func (w *writer) formats(m *Media) {
	list := m.Formats
	if len(w.changes) == 0 && w.events == (Events{}) {
		w.dst = append(w.dst, list...)
		return
	}
	start := len(w.dst)
	for len(list) > 0 {
		var f []byte
		f, list = token(list)
		if w.events.Drop && m.isEvent(f) {
			continue
		}
		if len(w.dst) > start {
			w.dst = append(w.dst, ' ')
		}
		w.format(f)
	}
	if w.events.Add != 0 {
		w.dst = strconv.AppendUint(append(w.dst, ' '), uint64(w.events.Add), 10)
	}
}

// format writes one payload type, or what else stands in its place.
func (w *writer) format(f []byte) {
	if pt, ok := decimal(f, 127); ok {
		for _, c := range w.changes {
			if c.From == uint8(pt) {
				w.dst = strconv.AppendUint(w.dst, uint64(c.To), 10)
				return
			}
		}
	}
	w.dst = append(w.dst, f...)
}

// carry copies a line of a section, with the payload types in it renumbered: those at the beginning of rtpmap, fmtp and
// rtcp-fb, the apt of a retransmission (RFC 4588 8.1), and the list of a redundant format (RFC 2198 5).
func (w *writer) carry(l *Line) {
	if len(w.changes) == 0 || l.attr != attrRTPMap && l.attr != attrFmtp && l.attr != attrRTCPFb {
		w.line(l)
		return
	}
	format, rest, more := bytes.Cut(l.Attr(), space)
	w.str("a=")
	w.dst = append(w.dst, l.Name()...)
	w.dst = append(w.dst, ':')
	w.format(format)
	if more {
		w.dst = append(w.dst, ' ')
		if clock := w.clockOf(format); l.attr == attrFmtp {
			w.parameters(rest)
		} else if clock != 0 && l.attr == attrRTPMap {
			w.str(eventName + "/")
			w.number(uint64(clock))
		} else {
			w.dst = append(w.dst, rest...)
		}
	}
	w.str("\r\n")
}

func (w *writer) parameters(b []byte) {
	if bytes.IndexByte(b, '=') < 0 && bytes.IndexByte(b, '/') > 0 { // RED: 98/98/98
		for first := true; len(b) > 0; first = false {
			var f []byte
			f, b, _ = bytes.Cut(b, []byte("/"))
			if !first {
				w.dst = append(w.dst, '/')
			}
			w.format(f)
		}
		return
	}
	for first := true; len(b) > 0; first = false {
		var one []byte
		one, b, _ = bytes.Cut(b, []byte(";"))
		if !first {
			w.dst = append(w.dst, ';')
		}
		name, value, ok := bytes.Cut(one, []byte("="))
		if ok && string(bytes.TrimSpace(name)) == "apt" {
			w.dst = append(append(w.dst, name...), '=')
			w.format(value)
			continue
		}
		w.dst = append(w.dst, one...)
	}
}
