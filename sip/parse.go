package sip

import (
	"bytes"
	"fmt"
	"slices"
)

// ParseError tells what is wrong with a message and which status answers it.
type ParseError struct {
	Status int
	Text   string
}

func (e *ParseError) Error() string { return fmt.Sprintf("%d %s", e.Status, e.Text) }

func bad(text string) error { return &ParseError{Status: 400, Text: text} }

// Parse reads one datagram into m, which then holds views of b. Folded lines are unfolded in place (RFC 3261 7.3.1). After
// an error the headers found so far are there, so that a 4xx can be built when they suffice (Answerable).
func (m *Message) Parse(b []byte) error {
	m.reset()
	// RFC 3261 7.5: leading CRLFs are ignored.
	for len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
		b = b[2:]
	}
	m.raw = b
	line, rest, ok := cutLine(b)
	if !ok {
		return bad("no start line")
	}
	lineErr := m.parseStartLine(line)
	headers, lines, rest, err := m.parseHeaders(m.Headers, rest)
	m.Headers = headers
	if bytes.Count(b[:len(b)-len(rest)], carriageReturn) != lines+1 {
		m.dropBroken()
		if err == nil {
			err = bad("bare carriage return")
		}
	}
	if err != nil {
		return err
	}
	m.Body = rest
	if lineErr != nil {
		return lineErr
	}
	return m.check()
}

func (m *Message) reset() {
	m.Method, m.MethodName, m.RequestURI, m.Status, m.Reason = MethodOther, nil, nil, 0, nil
	m.Headers, m.Body = m.Headers[:0], nil
	m.via.text, m.first = nil, [HdrContentType + 1]int16{}
}

var carriageReturn = []byte{'\r'}

// dropBroken removes the headers a lenient peer could read as two, so that no answer echoes them.
func (m *Message) dropBroken() {
	out := m.Headers[:0]
	for _, h := range m.Headers {
		if bytes.IndexByte(h.Value, '\r') < 0 {
			out = append(out, h)
		}
	}
	m.Headers = out
	m.index()
}

// cutLine returns b up to CRLF; a bare CR or LF is not a line end (it would let one header become two at a lenient peer).
func cutLine(b []byte) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 1 || b[i-1] != '\r' {
		return nil, b, false
	}
	return b[:i-1], b[i+1:], true
}

func (m *Message) parseStartLine(l []byte) error {
	if len(l) >= 8 && EqualFold(l[:8], "SIP/2.0 ") {
		return m.parseStatusLine(l[8:])
	}
	i := span(l, 0, tokenBit)
	if i == 0 || i == len(l) || l[i] != ' ' {
		return bad("bad request line")
	}
	m.MethodName = l[:i]
	m.Method = MethodOf(m.MethodName)
	j := bytes.LastIndexByte(l, ' ')
	if j == i {
		return bad("bad request line")
	}
	m.RequestURI = l[i+1 : j]
	if version := l[j+1:]; string(version) != "SIP/2.0" && !EqualFold(version, "SIP/2.0") {
		if len(version) > 4 && EqualFold(version[:4], "SIP/") {
			return &ParseError{Status: 505, Text: "version not supported"}
		}
		return bad("bad request line")
	}
	return nil
}

// parseStatusLine reads "code reason". The blank before an empty reason may be missing.
func (m *Message) parseStatusLine(s []byte) error {
	m.Status = 999 // not a request, so no error is answered
	if len(s) < 3 || len(s) > 3 && s[3] != ' ' {
		return bad("bad status line")
	}
	code, ok := number(s[:3])
	if !ok || code < 100 || code > 699 {
		return bad("bad status code")
	}
	m.Status = code
	if len(s) > 4 {
		m.Reason = s[4:]
	}
	return nil
}

// parseHeaders reads lines up to the empty one into hs; it counts the CRLFs it leaves and returns what follows.
func (m *Message) parseHeaders(hs []Header, b []byte) (headers []Header, lines int, rest []byte, err error) {
	for {
		line, rest, ok := cutLine(b)
		if !ok {
			return hs, lines, b, bad("header section does not end")
		}
		lines++
		if len(line) == 0 {
			return hs, lines, rest, nil
		}
		for len(rest) > 0 && isBlank(rest[0]) { // folded: the CRLF becomes two blanks
			n := len(line)
			more, after, ok := cutLine(rest)
			if !ok {
				return hs, lines, rest, bad("header section does not end")
			}
			line = line[:n+2+len(more)]
			line[n], line[n+1] = ' ', ' '
			rest = after
		}
		b = rest
		colon := bytes.IndexByte(line, ':')
		if colon < 1 {
			return hs, lines, b, bad("bad header line")
		}
		name := trimRight(line[:colon])
		id := HeaderIDOf(name)
		if id == HdrOther && !isToken(name) {
			return hs, lines, b, bad("bad header line")
		}
		if len(hs) == MaxHeaders {
			return hs, lines, b, &ParseError{Status: 513, Text: "too many headers"}
		}
		if len(hs) == cap(hs) {
			hs = slices.Grow(hs, 32)
		}
		hs = hs[:len(hs)+1]
		h := &hs[len(hs)-1] // field by field: a literal would be built first and copied then
		h.ID, h.Name, h.Value = id, name, trim(line[colon+1:])
		if int(id) < len(m.first) && m.first[id] == 0 {
			m.first[id] = int16(len(hs))
		}
	}
}
