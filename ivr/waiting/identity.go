package waiting

import (
	"net"
	"strconv"
	"strings"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/registrar"
)

// identities tells who sends a request, and is believed: by digest, by a network's assertion (the trust table has taken off those of
// networks that are not trusted), or by being where he is registered. Nobody else is known.
func (d *Desk) identities(side *b2bua.Side, m *sip.Message) (out []string) {
	asserted := asserted(m)
	switch {
	case m.User != "":
		out = []string{"sip:" + m.User + "@" + side.Domain}
		if side.Digest.Assert {
			out = append(asserted, out...)
		}
		return out
	case len(asserted) > 0:
		return asserted
	}
	from, err := sip.ParseAddress(m.Get(sip.HdrFrom))
	if err != nil {
		return nil
	}
	uri := string(from.URI)
	for _, p := range d.places(uri) {
		if p.Side == side.Name && p.Source == m.Source.String() {
			return []string{uri}
		}
	}
	return nil
}

// maxIdentities bounds P-Asserted-Identity, which has one or two (RFC 3325 9.1).
const maxIdentities = 4

func asserted(m *sip.Message) (out []string) {
	for one := range m.Values(sip.HdrPAssertedIdentity) {
		if a, err := sip.ParseAddress(one); err == nil && len(a.URI) <= maxURI && len(out) < maxIdentities {
			out = append(out, string(a.URI))
		}
	}
	return out
}

// owns tells whether one of the identities is an address: the same user of the same host, where all names of the side are one host.
func owns(side *b2bua.Side, identities []string, address string) bool {
	to, err := sip.ParseURI([]byte(address))
	if err != nil || name(&to) == "" {
		return false
	}
	for _, id := range identities {
		u, err := sip.ParseURI([]byte(id))
		if err != nil || name(&u) != name(&to) {
			continue
		}
		global := strings.HasPrefix(name(&u), "+") // tel: a number of the whole world is the same everywhere
		if u.IsSIP() && to.IsSIP() && (strings.EqualFold(string(u.Host), string(to.Host)) || side.Is(&u) && side.Is(&to)) ||
			global && (!u.IsSIP() && side.Is(&to) || !to.IsSIP() && side.Is(&u) || !u.IsSIP() && !to.IsSIP()) {
			return true
		}
	}
	return false
}

// name is the user part of a URI, or the number of a tel URI.
func name(u *sip.URI) string {
	text := string(u.User)
	if !u.IsSIP() {
		text = string(u.Opaque)
	}
	text, _, _ = strings.Cut(text, ";")
	return registrar.Unescape(text)
}

// hostPort is where a URI leads, "" if that cannot be told.
func hostPort(uri string) string {
	u, err := sip.ParseURI([]byte(uri))
	if err != nil || !u.IsSIP() {
		return ""
	}
	port := u.Port
	if port == 0 {
		port = 5060
	}
	return net.JoinHostPort(strings.Trim(string(u.Host), "[]"), strconv.Itoa(int(port)))
}
