package b2bua

import (
	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/numbers"
)

// Rewrite is what a route makes of the numbers of a call that takes it. It works on what came, before the policy: where a policy shows
// nobody a number, it stays unseen.
type Rewrite struct {
	Callee numbers.Rules // of the Request-URI,
	To     bool          // and of To
	Caller numbers.Rules // of From,
	PAI    bool          // and of P-Asserted-Identity where it crosses
	Form   numbers.Form  // of the Request-URI, and of To with it
}

// Target returns a Request-URI as the route makes it; host is that of the next hop, for a sip: URI that is made of a tel: one.
func (r *Rewrite) Target(uri, host string) string { return r.target(uri, host) }

// From returns the URI of From as the route makes it.
func (r *Rewrite) From(uri string) string { return string(r.party(sip.HdrFrom, []byte(uri), "")) }

func (r *Rewrite) target(uri, host string) string {
	if r == nil {
		return uri
	}
	return string(numbers.URI([]byte(uri), r.Callee, r.Form, host))
}

// party returns the URI of From or To as the route makes it.
func (r *Rewrite) party(id sip.HeaderID, uri []byte, host string) []byte {
	switch {
	case r == nil:
		return uri
	case id == sip.HdrFrom:
		return numbers.URI(uri, r.Caller, numbers.AsCame, host)
	case r.To:
		return numbers.URI(uri, r.Callee, r.Form, host)
	}
	return uri
}

// appendIdentity prints a list of asserted identities (RFC 3325 9.1) as the route makes them.
func (r *Rewrite) appendIdentity(dst, list []byte) []byte {
	for first := true; len(list) > 0; first = false {
		var one []byte
		if one, list = sip.CutValue(list); !first {
			dst = append(dst, ", "...)
		}
		a, err := sip.ParseAddress(one)
		if err != nil {
			dst = append(dst, one...)
			continue
		}
		if len(a.Display) > 0 {
			dst = append(append(dst, a.Display...), ' ')
		}
		dst = append(append(append(dst, '<'), numbers.URI(a.URI, r.Caller, numbers.AsCame, "")...), '>')
		dst = append(dst, a.Params...)
	}
	return dst
}
