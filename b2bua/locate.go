package b2bua

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/locate"
)

// Resolver finds the places of names by RFC 3263; a locate.Resolver is one. Cached never waits and is used in steps, Find runs beside
// the call. The seed decides between servers of the same rank.
type Resolver interface {
	Cached(dst []locate.Place, q locate.Question, seed uint64) (places []locate.Place, ok bool, err error)
	Find(ctx context.Context, q locate.Question, seed uint64) ([]locate.Place, error)
}

// unnamed is the Resolver of a server that has none: no name has an address.
type unnamed struct{}

func (unnamed) Cached([]locate.Place, locate.Question, uint64) ([]locate.Place, bool, error) {
	return nil, true, locate.ErrNone
}

func (unnamed) Find(context.Context, locate.Question, uint64) ([]locate.Place, error) {
	return nil, locate.ErrNone
}

// findLimit is how long a call waits for the places of a name.
const findLimit = 6 * time.Second

// Seek is a look-up of the places of a branch's next hop, as data. CANCEL, the end of the call and the branch's limit end it; after a
// takeover it is made again. A result that comes later is dropped.
type Seek struct {
	Question   locate.Question
	URI        string // of the draft
	Generation uint32
	Until      time.Duration
	Places     []locate.Place // found, for the dial that goes on
	Failed     int            // the status of a branch whose next hop has no place
}

// due returns when the look-up has taken too long.
func (s *Seek) due() time.Duration {
	if s == nil {
		return 0
	}
	return s.Until
}

// pending tells that nothing is known yet.
func (s *Seek) pending() bool { return s != nil && len(s.Places) == 0 && s.Failed == 0 }

// Outcomes of place, besides the status of a failure.
const (
	placed  = 0
	seeking = -1
)

// place finds the address of a hop that is a name: what the cache knows, what the look-up has brought that this dial goes on from, or
// a look-up that dials again. Further addresses are for the hunt (RFC 3263 4.3).
func (c *Call) place(branch uint8, h *hop, d *Draft) (status int) {
	b := &c.Branches[branch]
	var buf [8]locate.Place
	places := buf[:0]
	if s := b.Seek; s != nil {
		b.Seek = nil
		if places = s.Places; s.Failed != 0 {
			return s.Failed
		}
	} else {
		known, ok, err := c.srv.cfg.Resolver.Cached(places, h.ask, c.ID)
		switch {
		case !ok:
			c.seek(branch, h.ask, d)
			return seeking
		case err != nil:
			return c.srv.unlocated(err)
		}
		places = known
	}
	places = c.srv.healthy(places)
	h.addr, h.by = places[0].Addr, places[0].By
	if len(places) == 1 {
		return placed
	}
	if b.Hunt == nil {
		b.Hunt = &Hunt{Routed: true}
	}
	b.Hunt.URI = d.RequestURI
	b.Hunt.Places = append([]locate.Place(nil), places[1:min(len(places), maxTries)]...)
	b.Hunt.patience(c, h.side, true)
	c.keepInvite()
	return placed
}

// maxTries bounds the addresses of one name that an INVITE is given to.
const maxTries = 8

// unlocated counts a name without a place and returns what its branch fails with: 502 where name servers say that there is none, 503
// where they say nothing (RFC 3261 21.5.3, 21.5.4: the latter passes).
func (s *Server) unlocated(err error) int {
	if errors.Is(err, locate.ErrNone) {
		s.metrics.unlocated.WithLabelValues("none").Inc()
		return 502
	}
	s.metrics.unlocated.WithLabelValues("failed").Inc()
	return 503
}

// healthy puts places that failed a short while ago behind the others.
func (s *Server) healthy(places []locate.Place) []locate.Place {
	now := s.now()
	ill := 0
	for _, p := range places {
		if s.sick.has(p.Addr.Addr(), now) {
			ill++
		}
	}
	if ill == 0 || ill == len(places) {
		return places
	}
	out := make([]locate.Place, 0, len(places))
	for _, sick := range [...]bool{false, true} {
		for _, p := range places {
			if s.sick.has(p.Addr.Addr(), now) == sick {
				out = append(out, p)
			}
		}
	}
	return out
}

// ail notes that an address has failed, where a name has others: they are tried first for a while.
func (s *Server) ail(side *Side, to netip.AddrPort, least time.Duration) {
	s.sick.add(to.Addr(), s.now()+max(side.Health.Recover, least, time.Second))
}

// keepInvite copies what came out of the read buffer, for it will be dialled again.
func (c *Call) keepInvite() {
	if len(c.Chain) == 0 && !c.srv.follows() {
		c.Invite = c.Invite.keep()
	}
}

// dialsAgain tells whether the INVITE is needed after the step it came in.
func (c *Call) dialsAgain() bool {
	for i := range c.Branches {
		if b := &c.Branches[i]; b.Seek != nil || b.Hunt != nil && len(b.Hunt.Places) > 0 {
			return true
		}
	}
	return false
}

// seek starts a look-up of a branch's next hop.
func (c *Call) seek(branch uint8, q locate.Question, d *Draft) {
	b := &c.Branches[branch]
	b.Seek = &Seek{Question: q, URI: d.RequestURI, Until: c.srv.now() + findLimit}
	if t := b.Dialed.Timeout; t > 0 && b.Until == 0 {
		b.Until = c.srv.now() + t
	}
	c.keepInvite()
	c.seekAgain(branch)
}

