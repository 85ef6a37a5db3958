package sh

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
)

// Identity is a User-Identity: exactly one of its fields is set (TS 29.329 6.3.1).
type Identity struct {
	// Public is a SIP or tel URI of a user or of a service.
	Public string
	// MSISDN is an international number without plus.
	MSISDN string
	// External is an external identifier, user@domain (TS 23.682).
	External string
}

// Public returns the identity of a URI in its canonical form.
func Public(uri string) Identity { return Identity{Public: Canonical(uri)} }

// ParseIdentity reads what people type: a SIP or tel URI, digits (an MSISDN), or ext:user@domain.
func ParseIdentity(s string) (Identity, error) {
	s = strings.TrimSpace(s)
	scheme, rest, ok := strings.Cut(s, ":")
	switch {
	case ok && (strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips") || strings.EqualFold(scheme, "tel")):
		if rest == "" {
			return Identity{}, fmt.Errorf("identity %q is empty after its scheme", s)
		}
		return Public(s), nil
	case ok && strings.EqualFold(scheme, "ext") && strings.Contains(rest, "@"):
		return Identity{External: rest}, nil
	}
	digits := strings.TrimPrefix(s, "+")
	if digits != "" && strings.Trim(digits, "0123456789") == "" {
		return Identity{MSISDN: digits}, nil
	}
	return Identity{}, fmt.Errorf("identity %q is no SIP or tel URI, no number and no ext:user@domain", s)
}

// String returns the identity as ParseIdentity reads it.
func (i Identity) String() string {
	switch {
	case i.MSISDN != "":
		return i.MSISDN
	case i.External != "":
		return "ext:" + i.External
	}
	return i.Public
}

// Canonical returns a public identity as the HSS keeps it (TS 23.003 13.4): scheme and host in lower case, no parameters
// and no headers, nothing escaped that need not be (RFC 3261 19.1.4); of a tel URI the visual separators go, of a SIP URI only what
// is no part of the address.
func Canonical(uri string) string {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok {
		return uri
	}
	scheme = strings.ToLower(scheme)
	if scheme == "tel" {
		if i := strings.IndexAny(rest, ";?"); i >= 0 {
			rest = rest[:i]
		}
		return "tel:" + strings.NewReplacer("-", "", ".", "", "(", "", ")", "", " ", "").Replace(plainly(rest))
	}
	user, host, ok := strings.Cut(rest, "@")
	if !ok {
		host, user = user, ""
	}
	if i := strings.IndexAny(host, ";?"); i >= 0 {
		host = host[:i]
	}
	host = strings.ToLower(host)
	if user == "" {
		return scheme + ":" + host
	}
	return scheme + ":" + plainly(user) + "@" + host
}

// plainly writes the characters plainly that stand for themselves in a user part, and the digits of the other escapes in upper case.
func plainly(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+2 >= len(s) {
			b.WriteByte(s[i])
			continue
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		switch c := byte(n); {
		case err != nil:
			b.WriteByte('%')
			continue
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', strings.IndexByte("-_.!~*'()", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString(strings.ToUpper(s[i : i+3]))
		}
		i += 2
	}
	return b.String()
}

func (i Identity) kind() (keyKind, error) {
	n, kind := 0, keyKind(0)
	for _, f := range []struct {
		value string
		kind  keyKind
	}{{i.Public, keyPublic}, {i.MSISDN, keyMSISDN}, {i.External, keyExternal}} {
		if f.value != "" {
			n++
			kind = f.kind
		}
	}
	switch n {
	case 0:
		return 0, &Error{Code: uint32(diameter.MissingAVP), Missing: dict.UserIdentity}
	case 1:
		return kind, nil
	}
	return 0, &Error{Code: uint32(diameter.ContradictingAVPs), Message: "several identities in one User-Identity"}
}

func (i Identity) avp() *diam.AVP {
	var in *diam.AVP
	switch {
	case i.MSISDN != "":
		in = shAVP(dict.MSISDN, datatype.OctetString(encodeTBCD(i.MSISDN)))
	case i.External != "":
		in = shAVP(dict.ExternalIdentifier, datatype.UTF8String(i.External))
	default:
		in = shAVP(dict.PublicIdentity, datatype.UTF8String(i.Public))
	}
	return shAVP(dict.UserIdentity, &diam.GroupedAVP{AVP: []*diam.AVP{in}})
}

func parseIdentity(avps []*diam.AVP) Identity {
	g := diameter.Group(find(avps, dict.UserIdentity))
	i := Identity{Public: str(g, dict.PublicIdentity), External: str(g, dict.ExternalIdentifier)}
	if m := find(g, dict.MSISDN); m != nil {
		i.MSISDN = decodeTBCD([]byte(str(g, dict.MSISDN)))
	}
	return i
}

// encodeTBCD writes digits two to a byte, the low nibble first, f at the end of an odd number (TS 29.002, TBCD-STRING).
func encodeTBCD(digits string) []byte {
	out := make([]byte, 0, (len(digits)+1)/2)
	for i := 0; i < len(digits); i += 2 {
		b := digits[i] & 0xf
		if i+1 < len(digits) {
			b |= digits[i+1] << 4
		} else {
			b |= 0xf0
		}
		out = append(out, b)
	}
	return out
}

func decodeTBCD(b []byte) string {
	const symbols = "0123456789*#abc"
	out := make([]byte, 0, 2*len(b))
	for _, x := range b {
		for _, n := range [2]byte{x & 0xf, x >> 4} {
			if n == 0xf {
				return string(out)
			}
			out = append(out, symbols[n])
		}
	}
	return string(out)
}
