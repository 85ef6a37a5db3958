package sip

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
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
	if len(out) == 0 && len(c.URIs) == 0 && len(c.EmailAddresses) == 0 && c.Subject.CommonName != "" {
		out = append(out, strings.ToLower(c.Subject.CommonName))
	}
	return out
}

// proves returns an error unless a certificate is one for a name or an address: the very name, in any case of its letters, for no
// wildcard matches (RFC 5922 7.2).
func proves(c *x509.Certificate, name string) error {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if a, err := netip.ParseAddr(name); err == nil {
		name = a.Unmap().WithZone("").String()
	}
	names := certificateNames(c)
	if slices.Contains(names, name) {
		return nil
	}
	return fmt.Errorf("the certificate is for %q, not for %q", names, name)
}
