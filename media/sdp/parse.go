package sdp

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
)

// Errors that a caller may want to tell apart; all others are syntax errors.
var (
	// ErrAddress: an active section wants its media at an address we cannot send to: a host name (there is no resolver
	// here), a multicast, broadcast or scoped address.
	ErrAddress = errors.New("connection address is not a unicast IP address")
)

// maxMedia bounds the sections of a description: more is an attack, not a call.
const maxMedia = 64

func fail(line int32, what string) error { return fmt.Errorf("sdp line %d: %s", line, what) }

// Parse reads a description. It forgives what phones get wrong without harm (bare LF, no last line end, blank lines at the
// end, missing o=, s= or t=) and refuses the rest with an error that names the line. After an error the Session is unusable
// until the next Parse.
func (s *Session) Parse(b []byte) error {
	*s = Session{lines: s.lines[:0], Media: s.Media[:0], dir: SendRecv}
	if bytes.IndexByte(b, 0) >= 0 {
		return fail(1, "zero byte in the description")
	}
	b = bytes.TrimRight(b, "\r\n")
	all, crs := b, bytes.Count(b, cr) // those that end no line are left in the end
	var cur *Media
	for number := int32(1); len(b) > 0 || number == 1; number++ {
		var line []byte
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
			if i > 0 && line[i-1] == '\r' {
				line = line[:i-1]
				crs--
			}
		} else {
			line, b = b, nil
		}
		if len(line) < 2 || line[1] != '=' || line[0] < 'a' || line[0] > 'z' {
			return fail(number, "not of the form x=value")
		}
		l := Line{Type: line[0], Value: line[2:], colon: -1}
		if number == 1 && (l.Type != 'v' || string(l.Value) != "0") {
			return fail(1, "does not begin with v=0")
		}
		if l.Type == 'm' {
			var err error
			if cur, err = s.section(l.Value, number); err != nil {
				return err
			}
			continue
		}
		if l.Type == 'a' {
			l.colon = colonIn(l.Value)
			l.attr = attributeOf(l.Name())
		}
		s.read(cur, &l, number)
		s.lines = append(s.lines, l)
	}
	if crs != 0 {
		return strayCR(all)
	}
	return s.finish()
}

// colonIn returns where an attribute's name ends; names are short.
func colonIn(b []byte) int32 {
	for i, c := range b {
		if c == ':' {
			return int32(i)
		}
	}
	return -1
}

// strayCR refuses a CR inside a line: some readers would take it for a line end, and we would have let a line across.
func strayCR(b []byte) error {
	number := int32(1)
	for line := range bytes.Lines(b) {
		if bytes.IndexByte(bytes.TrimRight(line, "\r\n"), '\r') >= 0 {
			break
		}
		number++
	}
	return fail(number, "CR inside a line")
}

// section begins a media section with the value of its m= line.
func (s *Session) section(v []byte, number int32) (*Media, error) {
	if len(s.Media) == maxMedia {
		return nil, fail(number, "too many m= lines")
	}
	m := Media{mline: v, number: number, from: int32(len(s.lines)), NumPorts: 1, Direction: SendRecv}
	var port []byte
	var ok1, ok2, hasFormats bool
	m.Name, v, ok1 = bytes.Cut(v, space)
	port, v, ok2 = bytes.Cut(v, space)
	m.Transport, m.Formats, hasFormats = bytes.Cut(v, space)
	port, count, hasCount := bytes.Cut(port, []byte("/"))
	n, ok := decimal(port, 65535)
	if !ok1 || !ok2 || !ok || len(m.Name) == 0 || len(m.Transport) == 0 {
		return nil, fail(number, "bad m= line")
	}
	m.Port = uint16(n)
	if hasCount {
		if n, ok = decimal(count, 65535); !ok || n == 0 {
			return nil, fail(number, "bad number of ports in m= line")
		}
		m.NumPorts = uint16(n)
	}
	m.Formats = bytes.TrimRight(m.Formats, " ")
	m.Kind, m.Proto = kindOf(m.Name), protoOf(m.Transport)
	if m.Active() && (!hasFormats || len(m.Formats) == 0) {
		return nil, fail(number, "no format in m= line")
	}
	if m.Proto.RTP() {
		if m.types, ok = payloadTypes(m.Formats); !ok {
			return nil, fail(number, "bad payload type in m= line")
		}
	}
	if containsAddress(m.mline) {
		return nil, fail(number, "address in m= line")
	}
	s.Media = append(s.Media, m)
	return &s.Media[len(s.Media)-1], nil
}

