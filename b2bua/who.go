package b2bua

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/digest"
)

// User is somebody who proves by digest who he is.
type User struct {
	digest.Secret
	Identity string // URI that is asserted for him; "" is his name at the side's domain
}

// Digest is how a side asks its users who they are (RFC 3261 22).
type Digest struct {
	Realm      string
	Algorithms []digest.Algorithm // the strongest first
	Integrity  bool               // qop auth-int is offered, too
	Life       time.Duration      // of a nonce
	Assert     bool               // who proved to be a user has that identity as P-Asserted-Identity
}

// standing is what is known of a sender before his message is read further.
type standing uint8

const (
	stranger standing = iota // not of those who may send to the side
	unproven                 // has to prove that he is one of its users
	admitted
)

// standing tells whether a message may come in: by its address, by the peer's certificate, or by what its sender can prove.
func (s *Side) standing(m *sip.Message) standing {
	if len(s.Allow)+len(s.AllowNames)+len(s.AllowUsers) == 0 {
		return admitted
	}
	from := m.Source.Addr().Unmap()
	for _, p := range s.Allow {
		if p.Contains(from) {
			return admitted
		}
	}
	for _, n := range m.Names {
		if slices.Contains(s.AllowNames, n) {
			return admitted
		}
	}
	if len(s.AllowUsers) > 0 {
		return unproven
	}
	return stranger
}

// Admits returns who may have a connection to a local address: everybody, unless the side knows its peers by their networks alone and
// has no word for others. A stranger could else hold all the connections that a listener has room for.
func (s *Server) Admits(l *Local) func(netip.Addr) bool {
	side := s.local(l).side
	if len(side.Allow) == 0 || len(side.AllowNames)+len(side.AllowUsers) > 0 || side.RefuseStrangers {
		return func(netip.Addr) bool { return true }
	}
	return func(from netip.Addr) bool {
		return slices.ContainsFunc(side.Allow, func(p netip.Prefix) bool { return p.Contains(from.Unmap()) })
	}
}

// openVerifier makes what judges the users of a side.
func (s *Server) openVerifier(side *Side) {
	if len(side.AllowUsers) == 0 {
		return
	}
	d := &side.Digest
	v := digest.NewVerifier(d.Realm, s.cfg.Key, s.cfg.Node, s.cfg.Clock.Wall())
	if v.Realm == "" {
		v.Realm = side.Domain
	}
	if len(d.Algorithms) > 0 {
		v.Algorithms = d.Algorithms
	}
	if d.Life > 0 {
		v.Life = d.Life
	}
	v.Integrity = d.Integrity
	v.Secret = func(user string) (digest.Secret, bool) {
		u, ok := s.cfg.Users[user]
		return u.Secret, ok && (slices.Contains(side.AllowUsers, "*") || slices.Contains(side.AllowUsers, user))
	}
	side.verifier = v
}

// authenticate lets a request of somebody unproven pass, or asks who he is. A request inside a dialog needs the dialog's tag, which
// only its party knows; ACK and CANCEL cannot be asked (RFC 3261 22.1), and only belong to what has passed; nor is a repetition
// of an INVITE that has.
func (s *Server) authenticate(l *Local, m *sip.Message) bool {
	if m.Method == sip.ACK || m.Method == sip.CANCEL {
		return true
	}
	if tag, tagged := toTag(m); tagged {
		if _, ours := s.mint.find(tag, idTag); ours || l.side.Outside == nil { // else it gets 481
			return true
		}
	}
	tx := s.table.keys(m)[0]
	if m.Method == sip.INVITE && s.table.byKey(tx) != nil {
		return true
	}
	from, now := m.Source.Addr().Unmap(), s.now()
	if m.Has(sip.HdrAuthorization) && s.guesses.spent(from, now) {
		s.metrics.logins.WithLabelValues(l.side.Name, "limited").Inc()
		if s.strangers.allow(from, now) {
			s.refuse(l, m, 403, "")
		}
		return false
	}
	user, is := l.side.verifier.Verify(m, from, s.cfg.Clock.Wall(), tx)
	s.metrics.logins.WithLabelValues(l.side.Name, is.String()).Inc()
	switch is {
	case digest.Proved:
		s.identify(l.side, m, user)
		return true
	case digest.Malformed:
		s.refuse(l, m, 400, "")
		return false
	case digest.Wrong:
		s.guesses.add(from, now)
		if s.leakLog.allow(now) {
			s.log.Warn("wrong credentials", "side", l.side.Name, "source", m.Source)
		}
	}
	s.refuse(l, m, 401, string(l.side.verifier.AppendChallenges(nil, from, s.cfg.Clock.Wall(), s.random(), is == digest.Stale)))
	return false
}

// identify notes who has sent a request, and asserts it where the side is to (RFC 3325 5).
func (s *Server) identify(side *Side, m *sip.Message, user string) {
	m.User = strings.Clone(user)
	m.Del(sip.HdrAuthorization)
	if !side.Digest.Assert {
		return
	}
	identity := s.cfg.Users[user].Identity
	if identity == "" {
		identity = "sip:" + user + "@" + side.Domain
	}
	m.Set(sip.HdrPAssertedIdentity, []byte("<"+identity+">"))
}

// guesses bounds how often a source may be wrong: ten times at once, and then every six seconds. Sources share places, under the
// node's key so that nobody can choose whom he shares one with.
type guesses struct {
	seed [16]byte
	full [places]atomic.Int64 // when a place has all its guesses again
}

const (
	guessPause = 6 * time.Second
	guessBurst = 10 * guessPause
)

func (g *guesses) place(a netip.Addr) *atomic.Int64 {
	b := a.As16()
	sum := sha256.Sum256(append(g.seed[:], b[:]...))
	return &g.full[binary.BigEndian.Uint64(sum[:])%places]
}

func (g *guesses) spent(from netip.Addr, now time.Duration) bool {
	return g.place(from).Load() > int64(now+guessBurst-guessPause)
}

func (g *guesses) add(from netip.Addr, now time.Duration) {
	p := g.place(from)
	for {
		was := p.Load()
		if p.CompareAndSwap(was, max(was, int64(now))+int64(guessPause)) {
			return
		}
	}
}
