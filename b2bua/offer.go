package b2bua

import (
	"bytes"
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/codec"
	"github.com/bifrons/bifrons/media/sdp"
	"github.com/bifrons/bifrons/sip"
)

// offer is the offer/answer machine of a dialog (RFC 3264), as data. What a party described is obeyed once the exchange is
// complete, so that a refused offer changes nothing.
type offer struct {
	Origin  sdp.Origin      // o= of what we show to this party
	Theirs  []stream        // what the party last described and was answered
	Pending []stream        // what it described in an open exchange
	Shown   [][]sdp.Payload // the payload numbers this party was shown, by m-line: none ever changes its codec
	Early   []byte          // the answer shown in an unreliable 18x: the 2xx repeats it if the far party does not
	Turn    turn
}

// stream is what a party says of one m-line.
type stream struct {
	RTP, RTCP netip.AddrPort
	Clock     uint32 // Hz
	Payloads  []sdp.Payload
	Formats   []codec.Format // of speech, that Bifrons can speak itself; where an App may ask for it
	Speech    bool           // audio over RTP
	Quiet     bool           // the party wants no RTCP
	Mux       bool
	Raw       bool
	Send      bool // we may send to the party
	Receive   bool // the party may send to us
	Unready   bool // its network has not reserved what it needs to hear us before the answer (RFC 3312)
}

// errOffer is a description that cannot cross; the party gets its status.
type errOffer struct {
	status int
	text   string
}

func (e *errOffer) Error() string { return e.text }

// describes tells whether a message carries a description.
func describes(m *sip.Message) bool { return descriptionOf(m) != nil }

// carry prints a party's description for the other leg, in a buffer that the next carry uses again. from and to are the dialogs of the two legs; answer closes the
// exchange that the other leg's description opened, and the relay obeys both from then on.
func (c *Call) carry(fl *Leg, from *Dialog, tl *Leg, to *Dialog, body []byte, answer bool) ([]byte, error) {
	s := c.srv.sessions.Get().(*sdp.Session)
	defer c.srv.sessions.Put(s)
	if err := s.Parse(body); err != nil {
		if errors.Is(err, sdp.ErrAddress) {
			return nil, &errOffer{488, err.Error()}
		}
		return nil, &errOffer{400, err.Error()}
	}
	p := c.srv.policy(fl.side, tl.side)
	if !answer && p.SDP.Refuses(s, c.srv.cfg.Anchor) {
		return nil, &errOffer{488, "nothing in the offer may cross"}
	}
	from.Offer.Pending = c.streams(s)
	if from.Offer.Turn, to.Offer.Turn = turnTheirs, turnOurs; answer {
		from.Offer.Turn, to.Offer.Turn = turnSettled, turnSettled
	}
	if len(c.Chain) > 0 {
		fl.Said = bytes.Clone(body)
	}
	c.origin(to)
	opts := sdp.AnchorOptions{Address: tl.mediaAddress()}
	if !c.srv.cfg.Anchor {
		return c.described(sdp.Anchor(c.runner.sdp[:0], s, &to.Offer.Origin, p.SDP, nil, opts)), nil
	}
	if !answer {
		if err := c.openPorts(s, p.SDP, fl, tl); err != nil {
			return nil, err
		}
	}
	local := make([]sdp.Local, len(s.Media), max(len(s.Media), 1))
	for i := range local {
		if i < len(tl.Ports) && tl.Ports[i].ID != 0 {
			local[i].RTP = netip.AddrPortFrom(opts.Address, tl.Ports[i].Local.Port())
		}
	}
	opts.Numbers, opts.Events = renumber(s, fl, from, tl, to, answer)
	if answer {
		c.obey(fl, from, tl, to, p)
	}
	return c.described(sdp.Anchor(c.runner.sdp[:0], s, &to.Offer.Origin, p.SDP, local, opts)), nil
}

// described keeps the goroutine's buffer for the next description; b is good until then.
func (c *Call) described(b []byte) []byte {
	c.runner.sdp = b
	return b
}

