package b2bua

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/digest"
	"github.com/bifrons/bifrons/sip/locate"
	"github.com/bifrons/bifrons/sip/registrar"
)

// Trunk is a registration of ours at somebody else's registrar (RFC 3261 10.2). The side's Logins answer its challenges.
type Trunk struct {
	AOR        string        // sip:user@domain: who is registered, and who calls that leave on the side come from
	Contact    string        // user part of our Contact, by which calls come in; "" is that of the AOR
	Registrar  NextHop       // where REGISTER goes
	Expires    time.Duration // asked for
	Retry      time.Duration // pause after a first failure; it doubles, up to half an hour (RFC 5626 4.5)
	KeepAlive  time.Duration // between pings of two CRLF that hold a NAT's way open (RFC 5626 4.4.1); 0 sends none
	CallerFrom bool          // calls keep the caller's From
}

// trunk is a Trunk and how it does. The goroutine of the wheel moves it; readers leave what they get in its mailbox.
type trunk struct {
	Trunk
	side *Side
	slot uint8  // in identifiers
	born uint32 // a number of its own in its Call-ID, which those have that take it over

	heard   chan *sip.Message // responses
	refused atomic.Uint32     // number of a REGISTER that the network returned
	now     atomic.Pointer[TrunkInfo]
	routes  atomic.Pointer[[]string] // Service-Route (RFC 3608)
	up      atomic.Bool

	at     netip.AddrPort // where the registrar is
	by     sip.Transport
	asking bool // that is being looked up,
	found  atomic.Pointer[whereabouts]

	number   uint32 // CSeq of the last REGISTER,
	sent     []byte // which is this,
	limit    time.Duration
	repeat   time.Duration // when it is sent again,
	pause    time.Duration
	tries    int // and how often this registration was changed and sent again
	granted  time.Duration
	until    time.Duration // end of the registration, 0 there is none
	next     time.Duration // when the next REGISTER goes out
	ping     time.Duration
	failures int
	fault    string
	proofs   []digest.Session
	proved   bool        // they answer a challenge of this try
	parting  atomic.Bool // a newer configuration has it no more
	leaving  bool
	gone     atomic.Bool // it has no registration any more, or that is a successor's
}

// trunkSlots is the first slot of trunks in identifiers that belong to no call; below it are the targets.
const trunkSlots = 128

// trunkPlaces are the slots from there on, of all generations.
const trunkPlaces = askSlot - trunkSlots

// maxTrunks bounds the trunks of all sides together.
const maxTrunks = 64

// openTrunks makes the trunks of all sides.
func (s *Server) openTrunks() {
	for _, side := range s.cfg.Sides {
		side.trunks = nil
		for _, t := range side.Trunks {
			u, _ := sip.ParseURI([]byte(t.AOR)) // validate has looked at it
			if t.Contact == "" {
				t.Contact = string(u.User)
			}
			k := &trunk{Trunk: t, side: side, slot: trunkSlots + uint8(len(s.trunks)), heard: make(chan *sip.Message, 8), granted: t.Expires,
				number: uint32(s.cfg.Clock.Wall().Unix()) & 0x7fffffff, born: uint32(s.random())}
			k.next = s.now() + time.Duration(s.random()%uint64(time.Second/4))
			side.trunks, s.trunks = append(side.trunks, k), append(s.trunks, k)
		}
	}
	s.inheritTrunks()
	for _, t := range s.trunks {
		t.tell(s)
	}
}

// registerTrunks does what is due for the trunks; only the goroutine of the wheel calls it. Those of a retired server end their
// registrations, or are its successor's.
func (s *Server) registerTrunks(now time.Duration) {
	retired := s.retired.Load()
	for _, t := range s.trunks {
		if retired && !t.parting.Load() {
			continue
		}
		for more := true; more; {
			select {
			case m := <-t.heard:
				t.answered(s, m, now)
			default:
				more = false
			}
		}
		if (retired || s.leaving.Load()) && !t.leaving {
			if t.limit == 0 && t.until == 0 {
				t.gone.Store(true)
			}
			t.leaving, t.next, t.limit = true, now, 0 // an answer on its way is no longer waited for
		}
		t.due(s, now)
	}
}

