package b2bua

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/digest"
)

// Login is who we are for those on a side that challenge us.
type Login struct {
	digest.Login
	Target netip.AddrPort // it is for; zero: all of the side
}

// login finds who we are for a realm at a destination; nil if we know nothing for it.
func (s *Side) login(to netip.AddrPort, realm string) *digest.Login {
	for i := range s.Logins {
		l := &s.Logins[i]
		if (l.Realm == "" || l.Realm == realm) && (!l.Target.IsValid() || l.Target == to) {
			return &l.Login
		}
	}
	return nil
}

// maxLogins bounds how often one request is answered with another challenge: by every proxy on the way and the party, and
// because a nonce was stale.
const maxLogins = 4

// maxProofs bounds the realms that a leg answers.
const maxProofs = 4

// challenged answers a 401 or 407 to a request of ours: the request goes out once more, in a new transaction of the same leg, and the
// other leg notices nothing (RFC 3261 22.2, 22.3). False: it stands, for we have no credentials, or they are wrong.
func (c *Call) challenged(l *Leg, t *Tx, m *sip.Message) bool {
	if m.Status != 401 && m.Status != 407 || t.Method == sip.CANCEL || t.Cancel || t.Method == sip.INVITE && l.Phase == Over {
		return false
	}
	if !c.takeChallenge(l, m, t.Logins > 0) || t.Logins >= maxLogins || len(t.Last) == 0 {
		c.srv.notLoggedIn(l.side, m)
		return false
	}
	var req sip.Message
	if req.Parse(bytes.Clone(t.Last)) != nil {
		return false
	}
	c.answeredBy(l, t, m.Status)
	first := l.Phase == Trying && t == l.initial()
	req.Del(sip.HdrAuthorization)
	req.Del(sip.HdrProxyAuthorization)
	n := c.sendAgain(l, t, &req, func() {})
	if n.Logins = t.Logins + 1; first {
		l.First = n.Num
	}
	return true
}

// takeChallenge takes what a response asks for into the leg; false when we cannot answer it. again: the request had an answer
// already, which was not believed unless it was only stale.
func (c *Call) takeChallenge(l *Leg, m *sip.Message, again bool) bool {
	all := digest.Challenges(m)
	if len(l.side.Logins) == 0 || len(all) == 0 {
		return false
	}
	cnonce := strconv.FormatUint(c.srv.random(), 36)
	got := digest.Choose(all, func(realm string) *digest.Login { return l.side.login(l.Dest, realm) }, cnonce)
	taken := false
next:
	for _, s := range got {
		for i := range l.Proofs {
			if p := &l.Proofs[i]; p.Proxy == s.Proxy && p.Realm == s.Realm {
				if !again || s.Stale {
					*p, taken = s, true
				}
				continue next
			}
		}
		if len(l.Proofs) < maxProofs {
			l.Proofs, taken = append(l.Proofs, s), true
		}
	}
	return taken
}

// notLoggedIn counts a challenge that cannot be answered.
func (s *Server) notLoggedIn(side *Side, m *sip.Message) {
	s.metrics.challenges.WithLabelValues(side.Name).Inc()
	if all := digest.Challenges(m); s.leakLog.allow(s.now()) && len(all) > 0 {
		s.log.Warn("challenged, and no credentials are right", "side", side.Name, "source", m.Source, "realm", all[0].Realm)
	}
}

// prove puts the answers to a leg's challenges into a finished request of ours. The ACK of a 2xx repeats those of its INVITE
// (RFC 3261 22.1); that of a failure and CANCEL have none.
func (c *Call) prove(l *Leg, b []byte) []byte {
	if len(l.Proofs) == 0 || bytes.HasPrefix(b, []byte("SIP/2.0 ")) || bytes.HasPrefix(b, []byte("CANCEL ")) {
		return b
	}
	var m sip.Message
	if m.Parse(bytes.Clone(b)) != nil {
		return b
	}
	var lines []byte
	if m.Method == sip.ACK {
		lines = l.Proof
	} else {
		for i := range l.Proofs {
			p := &l.Proofs[i]
			if login := l.side.login(l.Dest, p.Realm); login != nil {
				lines = p.Append(lines, login, string(m.MethodName), string(m.RequestURI), m.Body)
			}
		}
		if m.Method == sip.INVITE {
			l.Proof = lines
		}
	}
	at := bytes.Index(b, []byte("\r\nMax-Forwards: ")) // every request of ours has it
	if at < 0 || len(lines) == 0 {
		return b
	}
	b = append(b, lines...)
	copy(b[at+2+len(lines):], b[at+2:len(b)-len(lines)])
	copy(b[at+2:], lines)
	return b
}
