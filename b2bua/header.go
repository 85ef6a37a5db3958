package b2bua

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/bifrons/bifrons/sip"
)

// passage is what the headers of a message need on their way to the other leg.
type passage struct {
	*Policy
	host string // our own, in the place of theirs
	srv  *Server

	rewrite *Rewrite // of the numbers of an INVITE
	usage   bool     // of a subscription, whose own headers are printed apart
}

// appendCarried prints the headers of m that the policy lets cross, less those that the draft overrides.
func (x *passage) appendCarried(dst []byte, m *sip.Message, d *Draft) []byte {
	v := x.veil(m)
	for i := range m.Headers {
		h := &m.Headers[i]
		r := x.rule(h)
		if r.Action == Drop || r.Action == Own || sessionHeader(h.ID) || x.usage && ofUsage(h) || v != 0 && v.hides(h.ID) || d != nil && len(d.Headers) > 0 && d.overrides(h) {
			continue
		}
		start := len(dst)
		if name := h.ID.String(); name != "" {
			dst = append(dst, name...)
		} else {
			dst = append(dst, h.Name...)
		}
		dst = append(dst, ": "...)
		value := len(dst)
		switch r.Action {
		case Carry:
			if h.ID == sip.HdrPAssertedIdentity && x.rewrite != nil && x.rewrite.PAI {
				dst = x.rewrite.appendIdentity(dst, h.Value)
				break
			}
			dst = append(dst, h.Value...)
		case Filter:
			dst = appendFiltered(dst, h.Value, r.Only)
		case Host:
			dst = x.appendHosted(dst, h.Value)
		case Map:
			dst = x.appendMapped(dst, h)
		}
		if len(dst) == value && r.Action != Carry { // nothing is left of it
			dst = dst[:start]
			continue
		}
		dst = append(dst, '\r', '\n')
	}
	if d == nil {
		return dst
	}
	for _, f := range d.Headers {
		if id := sip.HeaderIDOf([]byte(f.Name)); f.Value != "" && x.Headers[id].Action != Own && isToken(f.Name) {
			dst = sip.AppendHeader(dst, f.Name, []byte(f.Value))
		}
	}
	return dst
}

// appendFiltered prints the elements of a list, each with the listed parameters alone. What stands before the first
// semicolon is no parameter, unless it is written as one, as in P-Charging-Vector.
func appendFiltered(dst, list []byte, only []string) []byte {
	start := len(dst)
	for len(list) > 0 {
		var one []byte
		one, list = sip.CutValue(list)
		element := len(dst)
		if element > start {
			dst = append(dst, ", "...)
		}
		from := len(dst)
		for first := true; len(one) > 0; first = false {
			var part []byte
			part, one = cutPart(one)
			name, _, isParam := bytes.Cut(part, []byte("="))
			if bytes.IndexByte(part, '<') >= 0 || bytes.IndexByte(name, '"') >= 0 || bytes.IndexByte(name, ':') >= 0 {
				isParam = false
			}
			if (!first || isParam) && !listed(bytes.TrimSpace(name), only) {
				continue
			}
			if len(dst) > from {
				dst = append(dst, ';')
			}
			dst = append(dst, part...)
		}
		if len(dst) == from {
			dst = dst[:element]
		}
	}
	return dst
}

func listed(name []byte, only []string) bool {
	for _, o := range only {
		if sip.EqualFold(name, o) {
			return true
		}
	}
	return false
}

// cutPart cuts at the first semicolon that is in neither quotes nor angle brackets.
func cutPart(v []byte) (part, rest []byte) {
	quoted, angle := false, false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<' || c == '>':
			angle = c == '<'
		case c == ';' && !angle:
			return bytes.TrimSpace(v[:i]), v[i+1:]
		}
	}
	return bytes.TrimSpace(v), nil
}

