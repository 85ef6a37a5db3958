package locate

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/bifrons/bifrons/sip"
)

// Place is where a request may go.
type Place struct {
	Addr netip.AddrPort
	By   sip.Transport
}

// String gives transport:address:port, as a listener is written.
func (p Place) String() string { return strings.ToLower(p.By.String()) + ":" + p.Addr.String() }

// Served is what the asker can send by: transports, each with the IP versions of its listeners.
type Served uint8

const ipv6First Served = 1 << 7 // the addresses of IPv6 are tried before the others

// Serve returns the mark of one transport over IPv4 or IPv6; several are put together with |.
func Serve(t sip.Transport, ipv6 bool) Served {
	if ipv6 {
		return 8 << t
	}
	return 1 << t
}

// With adds a listener's transport and IP version. The version of the first one is that of the addresses tried first.
func (s Served) With(t sip.Transport, addr netip.Addr) Served {
	ipv6 := !addr.Unmap().Is4()
	if s == 0 && ipv6 {
		s = ipv6First
	}
	return s | Serve(t, ipv6)
}

// by tells whether a transport is served at all.
func (s Served) by(t sip.Transport) bool { return s&(Serve(t, false)|Serve(t, true)) != 0 }

// Question is a URI less what says nothing of where it is (RFC 3263 4): comparable, and plain data for a snapshot.
type Question struct {
	Host   string // a name, in lower case and without the last dot; or an address
	Port   uint16 // 0: none is given
	By     sip.Transport
	Told   bool // By is what the URI asks for; else what is used where nothing says otherwise
	Secure bool // sips: nothing but TLS
	Served Served
}

// Ask makes the question of a URI; usual is the transport where the URI, its port and DNS leave it open.
func Ask(u *sip.URI, usual sip.Transport, served Served) Question {
	q := Question{Host: lower(u.Host), Port: u.Port, By: usual, Served: served, Secure: sip.EqualFold(u.Scheme, "sips")}
	if maddr, ok := u.Params.Get("maddr"); ok && len(maddr) > 0 { // RFC 3263 4: it is the target then
		q.Host = lower(maddr)
	}
	if by, told := sip.TransportOf(u); told {
		q.By, q.Told = by, true
	}
	return q
}

// lower returns a host as it is asked for: in lower case, IPv6 without brackets, a name without its last dot.
func lower(host []byte) string {
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	if n := len(host); n > 1 && host[n-1] == '.' {
		host = host[:n-1]
	}
	return strings.ToLower(string(host)) // does not copy what is lower already
}

// String gives the question as a URI.
func (q Question) String() string {
	s := map[bool]string{false: "sip:", true: "sips:"}[q.Secure] + q.Host
	if q.Port != 0 {
		s += ":" + strconv.Itoa(int(q.Port))
	}
	if q.Told && !q.Secure {
		s += ";transport=" + strings.ToLower(q.By.String())
	}
	return s
}

// addr returns the place of a question whose host is an address.
func (q Question) addr() (Place, bool) {
	a, err := netip.ParseAddr(q.Host)
	if err != nil || a.Zone() != "" {
		return Place{}, false
	}
	by := q.usual()
	port := q.Port
	if port == 0 {
		port = by.Port()
	}
	return Place{netip.AddrPortFrom(a.Unmap(), port), by}, true
}

// usual returns the transport where DNS does not say it (RFC 3263 4.1): what the URI names, TLS for sips, else the asker's, as far as
// it serves that.
func (q Question) usual() sip.Transport {
	switch {
	case q.Secure:
		return sip.TLS
	case q.Told || q.Served.by(q.By):
		return q.By
	}
	for _, t := range [...]sip.Transport{sip.UDP, sip.TCP, sip.TLS} {
		if q.Served.by(t) {
			return t
		}
	}
	return q.By
}
