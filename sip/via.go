package sip

import (
	"net/netip"
	"strconv"
	"unsafe"
)

// Via is one Via element (RFC 3261 20.42).
type Via struct {
	Version   []byte // of SIP: 2.0
	Transport []byte
	Host      []byte // IPv6 with its brackets
	Port      uint16 // 0 if not given
	Params    Params

	branch []byte
}

// Branch returns the transaction identifier.
func (v *Via) Branch() []byte {
	if v.branch != nil {
		return v.branch
	}
	b, _ := v.Params.Get("branch")
	return b
}

// ParseVia reads the first element of a Via value, with every blank RFC 3261 25.1 allows.
func ParseVia(b []byte) (Via, error) {
	v, _, ok := parseVia(b)
	if !ok {
		return Via{}, ErrVia
	}
	return v, nil
}

// topVia keeps what was read of a message's first Via for as long as the message has the same text there.
type topVia struct {
	text *byte
	size int
	via  Via
	rest []byte
}

// topVia reads the first Via of a message once.
func (m *Message) topVia() (v Via, rest []byte, ok bool) {
	value := m.Get(HdrVia)
	if len(value) == 0 {
		return Via{}, nil, false
	}
	k := &m.via
	if k.text != &value[0] || k.size != len(value) {
		if v, rest, ok = parseVia(value); !ok {
			return Via{}, nil, false
		}
		*k = topVia{text: &value[0], size: len(value), via: v, rest: rest}
	}
	return k.via, k.rest, true
}

// parseVia reads the first element and returns what follows its comma.
func parseVia(b []byte) (v Via, rest []byte, ok bool) {
	name, i := viaToken(b, 0, '/')
	if !EqualFold(name, "SIP") {
		return v, nil, false
	}
	v.Version, i = viaToken(b, i, '/')
	v.Transport, i = viaToken(b, i, ' ')
	if len(v.Version) == 0 || len(v.Transport) == 0 {
		return v, nil, false
	}
	if v.Host, v.Port, i, ok = hostPort(b, i); !ok {
		return v, nil, false
	}
	i = skip(b, i)
	start := i
	if i = paramsEnd(b, i); i < 0 {
		return v, nil, false
	}
	v.Params = Params(trimRight(b[start:i]))
	v.branch, _ = v.Params.Get("branch")
	if i < len(b) {
		if rest = trim(b[i+1:]); len(rest) == 0 { // a comma that nothing follows
			return v, nil, false
		}
	}
	return v, rest, true
}

// viaToken reads a token from i on and the separator behind it, a slash or blanks, and returns where the next part starts.
func viaToken(b []byte, i int, separator byte) (token []byte, next int) {
	start := skip(b, i)
	end := span(b, start, tokenBit)
	next = skip(b, end)
	if separator == '/' {
		if next == len(b) || b[next] != '/' {
			return nil, len(b)
		}
		next++
	} else if next == end {
		return nil, len(b)
	}
	return b[start:end], next
}

// AppendTopVia prints the request's first Via as it stands in responses: with received, and rport filled in where the
// sender asked for it (RFC 3261 18.2.1, RFC 3581 4). Further elements of the same line follow unchanged.
func (m *Message) AppendTopVia(dst []byte) []byte {
	v, rest, ok := m.topVia()
	if !ok {
		return append(dst, m.Get(HdrVia)...)
	}
	dst = append(append(dst, "SIP/"...), v.Version...)
	dst = append(append(dst, '/'), v.Transport...)
	dst = append(append(dst, ' '), v.Host...)
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
		switch {
		case EqualFold(n, "received"):
			continue
		case EqualFold(n, "rport"):
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
	if rport || HostAddr(v.Host) != addr {
		dst = addr.AppendTo(append(dst, ";received="...))
	}
	if len(rest) > 0 {
		dst = append(append(dst, ", "...), rest...)
	}
	return dst
}

// ResponseAddr is where RFC 3261 18.2.2 and RFC 3581 4 send responses to a request over UDP: to the source address, and to
// the source port if the sender asked for it with rport, else to the port of its Via. (maddr is for multicast, which is
// not supported.)
func (m *Message) ResponseAddr() netip.AddrPort {
	port, addr := uint16(5060), m.Source.Addr().Unmap()
	v, err := m.TopVia()
	if _, rport := v.Params.Get("rport"); rport || err != nil {
		port = m.Source.Port()
	} else if v.Port != 0 {
		port = v.Port
	}
	return netip.AddrPortFrom(addr, port)
}

// HostAddr returns the address a host is written as, IPv6 with or without brackets; the zero Addr if it is a name.
func HostAddr(host []byte) netip.Addr {
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	if len(host) == 0 || host[0] != ':' && charClass[host[0]]&ipv6Bit == 0 {
		return netip.Addr{}
	}
	if len(host) > 45 || span(host, 0, ipv6Bit) != len(host) { // names, and the zones that ParseAddr would intern
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(unsafe.String(&host[0], len(host))) // the text is not kept
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