func (t *trunk) due(s *Server, now time.Duration) {
	if t.until > 0 && now >= t.until {
		t.until = 0
		t.tell(s)
	}
	switch {
	case t.gone.Load():
	case t.limit > 0 && t.refused.Load() == t.number:
		t.failed(s, now, "cannot be reached", 0)
	case t.limit > 0 && now >= t.limit:
		t.failed(s, now, "no answer", 0)
	case t.limit > 0 && t.repeat > 0 && now >= t.repeat:
		t.pause = min(2*t.pause, s.cfg.Timers.T2)
		t.repeat = now + t.pause
		t.transmit(s)
	case t.limit == 0 && now >= t.next && t.locate(s, now):
		t.tries, t.proved = 0, false
		t.register(s, now)
	case t.KeepAlive > 0 && now >= t.ping && t.limit == 0 && t.at.IsValid():
		t.ping = now + t.KeepAlive
		if err := t.local().Send([]byte("\r\n\r\n"), t.at); err != nil {
			s.metrics.sendErrors.Inc()
		}
	}
}

// whereabouts are what a look-up of a registrar's name has brought.
type whereabouts struct {
	places []locate.Place
	err    error
}

// locate finds where the registrar is; false while that is not known. After each failure another one of its places has its turn.
func (t *trunk) locate(s *Server, now time.Duration) bool {
	if t.Registrar.Addr.IsValid() {
		t.at, t.by = t.Registrar.Addr, t.Registrar.Transport
		return true
	}
	found := t.found.Swap(nil)
	switch {
	case found != nil:
		t.asking = false
		if found.err != nil || len(found.places) == 0 {
			t.failed(s, now, "its name has no address", 0)
			return false
		}
		p := found.places[t.failures%len(found.places)]
		t.at, t.by = p.Addr, p.By
		return true
	case !t.asking:
		t.asking = true
		h := hop{side: t.side}
		h.aim(t.Registrar)
		seed := uint64(t.slot)
		s.threads.Go(func() {
			ctx, cancel := context.WithTimeout(s.ctx, findLimit)
			defer cancel()
			places, err := s.cfg.Resolver.Find(ctx, h.ask, seed)
			t.found.Store(&whereabouts{places, err})
		})
	}
	return false
}

func (t *trunk) local() *Local { return t.side.via(t.at, t.by) }

// contact is our Contact's URI.
func (t *trunk) contact() string { return t.contactAt(t.local()) }

func (t *trunk) contactAt(l *Local) string {
	return "sip:" + t.Contact + "@" + l.Advertise + l.Transport.Param()
}

// register sends a REGISTER of a new number; when the server stops it ends the registration.
func (t *trunk) register(s *Server, now time.Duration) {
	t.number++
	l, r := t.local(), ref{slot: t.slot, number: t.number}
	_, domain, _ := strings.Cut(t.AOR, "@")
	b := append([]byte("REGISTER sip:"), domain...)
	uri := string(b[len("REGISTER "):])
	b = append(append(b, " SIP/2.0\r\nVia: SIP/2.0/"...), l.Transport.String()...)
	b = append(append(b, ' '), l.Advertise...)
	b = s.mint.append(append(b, ";branch=z9hG4bK"...), idBranch, r)
	b = append(append(b, "\r\nFrom: <"...), t.AOR...)
	b = s.mint.append(append(b, ">;tag="...), idTag, r)
	b = append(append(append(b, "\r\nTo: <"...), t.AOR...), ">\r\nCall-ID: "...)
	b = s.mint.append(b, idCallID, ref{slot: t.slot, number: t.born})
	b = strconv.AppendUint(append(b, "\r\nCSeq: "...), uint64(t.number), 10)
	b = strconv.AppendInt(append(b, " REGISTER\r\nMax-Forwards: "...), int64(s.cfg.MaxForwards), 10)
	expires := t.granted
	if t.leaving {
		expires = 0
	}
	b = append(append(append(b, "\r\nContact: <"...), t.contact()...), ">\r\nExpires: "...)
	b = append(strconv.AppendInt(b, int64(expires/time.Second), 10), "\r\n"...)
	for i := range t.proofs {
		if login := t.side.login(t.at, t.proofs[i].Realm); login != nil {
			b = t.proofs[i].Append(b, login, "REGISTER", uri, nil)
		}
	}
	t.sent = sip.AppendBody(append(b, t.side.allow...), nil)
	t.limit, t.pause = now+64*s.cfg.Timers.T1, s.cfg.Timers.T1
	if t.repeat = now + t.pause; l.Transport.Reliable() {
		t.repeat = 0
	}
	t.ping = now + t.KeepAlive
	t.transmit(s)
	t.tell(s)
}

