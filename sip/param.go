package sip

import (
	"bytes"
	"iter"
)

// Params is the text of ;name=value parameters, starting with or without the first semicolon.
type Params []byte

// Next cuts the first parameter off; quoted values keep their quotes. ok is false at the end.
func (p Params) Next() (name, value []byte, rest Params, ok bool) {
	i := 0
	for i < len(p) && (p[i] == ';' || isBlank(p[i])) {
		i++
	}
	if i == len(p) {
		return nil, nil, nil, false
	}
	p = p[i:]
	end := span(p, 0, tokenBit)
	i = skip(p, end)
	if i == len(p) || p[i] == ';' { // a flag
		return p[:end], nil, p[i:], true
	}
	if p[i] == '=' {
		start := skip(p, i+1)
		if i = valueEnd(p, start); i >= 0 {
			if after := skip(p, i); after == len(p) || p[after] == ';' {
				return p[:end], p[start:i], p[after:], true
			}
		}
	}
	end = scan(p, ';') // outside the grammar
	one := p[:end]
	if i := bytes.IndexByte(one, '='); i >= 0 {
		return trim(one[:i]), trim(one[i+1:]), p[end:], true
	}
	return trim(one), nil, p[end:], true
}

// valueEnd returns the end of the token, host or quoted string that starts at i, -1 if its closing quote is missing.
func valueEnd(b []byte, i int) int {
	if i < len(b) && b[i] == '"' {
		return quotedEnd(b, i)
	}
	return span(b, i, valueBit)
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

// paramsEnd checks the header parameters from i on and returns where they end: at the comma of a list, or at the end of b.
// It is -1 if they break the grammar of RFC 3261 25.1: no name, a value with an unquoted blank, an open quote. One liberty:
// a value may be empty (;rport=).
func paramsEnd(b []byte, i int) int {
	for i = skip(b, i); i < len(b) && b[i] == ';'; {
		start := skip(b, i+1)
		if i = span(b, start, tokenBit); i == start {
			return -1
		}
		if i = skip(b, i); i == len(b) || b[i] != '=' {
			continue
		}
		if i = valueEnd(b, skip(b, i+1)); i < 0 {
			return -1
		}
		i = skip(b, i)
	}
	if i < len(b) && b[i] != ',' {
		return -1
	}
	return i
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

// Values are the elements of a header that is a comma list, over all its lines, without the blanks around them.
func (m *Message) Values(id HeaderID) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range m.Headers {
			if m.Headers[i].ID != id {
				continue
			}
			for v := m.Headers[i].Value; len(v) > 0; {
				var one []byte
				if one, v = CutValue(v); !yield(one) {
					return
				}
			}
		}
	}
}

// List is what Values are, to be kept.
func (m *Message) List(id HeaderID) (out []string) {
	for one := range m.Values(id) {
		out = append(out, string(one))
	}
	return out
}

// HasToken tells whether a comma list of tokens, over all lines of the header, holds one.
func (m *Message) HasToken(id HeaderID, token string) bool {
	for one := range m.Values(id) {
		if EqualFold(one, token) {
			return true
		}
	}
	return false
}
