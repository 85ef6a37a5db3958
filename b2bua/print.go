package b2bua

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/bifrons/bifrons/sip"
)

// methods is what Bifrons offers on every leg; nothing of a party's own list crosses.
const methods = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE"

// allowLine is the Allow line of a side: REFER is there where transfers are.
func (s *Side) allowLine() string {
	if s.transfers() == TransferReject {
		return "Allow: " + methods + "\r\n"
	}
	return "Allow: " + methods + ", REFER, NOTIFY\r\n"
}

// allowOutside is the Allow line outside calls: SUBSCRIBE, too, where it goes through a chain, or somebody answers it.
func (s *Side) allowOutside() string {
	if takesAlone(s) || s.Subscribes {
		return strings.TrimSuffix(s.allow, "\r\n") + ", SUBSCRIBE\r\n"
	}
	return s.allow
}

// outgoing is what goes into a request besides its dialog: what crosses from a message of the other leg, or a body.
type outgoing struct {
	from        *Leg // m is a message of that leg: its headers cross by the pair's policy
	m           *sip.Message
	draft       *Draft
	contentType string
	body        []byte // already made for this leg
	describes   bool   // there is a description in it
	settled     bool   // the exchange is complete: what m describes says nothing any more (RFC 3261 13.2.1)
	reason      string
	extra       string   // further header lines
	hops        int      // Max-Forwards of what it carries, one more than its own; 0 is our own
	breadth     int      // Max-Breadth, 0 none
	rewrite     *Rewrite // of the route that an INVITE takes
}

// appendBranch prints the branch of a client transaction.
func (c *Call) appendBranch(dst []byte, l *Leg, num uint32) []byte {
	return c.srv.mint.append(append(dst, "z9hG4bK"...), idBranch, ref{c.ID, l.Slot, num})
}

// appendRequest prints a request of a leg up to its own headers: d is nil for the initial INVITE and what belongs to it.
func (c *Call) appendRequest(dst []byte, l *Leg, d *Dialog, method sip.Method, num, cseq uint32, o *outgoing) []byte {
	target, routes := l.Target, l.Routes
	if d != nil {
		target, routes = d.Target, d.Routes
	}
	dst = append(append(dst, method.String()...), ' ')
	last := ""
	if len(routes) > 0 && d != nil && strict(routes[0]) { // RFC 3261 12.2.1.1: a router of RFC 2543 wants to be the target
		last, target, routes = target, bare(routes[0]), routes[1:]
	}
	dst = append(append(append(dst, target...), " SIP/2.0\r\nVia: SIP/2.0/"...), l.local.Transport.String()...)
	dst = append(append(append(dst, ' '), l.local.Advertise...), ";branch="...)
	dst = append(c.appendBranch(dst, l, num), "\r\n"...)
	for _, r := range routes {
		dst = append(append(append(dst, "Route: "...), r...), '\r', '\n')
	}
	if last != "" {
		dst = append(append(append(dst, "Route: <"...), last...), ">\r\n"...)
	}
	dst = append(append(dst, "From: "...), l.us(d)...)
	dst = c.appendTag(append(dst, ";tag="...), l, d)
	dst = append(append(dst, "\r\nTo: "...), l.them(d)...)
	if d != nil && d.RemoteTag != "" {
		dst = append(append(dst, ";tag="...), d.RemoteTag...)
	}
	dst = append(dst, "\r\nCall-ID: "...)
	dst = c.appendCallID(dst, l)
	dst = append(dst, "\r\nCSeq: "...)
	dst = append(strconv.AppendUint(dst, uint64(cseq), 10), ' ')
	dst = append(append(dst, method.String()...), "\r\nMax-Forwards: "...)
	hops := o.hops - 1
	if hops < 0 {
		hops = c.srv.cfg.MaxForwards
	}
	dst = append(strconv.AppendInt(dst, int64(hops), 10), '\r', '\n')
	if o.breadth > 0 {
		dst = append(strconv.AppendInt(append(dst, "Max-Breadth: "...), int64(o.breadth), 10), '\r', '\n')
	}
	return dst
}

// appendTag prints our tag of a leg: one for all dialogs of a UAC (RFC 3261 12.1.2), one for each of a UAS.
func (c *Call) appendTag(dst []byte, l *Leg, d *Dialog) []byte {
	n := uint32(0)
	if d != nil && !l.UAC {
		n = uint32(d.Number)
	}
	at := c.born(l)
	return c.srv.mint.append(dst, idTag, ref{at.Call, at.Slot, n})
}

