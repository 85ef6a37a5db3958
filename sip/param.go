package sip

import "bytes"

// Params is the text of ;name=value parameters, starting with or without the first semicolon.
type Params []byte

// Next cuts the first parameter off; quoted values keep their quotes. ok is false at the end.
func (p Params) Next() (name, value []byte, rest Params, ok bool) {
	for len(p) > 0 && (p[0] == ';' || isBlank(p[0])) {
		p = p[1:]
	}
	if len(p) == 0 {
		return nil, nil, nil, false
	}
	end := scan(p, ';')
	one := p[:end]
	if i := bytes.IndexByte(one, '='); i >= 0 {
		return trim(one[:i]), trim(one[i+1:]), p[end:], true
	}
	return trim(one), nil, p[end:], true
}

// Get returns the value of a parameter; names are case-insensitive (RFC 3261 7.3.1). A flag gives (nil, true).
func (p Params) Get(name string) ([]byte, bool) {
	for {
		n, v, rest, ok := p.Next()
		if !ok {
			return nil, false
		}
		if EqualFold(n, name) {
			return v, true
		}
		p = rest
	}
}

// scan returns the index of the first stop outside quotes and angle brackets, len(b) if there is none.
func scan(b []byte, stop byte) int {
	quoted, angle := false, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == stop && !angle:
			return i
		}
	}
	return len(b)
}

// CutValue cuts the first element off a comma list, aware of quotes and angle brackets.
func CutValue(v []byte) (first, rest []byte) {
	i := scan(v, ',')
	if i == len(v) {
		return trim(v), nil
	}
	return trim(v[:i]), trim(v[i+1:])
}

// Unquote strips the quotes and backslashes of a quoted string; other text comes back as it is.
func Unquote(v []byte) []byte {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return v
	}
	v = v[1 : len(v)-1]
	if bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		out = append(out, v[i])
	}
	return out
}

// HasToken tells whether a comma list of tokens, over all lines of the header, holds one.
func (m *Message) HasToken(id HeaderID, token string) bool {
	for i := range m.Headers {
		if m.Headers[i].ID != id {
			continue
		}
		for v := m.Headers[i].Value; len(v) > 0; {
			var one []byte
			if one, v = CutValue(v); EqualFold(one, token) {
				return true
			}
		}
	}
	return false
}