// read takes what we need to know from one line; m is nil at session level.
func (s *Session) read(m *Media, l *Line, number int32) {
	switch {
	case l.Type == 'c' && m == nil:
		s.conn = parseConnection(l.Value, number)
	case l.Type == 'c' && m.conn.line == 0: // more than one is for layered multicast: the first counts
		m.conn = parseConnection(l.Value, number)
	case l.Type != 'a':
	case m == nil:
		if d, ok := l.attr.direction(); ok {
			s.dir, s.dirOK = d, true
		}
	default:
		m.attribute(l)
	}
}

func (m *Media) attribute(l *Line) {
	switch l.attr {
	case attrSendRecv, attrSendOnly, attrRecvOnly, attrInactive:
		m.Direction, m.dirOK = l.attr.direction()
	case attrRTCPMux:
		m.Mux = true
	case attrMID:
		m.MID = l.Attr()
	case attrRTCP:
		port, rest, more := bytes.Cut(l.Attr(), space)
		n, ok := decimal(port, 65535)
		if !ok || n == 0 {
			return
		}
		if more {
			c := parseConnection(rest, 1)
			if c.bad || c.name {
				return // RFC 3605 is a hint: without it the next port is used
			}
			m.rtcpAddr = c.addr
		}
		m.rtcpPort = uint16(n)
	}
}

// finish cuts the lines into sections and judges their addresses.
func (s *Session) finish() error {
	end := int32(len(s.lines))
	for i := len(s.Media) - 1; i >= 0; i-- {
		m := &s.Media[i]
		m.to, end = end, m.from
		m.Lines = s.lines[m.from:m.to:m.to]
		if !m.dirOK {
			m.Direction = s.dir
		}
		m.dirAny = m.dirOK || s.dirOK
		if m.conn.line == 0 {
			m.conn = s.conn
		}
		if !m.Active() {
			m.conn.addr = netip.Addr{}
		}
	}
	s.Lines = s.lines[:end:end]
	for i := range s.Media {
		m := &s.Media[i]
		switch {
		case !m.Active():
		case m.conn.line == 0:
			return fail(m.number, "no c= line for this section")
		case m.conn.bad:
			return fail(m.conn.line, "bad c= line")
		case m.conn.name:
			return fmt.Errorf("sdp line %d: %w", m.conn.line, ErrAddress)
		}
	}
	return nil
}

// parseConnection reads "IN IP4 address[/ttl[/count]]" (RFC 8866 5.7).
func parseConnection(v []byte, number int32) connection {
	c := connection{line: number}
	net, rest, ok := bytes.Cut(v, space)
	kind, addr, ok2 := bytes.Cut(rest, space)
	addr, _, _ = bytes.Cut(bytes.TrimRight(addr, " "), []byte("/"))
	if !ok || !ok2 || string(net) != "IN" || (string(kind) != "IP4" && string(kind) != "IP6") || len(addr) == 0 {
		c.bad = true
		return c
	}
	if c.addr, ok = parseAddr(addr); !ok || !usable(c.addr) {
		c.addr, c.name = netip.Addr{}, true
	}
	return c
}

// usable tells whether one may send to the address, or whether it is the null address of a hold.
func usable(a netip.Addr) bool {
	return a.Zone() == "" && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
