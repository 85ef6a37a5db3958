package media

import "net/netip"

// Forwarder is another way for packets that needs no relay thread, such as one inside the kernel. The relay offers it the
// stream of a port that has latched, once it is steady; packets that the Forwarder does not take still reach the relay's
// sockets. Forward is called from a relay thread without the relay's lock.
type Forwarder interface {
	// Forward begins to carry a stream, or declines with false.
	Forward(Path) (Forwarded, bool)
}

// Forwarded is a stream in a Forwarder's hands. Both methods are called under the relay's lock and must not wait for the
// network nor call the relay.
type Forwarded interface {
	// Counters tells what was carried so far.
	Counters() Counters
	// Stop gives the stream back and tells what was carried in all. Every packet that has come until then was sent on, or
	// is still to be read from the relay's socket.
	Stop() Counters
}

// Path is one direction of a latched pair: what comes from From to In with the SSRC and a payload type in Types, and is of
// plain form (no padding, no CSRCs, and no extension if Strip), goes out by Out to To with OutSSRC, Seq and Time added, and
// nothing else changed.
type Path struct {
	In, From netip.AddrPort
	Out, To  netip.AddrPort
	SSRC     uint32
	OutSSRC  uint32
	Seq      uint16
	Time     uint32
	Types    [2]uint64 // a set
	Strip    bool
	DSCP     uint8
}

// Has tells whether a payload type is in the set.
func (p *Path) Has(pt uint8) bool { return p.Types[pt/64&1]&(1<<(pt%64)) != 0 }

// Counters are what a Forwarder has carried of one stream.
type Counters struct {
	Packets uint64
	Bytes   uint64
	Octets  uint64 // of payload
	Seq     uint16 // highest sequence number that came in
	Time    uint32 // timestamp of that packet, as it came in
}

// steady is how many packets a stream must have had before it is handed over.
const steady = 50

// path is a stream that is being forwarded.
type path struct {
	Path
	stream Forwarded
	before Counters // what is in the port's statistics already
}

// candidate describes the stream of a port that may be handed over now; the lock is held.
func (r *Relay) candidate(p *port) (Path, bool) {
	t, q := p.traffic, p.peer
	if t == nil || q == nil || q.traffic == nil || t.path != nil || p.raw || !p.receive || !q.send || len(t.more) > 0 ||
		t.main.in.received < steady || !t.latched.IsValid() || t.conn != t.latched || len(q.traffic.tones) > 0 ||
		q.traffic.speaks() || q.traffic.overheard() || t.overheard() {
		return Path{}, false
	}
	out := &q.traffic.main.out
	to := q.traffic.latched
	if !to.IsValid() || !out.mapped || out.source != t.main.in.ssrc {
		return Path{}, false
	}
	path := Path{In: p.local, From: t.latched, Out: q.local, To: to, SSRC: out.source, OutSSRC: out.ssrc, Seq: uint16(out.seq),
		Time: out.time, Strip: p.strip, DSCP: q.dscp, Types: [2]uint64{^uint64(0), ^uint64(0)}}
	if p.mux { // RFC 5761 4: these are RTCP
		path.Types[1] &^= 1<<(96-64) - 1
	}
	for _, l := range p.payloads {
		if l.Kind != PayloadMedia || l.To != l.Type || l.Stop || l.Clock != p.clock {
			path.Types[l.Type/64&1] &^= 1 << (l.Type % 64)
		}
	}
	return path, true
}

// handOver offers the steady streams of a thread's ports to the Forwarder.
func (t *thread) handOver() {
	r := t.relay
	if r.cfg.Forwarder == nil {
		return
	}
	type offer struct {
		id   PortID
		path Path
	}
	var offers []offer
	r.mu.Lock()
	for i := range r.slots {
		if p := r.slots[i].port; p != nil && r.threads[p.thread] == t {
			if path, ok := r.candidate(p); ok {
				offers = append(offers, offer{p.id, path})
			}
		}
	}
	r.mu.Unlock()
	for _, o := range offers {
		stream, ok := r.cfg.Forwarder.Forward(o.path)
		if !ok {
			continue
		}
		r.mu.Lock()
		p := r.lookup(o.id)
		now, still := Path{}, false
		if p != nil {
			now, still = r.candidate(p)
		}
		if still && now == o.path {
			p.traffic.path = &path{Path: o.path, stream: stream, before: Counters{Seq: uint16(p.traffic.main.in.max)}}
		} else { // changed meanwhile: what was carried until now still counts
			c := stream.Stop()
			if p != nil && p.traffic != nil {
				p.traffic.received.Packets += c.Packets
				p.traffic.received.Bytes += c.Bytes
			}
		}
		r.mu.Unlock()
	}
}

// collect brings what a Forwarder has carried into the statistics of the ports; the lock is held.
func (r *Relay) collect(p *port) {
	if p != nil && p.traffic != nil && p.traffic.path != nil {
		r.merge(p, p.traffic.path.stream.Counters())
	}
}

// withdraw takes a port's stream back from the Forwarder; the lock is held.
func (r *Relay) withdraw(p *port) {
	if p == nil || p.traffic == nil || p.traffic.path == nil {
		return
	}
	r.merge(p, p.traffic.path.stream.Stop())
	p.traffic.path = nil
}

// merge adds what is new in the counters. The relay goes on with the numbers where the Forwarder stopped.
func (r *Relay) merge(p *port, c Counters) {
	t, w := p.traffic, p.traffic.path
	packets, bytes, octets := c.Packets-w.before.Packets, c.Bytes-w.before.Bytes, c.Octets-w.before.Octets
	w.before = c
	if packets == 0 {
		return
	}
	now := r.now()
	flow := Flow{packets, bytes}
	t.received.plus(flow)
	r.totals.received.plus(flow)
	r.totals.sent.plus(flow)
	t.main.in.received += uint32(packets)
	if d := int16(c.Seq - uint16(t.main.in.max)); d > 0 {
		t.main.in.max += uint32(d)
	}
	p.heard = now
	if p.peer == nil || p.peer.traffic == nil {
		return
	}
	q := p.peer.traffic
	q.sent.plus(flow)
	out := &q.main.out
	out.packets += uint32(packets)
	out.octets += uint32(octets)
	if d := int16(c.Seq + w.Seq - uint16(out.max)); d > 0 {
		out.max += uint32(d)
		out.last, out.at, out.end = c.Time+w.Time, now, now
	}
}

func (f *Flow) plus(g Flow) {
	f.Packets += g.Packets
	f.Bytes += g.Bytes
}
