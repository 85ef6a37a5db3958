package b2bua

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/locate"
	"github.com/bifrons/bifrons/sip/numbers"
	"github.com/bifrons/bifrons/sip/registrar"
)

// hop is where an INVITE goes and what stands in it.
type hop struct {
	side   *Side
	addr   netip.AddrPort
	by     sip.Transport
	ask    locate.Question // of a name; Host is "" where addr was given
	host   string          // for Request-URI and To, where those of the caller do not cross
	routes []string        // byte for byte
	routed bool            // by a Route of the request
	hunts  bool            // the side's own targets say where to
	local  *Local          // our address it leaves from, if not any will do
	target string          // Request-URI: the Contact of somebody registered
	beside []string        // his other contacts that ring, too,
	share  int             // each with this of the Max-Breadth
	aor    string          // his address of record
	flow   bool            // he is where his REGISTER came from, not where his Contact says
	route  uint16          // the number of the route, 0 none

	rewrite *Rewrite // of the route that was taken
}

// dial makes a leg for a branch and sends its INVITE: the end of an Invite's walk.
func (c *Call) dial(w *Walk, inv Invite) {
	by := c.Branches[w.Branch].By
	a := c.Legs[by]
	c.Branches[w.Branch].Sent = inv.Headers
	if c.Hops == 0 { // RFC 3261 16.3: 483 only when we would forward
		c.failBranch(w.Branch, 483)
		return
	}
	h, status := c.srv.route(a, inv.Draft)
	if _, err := sip.ParseURI([]byte(inv.RequestURI)); err != nil {
		status = 500
	}
	if h.aor != "" && c.circles(h.aor) {
		status = 482
	}
	if status == 0 && !c.hunt(w.Branch, &h, inv.Draft) {
		status = 408
	}
	if status == 0 && !h.addr.IsValid() {
		switch status := c.place(w.Branch, &h, inv.Draft); status {
		case placed:
		case seeking:
			return
		default:
			c.nowhere(w, inv, status)
			return
		}
	}
	if status != 0 {
		c.failBranch(w.Branch, status)
		return
	}
	h.byTrunk()
	m := inv.Request.Message
	if v := m.Get(sip.HdrReplaces); v != nil && by == 0 && a.Phase == Trying && c.transfers(a) == TransferTerminate {
		if c.Invite = (Text{m}).keep(); !c.adopt(v, forReplaces) {
			c.end(Cause{Status: 481, By: ByBifrons, Text: "no dialog to replace"})
		}
		return
	}
	if x := (&passage{Policy: c.srv.policy(a.side, h.side), host: h.side.Domain, srv: c.srv}); x.strayDialog(m) {
		c.failBranch(w.Branch, 481)
		return
	}
	if !c.widen(w.Branch, &h) {
		c.failBranch(w.Branch, 440)
		return
	}
	if !c.admitLeg(h) { // a word of our own, as to an INVITE that comes in
		c.failBranch(w.Branch, 503)
		return
	}
	c.invite(w, inv, h)
}

// invite makes a branch's leg towards a hop, and sends its INVITE with the offer that belongs there.
func (c *Call) invite(w *Walk, inv Invite, h hop) {
	by := c.Branches[w.Branch].By
	a, m := c.Legs[by], inv.Request.Message
	l := &Leg{Slot: uint8(len(c.Legs)), UAC: true, Counted: true, Route: h.route, Branch: w.Branch, Side: h.side.Name, side: h.side, local: h.side.via(h.addr, h.by),
		Routes: h.routes, Dest: h.addr, Name: h.ask.Host, Flow: h.flow, CSeq: uint32(c.srv.random()) >> 4}
	if h.local != nil {
		l.local = h.local
	}
	l.Local = l.local.index()
	c.address(a, l, m, inv.Draft, &h)
	l.Named = l.callFrom(inv.Draft)
	if h.target != "" {
		l.Target = h.target
	}
	d := &Dialog{Twin: noTwin} // it takes the first remote tag
	l.Dialogs = append(l.Dialogs, d)
	c.Legs = append(c.Legs, l)
	c.Branches[w.Branch].Leg = l.Slot
	if t := inv.Next.Timeout; t > 0 && c.Branches[w.Branch].Until == 0 {
		c.Branches[w.Branch].Until = c.srv.now() + t
	}
	o := outgoing{from: a, m: m, draft: inv.Draft, hops: c.Hops, breadth: c.tells(w.Branch), rewrite: h.rewrite}
	var err *errOffer
	third := a.Phase != Trying && !(a.Own && by == 0 && !a.Ours) // the target of a transfer, or of a call of our own
	if third {
		err = c.offered(l, d, &o)
	} else {
		err = c.crossOffer(a, l, d, m, &o)
	}
	if err != nil {
		l.Phase = Over
		c.closePorts(l)
		c.failBranch(w.Branch, err.status)
		return
	}
	if c.Alone {
		c.sendAlone(l, &o)
		return
	}
	c.sendInvite(l, &o)
	if !third {
		c.fork(inv, h.beside, h.share)
	}
}

