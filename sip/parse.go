package sip

import (
	"bytes"
	"fmt"
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
	*m = Message{Headers: m.Headers[:0], Source: m.Source, Listener: m.Listener}
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
	rest, err := m.parseHeaders(rest)
	if err != nil {
		return err
	}
	m.Body = rest
	if lineErr != nil {
		return lineErr
	}
	return m.check()
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
	if len(l) >= 12 && EqualFold(l[:8], "SIP/2.0 ") {
		s := l[8:]
		for _, c := range s[:3] {
			if c < '0' || c > '9' {
				return bad("bad status code")
			}
			m.Status = m.Status*10 + int(c-'0')
		}
		if m.Status < 100 || m.Status > 699 || s[3] != ' ' {
			m.Status = 500 // not answerable: responses are not answered
			return bad("bad status line")
		}
		m.Reason = s[4:]
		return nil
	}
	i := bytes.IndexByte(l, ' ')
	j := bytes.LastIndexByte(l, ' ')
	if i < 1 || j <= i || !isToken(l[:i]) {
		return bad("bad request line")
	}
	m.MethodName, m.RequestURI = l[:i], l[i+1:j]
	m.Method = MethodOf(m.MethodName)
	version := l[j+1:]
	if !EqualFold(version, "SIP/2.0") {
		if len(version) > 4 && EqualFold(version[:4], "SIP/") {
			return &ParseError{Status: 505, Text: "version not supported"}
		}
		return bad("bad request line")
	}
	if len(m.RequestURI) == 0 || bytes.ContainsAny(m.RequestURI, " \t<>\"") {
		return bad("bad request uri")
	}
	return nil
}

func (m *Message) parseHeaders(b []byte) ([]byte, error) {
	for {
		line, rest, ok := cutLine(b)
		if !ok {
			return nil, bad("header section does not end")
		}
		if len(line) == 0 {
			return rest, nil
		}
		for len(rest) > 0 && isBlank(rest[0]) { // folded: the CRLF becomes two blanks
			n := len(line)
			line = line[:n+2]
			line[n], line[n+1] = ' ', ' '
			more, after, ok := cutLine(rest)
			if !ok {
				return nil, bad("header section does not end")
			}
			line, rest = line[:len(line)+len(more)], after
		}
		b = rest
		c := bytes.IndexByte(line, ':')
		if c < 1 || isBlank(line[0]) {
			return nil, bad("bad header line")
		}
		name := trim(line[:c])
		if !isToken(name) || bytes.IndexByte(line, '\r') >= 0 {
			return nil, bad("bad header line")
		}
		if len(m.Headers) == MaxHeaders {
			return nil, &ParseError{Status: 513, Text: "too many headers"}
		}
		h := Header{ID: HeaderIDOf(name), Name: name, Value: trim(line[c+1:])}
		m.Headers = append(m.Headers, h)
		if id := h.ID; int(id) < len(m.first) && m.first[id] == 0 {
			m.first[id] = int16(len(m.Headers))
		}
	}
}

// check finds what no element may accept: missing or doubled headers, a CSeq that contradicts the request line, a body
// shorter than announced.
func (m *Message) check() error {
	var seen [NumHeaders]bool
	for i := range m.Headers {
		id := m.Headers[i].ID
		if seen[id] && single[id] {
			return bad("more than one " + id.String())
		}
		seen[id] = true
	}
	for _, id := range [...]HeaderID{HdrVia, HdrFrom, HdrTo, HdrCallID, HdrCSeq} {
		if len(m.Get(id)) == 0 {
			return bad("no " + id.String())
		}
	}
	_, method, ok := ParseCSeq(m.Get(HdrCSeq))
	if !ok {
		return bad("bad CSeq")
	}
	if m.IsRequest() && !bytes.Equal(method, m.MethodName) {
		return bad("CSeq method is not the request's")
	}
	if !m.IsRequest() {
		m.Method, m.MethodName = MethodOf(method), method
	}
	if v := m.Get(HdrContentLength); v != nil {
		n, ok := number(v)
		if !ok || n > len(m.Body) {
			return bad("bad Content-Length")
		}
		m.Body = m.Body[:n]
	}
	if v := m.Get(HdrMaxForwards); v != nil {
		if n, ok := number(v); !ok || n > 255 {
			return bad("bad Max-Forwards")
		}
	}
	return m.checkViews()
}

// checkViews tries the typed views every later step relies on.
func (m *Message) checkViews() error {
	if _, err := m.TopVia(); err != nil {
		return bad("bad Via")
	}
	if _, err := ParseAddress(m.Get(HdrFrom)); err != nil {
		return bad("bad From")
	}
	if _, err := ParseAddress(m.Get(HdrTo)); err != nil {
		return bad("bad To")
	}
	if v := m.Get(HdrContact); len(v) > 0 && v[0] != '*' {
		first, _ := CutValue(v)
		if _, err := ParseAddress(first); err != nil {
			return bad("bad Contact")
		}
	}
	return nil
}

// Answerable tells whether enough of a request was read to build a response to it (RFC 3261 8.2.6).
func (m *Message) Answerable() bool {
	if !m.IsRequest() || m.Method == ACK || len(m.MethodName) == 0 {
		return false
	}
	_, err := m.TopVia()
	return err == nil && len(m.Get(HdrFrom)) > 0 && len(m.Get(HdrTo)) > 0 && len(m.Get(HdrCallID)) > 0 && len(m.Get(HdrCSeq)) > 0
}

func number(v []byte) (int, bool) {
	n := 0
	for _, c := range v {
		if c < '0' || c > '9' || n > 1<<24 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(v) > 0
}
