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

// ParseAddress reads the first form of From, To, Contact, Route and the like; v is one list element.
func ParseAddress(v []byte) (Address, error) {
	v = trim(v)
	if i := angle(v); i >= 0 {
		j := bytes.IndexByte(v[i:], '>')
		if j < 2 {
			return Address{}, ErrAddress
		}
		a := Address{Display: trim(v[:i]), URI: trim(v[i+1 : i+j]), Params: Params(trim(v[i+j+1:]))}
		if len(a.Params) > 0 && a.Params[0] != ';' || !uriText(a.URI) {
			return Address{}, ErrAddress
		}
		return a, nil
	}
	// RFC 3261 20: without angle brackets what follows a semicolon are header parameters.
	i := bytes.IndexByte(v, ';')
	if i < 0 {
		i = len(v)
	}
	a := Address{URI: trim(v[:i]), Params: Params(v[i:])}
	if !uriText(a.URI) || bytes.IndexByte(a.URI, ',') >= 0 || bytes.IndexByte(a.URI, '?') >= 0 {
		return Address{}, ErrAddress
	}
	return a, nil
}

// angle returns the index of the opening angle bracket outside quotes, -1 if there is none.
func angle(v []byte) int {
	quoted := false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted:
			return i
		}
	}
	return -1
}

func uriText(u []byte) bool {
	c := bytes.IndexByte(u, ':')
	return c > 0 && c < len(u)-1 && !bytes.ContainsAny(u, " \t<>\"")
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
	c := bytes.IndexByte(b, ':')
	if c < 1 || c == len(b)-1 {
		return URI{}, ErrURI
	}
	u := URI{Scheme: b[:c]}
	rest := b[c+1:]
	if !EqualFold(u.Scheme, "sip") && !EqualFold(u.Scheme, "sips") {
		u.Opaque = rest
		return u, nil
	}
	if i := bytes.LastIndexByte(userPart(rest), '@'); i >= 0 {
		u.User, rest = rest[:i], rest[i+1:]
	}
	if i := bytes.IndexByte(rest, '?'); i >= 0 {
		rest, u.Headers = rest[:i], rest[i+1:]
	}
	if i := bytes.IndexByte(rest, ';'); i >= 0 {
		rest, u.Params = rest[:i], Params(rest[i:])
	}
	var ok bool
	if u.Host, u.Port, ok = hostPort(rest); !ok {
		return URI{}, ErrURI
	}
	return u, nil
}

// userPart bounds the search for '@': a user part may hold ';' and '?', but headers may hold '@' only after a host.
func userPart(b []byte) []byte {
	if i := bytes.IndexByte(b, '@'); i >= 0 {
		return b[:i+1]
	}
	return nil
}

// hostPort reads host[:port]; a port of 0 means none was given.
func hostPort(b []byte) (host []byte, port uint16, ok bool) {
	b = trim(b)
	host = b
	if len(b) > 0 && b[0] == '[' {
		i := bytes.IndexByte(b, ']')
		if i < 0 {
			return nil, 0, false
		}
		host, b = b[:i+1], b[i+1:]
		if len(b) == 0 {
			return host, 0, true
		}
		if b[0] != ':' {
			return nil, 0, false
		}
		b = b[1:]
	} else if i := bytes.IndexByte(b, ':'); i >= 0 {
		host, b = trim(b[:i]), trim(b[i+1:])
	} else {
		return host, 0, hostText(host)
	}
	n, ok := number(b)
	if !ok || n == 0 || n > 65535 || len(host) == 0 || host[0] != '[' && !hostText(host) {
		return nil, 0, false
	}
	return host, uint16(n), true
}

func hostText(h []byte) bool {
	for _, c := range h {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	return len(h) > 0
}