// streams reads what a party says of its m-lines.
func (c *Call) streams(s *sdp.Session) []stream {
	out := described(s)
	if len(c.Chain) > 0 {
		for i := range out {
			for _, f := range s.Media[i].Speech() {
				if f.Check() == nil && c.srv.speaks(f) == nil {
					out[i].Formats = append(out[i].Formats, f)
				}
			}
		}
	}
	return out
}

// ownStreams reads what a party says that Bifrons answers with one format of a section: that one goes first.
func (c *Call) ownStreams(s *sdp.Session, section int, f codec.Format) []stream {
	out := c.streams(s)
	m := &out[section]
	m.Clock, m.Unready = f.ClockRate(), !s.Media[section].Ready()
	m.Formats = append([]codec.Format{f}, slices.DeleteFunc(m.Formats, func(g codec.Format) bool { return g.Type == f.Type })...)
	return out
}

func described(s *sdp.Session) []stream {
	out := make([]stream, len(s.Media))
	for i := range s.Media {
		m := &s.Media[i]
		d := m.Effective()
		out[i] = stream{RTP: m.RTPAddr(), RTCP: m.RTCPAddr(), Clock: m.Clock(), Payloads: m.Payloads(), Quiet: m.Quiet(), Mux: m.Mux, Raw: m.Raw(),
			Speech: m.Kind == sdp.KindAudio && m.Proto.RTP() && !m.Raw(), Send: d.Receives(), Receive: d.Sends()}
	}
	return out
}

// openPorts takes a pair of ports on both legs for every m-line that can be anchored, before anything is promised.
func (c *Call) openPorts(s *sdp.Session, p *sdp.Policy, legs ...*Leg) error {
	for i := range s.Media {
		if m := &s.Media[i]; !m.Active() || !p.Accepts(m) {
			continue
		}
		for _, l := range legs {
			for len(l.Ports) <= i {
				l.Ports = append(l.Ports, media.Port{})
			}
			if l.Ports[i].ID != 0 {
				continue
			}
			port, err := c.srv.cfg.Media.Open(l.place(c, 0))
			if err != nil {
				c.srv.metrics.portsExhausted.Inc()
				if c.srv.portsLog.allow(c.srv.now()) {
					c.srv.log.Warn("no media port", "call", c.ID, "side", l.Side, "err", err)
				}
				return &errOffer{503, err.Error()}
			}
			l.Ports[i] = port
		}
	}
	return nil
}

// place is where a port of a leg is opened; number 0 is any.
func (l *Leg) place(c *Call, number uint16) media.Place {
	return media.Place{Call: c.ID, Leg: l.Slot, Local: l.side.Media, Number: number, DSCP: l.side.MediaDSCP}
}

// mediaAddress is the address a leg's descriptions show.
func (l *Leg) mediaAddress() netip.Addr {
	if l.side.MediaAdvertise.IsValid() {
		return l.side.MediaAdvertise
	}
	if l.side.Media.IsValid() {
		return l.side.Media
	}
	return l.local.Addr.Addr()
}

// obey tells the relay what both parties have agreed on; ports of m-lines that one of them refused are given back, but not
// after an early answer, which another fork may contradict.
func (c *Call) obey(fl *Leg, from *Dialog, tl *Leg, to *Dialog, p *Policy) {
	from.Offer.commit()
	to.Offer.commit()
	agree(to.Offer.Theirs, from.Offer.Theirs)
	for i := range fl.Ports {
		if fl.Phase == Confirmed && i < len(tl.Ports) && (!from.Offer.stream(i).RTP.IsValid() || !to.Offer.stream(i).RTP.IsValid()) {
			c.retire(fl, i)
			c.retire(tl, i)
		}
	}
	fl.Joined, tl.Joined, fl.Own, tl.Own = true, true, false, false
	fl.Met, tl.Met = tl.Slot+1, fl.Slot+1
	if fl.Slot == 0 {
		fl.Voice = from.Number
	} else if tl.Slot == 0 {
		tl.Voice = to.Number
	}
	c.join(fl, from, tl, to, p)
}

