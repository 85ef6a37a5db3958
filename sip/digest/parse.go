package digest

import (
	"errors"
	"strings"

	"github.com/bifrons/bifrons/sip"
)

// ErrSyntax is what a header that is no challenge and no credentials gives.
var ErrSyntax = errors.New("digest: malformed challenge or credentials")

// maxParams bounds the parameters of a header; ten have a meaning.
const maxParams = 24

// Challenge is what WWW-Authenticate or Proxy-Authenticate asks (RFC 7616 3.3).
type Challenge struct {
	Proxy     bool // of a 407: the answer is Proxy-Authorization
	Realm     string
	Nonce     string
	Opaque    string
	Algorithm Algorithm
	Auth, Int bool // the qualities offered; neither: a peer of RFC 2069
	Stale     bool // the last answer was right but for its nonce
}

// Credentials are what Authorization or Proxy-Authorization says (RFC 7616 3.4).
type Credentials struct {
	User, Realm, Nonce, URI, Response, CNonce, Opaque, QOP, NC string
	Algorithm                                                  Algorithm
}

// each calls f for every parameter behind the scheme Digest; values are without quotes. It is an error if one comes twice or
// f does not know what to do with a value.
func each(v []byte, f func(name, value string) error) error {
	v = trim(v)
	if len(v) < 7 || !sip.EqualFold(v[:6], "digest") || v[6] != ' ' && v[6] != '\t' {
		return ErrSyntax
	}
	seen := make([]string, 0, maxParams)
	for rest := v[6:]; len(rest) > 0; {
		var one []byte
		if one, rest = sip.CutValue(rest); len(one) == 0 {
			continue // RFC 7230 7: empty elements of a list are skipped
		}
		name, value, found := strings.Cut(string(one), "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if !found || name == "" || len(seen) == maxParams || strings.ContainsAny(name, " \t\"") {
			return ErrSyntax
		}
		for _, s := range seen {
			if s == name {
				return ErrSyntax
			}
		}
		seen = append(seen, name)
		if strings.HasPrefix(value, `"`) && (len(value) < 2 || !strings.HasSuffix(value, `"`)) {
			return ErrSyntax
		}
		if err := f(name, string(sip.Unquote([]byte(value)))); err != nil {
			return err
		}
	}
	return nil
}

func trim(v []byte) []byte { return []byte(strings.Trim(string(v), " \t")) }

// ParseChallenge reads one value of WWW-Authenticate or Proxy-Authenticate. One with an algorithm or quality that is not known
// has the Algorithm Unknown: it cannot be answered, another one perhaps can.
func ParseChallenge(v []byte) (Challenge, error) {
	c := Challenge{Algorithm: MD5}
	qop := false
	err := each(v, func(name, value string) error {
		switch name {
		case "realm":
			c.Realm = value
		case "nonce":
			c.Nonce = value
		case "opaque":
			c.Opaque = value
		case "algorithm":
			c.Algorithm = AlgorithmNamed(value)
		case "stale":
			c.Stale = strings.EqualFold(value, "true")
		case "qop":
			for _, q := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
				qop = true
				c.Auth, c.Int = c.Auth || strings.EqualFold(q, "auth"), c.Int || strings.EqualFold(q, "auth-int")
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return Challenge{}, err
	case c.Nonce == "":
		return Challenge{}, ErrSyntax
	case qop && !c.Auth && !c.Int, !qop && c.Algorithm.session(): // a session needs a cnonce, and so a quality
		c.Algorithm = Unknown
	}
	return c, nil
}

// maxChallenges bounds the challenges of a response that are looked at.
const maxChallenges = 8

// Challenges returns the digest challenges of a 401 or 407, in the order of the message, which is that of preference (RFC 8760 2.3).
func Challenges(m *sip.Message) (out []Challenge) {
	for i := range m.Headers {
		h := &m.Headers[i]
		if h.ID != sip.HdrWWWAuthenticate && h.ID != sip.HdrProxyAuthenticate || len(out) == maxChallenges {
			continue
		}
		if c, err := ParseChallenge(h.Value); err == nil {
			c.Proxy = h.ID == sip.HdrProxyAuthenticate
			out = append(out, c)
		}
	}
	return out
}

// ParseCredentials reads one value of Authorization or Proxy-Authorization.
func ParseCredentials(v []byte) (Credentials, error) {
	c := Credentials{Algorithm: MD5}
	err := each(v, func(name, value string) error {
		switch name {
		case "username":
			c.User = value
		case "realm":
			c.Realm = value
		case "nonce":
			c.Nonce = value
		case "uri":
			c.URI = value
		case "response":
			c.Response = value
		case "cnonce":
			c.CNonce = value
		case "opaque":
			c.Opaque = value
		case "nc":
			c.NC = value
		case "algorithm":
			c.Algorithm = AlgorithmNamed(value)
		case "qop":
			c.QOP = strings.ToLower(value)
		}
		return nil
	})
	switch {
	case err != nil:
		return Credentials{}, err
	case c.User == "" || c.Nonce == "" || c.URI == "" || c.Response == "",
		c.QOP != "" && (c.CNonce == "" || !isCount(c.NC)),
		c.QOP != "" && c.QOP != "auth" && c.QOP != "auth-int":
		return Credentials{}, ErrSyntax
	}
	return c, nil
}

// isCount tells whether nc has its eight hexadecimal digits.
func isCount(nc string) bool {
	return len(nc) == 8 && strings.Trim(nc, "0123456789abcdefABCDEF") == ""
}

// NextNonce returns the nonce that an Authentication-Info of a 2xx gives for the next request (RFC 7616 3.5), "" for none.
func NextNonce(m *sip.Message) (next string) {
	v := m.Get(sip.HdrAuthenticationInfo)
	if v == nil {
		return ""
	}
	_ = each(append([]byte("Digest "), v...), func(name, value string) error {
		if name == "nextnonce" {
			next = value
		}
		return nil
	})
	return next
}
