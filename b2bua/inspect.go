package b2bua

import (
	"bytes"
	"strings"

	"github.com/bifrons/bifrons/sip"
)

// What a request may be, in the order of RFC 3261 8.2. The method is looked at before, by who knows whether it is in a dialog.

// accept is what we understand of bodies: what an offer and an answer are written in (RFC 3261 20.1).
const accept = "Accept: application/sdp\r\n"

// acceptEncoding stands in the 415 of a body that is compressed (RFC 3261 8.2.3).
const acceptEncoding = "Accept-Encoding: identity\r\n"

// inspect looks at a request outside a dialog: 416, 420, and what an INVITE must have; 0 is well.
func inspect(side *Side, m *sip.Message) (status int, extra string) {
	u, err := sip.ParseURI(m.RequestURI)
	if err != nil {
		return 400, ""
	}
	if !u.IsSIP() && !sip.EqualFold(u.Scheme, "tel") && !sip.EqualFold(u.Scheme, "urn") {
		return 416, ""
	}
	if not := unsupported(side, m); not != "" {
		return 420, not
	}
	if m.Method == sip.SUBSCRIBE {
		return unfitSubscription(m)
	}
	if m.Method != sip.INVITE {
		return 0, ""
	}
	if !m.Has(sip.HdrContact) && !ancient(m) { // RFC 3261 8.1.1.8
		return 400, ""
	}
	if status, extra = unfit(m); status != 0 {
		return status, extra
	}
	if short := side.Liveness.tooShort(m); short != "" {
		return 422, short
	}
	return 0, ""
}

// ancient tells a request of RFC 2543 by its branch (RFC 3261 8.1.1.7). Its sender may leave the Contact out, and is found at
// the address of its From then (RFC 4475 3.4.1).
func ancient(m *sip.Message) bool { return !strings.HasPrefix(branchOf(m), "z9hG4bK") }

// unfit refuses an INVITE whose answer its sender could not read (RFC 3261 21.4.7), and an offer that we cannot (21.4.13); 0
// is well.
func unfit(m *sip.Message) (status int, extra string) {
	switch {
	case m.Method == sip.INVITE && !takesDescriptions(m):
		return 406, ""
	case (m.Method == sip.INVITE || m.Method == sip.UPDATE) && len(m.Body) > 0 && encoded(m):
		return 415, acceptEncoding
	}
	return 0, ""
}

// takesDescriptions tells whether the Accept of an INVITE allows a description in the answer; without one it does.
func takesDescriptions(m *sip.Message) bool {
	if !m.Has(sip.HdrAccept) {
		return true
	}
	for one := range m.Values(sip.HdrAccept) {
		name, params, _ := cutParams(one)
		name = bytes.TrimSpace(name)
		if !sip.EqualFold(name, sdpType) && !sip.EqualFold(name, "application/*") && string(name) != "*/*" {
			continue
		}
		q, _ := sip.Params(params).Get("q")
		if len(q) == 0 || len(bytes.Trim(q, "0.")) > 0 {
			return true
		}
	}
	return false
}

// encoded tells whether a body is compressed or the like.
func encoded(m *sip.Message) bool {
	v := m.Get(sip.HdrContentEncoding)
	return len(v) > 0 && !sip.EqualFold(v, "identity")
}

// optional tells whether a body may be left unread (RFC 3261 20.11).
func optional(m *sip.Message) bool {
	_, params, _ := cutParams(m.Get(sip.HdrContentDisposition))
	handling, _ := sip.Params(params).Get("handling")
	return sip.EqualFold(handling, "optional")
}
