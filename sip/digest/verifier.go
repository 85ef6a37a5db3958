package digest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// Verifier challenges and judges for one realm. DefaultVerifier has the values of every day.
type Verifier struct {
	Realm      string
	Algorithms []Algorithm   // of the challenges, the strongest first (RFC 8760 2.3)
	Integrity  bool          // the body is to be protected, too: qop auth-int is offered
	Life       time.Duration // of a nonce
	// Secret finds that of a user; ok is false for somebody unknown.
	Secret func(user string) (s Secret, ok bool)

	key   [32]byte
	node  uint16
	start time.Time
	used  guard
}

// NewVerifier makes a verifier for a realm. The key is that of the node, or of all nodes of a cluster: a nonce of another node,
// or of this one before it started at that time, is asked for anew with stale=true, so no answer can be used there again.
func NewVerifier(realm string, key [16]byte, node uint16, start time.Time) *Verifier {
	return &Verifier{Realm: realm, Algorithms: []Algorithm{SHA256, MD5}, Life: 5 * time.Minute, node: node, start: start,
		key: sha256.Sum256(append([]byte("digest nonce\x00"), key[:]...))}
}

// Verdict is what a request proves.
type Verdict uint8

// The verdicts. Only Proved lets a request pass; Wrong is the one that a guess gives.
const (
	Absent    Verdict = iota // no credentials for our realm
	Stale                    // an old nonce, or one used already: the next answer may be right
	Wrong                    // the secret is not the user's, or the user is unknown
	Malformed                // 400
	Proved
)

// String returns the word of counters.
func (v Verdict) String() string {
	return [...]string{"absent", "stale", "wrong", "malformed", "proved"}[v]
}

// nonceLength is that of the text of a nonce: 8 bytes of time and node, 8 of chance, 14 of their MAC.
const nonceLength = 40

// mac seals a nonce to the realm and the address that it was given to: nobody else can be made to fail with it.
func (v *Verifier) mac(head []byte, from netip.Addr) []byte {
	h := hmac.New(sha256.New, v.key[:])
	h.Write(head)
	a := from.As16()
	h.Write(a[:])
	h.Write([]byte(v.Realm))
	return h.Sum(nil)[:14]
}

// AppendChallenges prints a header line for each algorithm, with a fresh nonce.
func (v *Verifier) AppendChallenges(dst []byte, from netip.Addr, now time.Time, chance uint64, stale bool) []byte {
	var b [30]byte
	binary.BigEndian.PutUint64(b[:], uint64(now.UnixMilli())<<16|uint64(v.node))
	binary.BigEndian.PutUint64(b[8:], chance)
	copy(b[16:], v.mac(b[:16], from))
	c := Challenge{Realm: v.Realm, Nonce: base64.RawURLEncoding.EncodeToString(b[:]), Auth: true, Int: v.Integrity, Stale: stale}
	for _, c.Algorithm = range v.Algorithms {
		dst = AppendChallenge(dst, &c)
	}
	return dst
}

// nonce checks one of ours; ok is false for anything else. It is fresh while it may still be used.
func (v *Verifier) nonce(text string, from netip.Addr, now time.Time) (id uint64, issued int64, fresh, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(text) != nonceLength || len(b) != 30 || !hmac.Equal(v.mac(b[:16], from), b[16:]) {
		return 0, 0, false, false
	}
	head := binary.BigEndian.Uint64(b)
	issued = int64(head >> 16)
	at := time.UnixMilli(issued)
	fresh = uint16(head) == v.node && issued >= v.start.UnixMilli() && now.Sub(at) <= v.Life && at.Sub(now) < time.Second
	return binary.BigEndian.Uint64(b[16:]), issued, fresh, true
}