// agree leaves of the formats that a party has offered those that were answered, in the answer's order.
func agree(offered, answered []stream) {
	for i := range offered {
		if i >= len(answered) || len(offered[i].Formats) == 0 {
			continue
		}
		var both []codec.Format
		for _, f := range answered[i].Formats {
			if n := slices.IndexFunc(offered[i].Formats, func(g codec.Format) bool { return same(f, g) }); n >= 0 {
				both = append(both, offered[i].Formats[n])
			}
		}
		offered[i].Formats = both
	}
}

// same tells that two formats are one codec in the same form.
func same(f, g codec.Format) bool {
	if f.Codec != g.Codec || f.ClockRate() != g.ClockRate() || f.Width() != g.Width() {
		return false
	}
	if !f.IsAMR() {
		return true
	}
	a, _ := f.AMR()
	b, _ := g.AMR()
	return a.Octet == b.Octet
}

// join links the ports of two legs and tells the relay what their parties have described.
func (c *Call) join(fl *Leg, from *Dialog, tl *Leg, to *Dialog, p *Policy) {
	for i := range fl.Ports {
		if i >= len(tl.Ports) || fl.Ports[i].ID == 0 || tl.Ports[i].ID == 0 {
			continue
		}
		f, t := from.gated(fl, i), to.gated(tl, i)
		if !f.RTP.IsValid() || !t.RTP.IsValid() {
			continue
		}
		c.srv.cfg.Media.Do(fl.remote(i, f, t, from.Offer.shown(i), tl))
		c.srv.cfg.Media.Do(tl.remote(i, t, f, to.Offer.shown(i), fl))
		c.srv.cfg.Media.Do(media.Join{A: fl.Ports[i].ID, B: tl.Ports[i].ID, Raw: f.Raw || t.Raw, StripExtensions: p.StripExtensions})
	}
}

func (o *offer) commit() {
	if o.Pending != nil {
		o.Theirs, o.Pending = o.Pending, nil
	}
}

func (o *offer) stream(i int) stream {
	if i < len(o.Theirs) {
		return o.Theirs[i]
	}
	return stream{}
}

// retire gives the port of an m-line that is no longer in use back; its statistics stay for the record.
func (c *Call) retire(l *Leg, i int) {
	if st, ok := c.closePort(l, i); ok && len(l.Retired) < maxParts {
		l.Retired = append(l.Retired, st)
	}
}

func (c *Call) closePort(l *Leg, i int) (media.Stats, bool) {
	if l.Ports[i].ID == 0 {
		return media.Stats{}, false
	}
	st := c.srv.cfg.Media.Close(l.Ports[i].ID)
	l.Ports[i] = media.Port{}
	return st, true
}

// closePorts gives all ports of a leg back and returns their statistics.
func (c *Call) closePorts(l *Leg) []media.Stats {
	out := l.Retired
	l.Retired = nil
	for i := range l.Ports {
		if st, ok := c.closePort(l, i); ok {
			out = append(out, st)
		}
	}
	return out
}

