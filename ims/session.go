package ims

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/sip"
)

// Case is the session case: for whom, and at which point of the call, the S-CSCF asks (TS 24.229 5.4.3, TS 29.228 annex F).
type Case uint8

// The session cases. Diverted is a call that the served user, who was called, has sent on (orig-cdiv).
const (
	Terminating Case = iota
	TerminatingUnregistered
	Originating
	OriginatingUnregistered
	Diverted
)

var caseNames = [...]string{"terminating", "terminating-unregistered", "originating", "originating-unregistered", "diverted"}

// String returns the word that configurations use.
func (c Case) String() string { return caseNames[c] }

// CaseNamed finds a case by its word.
func CaseNamed(word string) (Case, bool) {
	i := slices.Index(caseNames[:], word)
	return Case(max(i, 0)), i >= 0
}

// CaseNames lists the words.
func CaseNames() []string { return caseNames[:] }

// Terminating tells whether the served user is the one who is called.
func (c Case) Terminating() bool { return c == Terminating || c == TerminatingUnregistered }

// registered returns the case for a user who is registered, or not.
func (c Case) registered(yes bool) Case {
	switch {
	case c == Diverted:
		return c
	case c.Terminating() && yes:
		return Terminating
	case c.Terminating():
		return TerminatingUnregistered
	case yes:
		return Originating
	}
	return OriginatingUnregistered
}

// Session is what a request says of the user it is served for.
type Session struct {
	User string // the served user's public identity in canonical form; "" when nothing that was asserted names one
	Case Case
	Sure bool     // the request tells the registration state, so that nobody need be asked
	Why  []string // what told it, for people
}

// Names give the session case by the user part of our own address, as the filter criteria have it: sip:orig@as.example.
type Names map[string]Case

// SessionOf finds the served user and the session case of a request outside a dialog (TS 24.229 5.7.1.3A). Entry is our own
// Route, or the Request-URI where that is ours; "" if there is none.
//
// P-Served-User decides (RFC 5502, RFC 8498). Without it the case is that of the orig parameter or of the user part of our
// own address, else terminating; the user then is who P-Asserted-Identity names, or the Request-URI. From and To, which
// anybody can write, are never looked at.
func SessionOf(m *sip.Message, entry string, names Names) Session {
	s := Session{}
	said := s.fromEntry(entry, names)
	diverter := HistoryOf(&b2bua.Draft{Request: b2bua.Text{Message: m}}).diverter()
	if u, n := pickServed(m); n > 0 {
		if n > 1 {
			s.because("P-Served-User stands there %d times: the terminating one that names the Request-URI counts, else the first", n)
		}
		s.take(u, said)
		if s.Case == Originating && diverter != "" && sameUser(diverter, s.User) { // an S-CSCF older than RFC 8498
			s.Case, s.Sure = Diverted, true
			s.because("History-Info says that the served user has sent the call on")
		}
		return s
	}
	if s.Case == Diverted && diverter != "" {
		s.User = sh.Canonical(diverter)
		s.because("History-Info says who has sent the call on, and so is served: there is no P-Served-User")
		return s
	}
	if s.Case.Terminating() {
		s.User = sh.Canonical(string(m.RequestURI))
		s.because("the Request-URI is the served user: there is no P-Served-User")
		return s
	}
	if s.User = sh.Canonical(asserted(m)); s.User == "" {
		s.because("nobody is served: there is neither P-Served-User nor P-Asserted-Identity")
		return s
	}
	s.because("P-Asserted-Identity is the served user: there is no P-Served-User")
	return s
}

func (s *Session) because(format string, args ...any) {
	s.Why = append(s.Why, fmt.Sprintf(format, args...))
}

// fromEntry takes the case that our own address tells; false when it tells none.
func (s *Session) fromEntry(entry string, names Names) bool {
	u, err := sip.ParseURI([]byte(entry))
	if entry == "" || err != nil || !u.IsSIP() {
		return false
	}
	if c, ok := names[string(u.User)]; ok && len(u.User) > 0 {
		s.Case, s.Sure = c, c == TerminatingUnregistered || c == OriginatingUnregistered
		s.because("our address in the Route has the user part %s, which is configured as %s", u.User, c)
		return true
	}
	if _, ok := u.Params.Get("orig"); ok {
		s.Case = Originating
		s.because("our address in the Route has the parameter orig")
		return true
	}
	return false
}

