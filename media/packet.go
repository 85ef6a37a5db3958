package media

import "net/netip"

// delivery is what is to be done with a packet that was read: what to send where, whether to latch, what to tell.
type delivery struct {
	data   []byte // nil: nothing to send
	to     netip.AddrPort
	port   *port // the one it leaves by
	fd     int32
	rtcp   bool
	latch  *port // its source has changed
	events []Event
}

func (d *delivery) post(p *port, kind EventKind) {
	d.events = append(d.events, Event{Call: p.call, Port: p.id, Kind: kind})
}

// judge decides about one packet. It runs under the relay's lock and makes no system call. b may be changed, scratch is
// room for RTCP.
func (r *Relay) judge(id PortID, sock socket, from netip.AddrPort, b, scratch []byte, now int64) (d delivery) {
	p := r.lookup(id)
	if p == nil { // in quarantine, or spare: drained
		if p = r.left[id]; p != nil {
			p.heard = now
		}
		return d
	}
	t := p.seen()
	if sock == sockPeer {
		from = t.conn
	}
	switch {
	case !p.known:
		drop(&t.dropped.Early, &r.totals.dropped.Early)
	case sock == sockRTCP, p.mux && isRTCP(b) && !p.raw:
		r.rtcp(p, sock, from, b, scratch, now, &d)
	default:
		r.rtp(p, from, b, now, &d)
	}
	return d
}

func drop(a, b *uint32) {
	*a++
	*b++
}

func (r *Relay) rtp(p *port, from netip.AddrPort, b []byte, now int64, d *delivery) {
	t := p.traffic
	h, ok := parseRTP(b)
	if from != t.latched {
		r.collect(p)
		var known *header
		if ok && !p.raw {
			known = &h
		}
		if known == nil && !p.raw && from != p.rtp && p.latch == LatchAgain && t.latched.IsValid() || !p.admits(from, known, now) {
			t.strays++
			r.totals.strays++
			return
		}
	}
	if !ok && !p.raw || len(b) == 0 {
		drop(&t.dropped.Malformed, &r.totals.dropped.Malformed)
		return
	}
	if from != t.latched {
		r.withdraw(p)
		r.withdraw(p.peer)
		t.latched, t.rtcpFrom, t.suitor = from, netip.AddrPort{}, suitor{}
		d.latch = p
		d.post(p, Latched)
		r.totals.latches++
	}
	if p.silent {
		d.post(p, Resumed)
	}
	p.heard, p.silent = now, false
	t.received.add(b)
	r.totals.received.add(b)
	if p.raw {
		if fd, to, ok := r.way(p); ok {
			r.leave(p.peer, b, fd, to, d)
		}
		return
	}
	r.stream(p, &h, b, now, d)
}

// stream carries a packet of RTP: its lane, what its payload type means, our numbers.
func (r *Relay) stream(p *port, h *header, b []byte, now int64, d *delivery) {
	t := p.traffic
	kind, clock := PayloadMedia, p.clock
	load := p.payload(h.pt)
	if load != nil {
		kind, clock = load.Kind, load.Clock
	}
	if t.path != nil && t.path.SSRC != h.ssrc {
		r.withdraw(p)
	}
	n := p.laneOf(h, kind, now)
	if n < 0 {
		drop(&t.dropped.Late, &r.totals.dropped.Late)
		return
	}
	l := p.lane(n)
	if kind == PayloadEvent {
		if key, long := t.digit.watch(h, b[h.size:h.size+h.payload], clock, now); key != 0 {
			d.events = append(d.events, Event{Call: p.call, Port: p.id, Kind: Digit, Key: key, Duration: long})
		}
		if key := t.digit.pressed(); key != 0 {
			d.events = append(d.events, Event{Call: p.call, Port: p.id, Kind: Pressed, Key: key})
		}
		clock = 0
	}
	ext := l.in.update(h, ticks(now, clock), clock)
	if n == 0 && kind == PayloadMedia && t.overheard() {
		r.overhear(p, h, b[h.size:h.size+h.payload], now, d)
	}
	fd, to, ok := r.way(p)
	if !ok {
		return
	}
	q := p.peer
	out := &q.lane(n).out
	if load != nil && load.Stop || n == 0 && (len(q.traffic.tones) > 0 || q.traffic.speaks()) {
		out.skip(h) // its digits go another way, or Bifrons itself speaks in its place
		return
	}
	if load != nil {
		if kind == PayloadEvent {
			rescale(b[h.size:h.size+h.payload], load.Clock, load.ToClock)
		}
		b[1] = b[1]&0x80 | load.To
	}
	if l.in.broken { // the same source counts anew: that is not to be heard
		out.mapped = false
	}
	seq, time := out.translate(h, ext, now, p.clock)
	b = rewriteRTP(b, *h, p.strip, seq, time, out.ssrc)
	if n == 0 {
		r.emit(q, b, now)
	}
	r.leave(q, b, fd, to, d)
}

// way tells whether what a party sends goes on to the party at the other end of the link, and where. What does not is
// counted.
func (r *Relay) way(p *port) (fd int32, to netip.AddrPort, ok bool) {
	q, t := p.peer, p.traffic
	if q == nil {
		return 0, to, false
	}
	q.seen()
	fd, to, ok = q.destination()
	switch {
	case !p.receive || !q.send:
		drop(&t.dropped.Direction, &r.totals.dropped.Direction)
		return 0, to, false
	case !ok:
		drop(&t.dropped.NoAddress, &r.totals.dropped.NoAddress)
	}
	return fd, to, ok
}

// leave sends a packet by a port.
func (r *Relay) leave(q *port, b []byte, fd int32, to netip.AddrPort, d *delivery) {
	q.traffic.sent.add(b)
	r.totals.sent.add(b)
	d.data, d.port, d.fd, d.to = b, q, fd, to
}

func (f *Flow) add(b []byte) {
	f.Packets++
	f.Bytes += uint64(len(b))
}

func (r *Relay) rtcp(p *port, sock socket, from netip.AddrPort, b, scratch []byte, now int64, d *delivery) {
	t := p.traffic
	if sock == sockRTCP && !p.admitsRTCP(from) || sock != sockRTCP && from != t.latched && from != p.rtp {
		t.strays++
		r.totals.strays++
		return
	}
	t.rtcpReceived++
	r.totals.rtcpReceived++
	if sock == sockRTCP {
		t.rtcpFrom = from
	}
	q := p.peer
	if p.raw && q == nil {
		return
	}
	if !p.raw {
		data, ok := r.crossRTCP(p, b, scratch, now)
		if !ok {
			drop(&t.dropped.Malformed, &r.totals.dropped.Malformed)
			return
		}
		b = data
	}
	if q == nil || len(b) == 0 || !q.known {
		return
	}
	fd, to, ok := q.rtcpDestination()
	if !ok {
		drop(&t.dropped.NoAddress, &r.totals.dropped.NoAddress)
		return
	}
	q.seen().rtcpSent++
	r.totals.rtcpSent++
	d.data, d.port, d.fd, d.to, d.rtcp = b, q, fd, to, true
}
