package media

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/bifrons/bifrons/internal/leak"
)

// RTCP leaves the relay in two ways only: what a party sends is written anew for the other one (crossRTCP), and a party
// that gets none that way gets reports of our own (report).

// far is what a party has last reported of the stream we send to it.
type far struct {
	lost     int32
	jitter   uint32
	fraction uint8
	is       bool
	trip     time.Duration // there and back; 0 is not known
}

// asked is the last sender report that a party got (RFC 3550 6.4.1): what it says of it later tells the round trip.
type asked struct {
	middle uint32 // of the NTP time
	at     int64
}

const (
	// reportFirst is how long after its first packet a party that gets no RTCP gets reports of our own, and reportEvery
	// how often (RFC 3550 6.2 has 5 s for two parties).
	reportFirst = int64(5 * time.Second)
	reportEvery = int64(5 * time.Second)
	// crossed is how long RTCP of the far party makes ours needless.
	crossed = int64(12 * time.Second)
)

// cname is the one name that all ports of a leg show (RFC 7022 4.2).
func (r *Relay) cname(p *port) *[cnameLen]byte {
	s := sha256.Sum256(append(binary.BigEndian.AppendUint64(r.secret[:len(r.secret):len(r.secret)], p.call), p.leg))
	return (*[cnameLen]byte)(s[:])
}

// crossRTCP writes a party's RTCP anew for the other one, and keeps what it says of our own stream.
func (r *Relay) crossRTCP(p *port, b, scratch []byte, now int64) (out []byte, ok bool) {
	t, q := p.traffic, p.peer
	x := crossing{back: t.senders()}
	var alone sender
	if q != nil {
		x.out, x.cname = q.seen().senders(), r.cname(q)
	} else {
		x.out[0], x.cname = &alone, new([cnameLen]byte)
	}
	out, dropped, ok := rewriteRTCP(scratch[:0], b, &x)
	if !ok {
		return nil, false
	}
	t.dropped.RTCP += dropped
	r.totals.dropped.RTCP += dropped
	if x.block.is {
		t.told(&x.block, now)
	}
	if x.sent != 0 {
		t.theirs = asked{x.sent, now}
	}
	if r.cfg.Audit != leak.Off {
		t.hears().hear(b)
		if q != nil && !r.clean(p, q, out) {
			return nil, true
		}
	}
	if q != nil && len(out) > 0 {
		if x.asked != 0 {
			q.traffic.asked = asked{x.asked, now}
		}
		q.traffic.report = now + crossed
	}
	return out, true
}

// told takes a report block about our stream (RFC 3550 6.4.1: the round trip is now, less LSR, less DLSR).
func (t *traffic) told(b *block, now int64) {
	t.far.lost, t.far.jitter, t.far.fraction, t.far.is = b.lost, b.jitter, b.fraction, true
	if b.last != 0 && b.last == t.asked.middle {
		trip := now - t.asked.at - int64(b.delay)*int64(time.Second)/65536
		t.far.trip = time.Duration(max(trip, int64(time.Microsecond)))
	}
}

// reports collects RTCP of our own that a thread's ports owe; the lock is held.
func (r *Relay) reports(t *thread, now int64) (out []delivery) {
	for i := range r.slots {
		p := r.slots[i].port
		if p == nil || p.traffic == nil || r.threads[p.thread] != t || !p.known || p.raw || p.quiet {
			continue
		}
		tr := p.traffic
		switch {
		case !tr.main.in.started && tr.main.out.packets == 0:
			continue
		case tr.report == 0:
			tr.report = now + reportFirst
			continue
		case now < tr.report:
			continue
		}
		fd, to, ok := p.rtcpDestination()
		if !ok {
			continue
		}
		tr.report = now + reportEvery
		data := r.report(p, now)
		if p.peer != nil && p.peer.traffic != nil && !r.clean(p.peer, p, data) {
			continue
		}
		tr.rtcpSent++
		r.totals.rtcpSent++
		out = append(out, delivery{data: data, port: p, fd: fd, to: to, rtcp: true})
	}
	return out
}

// report writes a report of our own for a port's party: what we have sent and what has come (RFC 3550 6.4).
func (r *Relay) report(p *port, now int64) []byte {
	t := p.traffic
	r.collect(p)
	r.collect(p.peer)
	out, in := &t.main.out, &t.main.in
	b := make([]byte, 0, 28+24+sdesSize)
	if out.packets > 0 && now-out.end < 2*reportEvery {
		clock := p.clock
		if p.peer != nil {
			clock = p.peer.clock
		}
		ntp := r.ntp(now)
		b = binary.BigEndian.AppendUint64(beginRTCP(b, 0, rtcpSR, out.ssrc), ntp)
		b = binary.BigEndian.AppendUint32(b, out.last+ticks(now-out.at, clock))
		b = binary.BigEndian.AppendUint32(b, out.packets)
		b = binary.BigEndian.AppendUint32(b, out.octets)
		t.asked = asked{uint32(ntp >> 16), now}
	} else {
		b = beginRTCP(b, 0, rtcpRR, out.ssrc)
	}
	if in.started {
		b[0]++
		b = binary.BigEndian.AppendUint32(b, in.ssrc)
		b = binary.BigEndian.AppendUint32(b, uint32(in.fractionLost())<<24|uint32(min(max(in.missing(), -1<<23), 1<<23-1))&0xffffff)
		b = binary.BigEndian.AppendUint32(b, in.max)
		b = binary.BigEndian.AppendUint32(b, in.jitter>>4)
		last, delay := uint32(0), uint32(0)
		if t.theirs.middle != 0 {
			last, delay = t.theirs.middle, uint32((now-t.theirs.at)/1000*65536/1e6)
		}
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, last), delay)
	}
	b = endRTCP(b, 0)
	return appendSDES(b, out.ssrc, r.cname(p))
}

// fractionLost is the share of losses since the last report, in 1/256 (RFC 3550 A.3).
func (r *receiver) fractionLost() uint8 {
	expected, lost := r.expected()-r.toldExpected, r.missing()-r.toldLost
	r.toldExpected, r.toldLost = r.expected(), r.missing()
	if expected == 0 || lost <= 0 {
		return 0
	}
	return uint8(min(lost*256/int64(expected), 255))
}

// ntp is the wall clock as RTCP has it (RFC 3550 4), moved by a random time: a host is not to be known by its clock.
func (r *Relay) ntp(now int64) uint64 {
	ns := uint64(now) + uint64(binary.BigEndian.Uint32(r.secret[:]))*1000 + 1<<50
	return ns/1e9<<32 | ns%1e9<<32/1e9
}