func (t *trunk) transmit(s *Server) {
	if err := t.local().Send(t.sent, t.at); err != nil {
		s.metrics.sendErrors.Inc()
	}
}

// answered takes a response.
func (t *trunk) answered(s *Server, m *sip.Message, now time.Duration) {
	if n, _ := m.CSeq(); n != t.number || t.limit == 0 {
		return
	}
	if m.Status < 200 { // RFC 3261 17.1.2.2: seldom from now on
		t.pause = s.cfg.Timers.T2
		return
	}
	s.metrics.trunkAnswers.WithLabelValues(t.side.Name, strconv.Itoa(m.Status)).Inc()
	switch {
	case m.Status < 300:
		t.accepted(s, m, now)
	case (m.Status == 401 || m.Status == 407) && t.tries < maxLogins && t.challenged(s, m):
		t.tries++
		t.register(s, now)
	case m.Status == 423 && t.tries < maxLogins && minExpires(m) > t.granted:
		t.tries++
		t.proved = false // for an interval it is asked again, with a nonce that may serve but once
		t.granted = minExpires(m)
		t.register(s, now)
	default:
		t.failed(s, now, strconv.Itoa(m.Status), m.RetryAfter())
	}
}

// minExpires reads the Min-Expires of a 423, a day at most.
func minExpires(m *sip.Message) time.Duration {
	d, _ := sip.Seconds(m.Get(sip.HdrMinExpires))
	return min(d, 24*time.Hour)
}

// challenged takes what a registrar wants to know; false when we cannot tell it.
func (t *trunk) challenged(s *Server, m *sip.Message) bool {
	all := digest.Challenges(m)
	cnonce := strconv.FormatUint(s.random(), 36)
	got := digest.Choose(all, func(realm string) *digest.Login { return t.side.login(t.at, realm) }, cnonce)
	stale := false
	for _, p := range got {
		stale = stale || p.Stale
	}
	// RFC 3261 22.2: not once more what was refused. A proof of before may be too old; the next try begins without one.
	if len(got) == 0 || t.proved && !stale {
		t.proofs = nil
		s.notLoggedIn(t.side, m)
		return false
	}
	t.proofs, t.proved = got, true
	return true
}

// accepted notes how long we are registered. The next REGISTER goes out well before the end, each time at another moment.
func (t *trunk) accepted(s *Server, m *sip.Message, now time.Duration) {
	t.limit, t.failures, t.fault = 0, 0, ""
	if next := digest.NextNonce(m); next != "" && len(t.proofs) == 1 {
		t.proofs[0].Nonce, t.proofs[0].Count = next, 0
	}
	if t.leaving {
		t.until = 0
		t.gone.Store(true)
		t.tell(s)
		return
	}
	granted, ok := t.expires(m)
	if !ok {
		t.until = 0
		t.failed(s, now, "our Contact is not in the answer", 0)
		return
	}
	routes := m.List(sip.HdrServiceRoute)
	t.routes.Store(&routes)
	t.until = now + granted
	early := granted / 2
	if granted > 20*time.Minute { // TS 24.229 5.1.1.4.1 has it so
		early = 10 * time.Minute
	}
	t.next = t.until - early - time.Duration(s.random()%uint64(granted/10+1))
	t.tell(s)
}

// expires finds how long our Contact is registered for, in a list that may have others' (RFC 3261 10.2.4).
func (t *trunk) expires(m *sip.Message) (granted time.Duration, ok bool) {
	granted = t.granted
	if d, ok := sip.Seconds(m.Get(sip.HdrExpires)); ok {
		granted = d
	}
	some := false
	for v := range m.Values(sip.HdrContact) {
		a, err := sip.ParseAddress(v)
		if err != nil {
			continue
		}
		some = true
		if !registrar.SameURI(string(a.URI), t.contact()) {
			continue
		}
		if v, told := a.Params.Get("expires"); told {
			if granted, ok = sip.Seconds(v); !ok {
				granted = time.Hour // RFC 3261 20.10
			}
		}
		return min(granted, 24*time.Hour), granted > 0
	}
	return min(granted, 24*time.Hour), !some && granted > 0 // some registrars list nothing
}

