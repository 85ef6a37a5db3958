package sip

import (
	"bytes"
	"errors"
)

// Errors of the typed views.
var (
	ErrAddress = errors.New("sip: malformed address")
	ErrURI     = errors.New("sip: malformed uri")
	ErrVia     = errors.New("sip: malformed via")
)

// Address is a name-addr or addr-spec with its header parameters (RFC 3261 20.10). Display keeps its quotes.
type Address struct {
	Display []byte
	URI     []byte
	Params  Params
}

// ParseAddress reads From, To, Contact, Route and the like; v is one list element. Two liberties: blanks between the angle
// brackets, and a display name without quotes may hold other characters than those of tokens, but no quote and no comma.
func ParseAddress(v []byte) (Address, error) {
	a, next, ok := parseAddress(v)
	if !ok || next != len(v) {
		return Address{}, ErrAddress
	}
	return a, nil
}

// parseAddress reads the first element of a list and returns the index of its comma, or of the end.
func parseAddress(v []byte) (a Address, next int, ok bool) {
	start := skip(v, 0)
	i := start
	if i < len(v) && v[i] == '"' {
		if i = quotedEnd(v, i); i < 0 {
			return a, 0, false
		}
		a.Display = v[start:i]
		i = skip(v, i)
	} else {
		for i < len(v) && v[i] != '<' && v[i] != ';' && v[i] != '"' && v[i] != ',' {
			i++
		}
		if i == len(v) || v[i] == ';' || v[i] == ',' {
			return addrSpec(v, start, i)
		}
		a.Display = trimRight(v[start:i])
	}
	if i == len(v) || v[i] != '<' {
		return a, 0, false
	}
	end := bytes.IndexByte(v[i:], '>')
	if end < 0 {
		return a, 0, false
	}
	a.URI = trim(v[i+1 : i+end])
	i = skip(v, i+end+1)
	if next = paramsEnd(v, i); next < 0 || !uriText(a.URI) {
		return a, 0, false
	}
	a.Params = Params(trimRight(v[i:next]))
	return a, next, true
}

// addrSpec reads the form without angle brackets: what follows a semicolon are header parameters, and a question mark is
// not allowed (RFC 3261 20.10).
func addrSpec(v []byte, start, end int) (a Address, next int, ok bool) {
	a.URI = trimRight(v[start:end])
	if next = paramsEnd(v, end); next < 0 || !uriText(a.URI) || bytes.IndexByte(a.URI, '?') >= 0 {
		return a, 0, false
	}
	a.Params = Params(trimRight(v[end:next]))
	return a, next, true
}

// uriText tells whether u is scheme:something of characters a URI may have.
func uriText(u []byte) bool { return schemeEnd(u) > 0 }

// schemeEnd returns the index of the colon behind the scheme, 0 if u is no URI.
func schemeEnd(u []byte) int {
	c := span(u, 0, schemeBit)
	if c == 0 || c >= len(u)-1 || u[c] != ':' || span(u, c, uriBit) != len(u) {
		return 0
	}
	return c
}

// URI is a SIP or other URI taken apart (RFC 3261 19.1). For schemes other than sip and sips only Scheme and Opaque are set.
type URI struct {
	Scheme  []byte
	User    []byte // with password, as written
	Host    []byte // IPv6 with its brackets
	Port    uint16
	Params  Params
	Headers []byte
	Opaque  []byte
}

// IsSIP tells sip: and sips: from other schemes.
func (u *URI) IsSIP() bool { return u.Opaque == nil }

// ParseURI takes a URI apart.
func ParseURI(b []byte) (URI, error) {
	c := schemeEnd(b)
	if c == 0 {
		return URI{}, ErrURI
	}
	u := URI{Scheme: b[:c]}
	rest := b[c+1:]
	if !EqualFold(u.Scheme, "sip") && !EqualFold(u.Scheme, "sips") {
		u.Opaque = rest
		return u, nil
	}
	// A user part may hold ';' and '?', so it is cut first; behind it no '@' may follow (RFC 3261 25.1).
	if i := bytes.IndexByte(rest, '@'); i >= 0 {
		if u.User, rest = rest[:i], rest[i+1:]; i == 0 {
			return URI{}, ErrURI
		}
	}
	i, ok := 0, false
	if u.Host, u.Port, i, ok = hostPort(rest, 0); !ok {
		return URI{}, ErrURI
	}
	rest = rest[i:]
	if i := bytes.IndexByte(rest, '?'); i >= 0 {
		rest, u.Headers = rest[:i], rest[i+1:]
	}
	if len(rest) > 0 {
		if rest[0] != ';' {
			return URI{}, ErrURI
		}
		u.Params = Params(rest)
	}
	return u, nil
}

// hostPort reads host[:port] from i on, with blanks around the colon as a Via may have them, and returns the index after
// it; a port of 0 means none was given. Between brackets any mix of hexadecimal digits, colons and dots passes: RFC 5118
// 4.10 asks to bear the three colons of an old grammar.
func hostPort(b []byte, i int) (host []byte, port uint16, next int, ok bool) {
	start := i
	if i < len(b) && b[i] == '[' {
		i = span(b, i+1, ipv6Bit)
		if i == len(b) || b[i] != ']' || bytes.Count(b[start:i], colon) < 2 {
			return nil, 0, 0, false
		}
		i++
	} else if i = span(b, i, hostBit); i == start {
		return nil, 0, 0, false
	}
	host = b[start:i]
	next = skip(b, i)
	if next == len(b) || b[next] != ':' {
		return host, 0, i, true
	}
	start = skip(b, next+1)
	n := 0
	for i = start; i < len(b) && b[i] >= '0' && b[i] <= '9' && n <= 65535; i++ {
		n = n*10 + int(b[i]-'0')
	}
	if i == start || n == 0 || n > 65535 {
		return nil, 0, 0, false
	}
	return host, uint16(n), i, true
}

var colon = []byte{':'}
