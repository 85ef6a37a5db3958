package b2bua

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/bifrons/bifrons/media/sdp"
	"github.com/bifrons/bifrons/sip"
)

// Action is what a policy does with a header on its way from leg to leg.
type Action uint8

// The actions. Own means the engine writes the field itself, whatever came.
const (
	Drop Action = iota
	Carry
	Own
)

// Policy is what crosses from one side to another: an action per header and body type, a default for the rest. It is data,
// belongs to a pair of sides, and must not be changed once a Server has it.
type Policy struct {
	Name        string
	Headers     [sip.NumHeaders]Action
	Rest        Action   // headers without an identity
	Bodies      []string // content types that cross besides SDP; "*" all
	Names       bool     // host names in From, To and Request-URI cross; addresses never do
	ContactTags bool     // media feature tags of the far Contact cross to ours (RFC 3840)
	SDP         *sdp.Policy

	StripExtensions bool // of RTP (RFC 8285)
}

// engineOwned never cross, whatever a policy says: the engine writes them (architecture R11).
var engineOwned = [...]sip.HeaderID{sip.HdrVia, sip.HdrFrom, sip.HdrTo, sip.HdrCallID, sip.HdrCSeq, sip.HdrContact,
	sip.HdrMaxForwards, sip.HdrRoute, sip.HdrRecordRoute, sip.HdrContentType, sip.HdrContentLength, sip.HdrAllow,
	sip.HdrSupported, sip.HdrRequire, sip.HdrProxyRequire, sip.HdrUnsupported, sip.HdrRSeq, sip.HdrRAck,
	sip.HdrSessionExpires, sip.HdrMinSE, sip.HdrReason, sip.HdrTimestamp, sip.HdrRetryAfter}

// neverCarried do not cross by default: they speak of one party's software, topology, credentials or dialogs.
var neverCarried = [...]sip.HeaderID{sip.HdrUserAgent, sip.HdrServer, sip.HdrOrganization, sip.HdrWarning, sip.HdrErrorInfo,
	sip.HdrAuthorization, sip.HdrProxyAuthorization, sip.HdrWWWAuthenticate, sip.HdrProxyAuthenticate,
	sip.HdrAuthenticationInfo, sip.HdrPath, sip.HdrServiceRoute, sip.HdrSecurityClient, sip.HdrSecurityServer,
	sip.HdrSecurityVerify, sip.HdrPServedUser, sip.HdrPPreferredIdentity, sip.HdrPPreferredService, sip.HdrReferTo,
	sip.HdrReplaces, sip.HdrJoin, sip.HdrTargetDialog, sip.HdrInReplyTo, sip.HdrCiscoGUID, sip.HdrAllowEvents,
	sip.HdrAccept, sip.HdrAcceptEncoding, sip.HdrDate}

func newPolicy(name string, rest Action, change map[sip.HeaderID]Action) *Policy {
	p := &Policy{Name: name, Rest: rest, Names: rest == Carry, ContactTags: rest == Carry, SDP: sdp.PolicyNamed(name)}
	for id := range p.Headers {
		p.Headers[id] = rest
	}
	for _, id := range neverCarried {
		p.Headers[id] = Drop
	}
	for id, a := range change {
		p.Headers[id] = a
	}
	for _, id := range engineOwned {
		p.Headers[id] = Own
	}
	return p
}

// UntrustedPolicy drops whatever is not needed to talk.
func UntrustedPolicy() *Policy {
	p := newPolicy("untrusted", Drop, map[sip.HeaderID]Action{sip.HdrPrivacy: Carry,
		sip.HdrContentDisposition: Carry, sip.HdrContentEncoding: Carry, sip.HdrContentLanguage: Carry,
		sip.HdrInfoPackage: Carry, sip.HdrRecvInfo: Carry, sip.HdrPriority: Carry, sip.HdrAcceptLanguage: Carry})
	p.Bodies = []string{"application/dtmf-relay", "application/dtmf", "text/plain"}
	p.StripExtensions = true
	return p
}

// HomePolicy carries what IMS needs inside one trust domain (TS 24.229 5.7.5).
func HomePolicy() *Policy {
	p := newPolicy("ims-home", Carry, nil)
	p.Bodies = []string{"*"}
	return p
}

// TransparentPolicy carries the names of the software and hints of dates as well.
func TransparentPolicy() *Policy {
	p := newPolicy("transparent", Carry, map[sip.HeaderID]Action{sip.HdrUserAgent: Carry, sip.HdrServer: Carry,
		sip.HdrOrganization: Carry, sip.HdrDate: Carry, sip.HdrAccept: Carry})
	p.Bodies = []string{"*"}
	return p
}