// ownDescription prints Bifrons' own answer to an offer of the leg's party, or an offer when it made none.
func (c *Call) ownDescription(l *Leg, d *Dialog, offer []byte, offered bool) ([]byte, *errOffer) {
	c.origin(d)
	l.Own = true
	l.Met = 0
	if !offered {
		at, err := c.ownPort(l, 0)
		if err != nil {
			return nil, err
		}
		d.Offer.Turn = turnOurs
		formats := c.ownFormats(l)
		return sdp.Offer(nil, &d.Offer.Origin, sdp.Ours{At: at, Formats: formats, Events: sdp.OwnEvents(formats)}), nil
	}
	s := c.srv.sessions.Get().(*sdp.Session)
	defer c.srv.sessions.Put(s)
	if err := s.Parse(offer); err != nil {
		return nil, &errOffer{400, err.Error()}
	}
	i, f, event, ok := s.Choose(c.srv.saysAll, l.codecs())
	if !ok {
		i, f, event, ok = s.Choose(c.srv.speaks, l.codecs())
	}
	if !ok {
		return nil, &errOffer{488, "no codec in common: this end speaks " + c.spoken(l)}
	}
	at, err := c.ownPort(l, i)
	if err != nil {
		return nil, err
	}
	own := sdp.Ours{At: at, Formats: []codec.Format{f}}
	if event.PT != 0 {
		own.Events = []sdp.Payload{event}
	}
	b := sdp.Answer(nil, s, &d.Offer.Origin, i, own)
	d.Offer.Pending = c.ownStreams(s, i, f)
	l.Said = bytes.Clone(offer)
	c.obeyOwn(l, d)
	return b, nil
}

// codecs are those that Bifrons speaks to a leg's party, in the order of preference; none are all.
func (l *Leg) codecs() []string {
	if len(l.Codecs) > 0 {
		return l.Codecs
	}
	return l.side.Codecs
}

// mixedFirst are the codecs of a leg, those first that a room can mix (AMR is not).
func (c *Call) mixedFirst(l *Leg) []string {
	all := slices.Clone(l.codecs())
	if len(all) == 0 {
		for _, f := range c.ownFormats(l) {
			all = append(all, f.Codec)
		}
		all = append(all, codec.L16)
	}
	slices.SortStableFunc(all, func(a, b string) int {
		return cmp.Compare(rank(a), rank(b))
	})
	return slices.Compact(all)
}

// rank is 0 for a codec that can be mixed.
func rank(name string) int {
	if (codec.Format{Codec: name}).IsAMR() {
		return 1
	}
	return 0
}

// ownFormats returns what Bifrons offers to a leg's party, in the order of its codecs if there is one.
func (c *Call) ownFormats(l *Leg) (out []codec.Format) {
	all := slices.DeleteFunc(sdp.OwnFormats(), func(f codec.Format) bool { return c.srv.speaks(f) != nil })
	if len(l.codecs()) == 0 {
		return all
	}
	for _, name := range l.codecs() {
		for _, f := range all {
			if f.Codec == name {
				out = append(out, f)
			}
		}
	}
	return out
}

// spoken names the codecs that a leg's party could have offered.
func (c *Call) spoken(l *Leg) string {
	var names []string
	for _, f := range c.ownFormats(l) {
		if !slices.Contains(names, f.Codec) {
			names = append(names, f.Codec)
		}
	}
	return strings.Join(names, ", ")
}

// warning is the Warning that goes with a 488 (RFC 3261 20.43: 305, incompatible media format).
func (e *errOffer) warning(l *Leg) string {
	if e.status != 488 {
		return ""
	}
	return "Warning: 305 " + l.local.Advertise + " \"" + strings.ReplaceAll(e.text, "\"", "'") + "\"\r\n"
}

// ownPort takes the leg's port for an m-line.
func (c *Call) ownPort(l *Leg, i int) (sdp.Local, *errOffer) {
	for len(l.Ports) <= i {
		l.Ports = append(l.Ports, media.Port{})
	}
	if l.Ports[i].ID == 0 {
		port, err := c.srv.cfg.Media.Open(l.place(c, 0))
		if err != nil {
			c.srv.metrics.portsExhausted.Inc()
			return sdp.Local{}, &errOffer{503, err.Error()}
		}
		l.Ports[i] = port
	}
	return sdp.Local{RTP: netip.AddrPortFrom(l.mediaAddress(), l.Ports[i].Local.Port())}, nil
}

// origin gives a dialog its o= line.
func (c *Call) origin(d *Dialog) {
	if d.Offer.Origin.ID == 0 {
		d.Offer.Origin.ID, d.Offer.Origin.Version = c.srv.random()>>33|1, c.srv.random()>>44|1
	}
}