// served is one value of P-Served-User.
type served struct {
	uri               string
	sescase, regstate string
	cdiv              bool
}

// pickServed chooses among the n values of P-Served-User. There should be one (RFC 8498), but an S-CSCF that serves both
// parties may leave that of its originating pass: the one that is terminating and names the Request-URI is the later pass.
func pickServed(m *sip.Message) (best served, n int) {
	named := false
	for a := range addresses(m, sip.HdrPServedUser) {
		u := served{uri: string(a.URI), sescase: param(a.Params, "sescase"), regstate: param(a.Params, "regstate")}
		_, u.cdiv = a.Params.Get("orig-cdiv")
		later := u.sescase == "term" && !u.cdiv && sameUser(u.uri, string(m.RequestURI))
		if n == 0 || later && !named {
			best, named = u, later
		}
		n++
	}
	return best, n
}

// sameUser tells whether two URIs name the same user: they are the same identity, or the same number as a tel and as a SIP URI.
func sameUser(a, b string) bool {
	a, b = sh.Canonical(a), sh.Canonical(b)
	return a == b || telephone(a) != "" && telephone(a) == telephone(b)
}

// telephone returns the international number that a canonical URI names, "" if it names none.
func telephone(uri string) string {
	scheme, rest, _ := strings.Cut(uri, ":")
	user, _, _ := strings.Cut(rest, "@")
	user, _, _ = strings.Cut(user, ";")
	switch {
	case !strings.HasPrefix(user, "+"):
		return ""
	case scheme == "tel":
		return user
	}
	return strings.TrimPrefix(sh.Canonical("tel:"+user), "tel:")
}

// take reads the value of P-Served-User that counts; said tells that our own address has told a case already.
func (s *Session) take(u served, said bool) {
	s.User = sh.Canonical(u.uri)
	switch {
	case u.cdiv:
		s.Case, s.Sure = Diverted, true
		s.because("P-Served-User has orig-cdiv: the served user has sent the call on")
		return
	case u.sescase == "orig-cdiv": // as drafts of RFC 8498 had it
		s.Case, s.Sure = Diverted, true
		s.because("P-Served-User has sescase=orig-cdiv: the served user has sent the call on")
	case u.sescase == "orig":
		s.Case, s.Sure = Originating, false
		s.because("P-Served-User has sescase=orig")
	case u.sescase == "term":
		s.Case, s.Sure = Terminating, false
		s.because("P-Served-User has sescase=term")
	case !said:
		s.because("nothing says that the served user calls, so the user is called")
	}
	if u.regstate == "reg" || u.regstate == "unreg" {
		s.Case, s.Sure = s.Case.registered(u.regstate == "reg"), true
		s.because("P-Served-User has regstate=%s", u.regstate)
	}
}

// asserted returns the identity that the network vouches for: a SIP URI before a tel URI, which may stand on another line
// (RFC 3325 9.1).
func asserted(m *sip.Message) (first string) {
	for a := range addresses(m, sip.HdrPAssertedIdentity) {
		if u, err := sip.ParseURI(a.URI); err == nil && u.IsSIP() {
			return string(a.URI)
		}
		if first == "" {
			first = string(a.URI)
		}
	}
	return first
}

// addresses are the elements of a header that is a list of addresses, over all its lines; what is none is passed over.
func addresses(m *sip.Message, id sip.HeaderID) iter.Seq[sip.Address] {
	return func(yield func(sip.Address) bool) {
		for one := range m.Values(id) {
			if a, err := sip.ParseAddress(one); err == nil && len(a.URI) > 0 && !yield(a) {
				return
			}
		}
	}
}

// param returns a parameter in lower case, without quotes.
func param(p sip.Params, name string) string {
	v, _ := p.Get(name)
	return strings.ToLower(string(sip.Unquote(v)))
}
