package numbers

import (
	"bytes"
	"net/url"

	"github.com/bifrons/bifrons/sip"
)

// Form is the kind of URI that a number is put into.
type Form uint8

// The forms: as it came, tel:NUMBER, or sip:NUMBER@HOST;user=phone.
const (
	AsCame Form = iota
	Tel
	SIP
)

// URI returns a URI with its number as the rules make it, in a form; host stands in a sip: URI that is made of a tel: one. Parameters
// of the number (phone-context, isub) stay with it; what is neither, or has no number, stays as it is.
func URI(uri []byte, rules Rules, form Form, host string) []byte {
	u, err := sip.ParseURI(uri)
	switch {
	case err != nil:
		return uri
	case u.IsSIP():
		return fromSIP(uri, &u, rules, form)
	case sip.EqualFold(u.Scheme, "tel"):
		return fromTel(&u, rules, form, host)
	}
	return uri
}

// split cuts a user part or what stands behind tel: into the number and what follows it: parameters, or a password.
func split(user []byte) (name, rest []byte) {
	if i := bytes.IndexAny(user, ";:"); i >= 0 {
		return user[:i], user[i:]
	}
	return user, nil
}

// ofNumber returns the parameters of a number that has become an international one: less the context that it was local to, which one that
// means the same everywhere must not have (RFC 3966 5.1.5).
func ofNumber(rest, was []byte, made string) []byte {
	if len(rest) == 0 || rest[0] != ';' || made == "" || made[0] != '+' || string(was) == made {
		return rest
	}
	var out []byte
	for p := range bytes.SplitSeq(rest[1:], []byte(";")) {
		if name, _, _ := bytes.Cut(p, []byte("=")); !sip.EqualFold(name, "phone-context") {
			out = append(append(out, ';'), p...)
		}
	}
	return out
}

func fromSIP(uri []byte, u *sip.URI, rules Rules, form Form) []byte {
	if len(u.User) == 0 {
		return uri
	}
	name, rest := split(u.User)
	made := rules.Apply(unescape(name))
	rest = ofNumber(rest, name, made)
	if number, ok := Plain(made); ok && form == Tel {
		if len(rest) > 0 && rest[0] == ':' {
			rest = nil
		}
		return append(append([]byte("tel:"), number...), rest...)
	}
	at := len(u.Scheme) + 1 // of the user part
	out := append(make([]byte, 0, len(uri)+16), uri[:at]...)
	out = append(out, escape(made)...)
	return append(append(out, rest...), uri[at+len(u.User):]...)
}

func fromTel(u *sip.URI, rules Rules, form Form, host string) []byte {
	name, rest := split(u.Opaque)
	made := rules.Apply(string(name))
	rest = ofNumber(rest, name, made)
	if form == SIP && User(made) && bytes.IndexByte(rest, '@') < 0 {
		out := append(append([]byte("sip:"), escape(made)...), rest...)
		return append(append(append(out, '@'), host...), ";user=phone"...)
	}
	return append(append([]byte("tel:"), made...), rest...)
}

// unescape reads the escapes of a user part that is a number (RFC 3261 19.1.4); of another text it reads those of + and # alone.
func unescape(b []byte) string {
	if s, err := url.PathUnescape(string(b)); err == nil {
		if _, ok := Plain(s); ok {
			return s
		}
	}
	b = bytes.ReplaceAll(b, []byte("%2B"), []byte("+"))
	b = bytes.ReplaceAll(b, []byte("%2b"), []byte("+"))
	return string(bytes.ReplaceAll(b, []byte("%23"), []byte("#")))
}

// escape writes a number sign as a SIP URI must have it (RFC 3261 25.1).
func escape(s string) []byte { return bytes.ReplaceAll([]byte(s), []byte("#"), []byte("%23")) }
