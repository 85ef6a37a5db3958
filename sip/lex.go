package sip

// The character sets of RFC 3261 25.1, as bits of charClass.
const (
	tokenBit  = 1 << iota // token
	hostBit               // hostname and IPv4address, and the underscore some networks have
	ipv6Bit               // what stands between the brackets of an IPv6reference
	uriBit                // may stand in a URI
	valueBit              // may stand in a parameter's value without quotes
	schemeBit             // scheme
)

var charClass = func() (t [256]uint8) {
	set := func(bit uint8, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= bit
		}
	}
	const alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	set(tokenBit, alnum+"-.!%*_+`'~")
	set(hostBit, alnum+"-._")
	set(ipv6Bit, "0123456789abcdefABCDEF:.")
	set(schemeBit, alnum+"+-.")
	for c := '!'; c < 256; c++ {
		if c == '"' || c == '<' || c == '>' || c == 0x7f {
			continue
		}
		if t[c] |= uriBit; c != ',' && c != ';' {
			t[c] |= valueBit
		}
	}
	return t
}()

// span returns the index of the first byte from i on that is not of a class.
func span(b []byte, i int, class uint8) int {
	for i < len(b) && charClass[b[i]]&class != 0 {
		i++
	}
	return i
}

func isToken(b []byte) bool { return len(b) > 0 && span(b, 0, tokenBit) == len(b) }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// skip returns the index of the first byte from i on that is not a blank.
func skip(b []byte, i int) int {
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	return i
}

func trim(b []byte) []byte {
	i := 0
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	return trimRight(b[i:])
}

func trimRight(b []byte) []byte {
	n := len(b)
	for n > 0 && isBlank(b[n-1]) {
		n--
	}
	return b[:n]
}

// quotedEnd returns the index after the quoted string that starts at i, -1 if its end is missing.
func quotedEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// scan returns the index of the first stop outside quotes and angle brackets, len(b) if there is none.
func scan(b []byte, stop byte) int {
	angle := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case stop:
			if !angle {
				return i
			}
		case '"':
			if i = quotedEnd(b, i) - 1; i < 0 {
				return len(b)
			}
		case '<':
			angle = true
		case '>':
			angle = false
		}
	}
	return len(b)
}

// number reads a decimal number of up to 2^24 and some more; larger ones are refused.
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

// EqualFold compares ASCII text without regard to case, as SIP compares tokens and header names.
func EqualFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		d := s[i]
		if c == d {
			continue
		}
		if c|0x20 != d|0x20 || c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}
