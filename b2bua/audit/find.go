package audit

import (
	"bytes"

	"github.com/bifrons/bifrons/internal/leak"
	"github.com/bifrons/bifrons/sip"
)

// Finding is a secret in a message, and the field it stands in.
type Finding struct {
	leak.Hit
	Field Field
}

// Place is a part of a message.
type Place uint8

// The parts of a message.
const (
	StartLine Place = iota
	Header
	SDP
	Body // another one
)

// Field is where in a message something stands.
type Field struct {
	Place  Place
	Header sip.HeaderID
	Name   string // of a header as written, type of a body, or what stands left of a line of SDP: "o=", "a=candidate"
	ICID   bool   // it is the charging identity in a P-Charging-Vector (RFC 7315 4.6)
}

// String names the field as metrics and reports do: a bounded set of names.
func (f Field) String() string {
	switch f.Place {
	case StartLine:
		return "start line"
	case Header:
		if f.Header == sip.HdrOther {
			return "other header"
		}
		return f.Header.String()
	case SDP:
		return "sdp " + f.Name
	}
	return "body"
}

// Locator finds the fields of a message's bytes, in rising order.
type Locator struct {
	b          []byte
	start, end int // of the line looked at
	body       int // where it starts; 0 not known yet
	field      Field
}

// NewLocator makes a Locator for a message.
func NewLocator(b []byte) Locator { return Locator{b: b} }

// At returns the field that has the byte at pos; pos never falls.
func (l *Locator) At(pos int) Field {
	if l.body > 0 {
		return inBody(l.b, l.body, pos)
	}
	if l.end > pos {
		return l.charging(pos)
	}
	for l.end <= pos {
		l.start = l.end
		i := bytes.IndexByte(l.b[l.start:], '\n')
		if i < 0 {
			l.end = len(l.b)
			break
		}
		if l.end += i + 1; i < 2 && (i == 0 || l.b[l.start] == '\r') { // the empty line
			l.body = l.end
			return inBody(l.b, l.body, pos)
		}
	}
	line := l.b[l.start:l.end]
	switch {
	case l.start == 0:
		l.field = Field{Place: StartLine}
	case line[0] == ' ' || line[0] == '\t': // folded: still the field before
		l.field = header(l.b, l.start)
	default:
		l.field = named(line)
	}
	return l.charging(pos)
}

// charging returns the field of the line, and whether the byte at pos is of a charging identity.
func (l *Locator) charging(pos int) Field {
	f := l.field
	if f.Header != sip.HdrPChargingVector || f.Place != Header {
		return f
	}
	line := bytes.TrimRight(l.b[l.start:l.end], "\r\n")
	for p := sip.Params(line[bytes.IndexByte(line, ':')+1:]); ; {
		name, value, rest, ok := p.Next()
		if !ok {
			return f
		}
		if start := l.start + cap(line) - cap(value); sip.EqualFold(name, "icid-value") && pos >= start && pos < start+len(value) {
			f.ICID = true
			return f
		}
		p = rest
	}
}

// Locate finds the field of a message that has its byte at pos.
func Locate(b []byte, pos int) Field {
	l := NewLocator(b)
	return l.At(pos)
}

// header finds the field that a folded line belongs to.
func header(b []byte, start int) Field {
	for start > 0 && (b[start] == ' ' || b[start] == '\t') {
		start = lineStart(b, start-1)
	}
	return named(b[start:])
}

// named reads the name of a header line.
func named(line []byte) Field {
	colon := max(bytes.IndexByte(line, ':'), 0)
	name := bytes.TrimSpace(line[:min(colon, 64)])
	id := sip.HeaderIDOf(name)
	if id != sip.HdrOther {
		return Field{Place: Header, Header: id, Name: id.String()}
	}
	return Field{Place: Header, Header: id, Name: string(name)}
}

func lineStart(b []byte, pos int) int { return bytes.LastIndexByte(b[:pos], '\n') + 1 }

// inBody finds the part of a body, by the last content type named before it.
func inBody(b []byte, body, pos int) Field {
	kind := bytes.ToLower(contentType(b[:body]))
	if bytes.HasPrefix(kind, []byte("multipart/")) {
		kind = bytes.ToLower(contentType(b[body:pos]))
	}
	if i := bytes.IndexByte(kind, ';'); i >= 0 {
		kind = bytes.TrimSpace(kind[:i])
	}
	if string(kind) != "application/sdp" {
		return Field{Place: Body, Name: string(kind)}
	}
	line := b[lineStart(b, pos):]
	if len(line) < 2 || line[1] != '=' {
		return Field{Place: SDP, Name: "?"}
	}
	if line[0]|0x20-'a' > 25 {
		return Field{Place: SDP, Name: "?"}
	}
	f := Field{Place: SDP, Name: string(line[:2])}
	if line[0] == 'a' {
		for _, name := range attributes {
			if bytes.HasPrefix(line[2:], []byte(name)) {
				f.Name += name
				break
			}
		}
	}
	return f
}

// attributes are those that fields are named after; the others are just a=.
var attributes = [...]string{"candidate", "crypto", "fingerprint", "fmtp", "ice", "msid", "rtcp", "rtpmap", "setup", "ssrc", "tls-id", "X-"}

// contentType returns the last Content-Type in a text.
func contentType(b []byte) []byte {
	for end := len(b); end > 0; {
		start := lineStart(b, end-1)
		line := b[start:end]
		end = start
		name, value, ok := bytes.Cut(line, []byte(":"))
		if ok && (sip.EqualFold(bytes.TrimSpace(name), "Content-Type") || sip.EqualFold(bytes.TrimSpace(name), "c")) {
			return bytes.TrimSpace(value)
		}
	}
	return nil
}
