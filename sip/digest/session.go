package digest

import (
	"fmt"
	"strconv"
	"strings"
)

// Login is who we are for those that challenge us.
type Login struct {
	Realm string // it is for; "" any
	User  string
	Secret
}

// Session is a challenge with what further requests under its nonce need, as plain data.
type Session struct {
	Challenge
	CNonce string
	Count  uint32 // requests under the nonce
}

// Choose returns a session for every realm that challenges, of the first of its challenges that can be answered (RFC 3261 22.3,
// RFC 8760 2.4). Those of realms that login knows nothing for, or cannot compute, are left out. cnonce is fresh text of ours.
func Choose(all []Challenge, login func(realm string) *Login, cnonce string) (out []Session) {
next:
	for _, c := range all {
		for i := range out {
			if out[i].Proxy == c.Proxy && out[i].Realm == c.Realm {
				continue next
			}
		}
		if l := login(c.Realm); l != nil && l.Can(c.Algorithm) {
			out = append(out, Session{Challenge: c, CNonce: cnonce})
		}
	}
	return out
}

// Append prints the header line that answers the session's challenge for a request, and counts it.
func (s *Session) Append(dst []byte, l *Login, method, uri string, body []byte) []byte {
	s.Count++
	x := answer{algorithm: s.Algorithm, user: l.User, realm: s.Realm, nonce: s.Nonce, method: method, uri: uri, body: body}
	switch {
	case s.Auth:
		x.qop = "auth"
	case s.Int:
		x.qop = "auth-int"
	}
	if x.qop != "" {
		x.nc, x.cnonce = fmt.Sprintf("%08x", s.Count), s.CNonce
	}
	if s.Proxy {
		dst = append(dst, "Proxy-"...)
	}
	dst = append(dst, "Authorization: Digest username="...)
	dst = quote(dst, l.User)
	dst = quote(append(dst, ", realm="...), s.Realm)
	dst = quote(append(dst, ", nonce="...), s.Nonce)
	dst = quote(append(dst, ", uri="...), uri)
	dst = quote(append(dst, ", response="...), x.compute(&l.Secret))
	dst = append(append(dst, ", algorithm="...), s.Algorithm.String()...)
	if x.qop != "" {
		dst = quote(append(dst, ", cnonce="...), x.cnonce)
		dst = append(append(append(append(dst, ", qop="...), x.qop...), ", nc="...), x.nc...)
	}
	if s.Opaque != "" {
		dst = quote(append(dst, ", opaque="...), s.Opaque)
	}
	return append(dst, '\r', '\n')
}

// quote prints a quoted string. Control characters, which no realm has, are left out.
func quote(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ' && c != 0x7f:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// AppendChallenge prints a challenge as a header line.
func AppendChallenge(dst []byte, c *Challenge) []byte {
	name := "WWW-Authenticate"
	if c.Proxy {
		name = "Proxy-Authenticate"
	}
	dst = append(append(dst, name...), ": Digest realm="...)
	dst = quote(dst, c.Realm)
	dst = quote(append(dst, ", nonce="...), c.Nonce)
	var qop []string
	if c.Auth {
		qop = append(qop, "auth")
	}
	if c.Int {
		qop = append(qop, "auth-int")
	}
	if len(qop) > 0 {
		dst = quote(append(dst, ", qop="...), strings.Join(qop, ","))
	}
	dst = append(append(dst, ", algorithm="...), c.Algorithm.String()...)
	if c.Stale {
		dst = append(dst, ", stale=true"...)
	}
	return append(dst, '\r', '\n')
}

// count reads an nc.
func count(nc string) uint32 {
	n, _ := strconv.ParseUint(nc, 16, 32) // isCount has looked at it
	return uint32(n)
}