func (c *Call) appendCallID(dst []byte, l *Leg) []byte {
	if l.CallID != "" {
		return append(dst, l.CallID...)
	}
	at := c.born(l)
	return c.srv.mint.append(dst, idCallID, ref{call: at.Call, slot: at.Slot})
}

// appendContact prints our Contact, with the far party's feature tags where the policy lets them cross.
func (c *Call) appendContact(dst []byte, l *Leg, o *outgoing) []byte {
	dst = append(append(dst, "Contact: <sip:"...), l.local.Advertise...)
	dst = append(append(dst, l.local.Transport.Param()...), '>')
	if o.m != nil && c.srv.policy(o.from.side, l.side).ContactTags {
		dst = appendContactTags(dst, o.m)
	}
	return append(dst, '\r', '\n')
}

func (c *Call) passage(from, to *Leg) passage {
	return passage{Policy: c.srv.policy(from.side, to.side), host: to.side.Domain, srv: c.srv}
}

// appendCrossing prints what crosses: headers by policy, then the body.
func (c *Call) appendCrossing(dst []byte, l *Leg, o *outgoing) []byte {
	if o.m != nil {
		x := c.passage(o.from, l)
		x.rewrite, x.usage = o.rewrite, c.Sub != nil
		if dst = x.appendCarried(dst, o.m, o.draft); x.usage {
			dst = appendUsage(dst, o.m, o.draft)
		}
		if negotiates(o.m.Method) {
			dst = appendEndToEnd(dst, o.m)
		}
	}
	if o.reason != "" {
		dst = append(append(append(dst, "Reason: "...), o.reason...), '\r', '\n')
	}
	if len(o.body) > 0 {
		dst = append(append(append(dst, "Content-Type: "...), o.contentType...), '\r', '\n')
	}
	return sip.AppendBody(dst, o.body)
}

// send starts a client transaction in a dialog.
func (c *Call) send(l *Leg, d *Dialog, method sip.Method, o outgoing) *Tx {
	to := c.aim(l, d)
	kind, first := sip.NonInviteClient, sip.Trying
	if method == sip.INVITE {
		kind, first = sip.InviteClient, sip.Calling
	}
	l.CSeq++
	t := c.begin(l, &Tx{Kind: kind, Method: method, CSeq: l.CSeq, Local: l.Local, Dialog: l.index(d), Dest: to.to, Name: to.name, Seek: to.ask}, first)
	t.Offered = o.describes
	d.Tell = d.Tell && method != sip.INVITE && method != sip.UPDATE
	b := c.appendRequest(c.buffer(), l, d, method, t.Num, t.CSeq, &o)
	switch method {
	case sip.REFER, sip.NOTIFY, sip.SUBSCRIBE:
		b = c.appendContact(b, l, &o)
	case sip.INVITE, sip.UPDATE:
		b = appendAllow(c.appendContact(b, l, &o), l.side.allow, o.m)
		if l.Phase == Confirmed {
			b = c.appendSessionAsk(b, l, o.m)
		}
	}
	b = append(b, o.extra...)
	t.Last = c.seal(l, c.appendCrossing(b, l, &o))
	c.depart(l, t, to.uri)
	return t
}

// sendAck acknowledges a 2xx of an INVITE of ours (RFC 3261 13.2.2.4).
func (c *Call) sendAck(l *Leg, t *Tx, o outgoing) {
	d := l.Dialogs[t.Dialog]
	to := c.aim(l, d)
	l.Last++
	b := c.appendRequest(c.buffer(), l, d, sip.ACK, l.Last, t.CSeq, &o)
	t.Ack = c.seal(l, c.appendCrossing(b, l, &o))
	t.Last = nil
	t.Dest, t.Name, t.Seek, t.Local = to.to, to.name, to.ask, l.Local
	c.show(l, o.contentType, o.body)
	c.depart(l, t, to.uri)
}

// reply is a response to a server transaction: what crosses, and extra header lines.
type reply struct {
	status int
	dialog *Dialog // whose tag it gets; nil is the transaction's
	out    outgoing
	extra  string
}

