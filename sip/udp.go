package sip

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxDatagram is the largest UDP message read or written.
const MaxDatagram = 65535

// Handler gets every message of a listener, in wire order, on the listener's reading goroutine, with the error of its
// parsing. It may keep neither the message nor what it points to. reader is the goroutine's own mark (Reader.Replace).
type Handler func(reader *Reader, m *Message, err error)

// Reader is a goroutine that reads a listener. Busy is for its handler alone, who notes there what it is doing.
type Reader struct {
	Busy any

	state   atomic.Uint32
	replace func()
}

// Replace retires a reader that hangs in its handler and lets a fresh one, with a buffer of its own, go on. The old one is
// left alone: it ends when its handler returns, and Close does not wait for it. A reader that does not hang any more stays.
func (r *Reader) Replace() { r.replace() }

// A reader is reading or in its handler; only there it can be retired, so that a retired one never touches the socket.
const (
	reading = iota
	handling
	retired
)

// Listener is one UDP socket on a concrete address. Its file descriptor is read by one goroutine with a blocking call
// (no poller wake-up per datagram) and written by anybody without blocking.
type Listener struct {
	Local netip.AddrPort

	fd      int
	v6      bool
	closed  atomic.Bool
	sending sync.RWMutex   // held for reading by senders: the descriptor they use must not be another's by now
	readers sync.WaitGroup // less the retired ones
	handler Handler
	refused Refused
	tellers sync.WaitGroup // of errors that a sender met
	paths   paths

	// Received, Sent, SendErrors, KeepAlives and Refusals (ICMP errors) count datagrams.
	Received, Sent, SendErrors, KeepAlives, Refusals atomic.Uint64
}

// ListenUDP binds a concrete address; port 0 takes a free one. Serve then reads it.
func ListenUDP(addr netip.AddrPort) (*Listener, error) {
	if !addr.IsValid() || addr.Addr().IsUnspecified() {
		return nil, fmt.Errorf("listen udp %s: a concrete address is needed, or messages would leave from another one", addr)
	}
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("listen udp %s: %w", addr, err)
	}
	const buffer = 4 << 20
	for force, plain := range map[int]int{unix.SO_RCVBUFFORCE: unix.SO_RCVBUF, unix.SO_SNDBUFFORCE: unix.SO_SNDBUF} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, buffer) != nil { // without the privilege the system's limit holds
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, buffer)
		}
	}
	if err := unix.Bind(fd, sockaddr(addr)); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen udp %s: %w", addr, err)
	}
	l := &Listener{fd: fd, v6: addr.Addr().Is6(), Local: addr, paths: paths{seed: maphash.MakeSeed()}}
	l.wantErrors()
	if sa, err := unix.Getsockname(fd); err == nil {
		switch a := sa.(type) {
		case *unix.SockaddrInet4:
			l.Local = netip.AddrPortFrom(addr.Addr(), uint16(a.Port))
		case *unix.SockaddrInet6:
			l.Local = netip.AddrPortFrom(addr.Addr(), uint16(a.Port))
		}
	}
	return l, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

// Serve starts the reading goroutine, which ends with Close.
func (l *Listener) Serve(h Handler) {
	l.handler = h
	l.start()
}

// start runs a reader; it ends with Close, or after the message at hand when it was retired.
func (l *Listener) start() {
	l.readers.Add(1)
	go func() {
		r := &Reader{}
		r.replace = func() { l.retire(r) }
		if l.read(r) {
			l.readers.Done()
		}
	}()
}

func (l *Listener) retire(r *Reader) {
	if !r.state.CompareAndSwap(handling, retired) {
		return
	}
	if !l.closed.Load() {
		l.start()
	}
	l.readers.Done()
}

