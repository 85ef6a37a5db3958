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
