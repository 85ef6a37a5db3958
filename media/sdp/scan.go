package sdp

import (
	"bytes"
	"net/netip"
)

// decimal reads an unsigned decimal number up to limit.
func decimal(b []byte, limit uint32) (uint32, bool) {
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	var n uint32
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint32(c-'0')
	}
	return n, n <= limit
}

// token cuts b at its first space.
func token(b []byte) (first, rest []byte) {
	for i, c := range b {
		if c == ' ' {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

// payloadTypes reads a format list of RTP payload types into a set.
func payloadTypes(list []byte) (set [2]uint64, ok bool) {
	for len(list) > 0 {
		var f []byte
		f, list = token(list)
		pt, ok := decimal(f, 127)
		if ok {
			set[pt/64] |= 1 << (pt % 64)
		} else if len(f) > 0 {
			return set, false
		}
	}
	return set, true
}

// parseAddr reads an address, IPv4 without allocation. Some write IPv6 as in a URI, in brackets, as SIPp does in its uac_pcap.
func parseAddr(b []byte) (netip.Addr, bool) {
	if a, ok := parseIPv4(b); ok {
		return a, true
	}
	if bytes.IndexByte(b, ':') < 0 {
		return netip.Addr{}, false
	}
	if end := len(b) - 1; b[0] == '[' && b[end] == ']' {
		b = b[1:end]
	}
	a, err := netip.ParseAddr(string(b))
	return a.Unmap(), err == nil
}

func parseIPv4(b []byte) (netip.Addr, bool) {
	var out [4]byte
	for i := range out {
		part := b
		if i < 3 {
			end := bytes.IndexByte(b, '.')
			if end < 0 {
				return netip.Addr{}, false
			}
			part, b = b[:end], b[end+1:]
		}
		n, ok := decimal(part, 255)
		if !ok || len(part) > 3 {
			return netip.Addr{}, false
		}
		out[i] = byte(n)
	}
	return netip.AddrFrom4(out), true
}

// Classes of bytes that an address literal is made of.
const (
	addrDigit = 1 + iota
	addrHex
	addrDot
	addrColon
)

// addrClass maps a byte to its class, 0 for what cannot be in an address.
var addrClass = func() (t [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		t[c] = addrDigit
	}
	for c := 'a'; c <= 'f'; c++ {
		t[c], t[c-'a'+'A'] = addrHex, addrHex
	}
	t['.'], t[':'] = addrDot, addrColon
	return t
}()

// containsAddress tells whether something in b looks like an IP address: four numbers with dots between, or hexadecimal
// groups with two colons or more. It would rather see one too many (a version 1.2.3.4, a MAC address) than one too few.
func containsAddress(b []byte) bool {
	if bytes.Count(b, dot) < 3 && bytes.Count(b, colon) < 2 {
		return false // nearly every line
	}
	var colons, dots int
	var group, hex bool // the group has a digit; the run has one
	for _, c := range b {
		switch addrClass[c] {
		case addrDigit:
			group, hex = true, true
			if dots == 3 {
				return true
			}
		case addrHex:
			hex, group, dots = true, false, 0
		case addrDot:
			if group {
				dots++
			} else {
				dots = 0
			}
			group = false
		case addrColon:
			colons++
			group, dots = false, 0
		default:
			group, hex, colons, dots = false, false, 0, 0
		}
		if colons >= 2 && hex {
			return true
		}
	}
	return false
}