// crossOffer puts the caller's offer into an INVITE: that of its own, or, when Bifrons has answered it, what it has last described.
func (c *Call) crossOffer(a, l *Leg, d *Dialog, m *sip.Message, o *outgoing) *errOffer {
	ad := a.Dialogs[0]
	first := ad.Offer
	if a.Phase != Trying {
		err := c.crossSDP(a, ad, l, d, a.Said, false, o)
		ad.Offer = first
		return err
	}
	err := c.cross(a, ad, l, d, m, false, o)
	if a.Asked = ad.Offer.Pending; first.Turn != turnNone { // another branch has brought it further
		ad.Offer = first
	}
	return err
}

// address fills From, To and Request-URI of a new leg by the pair's policy.
func (c *Call) address(a, l *Leg, m *sip.Message, draft *Draft, h *hop) {
	host := h.host
	p := c.srv.policy(a.side, l.side)
	b := p.appendParty(c.buffer(), draft, m, sip.HdrFrom, l.side.Domain, h.rewrite)
	n := len(b)
	b = p.appendParty(b, draft, m, sip.HdrTo, host, h.rewrite)
	k := len(b)
	if draft.RequestURI == string(m.RequestURI) {
		b = c.appendTarget(b, p, h.rewrite.target(draft.RequestURI, host), host)
	} else { // an App's, or the Contact of a redirection: it was set on purpose
		b = append(b, h.rewrite.target(draft.RequestURI, host)...)
	}
	all := string(b)
	l.Us, l.Them, l.Target = all[:n], all[n:k], all[k:]
	c.runner.scratch = b[:0]
}

// appendTarget prints the Request-URI: as the draft says, our own name in it replaced by the next hop's.
func (c *Call) appendTarget(dst []byte, p *Policy, uri, host string) []byte {
	if u, err := sip.ParseURI([]byte(uri)); err == nil && u.IsSIP() && p.Names && c.Legs[0].side.owns(u.Host, u.Port) {
		q := *p
		q.Names = false
		return q.appendURI(dst, []byte(uri), host)
	}
	return p.appendURI(dst, []byte(uri), host)
}

// appendParty prints From or To without tag: as an App has set it, else as the policy lets it cross.
func (p *Policy) appendParty(dst []byte, d *Draft, m *sip.Message, id sip.HeaderID, host string, r *Rewrite) []byte {
	for _, f := range d.Headers {
		if sip.HeaderIDOf([]byte(f.Name)) != id {
			continue
		}
		if a, err := sip.ParseAddress([]byte(f.Value)); err == nil {
			a.URI = r.party(id, a.URI, host)
			return append(dst, withoutParams(a)...)
		}
	}
	a, _ := sip.ParseAddress(m.Get(id))
	a.URI = r.party(id, a.URI, host)
	return p.appendAddress(dst, a, host, id == sip.HdrFrom && p.veil(m)&(veilUser|veilHeader) != 0)
}