// read hands over datagrams until Close; it returns false when it was retired.
func (l *Listener) read(r *Reader) bool {
	buf := make([]byte, MaxDatagram)
	var from unix.RawSockaddrInet6 // large enough for both families
	var m Message
	seen := 0
	for {
		size := uint32(unix.SizeofSockaddrInet6)
		n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(l.fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0,
			uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
		if l.closed.Load() {
			return true
		}
		if errno != 0 {
			if late(errno) {
				l.tell(l.drain())
			}
			continue
		}
		l.Received.Add(1)
		if isKeepAlive(buf[:n]) {
			l.KeepAlives.Add(1)
			continue
		}
		m.Source, m.Waited = l.source(&from), 0
		if seen++; seen%8 == 0 || buf[0] == 'I' { // one in eight, and every INVITE
			m.Waited = l.waited()
		}
		r.state.Store(handling)
		l.handler(r, &m, m.Parse(buf[:n]))
		if !r.state.CompareAndSwap(handling, reading) {
			return false
		}
	}
}

// waited asks the system when the datagram that was read last came in. The first question makes it note the time from then on.
func (l *Listener) waited() time.Duration {
	var at unix.Timespec
	if _, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(l.fd), unix.SIOCGSTAMPNS_OLD, uintptr(unsafe.Pointer(&at))); errno != 0 {
		return 0
	}
	return max(time.Since(time.Unix(at.Unix())), 1)
}

// isKeepAlive tells the blank datagrams that keep a NAT open (RFC 5626 3.5.1 and older habits) from messages.
func isKeepAlive(b []byte) bool {
	if len(b) > 8 {
		return false
	}
	for _, c := range b {
		if c != '\r' && c != '\n' && c != 0 && c != ' ' {
			return false
		}
	}
	return true
}

func (l *Listener) source(sa *unix.RawSockaddrInet6) netip.AddrPort {
	if l.v6 {
		p := (*[2]byte)(unsafe.Pointer(&sa.Port))
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(p[0])<<8|uint16(p[1]))
	}
	s4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
	p := (*[2]byte)(unsafe.Pointer(&s4.Port))
	return netip.AddrPortFrom(netip.AddrFrom4(s4.Addr), uint16(p[0])<<8|uint16(p[1]))
}

// Errors of Send, besides net.ErrClosed and those of the system.
var (
	ErrFamily = errors.New("sip: destination is of another address family than the listener")
	ErrEmpty  = errors.New("sip: nothing to send")
)

// Send writes one datagram without blocking; a full socket buffer is an error and counted.
func (l *Listener) Send(b []byte, to netip.AddrPort) error {
	if len(b) == 0 {
		return ErrEmpty
	}
	l.sending.RLock()
	defer l.sending.RUnlock()
	if l.closed.Load() {
		return net.ErrClosed
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if !to.Addr().IsValid() || to.Addr().Is6() != l.v6 {
		l.SendErrors.Add(1)
		return ErrFamily
	}
	errno := l.sendTo(b, to)
	for range 8 { // an error of an earlier datagram keeps this one from going out
		if !late(errno) {
			break
		}
		if back := l.drain(); len(back) > 0 {
			l.tellers.Go(func() { l.tell(back) }) // beside the sender, who is in a step
		}
		errno = l.sendTo(b, to)
	}
	if errno != 0 {
		l.SendErrors.Add(1)
		return fmt.Errorf("send to %s: %w", to, errno)
	}
	l.Sent.Add(1)
	return nil
}

func (l *Listener) sendTo(b []byte, to netip.AddrPort) (errno unix.Errno) {
	if l.v6 {
		sa := unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16()}
		putPort(&sa.Port, to.Port())
		_, _, errno = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(l.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&sa)), unix.SizeofSockaddrInet6)
		return errno
	}
	sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
	putPort(&sa.Port, to.Port())
	_, _, errno = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(l.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&sa)), unix.SizeofSockaddrInet4)
	return errno
}

func putPort(field *uint16, port uint16) {
	p := (*[2]byte)(unsafe.Pointer(field))
	p[0], p[1] = byte(port>>8), byte(port)
}

// Close ends the reading goroutines and gives the address back. It waits for handlers at work, so no handler may call it.
func (l *Listener) Close() {
	if l.closed.Swap(true) {
		return
	}
	_ = unix.Shutdown(l.fd, unix.SHUT_RDWR) // wakes a blocked recvfrom, also on an unconnected socket
	l.readers.Wait()
	l.closing()
	l.tellers.Wait()
}

// closing gives the address back when the senders at work are done; later ones see closed.
func (l *Listener) closing() {
	l.sending.Lock()
	defer l.sending.Unlock()
	unix.Close(l.fd)
}
