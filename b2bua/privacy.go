package b2bua

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/numbers"
)

// veil is what a Privacy header asks to hide (RFC 3323 4.2, RFC 3325 9.3, RFC 7044 10.1).
type veil uint8

const (
	veilID veil = 1 << iota
	veilUser
	veilHeader
	veilHistory
)

// anonymous is who a hidden party is (RFC 3323 4.1.1.3).
const anonymous = `"Anonymous" <sip:anonymous@anonymous.invalid>`

// veil reads what the sender of m asks to hide, where the policy obeys that.
func (p *Policy) veil(m *sip.Message) veil {
	if !p.Privacy {
		return 0
	}
	return asksToHide(m)
}

// asksToHide reads what the sender of m asks to hide.
func asksToHide(m *sip.Message) (v veil) {
	for i := range m.Headers {
		if m.Headers[i].ID != sip.HdrPrivacy {
			continue
		}
		for _, word := range bytes.FieldsFunc(m.Headers[i].Value, func(r rune) bool { return r == ';' || r == ',' || r == ' ' || r == '\t' }) {
			switch {
			case sip.EqualFold(word, "id"):
				v |= veilID
			case sip.EqualFold(word, "user"):
				v |= veilUser
			case sip.EqualFold(word, "header"):
				v |= veilHeader | veilHistory
			case sip.EqualFold(word, "session"), sip.EqualFold(word, "history"):
				v |= veilHistory
			}
		}
	}
	return v
}

// hides tells whether a header must not cross: with id the asserted identities; with user all that tells who it is beyond
// what a call needs; with history the way the call took.
func (v veil) hides(id sip.HeaderID) bool {
	switch id {
	case sip.HdrPAssertedIdentity, sip.HdrRemotePartyID, sip.HdrPPreferredIdentity:
		return v&(veilID|veilUser) != 0
	case sip.HdrSubject, sip.HdrCallInfo, sip.HdrOrganization, sip.HdrUserAgent, sip.HdrServer, sip.HdrReferredBy, sip.HdrIdentity,
		sip.HdrIdentityInfo, sip.HdrGeolocation, sip.HdrInReplyTo:
		return v&(veilUser|veilHeader) != 0
	case sip.HdrHistoryInfo, sip.HdrDiversion:
		return v&veilHistory != 0
	}
	return false
}

// appendAddress prints a From or To for the other side, without tag: display name and URI as the policy lets them cross.
// With hidden it is nobody's.
func (p *Policy) appendAddress(dst []byte, a sip.Address, host string, hidden bool) []byte {
	if hidden || p.Display == Anonymous && p.User == Anonymous {
		return append(dst, anonymous...)
	}
	start := len(dst)
	switch p.Display {
	case AsReceived:
		dst = append(dst, a.Display...)
	case Normalised:
		dst = appendDisplay(dst, a.Display)
	}
	if len(dst) > start {
		dst = append(dst, ' ')
	}
	dst = append(dst, '<')
	if p.User == AsReceived {
		dst = p.appendURI(dst, a.URI, host)
	} else {
		dst = p.appendNamed(dst, a.URI, host)
	}
	return append(dst, '>')
}

// appendNamed prints a URI with its user part normalised or anonymous.
func (p *Policy) appendNamed(dst, uri []byte, host string) []byte {
	u, err := sip.ParseURI(uri)
	switch {
	case err == nil && u.IsSIP():
		dst = append(append(dst, u.Scheme...), ':')
		if len(u.User) > 0 {
			dst = append(appendUser(dst, u.User, p.User, host), '@')
		}
		if p.Names && !isAddress(u.Host) {
			host = string(u.Host)
		}
		dst = append(dst, host...)
		if v, ok := u.Params.Get("user"); ok && len(v) > 0 && p.User != Anonymous {
			dst = append(append(dst, ";user="...), v...)
		}
		return dst
	case err == nil && sip.EqualFold(u.Scheme, "tel") && p.User == Anonymous:
		return append(dst, "sip:anonymous@anonymous.invalid"...)
	case err == nil && sip.EqualFold(u.Scheme, "tel"):
		return appendUser(append(dst, "tel:"...), u.Opaque, p.User, host)
	}
	return append(dst, uri...)
}

// appendUser prints a user part or a telephone number. Contexts that are a domain are replaced by our host (RFC 3966
// 5.1.5), trunk contexts go (RFC 4904).
func appendUser(dst, user []byte, n Naming, host string) []byte {
	if n == Anonymous {
		return append(dst, "anonymous"...)
	}
	name, params, _ := cutParams(user)
	if n == Normalised {
		name, _, _ = bytes.Cut(name, []byte(":")) // a password
		if n, ok := numbers.Plain(string(name)); ok {
			name = []byte(n)
		}
	}
	dst = append(dst, name...)
	for p := sip.Params(params); ; {
		key, value, rest, ok := p.Next()
		if !ok {
			return dst
		}
		p = rest
		switch {
		case sip.EqualFold(key, "phone-context"):
			if len(value) > 0 && value[0] != '+' && (value[0] < '0' || value[0] > '9') {
				value, _ = splitHostPort([]byte(host))
			}
		case n == Normalised, sip.EqualFold(key, "trunk-context"), sip.EqualFold(key, "tgrp"), containsAddress(value):
			continue
		}
		dst = append(append(dst, ';'), key...)
		if value != nil {
			dst = append(append(dst, '='), value...)
		}
	}
}

// maxDisplay bounds a display name, in characters.
const maxDisplay = 64

// appendDisplay prints a display name as one quoted string of printable characters.
func appendDisplay(dst, display []byte) []byte {
	text := sip.Unquote(display)
	start := len(dst)
	dst = append(dst, '"')
	for n := 0; len(text) > 0 && n < maxDisplay; {
		r, size := utf8.DecodeRune(text)
		part := text[:size]
		if text = text[size:]; r == utf8.RuneError && size < 2 || !unicode.IsPrint(r) || r == '"' || r == '\\' {
			continue
		}
		dst = append(dst, part...)
		n++
	}
	if len(dst) == start+1 {
		return dst[:start]
	}
	return append(dst, '"')
}
