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

// Policy says what of one party's description the other party gets to see. It is data: a table of actions, which
// belongs to a pair of sides. The lines v=, o=, s=, t=, c= and m= are always our own, b= is carried, what else there is
// (i=, u=, e=, p=, r=, z=, k=) is dropped.
type Policy struct {
	// Name is what the configuration calls the policy.
	Name string
	// Secure tells what happens to sections of the SRTP profiles: Carry, or Drop for port 0.
	Secure Action
	// Fax does the same for T.38 over udptl.
	Fax Action
	// Streams does the same for what no relay of ours carries, such as MSRP over TCP (RFC 4975) and BFCP: it can only pass
	// where media is not anchored, with the parties' own addresses.
	Streams Action

	attributes [numAttributes]Action // attrOther: for those that are not named
	named      map[string]Action     // attributes without a number that have their own action
	bandwidth  map[string]Action     // by modifier; nil carries all
}

// untrusted is the allow-list: what negotiated codecs and features need.
var untrusted = Policy{
	Name: "untrusted", Fax: Carry,
	attributes: [numAttributes]Action{
		attrRTPMap: Listed, attrFmtp: Listed, attrRTCPFb: Listed, attrPtime: Carry, attrMaxptime: Carry,
		attrSendRecv: Own, attrSendOnly: Own, attrRecvOnly: Own, attrInactive: Own, attrRTCP: Own, attrRTCPMux: Carry,
		attrCurr: Carry, attrDes: Carry, attrConf: Carry, attrT38: Carry,
	},
	bandwidth: map[string]Action{"AS": Carry, "TIAS": Carry, "RS": Carry, "RR": Carry},
}

// carrying lets every attribute across but for those that name an address, an identity, a host or the software of the far
// side, or that promise what ends at us.
var carrying = [numAttributes]Action{
	attrOther: Carry, attrRTPMap: Carry, attrFmtp: Carry, attrRTCPFb: Carry, attrPtime: Carry, attrMaxptime: Carry,
	attrSendRecv: Own, attrSendOnly: Own, attrRecvOnly: Own, attrInactive: Own, attrRTCP: Own, attrRTCPMux: Carry,
	attrCurr: Carry, attrDes: Carry, attrConf: Carry, attrT38: Carry, attrMID: Carry, attrExtmap: Carry, attrExtmapAllowMixed: Carry,
	// Addresses.
	attrAlt: Drop, attrCandidate: Drop, attrRemoteCandidates: Drop, attrEndOfCandidates: Drop, attrICEUfrag: Drop,
	attrICEPwd: Drop, attrICEOptions: Drop, attrICELite: Drop, attrICEMismatch: Drop, attrICEPacing: Drop,
	attrPath: Drop, attrMSRPCema: Drop, attrSourceFilter: Drop,
	// Identities and software.
	attrSSRC: Drop, attrSSRCGroup: Drop, attrCNAME: Drop, attrMSID: Drop, attrMSIDSemantic: Drop, attrIdentity: Drop,
	attrTool: Drop, attrCat: Drop, attrKeywds: Drop, attrPhone: Drop, attrEmail: Drop,
	// DTLS ends nowhere here; each section has a port of its own; the relay drops XR.
	attrFingerprint: Drop, attrSetup: Drop, attrConnection: Drop, attrTLSID: Drop, attrDTLSID: Drop,
	attrGroup: Drop, attrBundleOnly: Drop, attrRTCPXR: Drop,
}

// open lets the words about software and content across as well.
var open = func() [numAttributes]Action {
	t := carrying
	t[attrTool], t[attrCat], t[attrKeywds] = Carry, Carry, Carry
	return t
}()

var (
	trusted     = Policy{Name: "trusted", attributes: carrying, Secure: Carry, Fax: Carry, Streams: Carry}
	imsHome     = Policy{Name: "ims-home", attributes: carrying, Secure: Carry, Fax: Carry, Streams: Carry}
	transparent = Policy{Name: "transparent", attributes: open, Secure: Carry, Fax: Carry, Streams: Carry}
)

// PolicyNamed returns the policy of that name: "untrusted", "trusted", "ims-home" or "transparent"; nil for any other.
// What it returns is shared and must not be changed.
func PolicyNamed(name string) *Policy {
	for _, p := range []*Policy{&untrusted, &trusted, &imsHome, &transparent} {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Accepts tells whether a section may be anchored under the policy; Anchor rejects (port 0) what it does not accept.
func (p *Policy) Accepts(m *Media) bool {
	return m.Active() && m.Relayable() && p.passes(m)
}

// passes tells whether a section may cross at all, anchored or not.
func (p *Policy) passes(m *Media) bool {
	switch {
	case m.Secure():
		return p.Secure == Carry
	case m.Proto == ProtoUDPTL:
		return p.Fax == Carry
	case m.Proto == ProtoOther:
		return p.Streams == Carry
	}
	return true
}

// Refuses tells whether an offer has sections in use and none of them can be accepted: the answer is 488 then.
func (p *Policy) Refuses(s *Session, anchored bool) bool {
	active := false
	for i := range s.Media {
		m := &s.Media[i]
		if m.Active() && p.passes(m) && (!anchored || m.Relayable()) {
			return false
		}
		active = active || m.Active()
	}
	return active
}

// line returns the action for a line of the section, nil at session level.
func (p *Policy) line(m *Media, l *Line) Action {
	switch l.Type {
	case 'v', 'o', 's', 't', 'c', 'm':
		return Own
	case 'b':
		if p.carriesBandwidth(l.Value) {
			return Carry
		}
	case 'a':
		return p.attribute(m, l)
	}
	return Drop
}

func (p *Policy) attribute(m *Media, l *Line) Action {
	action := p.attributes[l.attr]
	if l.attr == attrOther && len(p.named) > 0 {
		if a, ok := p.named[string(l.Name())]; ok {
			action = a
		}
	}
	switch {
	case m != nil && m.Proto == ProtoOther && p.Streams == Carry && streamAttributes[l.attr]:
		return Carry // the section only gets here where the parties' addresses cross
	case action == Drop || action == Own:
		return action
	case action == Listed && (m == nil || !m.names(l.Attr())), containsAddress(l.Value):
		return Drop
	}
	return Carry
}

// streamAttributes are those without which a section over TCP cannot work (RFC 4975 8, RFC 4145).
var streamAttributes = [numAttributes]bool{attrPath: true, attrMSRPCema: true, attrSetup: true, attrConnection: true, attrFingerprint: true}

// names tells whether an attribute value begins with a payload type of the section.
func (m *Media) names(v []byte) bool {
	format, _ := token(v)
	if pt, ok := decimal(format, 127); ok {
		return m.types[pt/64]&(1<<(pt%64)) != 0
	}
	return string(format) == "*"
}

// carriesBandwidth judges a b= line: modifier, colon, number (RFC 8866 5.8).
func (p *Policy) carriesBandwidth(v []byte) bool {
	for i, c := range v {
		if c == ':' {
			_, ok := decimal(v[i+1:], 1<<31)
			ok = ok && !containsAddress(v[:i])
			return ok && (p.bandwidth == nil || p.bandwidth[string(v[:i])] == Carry)
		}
	}
	return false
}
