package sdp

import (
	"net/netip"
	"strconv"
)

// Local is our own end of one section: where the party that reads the description shall send its media. The zero value
// rejects the section.
type Local struct {
	// RTP is the address of our RTP socket; RTCP is on the next port.
	RTP netip.AddrPort `json:"rtp"`
}

// AnchorOptions are what Anchor needs besides policy and ports.
type AnchorOptions struct {
	// Address goes into a new Origin, and into the c= line when no section is in use. If it is not set, the address
	// of the first section in use is taken.
	Address netip.Addr
	// Numbers are the payload types of each section that the reader sees under other numbers (see Show).
	Numbers [][]Change
	// Events tells of each section what becomes of its telephone events (RFC 4733), when digits go another way.
	Events []Events
}

// Anchor appends to dst the description of one party, in, as the other party gets to see it. The sections keep their
// number and order (RFC 3264 6); section i gets the address local[i], or port 0 if local[i] is missing or zero, if the
// section was rejected before, or if the policy does not accept it. With a nil local the media is not anchored:
// addresses and ports pass as they are, and all the rest of the policy still applies. Directions are kept; a hold by the
// null address (RFC 3264 8.4) becomes one by attribute.
func Anchor(dst []byte, in *Session, o *Origin, p *Policy, local []Local, opts AnchorOptions) []byte {
	dst, start := begin(dst)
	w := writer{dst: dst, in: in, policy: p, local: local, through: local == nil, numbers: opts.Numbers, keys: opts.Events}
	w.addr, w.same = common(in, p, local)
	address := opts.Address
	if !address.IsValid() {
		address = w.addr
	}
	if !w.addr.IsValid() {
		w.addr = address
	}
	w.session()
	for i := range in.Media {
		w.section(i)
	}
	return o.seal(w.dst, start, address)
}

// common finds the address of the first section in use and tells whether all that are in use share it.
func common(in *Session, p *Policy, local []Local) (first netip.Addr, same bool) {
	same = true
	for i := range in.Media {
		if m := &in.Media[i]; i < len(local) && local[i].RTP.IsValid() && p.Accepts(m) {
			if a := local[i].RTP.Addr(); !first.IsValid() {
				first = a
			} else if a != first {
				same = false
			}
		}
	}
	return first, same
}

// writer carries the state of one Anchor.
type writer struct {
	dst     []byte
	in      *Session
	policy  *Policy
	local   []Local
	addr    netip.Addr
	same    bool // one address for all sections: c= stands at session level
	through bool // not anchored
	numbers [][]Change
	changes []Change // of the section being written
	keys    []Events
	events  Events // of the section being written
}

func (w *writer) str(s string) { w.dst = append(w.dst, s...) }

func (w *writer) line(l *Line) {
	w.dst = append(w.dst, l.Type, '=')
	w.dst = append(w.dst, l.Value...)
	w.dst = append(w.dst, "\r\n"...)
}

func (w *writer) connection(a netip.Addr) {
	w.str("c=IN ")
	w.dst = appendAddr(w.dst, a)
	w.str("\r\n")
}

// session writes the session level in the order of RFC 8866 5: s=, c=, b=, t=, a=.
func (w *writer) session() {
	w.str("s=-\r\n")
	switch {
	case w.through && w.in.conn.addr.IsValid():
		w.connection(w.in.conn.addr)
	case !w.through && w.same:
		w.connection(w.addr)
	}
	for i := range w.in.Lines {
		if l := &w.in.Lines[i]; l.Type != 'a' && w.policy.line(nil, l) == Carry {
			w.line(l)
		}
	}
	w.str("t=0 0\r\n")
	for i := range w.in.Lines {
		if l := &w.in.Lines[i]; l.Type == 'a' && w.policy.line(nil, l) == Carry {
			w.line(l)
		}
	}
}

// section writes section i: m=, c=, then what the policy lets through, in the order it came in.
func (w *writer) section(i int) {
	m := &w.in.Media[i]
	w.changes, w.events = nil, Events{}
	if i < len(w.numbers) {
		w.changes = w.numbers[i]
	}
	if i < len(w.keys) {
		w.events = w.keys[i]
	}
	var at netip.AddrPort
	switch {
	case w.through:
		if w.policy.passes(m) {
			at = m.RTPAddr()
		}
	case i < len(w.local) && w.policy.Accepts(m):
		at = w.local[i].RTP
	}
	w.media(m, at.Port())
	if at.Port() == 0 {
		return
	}
	if (w.through && m.conn != w.in.conn) || (!w.through && !w.same) {
		w.connection(at.Addr())
	}
	directed := false
	for j := range m.Lines {
		l := &m.Lines[j]
		switch w.policy.line(m, l) {
		case Carry:
			if !w.left(m, l) {
				w.carry(l)
			}
		case Own:
			directed = w.own(m, l, at, directed)
		}
	}
	w.addEvents()
	if !directed && (m.dirAny || m.Held()) {
		w.direction(m)
	}
}

// own writes our own attribute in the place of the received one. It returns whether the direction is written.
func (w *writer) own(m *Media, l *Line, at netip.AddrPort, directed bool) bool {
	if _, ok := l.attr.direction(); ok {
		if !directed {
			w.direction(m)
		}
		return true
	}
	if l.attr != attrRTCP {
		return directed // a line type that is written elsewhere
	}
	if w.through {
		w.line(l)
		return directed
	}
	port := at.Port() + 1
	if m.Mux {
		port = at.Port() // RFC 5761 5.1.1
	}
	w.str("a=rtcp:")
	w.dst = strconv.AppendUint(w.dst, uint64(port), 10)
	w.str("\r\n")
	return directed
}

func (w *writer) direction(m *Media) {
	w.str("a=")
	d := m.Direction
	if !w.through { // a null address that is passed on says it by itself
		d = m.Effective()
	}
	w.str(d.String())
	w.str("\r\n")
}

// media writes an m= line with the port.
func (w *writer) media(m *Media, port uint16) {
	w.str("m=")
	w.dst = append(w.dst, m.Name...)
	w.dst = append(w.dst, ' ')
	w.dst = strconv.AppendUint(w.dst, uint64(port), 10)
	if w.through && m.NumPorts > 1 && port != 0 {
		w.dst = append(w.dst, '/')
		w.dst = strconv.AppendUint(w.dst, uint64(m.NumPorts), 10)
	}
	w.dst = append(w.dst, ' ')
	w.dst = append(w.dst, m.Transport...)
	if len(m.Formats) > 0 {
		w.dst = append(w.dst, ' ')
		w.formats(m)
	}
	w.str("\r\n")
}
