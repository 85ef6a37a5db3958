package configs

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseIdentity(t *testing.T) {
	cfg, err := Parse("x.yaml", []byte(`
users:
  - {name: alice, password: '007'}
  - {name: bob, ha1: 0123456789abcdef0123456789ABCDEF, identity: "tel:+49301"}
sides:
  phones:
    listen: tls:192.0.2.1:5061
    tls: {cert: c, key: k, mutual: true}
    allow: [192.0.2.0/24, "tls:PBX.example.org", "user:alice"]
    digest: {realm: ims.example, algorithms: [SHA-512-256, MD5], integrity: true, nonce: 1m, assert: true}
    registrar: true
  carrier:
    listen: udp:198.51.100.1:5060
    next_hop: sip:203.0.113.9
    credentials: [{user: u, realm: r, target: "sip:203.0.113.9", password_env: P}]
    trunks: [{aor: "sip:+4930@carrier.example", contact: line1, registrar: "sip:203.0.113.8:5070", expires: 10m, retry: 5s, keepalive: 20s, from: caller}]
routes: [{from: carrier, to: phones, next_hop: registered}]
`), Known{})
	if err != nil {
		t.Fatal(err)
	}
	hop := func(uri, addr string) Hop { return Hop{URI: uri, Addr: netip.MustParseAddrPort(addr), Network: "udp"} }
	want := Config{
		Users: []User{{Name: "alice", Secret: Secret{Password: "007"}}, {Name: "bob", Secret: Secret{HA1: "0123456789abcdef0123456789ABCDEF"}, Identity: "tel:+49301"}},
		Sides: []Side{{
			Allow:     Allow{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Names: []string{"pbx.example.org"}, Users: []string{"alice"}},
			Digest:    Digest{Realm: "ims.example", Algorithms: []string{"SHA-512-256", "MD5"}, Integrity: true, Nonce: time.Minute, Assert: true},
			Registrar: true,
		}, {
			Digest:      DefaultDigest(),
			Credentials: []Credential{{User: "u", Realm: "r", Target: hop("sip:203.0.113.9", "203.0.113.9:5060"), Secret: Secret{PasswordEnv: "P"}}},
			Trunks: []Trunk{{AOR: "sip:+4930@carrier.example", Contact: "line1", Registrar: hop("sip:203.0.113.8:5070", "203.0.113.8:5070"),
				Expires: 10 * time.Minute, Retry: 5 * time.Second, KeepAlive: 20 * time.Second, From: FromCaller}},
		}},
	}
	if d := cmp.Diff(want.Users, cfg.Users); d != "" {
		t.Error(d)
	}
	opts := cmp.Options{cmpopts.EquateComparable(netip.Prefix{}, Hop{})}
	for i, s := range cfg.Sides {
		got := Side{Allow: s.Allow, Digest: s.Digest, Registrar: s.Registrar, Credentials: s.Credentials, Trunks: s.Trunks}
		if d := cmp.Diff(want.Sides[i], got, opts, cmpopts.IgnoreFields(Side{}, "Media", "Advertise")); d != "" {
			t.Error(d)
		}
	}
	if !cfg.Routes[0].NextHop.Registered() {
		t.Errorf("%+v", cfg.Routes[0])
	}
}

// TestIdentityMistakes: what cannot be, and what the message says to do.
func TestIdentityMistakes(t *testing.T) {
	side := func(s string) string {
		return "users: [{name: alice, ha1: 0123456789abcdef0123456789abcdef}]\nsides:\n  one: {listen: 'udp:192.0.2.1:5060', " + s + "}\n"
	}
	for text, want := range map[string]string{
		side("allow: 'tls:'"):                                                                                   "is not the name in a certificate",
		side("allow: 'tls:pbx.example'"):                                                                        "add `mutual: true`",
		side("allow: 'user:'"):                                                                                  "names nobody",
		side("allow: 'user:bob'"):                                                                               "no user is named `bob`",
		side("allow: 'user:alice'"):                                                                             "has no secret for that",
		side("allow: 'user:alice', digest: {algorithms: []}"):                                                   "is empty",
		side("allow: 'user:alice', digest: {algorithms: MD5, nonce: 0s}"):                                       "out of range",
		side("allow: 'user:alice', digest: {algorithms: SHA1}"):                                                 "unknown value `SHA1`",
		side("digest: {assert: true}"):                                                                          "nobody is asked",
		side("registrar: true"):                                                                                 "anybody could register here",
		side("credentials: [{user: u}]"):                                                                        "has no secret",
		side("credentials: [{password: p}]"):                                                                    "nobody's",
		side("credentials: [{user: u, password: p, password_file: f}]"):                                         "more than one secret",
		side("credentials: [{user: u, ha1: 0123456789abcdef0123456789abcdef}]"):                                 "a hash is for one realm",
		side("credentials: [{user: u, realm: r, ha1: abc}]"):                                                    "32 hexadecimal digits",
		side("trunks: [{aor: 'sip:x@y'}]"):                                                                      "there is no registrar",
		side("next_hop: 'sip:192.0.2.2', trunks: [{aor: 'x@y'}]"):                                               "is no address of record",
		side("next_hop: 'sip:192.0.2.2', trunks: [{aor: 'sip:x@y', contact: 'a@b'}]"):                           "user part of a Contact",
		side("next_hop: 'sip:192.0.2.2', trunks: [{aor: 'sip:x@y', expires: 0s}]"):                              "out of range",
		side("next_hop: 'sip:192.0.2.2', trunks: [{aor: 'sip:x@y', registrar: 'sip:[2001:db8::1]'}]"):           "IP version",
		side("next_hop: 'sip:192.0.2.2'") + "routes: [{to: one, next_hop: registered}]":                         "nobody can register",
		"users: [{name: a b, password: p}]\nsides: {one: {listen: 'udp:192.0.2.1:5060'}}":                       "cannot be the name of a user",
		"users: [{name: a, password: p}, {name: a, password: p}]\nsides: {one: {listen: 'udp:192.0.2.1:5060'}}": "already",
		"users: [{name: a}]\nsides: {one: {listen: 'udp:192.0.2.1:5060'}}":                                      "has no secret",
		"users: [{name: a, password: p, identity: a}]\nsides: {one: {listen: 'udp:192.0.2.1:5060'}}":            "is no identity",
	} {
		_, err := Parse("x.yaml", []byte(text), Known{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "x.yaml:") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := Parse("x.yaml", []byte("sides: {one: {listen: 'udp:127.0.0.1:5060', registrar: true}, two: {listen: 'udp:192.0.2.1:5060', registrar: true, allow: 192.0.2.0/24}}"), Known{}); err != nil {
		t.Error(err)
	}
}