// PolicyNamed finds a ready policy, nil if there is none of that name.
func PolicyNamed(name string) *Policy {
	for _, p := range [...]*Policy{UntrustedPolicy(), HomePolicy(), TransparentPolicy()} {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// PolicyNames are the names PolicyNamed knows.
func PolicyNames() []string { return []string{"ims-home", "transparent", "untrusted"} }

// appendCarried prints the headers of m that the policy lets cross, less those that the draft overrides.
func (p *Policy) appendCarried(dst []byte, m *sip.Message, d *Draft) []byte {
	for i := range m.Headers {
		h := &m.Headers[i]
		a := p.Headers[h.ID]
		if h.ID == sip.HdrOther {
			a = p.Rest
		}
		if a != Carry || d != nil && len(d.Headers) > 0 && d.overrides(h) {
			continue
		}
		if name := h.ID.String(); name != "" {
			dst = append(dst, name...)
		} else {
			dst = append(dst, h.Name...)
		}
		dst = append(append(append(dst, ": "...), h.Value...), '\r', '\n')
	}
	if d == nil {
		return dst
	}
	for _, f := range d.Headers {
		if id := sip.HeaderIDOf([]byte(f.Name)); f.Value != "" && p.Headers[id] != Own && isToken(f.Name) {
			dst = sip.AppendHeader(dst, f.Name, []byte(f.Value))
		}
	}
	return dst
}

// isToken tells whether a header name set by an App can be one (RFC 3261 25.1).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`()<>@,;:\"/[]?={}`), c) >= 0 {
			return false
		}
	}
	return s != ""
}

// carriesBody tells whether a body of that type crosses.
func (p *Policy) carriesBody(contentType []byte) bool {
	if i := bytes.IndexByte(contentType, ';'); i >= 0 {
		contentType = bytes.TrimSpace(contentType[:i])
	}
	for _, t := range p.Bodies {
		if t == "*" || sip.EqualFold(contentType, t) {
			return true
		}
	}
	return false
}

// appendAddress prints a From or To for the other side, without tag: display name and URI as the policy lets them cross.
func (p *Policy) appendAddress(dst []byte, a sip.Address, host string) []byte {
	if len(a.Display) > 0 {
		dst = append(append(dst, a.Display...), ' ')
	}
	dst = append(dst, '<')
	dst = p.appendURI(dst, a.URI, host)
	return append(dst, '>')
}

// appendURI prints a URI for the other side: a host is replaced when names do not cross, or when it is an address, which
// names a machine and never a domain. A tel URI or urn names no host.
func (p *Policy) appendURI(dst, uri []byte, host string) []byte {
	u, err := sip.ParseURI(uri)
	if err != nil || !u.IsSIP() || p.Names && !isAddress(u.Host) {
		return append(dst, uri...)
	}
	dst = append(append(dst, u.Scheme...), ':')
	if len(u.User) > 0 {
		dst = append(append(dst, u.User...), '@')
	}
	dst = append(dst, host...)
	if v, ok := u.Params.Get("user"); ok && len(v) > 0 {
		dst = append(append(dst, ";user="...), v...)
	}
	return dst
}

// appendContactTags prints the media feature tags of a Contact (RFC 3840 9): parameters that start with a plus sign, and
// the base tags. Addresses, expiry, instance and flow parameters stay behind.
func appendContactTags(dst []byte, m *sip.Message) []byte {
	first, _ := sip.CutValue(m.Get(sip.HdrContact))
	a, err := sip.ParseAddress(first)
	if err != nil {
		return dst
	}
	for p := a.Params; ; {
		name, value, rest, ok := p.Next()
		if !ok {
			return dst
		}
		if p = rest; !featureTag(name) || containsAddress(value) {
			continue
		}
		dst = append(append(dst, ';'), name...)
		if value != nil {
			dst = append(append(dst, '='), value...)
		}
	}
}

var baseTags = [...]string{"audio", "automata", "class", "control", "data", "description", "duplex", "events", "extensions",
	"isfocus", "language", "mobility", "priority", "schemes", "text", "video", "actor", "application"}

func featureTag(name []byte) bool {
	if len(name) > 1 && name[0] == '+' {
		return true
	}
	for _, t := range baseTags {
		if sip.EqualFold(name, t) {
			return true
		}
	}
	return false
}

// containsAddress finds an IPv4 address in a value; feature tags of some phones carry one.
func containsAddress(v []byte) bool {
	for _, f := range bytes.FieldsFunc(v, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }) {
		if _, err := netip.ParseAddr(string(f)); err == nil {
			return true
		}
	}
	return false
}

// reasonOf makes our own Reason value of what a BYE or CANCEL said: protocol and cause number, never the text (RFC 3326).
func reasonOf(m *sip.Message) string {
	v, _ := sip.CutValue(m.Get(sip.HdrReason))
	i := bytes.IndexByte(v, ';')
	if i < 1 {
		return ""
	}
	cause, _ := sip.Params(v[i:]).Get("cause")
	n, err := strconv.Atoi(string(cause))
	proto := string(bytes.TrimSpace(v[:i]))
	if err != nil || n < 0 || n > 699 || proto != "SIP" && proto != "Q.850" && proto != "RELEASE_CAUSE" {
		return ""
	}
	return proto + ";cause=" + strconv.Itoa(n)
}

func isAddress(host []byte) bool {
	if len(host) == 0 || host[0] != '[' && (host[len(host)-1] < '0' || host[len(host)-1] > '9') {
		return false // no top-level domain ends in a digit
	}
	_, err := netip.ParseAddr(string(trimBrackets(host)))
	return err == nil
}

func trimBrackets(host []byte) []byte {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}

// splitHostPort takes host[:port] apart; 5060 if no port is given.
func splitHostPort(b []byte) (host []byte, port uint16) {
	u, err := sip.ParseURI(append([]byte("sip:"), b...))
	if err != nil {
		return b, 5060
	}
	if u.Port == 0 {
		u.Port = 5060
	}
	return u.Host, u.Port
}
