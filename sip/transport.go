package sip

import "bytes"

// Transport is what carries messages.
type Transport uint8

// The transports that are served.
const (
	UDP Transport = iota
	TCP
	TLS
)

var transportNames = [...]string{"UDP", "TCP", "TLS"}

// String returns the name that stands in Via (RFC 3261 20.42).
func (t Transport) String() string { return transportNames[t] }

// Param returns what a URI of ours needs for this transport: nothing for UDP (RFC 3261 19.1.1).
func (t Transport) Param() string {
	return [...]string{"", ";transport=tcp", ";transport=tls"}[t]
}

// Reliable tells whether nothing is lost on the way, so that nothing need be repeated (RFC 3261 17).
func (t Transport) Reliable() bool { return t != UDP }

// Port returns the port of a URI that has none (RFC 3261 19.1.2).
func (t Transport) Port() uint16 {
	if t == TLS {
		return 5061
	}
	return 5060
}

// TransportOf returns the transport that a URI asks for; ok is false when it leaves that open. One that is not served counts
// as open.
func TransportOf(u *URI) (t Transport, ok bool) {
	if EqualFold(u.Scheme, "sips") {
		return TLS, true
	}
	name, _ := u.Params.Get("transport")
	for t, n := range transportNames {
		if bytes.EqualFold(name, []byte(n)) {
			return Transport(t), true
		}
	}
	return UDP, false
}