// reply answers a server transaction. Nothing follows a final answer.
func (c *Call) reply(l *Leg, t *Tx, r reply) {
	e := sip.SendFinal
	switch {
	case r.status < 200:
		e = sip.Send1xx
	case r.status < 300:
		e = sip.Send2xx
	}
	if t.State != sip.Proceeding && t.State != sip.Trying {
		return
	}
	d := r.dialog
	if d == nil && int(t.Dialog) < len(l.Dialogs) {
		d = l.Dialogs[t.Dialog]
	}
	b := append(c.buffer(), "SIP/2.0 "...)
	b = strconv.AppendInt(b, int64(r.status), 10)
	b = append(append(append(b, ' '), sip.ReasonPhrase(r.status)...), '\r', '\n')
	b = append(b, t.Head...)
	if !t.Tagged {
		b = append(append(b, "To: "...), l.Us...)
		if r.status > 100 {
			b = c.appendTag(append(b, ";tag="...), l, d)
		}
		b = append(b, '\r', '\n')
	}
	switch {
	case r.status == 422 && r.out.m != nil:
		b = appendMinSE(b, minSE(r.out.m))
	case r.status == 415 && r.extra == "" && (r.out.m == nil || !r.out.m.Has(sip.HdrAccept)): // RFC 3261 8.2.3
		b = append(b, accept...)
	case t.Method == sip.SUBSCRIBE && r.status >= 200 && r.status < 300:
		b = c.appendContact(b, l, &r.out)
	case t.Method != sip.INVITE && t.Method != sip.UPDATE || r.status <= 100 || r.status >= 300:
	default:
		b = appendAllow(c.appendContact(b, l, &r.out), l.side.allow, r.out.m)
		if t.Method == sip.INVITE {
			b = append(b, l.side.supportedInAnswer()...)
		}
		if r.status >= 200 && (t.Method == sip.INVITE || l.Phase == Confirmed) {
			c.show(l, r.out.contentType, r.out.body)
			b = c.appendSessionAnswer(b, l, r.out.m)
		}
	}
	b = append(b, r.extra...)
	if r.status >= 300 && r.out.m != nil {
		b = appendReason(b, &r.out)
	}
	if len(c.Labels) > 0 && l.Slot == 0 && (t == l.initial() || c.Alone && t.Num == 1) {
		b = c.appendLabels(b, &r)
	}
	b = c.appendCrossing(b, l, &r.out)
	if t.Them != "" && e == sip.Send2xx {
		l.Dialogs[t.Dialog].Them = t.Them
	}
	c.step(t, e)
	t.Last = c.seal(l, b)
	c.transmit(l, l.side.Locals[t.Local], t.Last, t.Dest, "")
	if e != sip.Send1xx {
		t.Head = nil
		if t.Kind == sip.InviteServer {
			l.unrepeat()
		}
	}
}

// buffer is where a message is built: the goroutine's own; exact copies it out.
func (c *Call) buffer() []byte {
	if c.runner.scratch == nil { // many a goroutine never builds one
		c.runner.scratch = make([]byte, 0, 4096)
	}
	return c.runner.scratch[:0]
}

func (c *Call) exact(b []byte) []byte {
	c.runner.scratch = b[:0]
	return append(make([]byte, 0, len(b)), b...)
}

// strict tells whether a route is one of RFC 2543: its URI has no lr parameter.
func strict(route string) bool {
	u, err := sip.ParseURI([]byte(bare(route)))
	if err != nil {
		return false
	}
	_, lr := u.Params.Get("lr")
	return u.IsSIP() && !lr
}

// bare returns the URI of a name-addr.
func bare(route string) string {
	a, err := sip.ParseAddress([]byte(route))
	if err != nil {
		return route
	}
	return string(a.URI)
}

func (l *Leg) index(d *Dialog) uint8 {
	for i := range l.Dialogs {
		if l.Dialogs[i] == d {
			return uint8(i)
		}
	}
	return 0
}

// uriAddr returns the address of a URI whose host is one, and its transport: the usual one if it leaves that open.
func uriAddr(uri []byte, usual sip.Transport) (netip.AddrPort, sip.Transport, bool) {
	u, err := sip.ParseURI(uri)
	if err != nil || !u.IsSIP() {
		return netip.AddrPort{}, usual, false
	}
	a := sip.HostAddr(u.Host)
	if !a.IsValid() {
		return netip.AddrPort{}, usual, false
	}
	by, ok := sip.TransportOf(&u)
	if !ok {
		by = usual
	}
	port := u.Port
	if port == 0 {
		port = by.Port()
	}
	return netip.AddrPortFrom(a, port), by, true
}
