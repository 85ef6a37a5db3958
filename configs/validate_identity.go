package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checkUsers checks names, secrets and identities.
func (c *Config) checkUsers(bad problem) {
	for i := range c.Users {
		u, path := &c.Users[i], "users["+strconv.Itoa(i)+"]"
		switch {
		case u.Name == "" || u.Name == "*" || strings.ContainsFunc(u.Name, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("\"@:;<>", r) }):
			bad(path+".name", tick(u.Name)+" cannot be the name of a user; write one without blanks and the characters @ : ; < > and quotes")
		case slices.ContainsFunc(c.Users[:i], func(o User) bool { return o.Name == u.Name }):
			bad(path+".name", tick(u.Name)+" is in the list already; remove one of the two")
		}
		if w := u.wrong(); w != "" {
			bad(path, "user "+tick(u.Name)+" "+w)
		}
		if u.Identity != "" && !isIdentity(u.Identity) {
			bad(path+".identity", tick(u.Identity)+" is no identity; write sip:user@domain, or tel:+NUMBER")
		}
	}
}

// isIdentity tells whether a text is a sip URI with a user, or a tel URI.
func isIdentity(s string) bool {
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("<>\",", r) }) {
		return false
	}
	if number, tel := strings.CutPrefix(s, "tel:"); tel {
		return number != ""
	}
	rest, ok := strings.CutPrefix(s, "sip:")
	user, host, at := strings.Cut(rest, "@")
	return ok && at && user != "" && host != "" && domain(host) == nil
}

// checkIdentity checks who may send to a side, who may register there, and who we are for others there.
func (c *Config) checkIdentity(s *Side, path string, bad problem) {
	if len(s.Allow.Names) > 0 && !s.TLS.Mutual {
		bad(path+".allow", "the name of a certificate is known only of peers that must show one; add `mutual: true` to the `tls:` of side "+tick(s.Name))
	}
	c.checkAsked(s, path, bad)
	if s.Registrar && len(s.Allow.Networks)+len(s.Allow.Names)+len(s.Allow.Users) == 0 &&
		slices.ContainsFunc(s.Listen, func(l Listener) bool { return l.Addr.IsValid() && !l.Addr.Addr().IsLoopback() }) {
		bad(path+".registrar", "anybody could register here, for there is no `allow:`; name networks or users there, or listen on the loopback interface alone")
	}
	for i := range s.Credentials {
		k, at := &s.Credentials[i], path+".credentials["+strconv.Itoa(i)+"]"
		if k.User == "" || strings.ContainsFunc(k.User, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			bad(at, "these credentials are nobody's; add `user:`")
		}
		if w := k.wrong(); w != "" {
			bad(at, "user "+tick(k.User)+" "+w)
		}
		if !k.Target.IsZero() && !k.Target.Addr.IsValid() {
			bad(at+".target", tick(k.Target.URI)+" names a host; write its address, or name the realm instead")
		}
		if (k.HA1 != "" || k.HA1SHA256 != "") && k.Realm == "" {
			bad(at, "a hash is for one realm; add `realm:`")
		}
	}
	for i := range s.Trunks {
		s.checkTrunk(i, path, bad)
	}
}

// checkAsked checks the users of a side.
func (c *Config) checkAsked(s *Side, path string, bad problem) {
	if len(s.Allow.Users) == 0 {
		if d := DefaultDigest(); s.Digest.Realm != "" || s.Digest.Integrity || s.Digest.Assert || s.Digest.Nonce != d.Nonce || !slices.Equal(s.Digest.Algorithms, d.Algorithms) {
			bad(path+".digest", "nobody is asked who he is on side "+tick(s.Name)+"; add 'user:*' or user:NAME to its `allow:`")
		}
		return
	}
	for _, name := range s.Allow.Users {
		known := name == "*" && len(c.Users) > 0
		for i := range c.Users {
			u := &c.Users[i]
			if name != "*" && u.Name != name {
				continue
			}
			known = true
			for _, a := range s.Digest.Algorithms {
				if !u.can(a) && u.wrong() == "" {
					bad(path+".digest", fmt.Sprintf("side %s asks for %s, and user %s has no secret for that; give him a password or the hash, or leave %s out of `algorithms:`",
						tick(s.Name), a, tick(u.Name), a))
				}
			}
		}
		if !known {
			bad(path+".allow", "no user is named "+tick(name)+"; add him to `users:`")
		}
	}
	if len(s.Digest.Algorithms) == 0 {
		bad(path+".digest.algorithms", "is empty; write [SHA-256, MD5] or remove it")
	}
	if n := s.Digest.Nonce; n < time.Second || n > 24*time.Hour {
		bad(path+".digest.nonce", fmt.Sprintf("%s is out of range; write something from 1s to 24h", tick(n.String())))
	}
	if strings.ContainsFunc(s.Digest.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		bad(path+".digest.realm", tick(s.Digest.Realm)+" has characters that no realm has; write one such as ims.example.org")
	}
}

func (s *Side) checkTrunk(i int, path string, bad problem) {
	t, at := &s.Trunks[i], path+".trunks["+strconv.Itoa(i)+"]"
	registrar := t.Registrar
	if registrar.IsZero() {
		registrar = s.NextHop
	}
	switch {
	case !strings.HasPrefix(t.AOR, "sip:") || !isIdentity(t.AOR):
		bad(at, tick(t.AOR)+" is no address of record; write `aor: sip:user@domain`")
	case registrar.IsZero() || registrar.Registered():
		bad(at, "there is no registrar for "+tick(t.AOR)+"; add `registrar: sip:address:port`, or `next_hop:` to side "+tick(s.Name))
	case !t.Registrar.IsZero() && len(s.Listen) > 0 && !s.reaches(t.Registrar):
		bad(at+".registrar", unreachable(s, t.Registrar))
	}
	if strings.ContainsFunc(t.Contact, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("@:;<>,?\"", r) }) {
		bad(at+".contact", tick(t.Contact)+" cannot be the user part of a Contact; write a word such as line1")
	}
	for _, d := range []struct {
		path     string
		is       time.Duration
		min, max time.Duration
		zero     bool
	}{
		{"expires", t.Expires, time.Second, 24 * time.Hour, false},
		{"retry", t.Retry, 100 * time.Millisecond, 30 * time.Minute, false},
		{"keepalive", t.KeepAlive, time.Second, time.Hour, true},
	} {
		if (d.is < d.min || d.is > d.max) && (!d.zero || d.is != 0) {
			bad(at+"."+d.path, fmt.Sprintf("%s is out of range; write something from %s to %s", tick(d.is.String()), d.min, d.max))
		}
	}
}
