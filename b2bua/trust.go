package b2bua

import (
	"strings"

	"github.com/bifrons/bifrons/sip"
)

// TrustRow is a header that only some sides may set, and why. From others it is taken off before anybody sees the message: no
// policy lets it cross, no application, route or record goes by it.
type TrustRow struct {
	Header string
	Least  Trust
	Why    string
}

// TrustTable returns what is believed of whom. It is the one place where that is decided. What is not in it comes from anyone and
// proves nothing: From, Privacy, Diversion, History-Info, and Identity, which is signed.
func TrustTable() []TrustRow {
	return []TrustRow{
		{"Route", Home, "no open relay: only the S-CSCF tells us where to send (TS 24.229 5.7.5); a Route that names us alone is no attempt"},
		{"P-Served-User", Home, "from the S-CSCF to an application server alone (RFC 5502 6)"},
		{"P-Charging-Function-Addresses", Home, "where the home network charges (RFC 7315 4.5)"},
		{"P-Visited-Network-ID", Home, "of registrations (RFC 7315 4.3)"},
		{"P-Associated-URI", Home, "of registrations (RFC 7315 4.1)"},
		{"P-Profile-Key", Home, "key of subscriber data (RFC 5002)"},
		{"P-Asserted-Identity", Partner, "no forged identity (RFC 3325 5)"},
		{"Remote-Party-ID", Partner, "the same, older"},
		{"P-Asserted-Service", Partner, "asserted by an S-CSCF (RFC 6050 4)"},
		{"P-Charging-Vector", Partner, "ICID and operators (RFC 7315 4.6)"},
		{"P-Access-Network-Info", Partner, "perhaps network-provided, and then evidence of a place (RFC 7315 4.4)"},
		{"P-Called-Party-ID", Partner, "of an S-CSCF (RFC 7315 4.2)"},
		{"P-Early-Media", Partner, "opens gates for speech before the answer (RFC 5009 8)"},
		{"P-Private-Network-Indication", Partner, "leaves public charging and numbering (RFC 7316)"},
		{"Attestation-Info", Partner, "vouches for a caller (RFC 8946, TS 24.229)"},
		{"Origination-Id", Partner, "belongs to it"},
		{"Resource-Priority", Partner, "priority over others (RFC 4412 11)"},
	}
}

// trusts is the table as it is asked: what each degree of trust may not set, by header and, for those without an id, by name.
type trusts [Home]trustsOf

type trustsOf struct {
	ids   [sip.NumHeaders]bool
	names []string
}

func newTrusts() *trusts {
	t := &trusts{}
	for _, r := range TrustTable() {
		id := sip.HeaderIDOf([]byte(r.Header))
		for degree := range r.Least {
			if id != sip.HdrOther {
				t[degree].ids[id] = true
			} else {
				t[degree].names = append(t[degree].names, r.Header)
			}
		}
	}
	return t
}

// untrusted takes what a side may not set off a message, and counts it.
func (s *Server) untrusted(side *Side, m *sip.Message) {
	if side.Trust >= Home {
		return
	}
	not := &s.trusts[side.Trust]
	taken := false
	for i := range m.Headers {
		h := &m.Headers[i]
		name := h.ID.String()
		switch {
		case h.ID == sip.HdrOther:
			if name = not.named(h.Name); name == "" {
				continue
			}
		case !not.ids[h.ID]:
			continue
		}
		taken = true
		if h.ID != sip.HdrRoute || !side.alone(h.Value) {
			s.metrics.notTrusted.WithLabelValues(side.Name, name).Inc()
		}
	}
	if !taken {
		return
	}
	m.DelFunc(func(h *sip.Header) bool { return not.ids[h.ID] || h.ID == sip.HdrOther && not.named(h.Name) != "" })
}

func (t *trustsOf) named(name []byte) string {
	for _, n := range t.names {
		if sip.EqualFold(name, n) {
			return n
		}
	}
	return ""
}

// alone tells whether a Route names this side and nothing else: what a phone with us as its outbound proxy sends.
func (s *Side) alone(route []byte) bool {
	one, rest := sip.CutValue(route)
	a, err := sip.ParseAddress(one)
	if err != nil || len(rest) > 0 {
		return false
	}
	u, err := sip.ParseURI(a.URI)
	return err == nil && u.IsSIP() && s.Is(&u)
}

// Is tells whether a URI's host is this side: one of its addresses, or its domain.
func (s *Side) Is(u *sip.URI) bool {
	return s.owns(u.Host, u.Port) || u.Port == 0 && strings.EqualFold(string(u.Host), s.Domain)
}
