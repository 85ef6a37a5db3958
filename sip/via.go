package sip

import (
	"bytes"
	"net/netip"
	"strconv"
)

// Via is one Via element (RFC 3261 20.42).
type Via struct {
	Transport []byte
	Host      []byte
	Port      uint16 // 0 if not given
	Params    Params
}

// Branch returns the transaction identifier.
func (v *Via) Branch() []byte {
	b, _ := v.Params.Get("branch")
	return b
}

// ParseVia reads the first element of a Via value, with every blank RFC 3261 25.1 allows.
func ParseVia(b []byte) (Via, error) {
	b, _ = CutValue(b)
	name, b := cutSlash(b)
	version, b := cutSlash(b)
	b = trim(b)
	i := bytes.IndexAny(b, " \t")
	if !EqualFold(name, "SIP") || !EqualFold(version, "2.0") || i < 1 {
		return Via{}, ErrVia
	}
	v := Via{Transport: b[:i]}
	b = trim(b[i:])
	end := bytes.IndexByte(b, ';')
	if end < 0 {
		end = len(b)
	}
	v.Params = Params(b[end:])
	var ok bool
	if v.Host, v.Port, ok = hostPort(b[:end]); !ok || !isToken(v.Transport) {
		return Via{}, ErrVia
	}
	return v, nil
}

func cutSlash(b []byte) (head, rest []byte) {
	i := bytes.IndexByte(b, '/')
	if i < 0 {
		return nil, b
	}
	return trim(b[:i]), b[i+1:]
}

// AppendTopVia prints the request's first Via as it stands in responses: with received, and rport filled in where the
// sender asked for it (RFC 3261 18.2.1, RFC 3581 4). Further elements of the same line follow unchanged.
func (m *Message) AppendTopVia(dst []byte) []byte {
	value := m.Get(HdrVia)
	first, rest := CutValue(value)
	v, err := ParseVia(first)
	if err != nil {
		return append(dst, value...)
	}
	dst = append(dst, "SIP/2.0/"...)
	dst = append(dst, v.Transport...)
	dst = append(dst, ' ')
	dst = append(dst, v.Host...)
	if v.Port != 0 {
		dst = strconv.AppendUint(append(dst, ':'), uint64(v.Port), 10)
	}
	rport := false
	for p := v.Params; ; {
		n, val, more, ok := p.Next()
		if !ok {
			break
		}
		p = more
		if EqualFold(n, "received") {
			continue
		}
		if EqualFold(n, "rport") {
			rport = true
			continue
		}
		dst = append(append(dst, ';'), n...)
		if val != nil {
			dst = append(append(dst, '='), val...)
		}
	}
	if rport {
		dst = strconv.AppendUint(append(dst, ";rport="...), uint64(m.Source.Port()), 10)
	}
	addr := m.Source.Addr().Unmap()
	if host, err := netip.ParseAddr(string(bytes.Trim(v.Host, "[]"))); rport || err != nil || host.Unmap() != addr {
		dst = addr.AppendTo(append(dst, ";received="...))
	}
	if len(rest) > 0 {
		dst = append(append(dst, ", "...), rest...)
	}
	return dst
}
