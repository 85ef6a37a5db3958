package media

import (
	"errors"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockaddr is a socket address as the kernel reads and writes it, IPv4 or IPv6.
type sockaddr struct {
	raw unix.RawSockaddrInet6 // the larger of the two
	len uint32
}

func (s *sockaddr) inet4() *unix.RawSockaddrInet4 {
	return (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
}

// port bytes are in network order whatever the machine's is.
func (s *sockaddr) port() *[2]byte { return (*[2]byte)(unsafe.Pointer(&s.raw.Port)) }

func (s *sockaddr) addrPort() netip.AddrPort {
	p := s.port()
	port := uint16(p[0])<<8 | uint16(p[1])
	switch s.raw.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4(s.inet4().Addr), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.raw.Addr), port)
	}
	return netip.AddrPort{}
}

func (s *sockaddr) set(a netip.AddrPort) {
	if a.Addr().Is4() {
		s.raw.Family, s.len = unix.AF_INET, unix.SizeofSockaddrInet4
		s.inet4().Addr = a.Addr().As4()
	} else {
		s.raw = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: a.Addr().As16()}
		s.len = unix.SizeofSockaddrInet6
	}
	*s.port() = [2]byte{byte(a.Port() >> 8), byte(a.Port())}
}

// bind opens the port's two unconnected sockets.
func (p *port) bind() (err error) {
	p.fd = [3]int32{-1, -1, -1}
	if p.fd[sockRTP], err = bindFirst(p.local, p.dscp); err != nil {
		return err
	}
	if p.fd[sockRTCP], err = bindFirst(netip.AddrPortFrom(p.local.Addr(), p.local.Port()+1), p.dscp); err != nil {
		p.closeSockets()
	}
	return err
}

func (p *port) closeSockets() {
	for i, fd := range p.fd {
		if fd >= 0 {
			_ = unix.Close(int(fd))
		}
		p.fd[i] = -1
	}
}

// bindFirst binds without SO_REUSEADDR, so that it fails when any process has the port, and allows its reuse afterwards,
// for the connected socket of the same port: Linux looks at the flags of both when the second one binds.
func bindFirst(local netip.AddrPort, dscp uint8) (int32, error) {
	fd, err := newSocket(local, dscp)
	if err != nil {
		return -1, err
	}
	err = unix.Bind(fd, address(local))
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return int32(fd), nil
}

// bindPeer opens a second socket on the port, connected to a source.
func bindPeer(local, peer netip.AddrPort, dscp uint8) (int32, error) {
	fd, err := newSocket(local, dscp)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(fd, address(local))
	}
	if err == nil {
		err = connect(int32(fd), peer)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return int32(fd), nil
}

func newSocket(local netip.AddrPort, dscp uint8) (int, error) {
	domain := unix.AF_INET
	if !local.IsValid() {
		return -1, errors.New("no local address")
	}
	if local.Addr().Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err == nil && domain == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err == nil && dscp != 0 {
		err = mark(fd, domain == unix.AF_INET6, dscp)
	}
	return fd, err
}

// mark sets the DSCP of what a socket sends (RFC 2474 3): the upper six bits.
func mark(fd int, v6 bool, dscp uint8) error {
	if v6 {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, int(dscp)<<2)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, int(dscp)<<2)
}

func connect(fd int32, peer netip.AddrPort) error { return unix.Connect(int(fd), address(peer)) }

func address(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// The calls below are raw: the sockets are non-blocking, so the scheduler need not hear of them.

// epollPoll looks for events without waiting.
func epollPoll(epoll int, events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// recv reads a packet; the length may exceed b (MSG_TRUNC), and is negative if there was none.
func recv(fd int32, b []byte) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_TRUNC, 0, 0)
	if errno != 0 {
		return -1
	}
	return int(n)
}

// recvFrom does the same and tells the source.
func recvFrom(fd int32, b []byte, from *sockaddr) int {
	from.len = unix.SizeofSockaddrInet6
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_TRUNC,
		uintptr(unsafe.Pointer(&from.raw)), uintptr(unsafe.Pointer(&from.len)))
	if errno != 0 {
		return -1
	}
	return int(n)
}

// send sends on a connected socket.
func send(fd int32, b []byte) bool { return sendRaw(fd, b, nil, 0) }

// sendTo sends on an unconnected one.
func sendTo(fd int32, b []byte, to *sockaddr) bool {
	return sendRaw(fd, b, unsafe.Pointer(&to.raw), to.len)
}

func sendRaw(fd int32, b []byte, to unsafe.Pointer, size uint32) bool {
	for range 2 {
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(to), uintptr(size))
		if errno != unix.ECONNREFUSED { // a report about an earlier packet; this one has not been tried
			return errno == 0
		}
	}
	return false
}