// Verify judges a request by its Authorization headers. same is the identity of its transaction: a repetition of a request
// that has passed passes again.
func (v *Verifier) Verify(m *sip.Message, from netip.Addr, now time.Time, same uint64) (user string, is Verdict) {
	for i := range m.Headers {
		if m.Headers[i].ID != sip.HdrAuthorization {
			continue
		}
		c, err := ParseCredentials(m.Headers[i].Value)
		switch {
		case err != nil && len(m.Headers[i].Value) >= 6 && sip.EqualFold(m.Headers[i].Value[:6], "digest"):
			return "", Malformed
		case err != nil || c.Realm != v.Realm:
			continue
		}
		return c.User, v.judge(&c, m, from, now, same)
	}
	return "", Absent
}

func (v *Verifier) judge(c *Credentials, m *sip.Message, from netip.Addr, now time.Time, same uint64) Verdict {
	id, issued, fresh, ours := v.nonce(c.Nonce, from, now)
	if !ours {
		return Stale // of another key, or of the address that the peer had before
	}
	if !v.offered(c) || !sameURI(c.URI, string(m.RequestURI)) {
		return Wrong
	}
	secret, known := v.Secret(c.User)
	if !known || !secret.Can(c.Algorithm) {
		known, secret = false, Secret{Password: "nobody has it"} // an unknown user takes as long as a wrong secret
	}
	x := answer{algorithm: c.Algorithm, user: c.User, realm: c.Realm, nonce: c.Nonce, cnonce: c.CNonce, nc: c.NC, qop: c.QOP,
		method: string(m.MethodName), uri: c.URI, body: m.Body}
	if subtle.ConstantTimeCompare([]byte(x.compute(&secret)), []byte(strings.ToLower(c.Response))) != 1 || !known {
		return Wrong
	}
	n := count(c.NC)
	if c.QOP == "" {
		n = 0
	} else if n == 0 {
		return Wrong
	}
	if !fresh || !v.used.once(id, issued, n, same) {
		return Stale
	}
	return Proved
}

// offered tells whether the answer is one to a challenge of ours: no weaker algorithm or quality.
func (v *Verifier) offered(c *Credentials) bool {
	if c.QOP == "auth-int" && !v.Integrity {
		return false
	}
	for _, a := range v.Algorithms {
		if a == c.Algorithm {
			return true
		}
	}
	return false
}

// sameURI tells whether the uri of credentials is the Request-URI, which a proxy may have written in another form (RFC 3261 22.4).
func sameURI(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := sip.ParseURI([]byte(a))
	y, errY := sip.ParseURI([]byte(b))
	return errX == nil && errY == nil && x.IsSIP() && y.IsSIP() && string(x.User) == string(y.User) &&
		strings.EqualFold(string(x.Host), string(y.Host)) && x.Port == y.Port
}

// guard remembers which answers were used, in a fixed number of places by nonce. A nonce that loses its place to another is
// never believed again, nor is any that is older and would have had that place: its user is asked anew.
type guard struct {
	mu    sync.Mutex
	slots [guardSlots]guardSlot
}

const guardSlots = 4096

type guardSlot struct {
	id     uint64
	issued int64
	floor  int64  // nonces issued until then are not believed, unless they have the place
	top    uint32 // highest count, and as bits the ones below it that were used
	below  uint64
	last   uint64 // transaction of the count used last,
	count  uint32 // and that
}

// once tells whether an answer was not used before, and marks it used. Count 0 is a peer that does not count: it has one answer.
func (g *guard) once(id uint64, issued int64, n uint32, same uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := &g.slots[id%guardSlots]
	switch {
	case s.id != id || s.issued != issued:
		if issued <= s.floor {
			return false
		}
		*s = guardSlot{id: id, issued: issued, floor: max(s.floor, s.issued), top: n, last: same, count: n}
		return true
	case n == s.count && same == s.last:
		return true
	case n > s.top:
		if shift := n - s.top; shift < 64 {
			s.below = s.below<<shift | 1<<(shift-1)
		} else {
			s.below = 0
		}
		s.top = n
	case n == s.top || n == 0 || s.top-n > 64 || s.below>>(s.top-n-1)&1 == 1:
		return false
	default:
		s.below |= 1 << (s.top - n - 1)
	}
	s.last, s.count = same, n
	return true
}
