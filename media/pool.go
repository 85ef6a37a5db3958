package media

import (
	"errors"
	"net/netip"
)

var (
	// ErrNoPorts: every pair of ports of the address is in use or in quarantine, or the wanted one is, or there are as many as may be.
	ErrNoPorts = errors.New("no free media port")
	// ErrShutdown: the relay has been shut down.
	ErrShutdown = errors.New("media relay is shut down")
)

// pool keeps which pairs of port numbers are taken, per address.
type pool struct {
	first int // the lowest even port
	pairs int
	used  map[netip.Addr][]uint64
}

// take marks the first free pair, searching from a given one, and returns its even port.
func (p *pool) take(a netip.Addr, from int) (uint16, bool) {
	bits := p.bits(a)
	for i := range p.pairs {
		n := (from + i) % p.pairs
		if bits[n/64]&(1<<(n%64)) == 0 {
			bits[n/64] |= 1 << (n % 64)
			return uint16(p.first + 2*n), true
		}
	}
	return 0, false
}

// takeOne marks the pair with that even port.
func (p *pool) takeOne(a netip.Addr, port uint16) bool {
	n := (int(port) - p.first) / 2
	if port%2 != 0 || int(port) < p.first || n >= p.pairs {
		return false
	}
	bits := p.bits(a)
	if bits[n/64]&(1<<(n%64)) != 0 {
		return false
	}
	bits[n/64] |= 1 << (n % 64)
	return true
}

func (p *pool) release(local netip.AddrPort) {
	n := (int(local.Port()) - p.first) / 2
	p.bits(local.Addr())[n/64] &^= 1 << (n % 64)
}

func (p *pool) bits(a netip.Addr) []uint64 {
	bits := p.used[a]
	if bits == nil {
		bits = make([]uint64, (p.pairs+63)/64)
		p.used[a] = bits
	}
	return bits
}