// sendInvite sends the initial INVITE of a leg.
func (c *Call) sendInvite(l *Leg, o *outgoing) {
	l.CSeq++
	t := c.begin(l, &Tx{Kind: sip.InviteClient, Method: sip.INVITE, CSeq: l.CSeq, Dest: l.Dest, Name: l.Name, Local: l.Local, Offered: o.describes,
		Reliable: c.Legs[0].Phase == Trying && (o.describes || c.Legs[0].reliable()), Peer: 1}, sip.Calling) // what it carries is the caller's first transaction
	b := c.appendRequest(c.buffer(), l, nil, sip.INVITE, t.Num, t.CSeq, o)
	b = c.appendSessionAsk(appendAllow(c.appendContact(b, l, o), l.side.allow, o.m), l, o.m)
	b = t.appendSupported(b, l.side)
	t.Last = c.seal(l, c.appendCrossing(b, l, o))
	uri := l.Target
	if len(l.Routes) > 0 {
		uri = bare(l.Routes[0])
	}
	if c.depart(l, t, uri) {
		return
	}
	if h := c.Branches[l.Branch].Hunt; h.due() > 0 {
		h.Until = c.srv.now() // the network refuses it: the next one has its turn at once
	}
}

// cancel cancels an INVITE of ours, now or as soon as a provisional allows it (RFC 3261 9.1).
func (c *Call) cancel(l *Leg, t *Tx, cause Cause) {
	t.Cancel, t.Reason = true, cause.Reason
	if t.State == sip.Proceeding { // RFC 3261 9.1: no final answer within 64*T1 is one
		t.Expire = c.srv.now() + 64*c.srv.cfg.Timers.T1
	}
	if !t.Rang || len(t.Last) == 0 {
		return
	}
	var inv sip.Message
	if inv.Parse(append([]byte(nil), t.Last...)) != nil {
		return
	}
	n := c.begin(l, &Tx{Kind: sip.NonInviteClient, Method: sip.CANCEL, CSeq: t.CSeq, Own: true, Dest: t.Dest, Name: t.Name, Local: t.Local, Peer: t.Num,
		PeerLeg: l.Slot}, sip.Trying)
	b := appendHopByHop(c.buffer(), &inv, "CANCEL", inv.Get(sip.HdrTo))
	if cause.Reason != "" {
		b = append(append(append(b, "Reason: "...), cause.Reason...), '\r', '\n')
	}
	n.Last = c.seal(l, sip.AppendBody(b, nil))
	c.transmit(l, l.side.Locals[n.Local], n.Last, n.Dest, n.Name)
	if c.Stale { // it may have answered the node before us; BYE ends early dialogs, too (RFC 3261 15)
		for _, d := range l.Dialogs {
			if d.RemoteTag != "" && !d.Confirmed {
				c.send(l, d, sip.BYE, outgoing{reason: cause.Reason}).Own = true
			}
		}
	}
}

// route finds the next hop of a draft; status is the refusal when there is none. Behind an S-CSCF the remaining Route wins
// (TS 24.229 5.7.5); only from a side at home there is one (TrustTable).
func (s *Server) route(a *Leg, d *Draft) (h hop, status int) {
	if len(d.Next.Routes) > 0 { // an App's own
		side := a.side
		if d.Next.Side != "" {
			side = s.sides[d.Next.Side]
		}
		return routed(side, d.Next.Routes, a.local.Transport)
	}
	if d.Next.Side == "" && d.Next.NextHop == "" {
		if routes := remainingRoutes(a.side, d.Request.Message); len(routes) > 0 {
			return routed(a.side, routes, a.local.Transport)
		}
	}
	h.side = a.side
	next := a.side.NextHop
	h.hunts = true
	if d.Next.Side != "" {
		if h.side = s.sides[d.Next.Side]; h.side == nil {
			return hop{}, 500
		}
		next = h.side.NextHop
	} else if i := MatchRoute(s.cfg.Routes, a.side.Name, d, func(r *Route) bool { return s.registered(a.side, r, d) }); i >= 0 {
		r := &s.cfg.Routes[i]
		if h.side = s.sides[r.To]; r.NextHop.Registered {
			h = s.toBinding(s.bindings(a.side, h.side, d.RequestURI), d.Next.Contact)
			h.route = r.number
			return h, 0
		}
		h.rewrite, h.route = r.Rewrite, r.number
		if next, h.hunts = r.NextHop, false; next.none() {
			next, h.hunts = h.side.NextHop, true
		}
	}
	if d.Next.NextHop != "" {
		told, ok := ParseNextHop(d.Next.NextHop)
		if !ok {
			return hop{}, 500
		}
		next, h.hunts = told, false
	}
	if next.none() {
		return hop{}, s.unreachable(a.side, d.RequestURI)
	}
	h.aim(next)
	return h, 0
}

