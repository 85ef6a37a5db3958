package configs

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Allow says who may send to a side: any of these. All empty is everybody.
type Allow struct {
	Networks []netip.Prefix
	Names    []string // of verified certificates, in lower case; in the file tls:NAME
	Users    []string // in the file user:NAME; "*" is every user
}

// Digest says how a side asks its users who they are (RFC 3261 22).
type Digest struct {
	Realm      string // "": the side's domain
	Algorithms []string
	Integrity  bool          // of bodies, too: qop auth-int
	Nonce      time.Duration // how long one may be used
	Assert     bool          // a user's requests get his P-Asserted-Identity
}

// DefaultDigest asks for SHA-256, or MD5 of those who know no better.
func DefaultDigest() Digest {
	return Digest{Algorithms: []string{"SHA-256", "MD5"}, Nonce: 5 * time.Minute}
}

// Secret is a password or its hash, in the file or elsewhere. One of them is given; the two hashes go together.
type Secret struct {
	Password     string
	PasswordFile string // its first line
	PasswordEnv  string // the variable of the environment
	HA1          string // MD5 of user:realm:password, in hexadecimal
	HA1SHA256    string // the same with SHA-256
}

// User can prove by digest who he is.
type User struct {
	Name string
	Secret
	Identity string // URI that is asserted for him; "": his name at the side's domain
}

// Credential is who we are for those on a side that challenge us.
type Credential struct {
	User   string
	Realm  string // "": any
	Target Hop    // zero: all of the side
	Secret
}

// Trunk is a registration of ours with somebody else's registrar.
type Trunk struct {
	AOR       string
	Contact   string // user part of our Contact; "": that of the AOR
	Registrar Hop    // zero: the side's next hop
	Expires   time.Duration
	Retry     time.Duration // after a first failure
	KeepAlive time.Duration // 0: none
	From      TrunkFrom
}

// TrunkFrom says who calls that leave by a trunk come from.
type TrunkFrom string

// FromTrunk puts the trunk's address of record into From, FromCaller leaves the caller there.
const (
	FromTrunk  TrunkFrom = "trunk"
	FromCaller TrunkFrom = "caller"
)

// allow reads who may send.
func (d *decoder) allow(v value, a *Allow) {
	var all []allowed
	readList(d, &all, "a network such as 192.0.2.0/24, tls:NAME, user:NAME, or a list of them", readAllowed)(v)
	for _, x := range all {
		switch {
		case x.name != "":
			a.Names = append(a.Names, x.name)
		case x.user != "":
			a.Users = append(a.Users, x.user)
		case x.network.IsValid():
			a.Networks = append(a.Networks, x.network)
		}
	}
}

// allowed is one entry of allow.
type allowed struct {
	network    netip.Prefix
	name, user string
}

func readAllowed(s string) (a allowed, err error) {
	if name, ok := strings.CutPrefix(s, "tls:"); ok {
		if name == "" || domain(name) != nil {
			return a, fmt.Errorf("%s is not the name in a certificate; write tls: and a host name, such as tls:pbx.example.org", tick(s))
		}
		return allowed{name: strings.ToLower(name)}, nil
	}
	if user, ok := strings.CutPrefix(s, "user:"); ok {
		if user == "" {
			return a, errors.New("`user:` names nobody; write user:NAME, or 'user:*' for every user")
		}
		return allowed{user: user}, nil
	}
	a.network, err = network(s)
	return a, err
}

func (d *decoder) digest(v value, g *Digest) {
	d.fields(v, []field{
		{"realm", d.text(&g.Realm)},
		{"algorithms", replaceList(d, &g.Algorithms, "a list of algorithms", choice(named("SHA-512-256", "SHA-512-256"), named("SHA-256", "SHA-256"), named("MD5", "MD5")))},
		{"integrity", d.flag(&g.Integrity)},
		{"nonce", read(d, &g.Nonce, "a duration such as 5m", duration)},
		{"assert", d.flag(&g.Assert)},
	})
}

// secret are the keys of a Secret, one of which is needed.
func (d *decoder) secret(s *Secret) []field {
	return []field{
		{"password", d.secretText(&s.Password)},
		{"password_file", d.path(&s.PasswordFile)},
		{"password_env", d.text(&s.PasswordEnv)},
		{"ha1", d.secretText(&s.HA1)},
		{"ha1_sha256", d.secretText(&s.HA1SHA256)},
	}
}

func (d *decoder) users(v value, all *[]User) {
	d.items(v, func(v value) {
		var u User
		d.fields(v, append(d.secret(&u.Secret), []field{
			{"name", d.text(&u.Name)},
			{"identity", d.text(&u.Identity)},
		}...))
		*all = append(*all, u)
	})
}

func (d *decoder) credentials(v value, all *[]Credential) {
	d.items(v, func(v value) {
		var c Credential
		d.fields(v, append(d.secret(&c.Secret), []field{
			{"user", d.text(&c.User)},
			{"realm", d.text(&c.Realm)},
			{"target", read(d, &c.Target, "a URI such as sip:192.0.2.7:5060", hop)},
		}...))
		*all = append(*all, c)
	})
}

func (d *decoder) trunks(v value, all *[]Trunk) {
	d.items(v, func(v value) {
		t := Trunk{Expires: time.Hour, Retry: 30 * time.Second, From: FromTrunk}
		d.fields(v, []field{
			{"aor", d.text(&t.AOR)},
			{"contact", d.text(&t.Contact)},
			{"registrar", read(d, &t.Registrar, "a URI such as sip:192.0.2.7:5060", hop)},
			{"expires", read(d, &t.Expires, "a duration such as 1h", duration)},
			{"retry", read(d, &t.Retry, "a duration such as 30s", duration)},
			{"keepalive", read(d, &t.KeepAlive, "a duration such as 25s", duration)},
			{"from", read(d, &t.From, "a word", choice(same(FromTrunk), same(FromCaller)))},
		})
		*all = append(*all, t)
	})
}

// hopOrRegistered reads the next hop of a route.
func hopOrRegistered(s string) (Hop, error) {
	if s == "registered" {
		return Hop{URI: s}, nil
	}
	return hop(s)
}

// wrong says what is wrong with a secret, "" for nothing.
func (s *Secret) wrong() string {
	given := 0
	for _, x := range []string{s.Password, s.PasswordFile, s.PasswordEnv, s.HA1 + s.HA1SHA256} {
		if x != "" {
			given++
		}
	}
	switch {
	case given == 0:
		return "has no secret; add `password:`, `password_file:`, `password_env:` or `ha1:`"
	case given > 1:
		return "has more than one secret; keep one of `password`, `password_file`, `password_env` and the hashes"
	case s.HA1 != "" && !isHash(s.HA1, 16):
		return "`ha1` is no MD5 hash; write the 32 hexadecimal digits of MD5(user:realm:password)"
	case s.HA1SHA256 != "" && !isHash(s.HA1SHA256, 32):
		return "`ha1_sha256` is no SHA-256 hash; write the 64 hexadecimal digits of SHA-256(user:realm:password)"
	}
	return ""
}

func isHash(s string, size int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == size
}

// can tells whether a secret does for an algorithm.
func (s *Secret) can(algorithm string) bool {
	switch {
	case s.HA1 == "" && s.HA1SHA256 == "":
		return true
	case algorithm == "MD5":
		return s.HA1 != ""
	}
	return algorithm == "SHA-256" && s.HA1SHA256 != ""
}
