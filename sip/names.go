package sip

import (
	"crypto/x509"
	"strings"
)

// certificateNames returns who a certificate says its owner is (RFC 5922 7.1): the hosts of its sip: URIs, else its DNS names,
// with its addresses; only where there is none of these its common name.
func certificateNames(c *x509.Certificate) (out []string) {
	for _, u := range c.URIs {
		if strings.EqualFold(u.Scheme, "sip") && !strings.Contains(u.Opaque, "@") {
			out = append(out, strings.ToLower(u.Opaque))
		}
	}
	if len(out) == 0 {
		for _, n := range c.DNSNames {
			out = append(out, strings.ToLower(n))
		}
	}
	for _, a := range c.IPAddresses {
		out = append(out, a.String())
	}
	if len(out) == 0 && len(c.URIs) == 0 && c.Subject.CommonName != "" {
		out = append(out, strings.ToLower(c.Subject.CommonName))
	}
	return out
}