// seekAgain asks for what a branch seeks.
func (c *Call) seekAgain(branch uint8) {
	s := c.Branches[branch].Seek
	c.gen++
	s.Generation = c.gen
	gen := c.gen
	c.find(s.Question, func(c *Call, places []locate.Place, err error) { c.located(branch, gen, places, err) })
}

// find asks for a question beside the call and brings the answer as an event. Server.Busy counts it until then.
func (c *Call) find(q locate.Question, answer func(*Call, []locate.Place, error)) {
	s := c.srv
	s.posts.Add(1)
	seed := c.ID
	s.threads.Go(func() {
		defer s.posts.Add(-1)
		ctx, cancel := context.WithTimeout(s.ctx, findLimit)
		defer cancel()
		places, err := s.cfg.Resolver.Find(ctx, q, seed)
		if err == nil && len(places) == 0 {
			err = locate.ErrNone
		}
		s.post(c, event{order: func(c *Call) { answer(c, places, err) }})
	})
}

// located goes on with the dial that waited.
func (c *Call) located(branch uint8, gen uint32, places []locate.Place, err error) {
	if c.Cause != nil || int(branch) >= len(c.Branches) {
		return
	}
	b := &c.Branches[branch]
	if !b.Seek.pending() || b.Seek.Generation != gen || !c.dialling(branch) || c.Invite.Message == nil {
		return
	}
	if b.Seek.Places = places; err != nil {
		b.Seek.Places, b.Seek.Failed = nil, c.srv.unlocated(err)
	}
	c.redial(branch, b.Seek.URI)
}

// redial sends a branch's INVITE once more on its way to a URI, with what Apps had set in it.
func (c *Call) redial(branch uint8, uri string) {
	b := &c.Branches[branch]
	d := &Draft{Request: c.Invite, RequestURI: uri, Headers: b.Sent, Next: b.Dialed}
	c.dial(&Walk{Branch: branch}, Invite{Draft: d, Branch: int(branch)})
}

// unlocatedInTime gives a look-up up that takes too long, as if nobody had answered it.
func (c *Call) unlocatedInTime(branch uint8) {
	b := &c.Branches[branch]
	if !b.Seek.pending() {
		return
	}
	b.Seek.Failed = c.srv.unlocated(locate.ErrSilent)
	c.redial(branch, b.Seek.URI)
}

// nowhere is the end of a dial whose hop has no place: another target of the side is tried, else the branch fails.
func (c *Call) nowhere(w *Walk, inv Invite, status int) {
	h := c.Branches[w.Branch].Hunt
	if h != nil && !h.Routed {
		next, _ := c.srv.route(c.Legs[0], inv.Draft)
		if side := next.side; side != nil && int(h.At) < len(side.goals) {
			c.srv.failed(side.goals[h.At], 0)
			if _, more := c.srv.pick(side, h.Tried); more {
				c.srv.metrics.failovers.Inc()
				c.dial(w, inv)
				return
			}
		}
	}
	c.failBranch(w.Branch, status)
}

// askURI makes the question of a URI whose host is a name; false for an address, or another scheme.
func (s *Side) askURI(uri []byte, usual sip.Transport) (locate.Question, bool) {
	u, err := sip.ParseURI(uri)
	if err != nil || !u.IsSIP() || sip.HostAddr(u.Host).IsValid() {
		return locate.Question{}, false
	}
	return locate.Ask(&u, usual, s.served), true
}

// aim sets a next hop.
func (h *hop) aim(next NextHop) {
	h.addr, h.host, h.by, h.ask = next.Addr, next.Host, next.Transport, locate.Question{}
	if !next.Addr.IsValid() && next.Host != "" {
		name, port := splitHostPort([]byte(next.Host))
		if !strings.Contains(next.Host, ":") {
			port = 0
		}
		h.ask = locate.Question{Host: strings.ToLower(strings.TrimSuffix(string(name), ".")), Port: port, By: next.Transport, Told: next.Told, Served: h.side.served}
	}
}

// none tells that there is no next hop.
func (n *NextHop) none() bool { return n.Host == "" && !n.Addr.IsValid() }

// label names a next hop for people.
func (n *NextHop) label() string {
	if n.Addr.IsValid() {
		return n.Addr.String()
	}
	return n.Host
}

// ParseNextHop reads what an App may give as one: address:port, a name, name:port, or a sip: URI, whose transport= counts.
func ParseNextHop(s string) (NextHop, bool) {
	if addr, err := netip.ParseAddrPort(s); err == nil {
		return NextHop{Host: s, Addr: addr}, true
	}
	if !strings.HasPrefix(s, "sip:") && !strings.HasPrefix(s, "sips:") {
		s = "sip:" + s
	}
	u, err := sip.ParseURI([]byte(s))
	if err != nil || !u.IsSIP() || len(u.User) > 0 || len(u.Headers) > 0 {
		return NextHop{}, false
	}
	n := NextHop{Host: string(u.Host)}
	if u.Port != 0 {
		n.Host += ":" + strconv.Itoa(int(u.Port))
	}
	n.Transport, n.Told = sip.TransportOf(&u)
	if a := sip.HostAddr(u.Host); a.IsValid() {
		port := u.Port
		if port == 0 {
			port = n.Transport.Port()
		}
		n.Addr = netip.AddrPortFrom(a, port)
	}
	return n, true
}