// appendHosted prints the addresses of a list with our host in the place of theirs. Display names go, and so does whatever
// is not sip, tel or urn: it could only be reached at the host that is hidden.
func (x *passage) appendHosted(dst, list []byte) []byte {
	start := len(dst)
	for len(list) > 0 {
		var one []byte
		one, list = sip.CutValue(list)
		a, err := sip.ParseAddress(one)
		if err != nil {
			continue
		}
		u, err := sip.ParseURI(a.URI)
		if err != nil || !u.IsSIP() && !sip.EqualFold(u.Scheme, "tel") && !sip.EqualFold(u.Scheme, "urn") {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ", "...)
		}
		hide := *x.Policy
		hide.Names = false
		dst = append(hide.appendURI(append(dst, '<'), a.URI, x.host), '>')
		for p := a.Params; ; {
			name, value, rest, ok := p.Next()
			if !ok {
				break
			}
			if p = rest; !hostParams(name) || containsAddress(value) {
				continue
			}
			dst = append(append(dst, ';'), name...)
			if value != nil {
				dst = append(append(dst, '='), value...)
			}
		}
	}
	return dst
}

// hostParams are the parameters that tell of a diversion, and no host (RFC 7044 5, RFC 5806 5).
func hostParams(name []byte) bool {
	return listed(name, []string{"index", "rc", "mp", "np", "reason", "counter", "limit", "privacy", "screen", "purpose"})
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

// appendURI prints a URI for the other side: a host is replaced when names do not cross, or when it is an address, which
// names a machine and never a domain. A tel URI names a host only in its context, a urn none.
func (p *Policy) appendURI(dst, uri []byte, host string) []byte {
	u, err := sip.ParseURI(uri)
	switch {
	case err == nil && !u.IsSIP() && !p.Names && sip.EqualFold(u.Scheme, "tel"):
		return appendUser(append(dst, "tel:"...), u.Opaque, AsReceived, host)
	case err != nil || !u.IsSIP() || p.Names && !isAddress(u.Host):
		return append(dst, uri...)
	}
	dst = append(append(dst, u.Scheme...), ':')
	if len(u.User) > 0 {
		dst = append(appendUser(dst, u.User, AsReceived, host), '@')
	}
	dst = append(dst, host...)
	for _, name := range [...]string{"user", "cause"} { // cause tells of a diversion (RFC 4458)
		if v, ok := u.Params.Get(name); ok && len(v) > 0 && !containsAddress(v) {
			dst = append(append(append(append(dst, ';'), name...), '='), v...)
		}
	}
	return dst
}

// relayed are the methods that only work when the far party knows them; the others end here.
var relayed = [...]string{"INFO", "MESSAGE"}

// appendAllow prints what we allow: our own list, less what we could only pass on and the far party does not allow.
func appendAllow(dst []byte, ours string, far *sip.Message) []byte {
	if far == nil || !far.Has(sip.HdrAllow) {
		return append(dst, ours...)
	}
	list := strings.TrimSuffix(ours, "\r\n")
	start := len(dst)
	for len(list) > 0 {
		var one string
		one, list, _ = strings.Cut(list, ", ")
		if slices.Contains(relayed[:], one) && !far.HasToken(sip.HdrAllow, one) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ", "...)
		}
		dst = append(dst, one...)
	}
	return append(dst, '\r', '\n')
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

// appendReason prints the reason of a failure that crosses, unless an App has set one: a cause of the telephone network (RFC 6432 3), or
// of an IMS (TS 24.229); why SIP failed is what the status says.
func appendReason(b []byte, o *outgoing) []byte {
	v := reasonOf(o.m)
	if v == "" || strings.HasPrefix(v, "SIP") {
		return b
	}
	if o.draft != nil {
		for _, f := range o.draft.Headers {
			if strings.EqualFold(f.Name, "Reason") {
				return b
			}
		}
	}
	return append(append(append(b, "Reason: "...), v...), "\r\n"...)
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
