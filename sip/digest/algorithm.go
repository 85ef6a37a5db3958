package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"strings"
)

// Algorithm is a hash function, plain or for a session (RFC 7616 3.4.2).
type Algorithm uint8

// The algorithms; Unknown is one that we cannot compute. A challenge that names none means MD5 (RFC 7616 3.3).
const (
	Unknown Algorithm = iota
	MD5
	MD5Sess
	SHA256
	SHA256Sess
	SHA512256
	SHA512256Sess
)

var algorithmNames = [...]string{"", "MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"}

// String returns the name that stands in headers.
func (a Algorithm) String() string { return algorithmNames[a] }

// AlgorithmNamed finds an algorithm by its name, in any case.
func AlgorithmNamed(name string) Algorithm {
	for a, n := range algorithmNames {
		if a != 0 && strings.EqualFold(n, name) {
			return Algorithm(a)
		}
	}
	return Unknown
}

// session tells whether A1 has the nonces in it.
func (a Algorithm) session() bool { return a == MD5Sess || a == SHA256Sess || a == SHA512256Sess }

// plain is the algorithm's hash function.
func (a Algorithm) plain() Algorithm {
	if a.session() {
		return a - 1
	}
	return a
}

// hash returns H(text) in lower-case hexadecimal.
func (a Algorithm) hash(text string) string {
	switch a.plain() {
	case SHA256:
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	case SHA512256:
		sum := sha512.Sum512_256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Secret is what proves who somebody is: a password, or the hash H(user:realm:password) of it by algorithm, in hexadecimal,
// which is as secret but for one realm only.
type Secret struct {
	Password    string
	MD5, SHA256 string
}

// Can tells whether an answer by an algorithm can be computed.
func (s *Secret) Can(a Algorithm) bool {
	switch {
	case a == Unknown:
		return false
	case s.Password != "" || s.MD5 == "" && s.SHA256 == "": // an empty password is one, too
		return true
	case a.plain() == MD5:
		return s.MD5 != ""
	}
	return a.plain() == SHA256 && s.SHA256 != ""
}

// ha1 returns H(user:realm:password).
func (s *Secret) ha1(a Algorithm, user, realm string) string {
	switch p := a.plain(); {
	case s.Password == "" && p == MD5 && s.MD5 != "":
		return strings.ToLower(s.MD5)
	case s.Password == "" && p == SHA256 && s.SHA256 != "":
		return strings.ToLower(s.SHA256)
	}
	return a.hash(user + ":" + realm + ":" + s.Password)
}

// answer is one computation of a response (RFC 7616 3.4).
type answer struct {
	algorithm         Algorithm
	user, realm       string
	nonce, cnonce, nc string
	qop               string // "", auth, auth-int
	method, uri       string
	body              []byte
}

func (x *answer) compute(s *Secret) string {
	a1 := s.ha1(x.algorithm, x.user, x.realm)
	if x.algorithm.session() {
		a1 = x.algorithm.hash(a1 + ":" + x.nonce + ":" + x.cnonce)
	}
	a2 := x.method + ":" + x.uri
	if x.qop == "auth-int" {
		a2 += ":" + x.algorithm.hash(string(x.body))
	}
	if x.qop == "" {
		return x.algorithm.hash(a1 + ":" + x.nonce + ":" + x.algorithm.hash(a2))
	}
	return x.algorithm.hash(strings.Join([]string{a1, x.nonce, x.nc, x.cnonce, x.qop, x.algorithm.hash(a2)}, ":"))
}
