package sdp

// Action is what a policy does with a line or an attribute.
type Action uint8

const (
	// Drop leaves the line out.
	Drop Action = iota
	// Carry copies the line, unless its value has an address in it.
	Carry
	// Listed carries the line if the payload type it begins with is in the format list of its section, or is "*".
	Listed
	// Own puts our own value in its place.
	Own
)

// Policy says what of one party's description the other party gets to see. It is data: a policy belongs to a pair of
// sides and may be compared and printed. The lines v=, o=, s=, t=, c= and m= are always our own.
type Policy struct {
	// Name is what the configuration calls the policy.
	Name string
	// Lines has an action for other line types; what is not in it is dropped.
	Lines map[byte]Action
	// Attributes has an action for attributes by name.
	Attributes map[string]Action
	// Other is the action for attributes that are not in Attributes.
	Other Action
	// Bandwidth has an action for b= lines by modifier, when Lines carries them; nil carries all.
	Bandwidth map[string]Action
	// Secure tells what happens to sections of the SRTP profiles: Carry, or Drop for port 0.
	Secure Action
}

// ours are the attributes that no policy lets across: they name an address, an identity, a host or the software of the
// far side, or they promise what ends at us.
var ours = map[string]Action{
	"rtcp": Own, "sendrecv": Own, "sendonly": Own, "recvonly": Own, "inactive": Own,
	"alt": Drop, "candidate": Drop, "remote-candidates": Drop, "end-of-candidates": Drop, // addresses
	"ice-ufrag": Drop, "ice-pwd": Drop, "ice-options": Drop, "ice-lite": Drop, "ice-mismatch": Drop, "ice-pacing": Drop,
	"ssrc": Drop, "ssrc-group": Drop, "cname": Drop, "msid": Drop, "msid-semantic": Drop, "identity": Drop, // identities
	"fingerprint": Drop, "setup": Drop, "connection": Drop, "tls-id": Drop, "dtls-id": Drop, // DTLS ends nowhere
	"group": Drop, "bundle-only": Drop, // each section has a port of its own here
	"extmap": Drop, "extmap-allow-mixed": Drop, // the relay strips header extensions
	"rtcp-xr": Drop, // the relay drops XR
	"path":    Drop, "msrp-cema": Drop, "tool": Drop, "cat": Drop, "keywds": Drop, "phone": Drop, "email": Drop, "source-filter": Drop,
	"rtcp-rsize": Carry,
}

// untrusted is the allow-list: what negotiated codecs and features need.
var untrusted = Policy{
	Name:  "untrusted",
	Lines: map[byte]Action{'b': Carry},
	Attributes: map[string]Action{
		"rtpmap": Listed, "fmtp": Listed, "rtcp-fb": Listed, "ptime": Carry, "maxptime": Carry,
		"sendrecv": Own, "sendonly": Own, "recvonly": Own, "inactive": Own, "rtcp": Own, "rtcp-mux": Carry,
		"curr": Carry, "des": Carry, "conf": Carry,
	},
	Bandwidth: map[string]Action{"AS": Carry, "TIAS": Carry, "RS": Carry, "RR": Carry},
}

var imsHome = Policy{
	Name: "ims-home", Lines: map[byte]Action{'b': Carry}, Attributes: ours, Other: Carry, Secure: Carry,
}

var transparent = Policy{
	Name: "transparent", Lines: map[byte]Action{'b': Carry}, Attributes: ours, Other: Carry, Secure: Carry,
}

// PolicyNamed returns the policy of that name: "untrusted", "ims-home" or "transparent"; nil for any other. What it
// returns is shared and must not be changed.
func PolicyNamed(name string) *Policy {
	for _, p := range []*Policy{&untrusted, &imsHome, &transparent} {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Accepts tells whether a section may be anchored under the policy; Anchor rejects (port 0) what it does not accept.
func (p *Policy) Accepts(m *Media) bool {
	return m.Active() && m.Relayable() && (!m.Secure() || p.Secure == Carry)
}

// line returns the action for a line of the section, nil at session level.
func (p *Policy) line(m *Media, l *Line) Action {
	switch l.Type {
	case 'v', 'o', 's', 't', 'c', 'm':
		return Own
	case 'b':
		if p.Lines['b'] != Carry || !p.bandwidth(l.Value) {
			return Drop
		}
		return Carry
	case 'a':
		return p.attribute(m, l)
	}
	if p.Lines[l.Type] != Carry || containsAddress(l.Value) {
		return Drop
	}
	return Carry
}

func (p *Policy) attribute(m *Media, l *Line) Action {
	action, ok := p.Attributes[string(l.Name())]
	if !ok {
		action = p.Other
	}
	switch {
	case action == Drop || action == Own:
		return action
	case containsAddress(l.Value):
		return Drop
	case action == Listed && (m == nil || !m.names(l.Attr())):
		return Drop
	}
	return Carry
}

// names tells whether an attribute value begins with a format of the section.
func (m *Media) names(v []byte) bool {
	n := 0
	for n < len(v) && v[n] != ' ' {
		n++
	}
	return string(v[:n]) == "*" || m.lists(v[:n])
}

// bandwidth judges a b= line: modifier, colon, number (RFC 8866 5.8).
func (p *Policy) bandwidth(v []byte) bool {
	for i, c := range v {
		if c == ':' {
			_, ok := decimal(v[i+1:], 1<<31)
			return ok && (p.Bandwidth == nil || p.Bandwidth[string(v[:i])] == Carry)
		}
	}
	return false
}