// hostOf returns host[:port] of a SIP URI as it stands there.
func hostOf(uri []byte) string {
	u, err := sip.ParseURI(uri)
	if err != nil || u.Port == 0 {
		return string(u.Host)
	}
	return string(u.Host) + ":" + strconv.Itoa(int(u.Port))
}

// routed is the hop to the first of some Route values.
func routed(side *Side, routes []string, usual sip.Transport) (hop, int) {
	h := hop{side: side, routes: routes, routed: true}
	uri := []byte(bare(routes[0]))
	if addr, by, ok := uriAddr(uri, usual); ok {
		h.addr, h.by, h.host = addr, by, addr.String()
		return h, 0
	}
	ask, ok := side.askURI(uri, usual)
	if !ok {
		return hop{}, 502
	}
	h.ask, h.by, h.host = ask, ask.By, hostOf(uri)
	return h, 0
}

// MatchRoute returns the index of the first route that fits a request from a side, -1 if none does. A route to whom is registered fits only if
// registered says so.
func MatchRoute(routes []Route, from string, d *Draft, registered func(*Route) bool) int {
	u, _ := sip.ParseURI([]byte(d.RequestURI))
	user, host := RoutedUser(&u), u.Host
	for i := range routes {
		r := &routes[i]
		switch {
		case r.From != "" && r.From != from,
			r.User != nil && !r.User.Match(user),
			r.Host != nil && !r.Host.Match(host),
			r.Header != "" && !r.header(d),
			r.NextHop.Registered && !registered(r):
			continue
		}
		return i
	}
	return -1
}

// RoutedUser is the user part of a URI, or its telephone number, as routes see it: written in the one way of the many that mean the same
// (RFC 3261 19.1.4, RFC 3966 4), for a route that keeps calls from a number must not be passed by by another.
func RoutedUser(u *sip.URI) []byte {
	user, phone := u.User, false
	if !u.IsSIP() {
		user, _, _ = cutParams(u.Opaque)
		phone = sip.EqualFold(u.Scheme, "tel")
	} else if v, ok := u.Params.Get("user"); ok {
		phone = sip.EqualFold(v, "phone")
	}
	if bytes.IndexByte(user, '%') >= 0 {
		user = []byte(registrar.Unescape(string(user)))
	}
	if phone {
		if n, ok := numbers.Plain(string(user)); ok {
			user = []byte(n)
		}
	}
	return user
}

// header tells whether any value of the route's header fits; without a pattern the header need only be there.
func (r *Route) header(d *Draft) bool {
	for _, v := range d.Values(r.Header) {
		if r.Value == nil || r.Value.MatchString(v) {
			return true
		}
	}
	return false
}

func cutParams(b []byte) (before, after []byte, found bool) {
	for i, c := range b {
		if c == ';' {
			return b[:i], b[i:], true
		}
	}
	return b, nil, false
}

// remainingRoutes returns the Route values after our own entry, byte for byte.
func remainingRoutes(side *Side, m *sip.Message) []string {
	var out []string
	own := true
	for one := range m.Values(sip.HdrRoute) {
		if len(one) == 0 { // two lists carelessly joined
			continue
		}
		if own {
			own = false
			if a, err := sip.ParseAddress(one); err == nil && side.named(a.URI) {
				continue
			}
		}
		out = append(out, string(one))
	}
	return out
}