// failed waits before the next attempt: twice as long after each failure, or as long as the registrar says.
func (t *trunk) failed(s *Server, now time.Duration, why string, after time.Duration) {
	t.limit, t.repeat, t.fault = 0, 0, why
	if t.leaving {
		t.until = 0
		t.gone.Store(true)
	}
	wait := min(t.Retry<<min(t.failures, 16), max(t.Retry, 30*time.Minute))
	wait = wait/2 + time.Duration(s.random()%uint64(wait/2+1)) // RFC 5626 4.5: 50 to 100 %
	if t.failures++; after > 0 {
		wait = min(after, 24*time.Hour)
	}
	t.next = now + wait
	s.log.Warn("trunk not registered", "side", t.side.Name, "aor", t.AOR, "registrar", t.Registrar.label(), "why", why, "again", wait)
	t.tell(s)
}

// TrunkInfo is a trunk as people see it.
type TrunkInfo struct {
	Side      string `json:"side"`
	AOR       string `json:"aor"`
	Contact   string `json:"contact"`
	Registrar string `json:"registrar"`
	State     string `json:"state"`   // registered, trying, failed, gone
	Seconds   int    `json:"seconds"` // until the registration ends
	Next      int    `json:"next"`    // until the next attempt
	Failures  int    `json:"failures"`
	Fault     string `json:"fault,omitempty"`

	until, next time.Duration
	number      uint32 // CSeq
}

// tell shows the state to those who ask, and logs a change.
func (t *trunk) tell(s *Server) {
	i := &TrunkInfo{Side: t.side.Name, AOR: t.AOR, Contact: t.contact(), Registrar: t.Registrar.label(), State: "failed", Failures: t.failures,
		Fault: t.fault, until: t.until, next: t.next, number: t.number}
	up := t.until > 0
	switch {
	case t.gone.Load():
		i.State = "gone"
	case up:
		i.State = "registered"
	case t.failures == 0:
		i.State = "trying"
	}
	was := t.now.Swap(i)
	if t.up.Store(up); was != nil && was.State != i.State {
		s.log.Info("trunk changes", "side", t.side.Name, "aor", t.AOR, "state", i.State)
	}
	if !t.parting.Load() {
		s.metrics.trunkUp.WithLabelValues(t.side.Name, t.AOR).Set(map[bool]float64{true: 1}[up])
	}
}

// Trunks returns the trunks of all sides, in the order of the configuration.
func (s *Server) Trunks() []TrunkInfo {
	out := []TrunkInfo{}
	for _, t := range s.trunks {
		i := *t.now.Load()
		i.Seconds, i.Next = int(max(i.until-s.now(), 0)/time.Second), int(max(i.next-s.now(), 0)/time.Second)
		out = append(out, i)
	}
	return out
}

// deregister ends the registrations of the trunks and waits for it, two seconds at most.
func (s *Server) deregister() {
	s.leaving.Store(true)
	for range 100 {
		open := false
		for _, t := range s.trunks {
			open = open || !t.gone.Load()
		}
		if !open {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// trunkOf finds the trunk of a response, of whatever generation; nil when it belongs to none.
func (s *Server) trunkOf(l *Local, r ref) *trunk {
	for _, g := range s.generations() {
		own := g.local(l)
		for _, t := range g.trunks {
			if t.slot == r.slot && own != nil && own.side == t.side {
				return t
			}
		}
	}
	return nil
}

// post leaves a response for the goroutine of the wheel.
func (t *trunk) post(s *Server, m *sip.Message) {
	if m.Method != sip.REGISTER {
		s.metrics.strays.Inc()
		return
	}
	select {
	case t.heard <- m.Clone():
	default:
		s.metrics.strays.Inc()
	}
}

// validTrunk tells what is wrong with a trunk, "" for nothing.
func validTrunk(t *Trunk) string {
	u, err := sip.ParseURI([]byte(t.AOR))
	switch {
	case err != nil || !u.IsSIP() || len(u.User) == 0 || len(u.Params)+len(u.Headers) > 0:
		return "the address of record is no sip:user@domain"
	case t.Registrar.none():
		return "no registrar"
	case t.Expires < time.Second || t.Retry < time.Millisecond:
		return "no time to be registered for, or between attempts"
	}
	return ""
}
