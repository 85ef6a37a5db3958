package sip

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// paths remember the MTU towards addresses for a while. Addresses share places, so a flood of them costs no memory.
type paths struct {
	seed  maphash.Seed
	known [256]atomic.Pointer[path]
}

type path struct {
	to    netip.Addr
	mtu   int
	until time.Time
}

// pathKept is how long an MTU is taken for known; the system's own discovery may lower it at any time.
const pathKept = 30 * time.Second

// noPath is an MTU that no network has: that of the loopback interface says nothing of one.
const noPath = 65000

// MTU returns the largest packet that the system knows to fit on the way to an address: that of the interface, or less where path MTU
// discovery has found so. It is 0 when unknown. It never waits for the network.
func (l *Listener) MTU(to netip.Addr) int {
	to = to.Unmap()
	place := &l.paths.known[maphash.Comparable(l.paths.seed, to)%uint64(len(l.paths.known))]
	now := time.Now()
	if p := place.Load(); p != nil && p.to == to && now.Before(p.until) {
		return p.mtu
	}
	p := &path{to, l.askMTU(to), now.Add(pathKept)}
	place.Store(p)
	return p.mtu
}

// askMTU asks the system, which tells the MTU of a connected socket.
func (l *Listener) askMTU(to netip.Addr) int {
	if to.Is4() == l.v6 {
		return 0
	}
	family, level, option := unix.AF_INET, unix.IPPROTO_IP, unix.IP_MTU
	if l.v6 {
		family, level, option = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	if unix.Bind(fd, sockaddr(netip.AddrPortFrom(l.Local.Addr(), 0))) != nil || unix.Connect(fd, sockaddr(netip.AddrPortFrom(to, 9))) != nil {
		return 0
	}
	mtu, err := unix.GetsockoptInt(fd, level, option)
	if err != nil || mtu >= noPath {
		return 0
	}
	return mtu
}
