package media

import "net/netip"

// delivery is what is to be done with a packet that was read: what to send where, and whether to latch.
type delivery struct {
	data  []byte // nil: nothing to send
	to    netip.AddrPort
	port  *port // the one it leaves by
	fd    int32
	rtcp  bool
	latch *port // its source has changed
	event Event
}

// judge decides about one packet. It runs under the relay's lock and makes no system call. b may be changed, scratch is
// room for RTCP.
func (r *Relay) judge(id PortID, sock socket, from netip.AddrPort, b, scratch []byte, now int64) (d delivery) {
	p := r.lookup(id)
	if p == nil {
		return d // in quarantine: drained
	}
	t := p.seen()
	if sock == sockPeer {
		from = t.conn
	}
	switch {
	case !p.known:
		drop(&t.dropped.Early, &r.totals.dropped.Early)
	case sock == sockRTCP, p.mux && isRTCP(b) && !p.raw:
		r.rtcp(p, sock, from, b, scratch, &d)
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
	if from != t.latched && !p.admits(from, now) {
		t.strays++
		r.totals.strays++
		return
	}
	h, ok := parseRTP(b)
	if !ok && !p.raw || len(b) == 0 {
		drop(&t.dropped.Malformed, &r.totals.dropped.Malformed)
		return
	}
	if from != t.latched {
		t.latched, t.rtcpFrom = from, netip.AddrPort{}
		d.latch, d.event = p, Event{Call: p.call, Port: p.id, Kind: Latched}
		r.totals.latches++
	}
	p.heard, p.silent = now, false
	t.received.add(b)
	r.totals.received.add(b)
	var ext uint32
	if !p.raw {
		ext = t.in.update(&h, ticks(now, p.clock))
	}
	q := p.peer
	if q == nil {
		return
	}
	fd, to, ok := q.destination()
	switch {
	case !p.receive || !q.send:
		drop(&t.dropped.Direction, &r.totals.dropped.Direction)
		return
	case !ok:
		drop(&t.dropped.NoAddress, &r.totals.dropped.NoAddress)
		return
	}
	out := q.seen()
	if !p.raw {
		seq, time := out.out.translate(&h, ext, now, p.clock)
		b = rewriteRTP(b, h, p.strip, seq, time, out.out.ssrc)
	}
	out.sent.add(b)
	r.totals.sent.add(b)
	d.data, d.port, d.fd, d.to = b, q, fd, to
}

func (f *Flow) add(b []byte) {
	f.Packets++
	f.Bytes += uint64(len(b))
}

func (r *Relay) rtcp(p *port, sock socket, from netip.AddrPort, b, scratch []byte, d *delivery) {
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
	if q == nil {
		return
	}
	out := q.seen()
	if !p.raw {
		x := crossing{out: &out.out, back: &t.out, cname: &out.cname}
		data, dropped, ok := rewriteRTCP(scratch[:0], b, &x)
		if !ok {
			drop(&t.dropped.Malformed, &r.totals.dropped.Malformed)
			return
		}
		t.dropped.RTCP += dropped
		r.totals.dropped.RTCP += dropped
		b = data
	}
	fd, to, ok := q.rtcpDestination()
	if len(b) == 0 || !q.known {
		return
	}
	if !ok {
		drop(&t.dropped.NoAddress, &r.totals.dropped.NoAddress)
		return
	}
	out.rtcpSent++
	r.totals.rtcpSent++
	d.data, d.port, d.fd, d.to, d.rtcp = b, q, fd, to, true
}
