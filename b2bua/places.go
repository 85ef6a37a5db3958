package b2bua

import (
	"hash/fnv"
	"net/netip"
	"sync/atomic"
	"time"
)

// limiter lets something pass once a second.
type limiter struct{ next atomic.Int64 }

func (l *limiter) allow(now time.Duration) bool {
	next := l.next.Load()
	return int64(now) >= next && l.next.CompareAndSwap(next, int64(now+time.Second))
}

// places is how many of something are kept by address. Addresses share places, so a flood of them costs no memory, and
// nobody need be forgotten.
const places = 1024

func placeOf(a netip.Addr) int {
	b := a.As16()
	h := fnv.New32a()
	h.Write(b[:])
	return int(h.Sum32() % places)
}

// perSource is a limiter for every source.
type perSource [places]limiter

func (p *perSource) allow(from netip.Addr, now time.Duration) bool {
	return p[placeOf(from)].allow(now)
}

// refusals are the targets that took no TCP, until when they are asked for none. Who shares a place with one gets a datagram,
// as without us.
type refusals [places]atomic.Int64

func (r *refusals) add(to netip.Addr, until time.Duration) { r[placeOf(to)].Store(int64(until)) }

func (r *refusals) has(to netip.Addr, now time.Duration) bool {
	return r[placeOf(to)].Load() > int64(now)
}
