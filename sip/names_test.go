package sip

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCertificateNames(t *testing.T) {
	uri := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for name, c := range map[string]struct {
		cert x509.Certificate
		want []string
	}{
		"sip URI before DNS": {x509.Certificate{URIs: []*url.URL{uri("sip:PBX.example.org"), uri("https://web.example.org")}, DNSNames: []string{"other.example.org"}},
			[]string{"pbx.example.org"}},
		"a user's URI is no domain": {x509.Certificate{URIs: []*url.URL{uri("sip:alice@example.org")}, DNSNames: []string{"example.org"}}, []string{"example.org"}},
		"DNS and address":           {x509.Certificate{DNSNames: []string{"A.example"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, Subject: pkix.Name{CommonName: "x"}}, []string{"a.example", "192.0.2.1"}},
		"common name alone":         {x509.Certificate{Subject: pkix.Name{CommonName: "Old.example"}}, []string{"old.example"}},
		"none":                      {x509.Certificate{URIs: []*url.URL{uri("spiffe://x/y")}, Subject: pkix.Name{CommonName: "x"}}, nil},
	} {
		if d := cmp.Diff(c.want, certificateNames(&c.cert)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestProves: the very name, no wildcard, and for an address the address (RFC 5922 7.1, 7.2).
func TestProves(t *testing.T) {
	uri, err := url.Parse("sip:sbc.example")
	if err != nil {
		t.Fatal(err)
	}
	dns := &x509.Certificate{DNSNames: []string{"Peer.example", "*.wild.example"}}
	for _, c := range []struct {
		cert *x509.Certificate
		name string
		ok   bool
	}{
		{dns, "peer.example", true}, {dns, "PEER.example.", true}, {dns, "a.wild.example", false}, {dns, "192.0.2.1", false}, {dns, "", false},
		{&x509.Certificate{IPAddresses: []net.IP{net.ParseIP("192.0.2.1"), net.ParseIP("2001:db8::1")}}, "192.0.2.1", true},
		{&x509.Certificate{IPAddresses: []net.IP{net.ParseIP("2001:db8::1")}}, "2001:db8:0::1", true},
		{&x509.Certificate{URIs: []*url.URL{uri}, DNSNames: []string{"peer.example"}}, "sbc.example", true},
		{&x509.Certificate{URIs: []*url.URL{uri}, DNSNames: []string{"peer.example"}}, "peer.example", false},
	} {
		if err := proves(c.cert, c.name); (err == nil) != c.ok {
			t.Errorf("%v for %q: %v", certificateNames(c.cert), c.name, err)
		}
	}
}
