package sip

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Refused is told that the network could not deliver a datagram: an ICMP error came for it (RFC 3261 18.4). sent is its
// beginning, as much as the error quotes; the function may keep nothing of it.
type Refused func(to netip.AddrPort, sent []byte)

// OnRefused sets who is told of datagrams that came back as ICMP errors. It must be called before Serve.
func (l *Listener) OnRefused(f Refused) { l.refused = f }

// wantErrors asks the system to keep ICMP errors with what they quote; without it they are lost on a socket that talks to many.
func (l *Listener) wantErrors() {
	if l.v6 {
		_ = unix.SetsockoptInt(l.fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		return
	}
	_ = unix.SetsockoptInt(l.fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
}

// late tells whether an error of the socket is one of an earlier datagram: the system reports it once, to whoever calls next.
func late(errno unix.Errno) bool {
	switch errno {
	case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENOPROTOOPT, unix.EPROTO, unix.EACCES, unix.EMSGSIZE:
		return true
	}
	return false
}

// refusal is a datagram that came back.
type refusal struct {
	to   netip.AddrPort
	sent []byte
}

// drain takes the errors that have come, so that none keeps the next datagram back. It returns those that are final; others
// (too big, time exceeded) may pass.
func (l *Listener) drain() (out []refusal) {
	var buf [1024]byte
	var oob [512]byte
	for {
		n, oobn, _, sa, err := unix.Recvmsg(l.fd, buf[:], oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if err != nil {
			return out
		}
		if to, ok := destinationOf(sa); ok && l.refused != nil && final(oob[:oobn]) {
			l.Refusals.Add(1)
			out = append(out, refusal{to, append([]byte(nil), buf[:n]...)})
		}
	}
}

// tell reports what came back.
func (l *Listener) tell(back []refusal) {
	for _, r := range back {
		l.refused(r.to, r.sent)
	}
}

func destinationOf(sa unix.Sockaddr) (netip.AddrPort, bool) {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), true
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)), true
	}
	return netip.AddrPort{}, false
}

// final reads the extended error (struct sock_extended_err of Linux): its number, and that it came as ICMP or from the system.
func final(oob []byte) bool {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return false
	}
	for _, m := range messages {
		if (m.Header.Level != unix.IPPROTO_IP || m.Header.Type != unix.IP_RECVERR) &&
			(m.Header.Level != unix.IPPROTO_IPV6 || m.Header.Type != unix.IPV6_RECVERR) || len(m.Data) < int(unsafe.Sizeof(unix.SockExtendedErr{})) {
			continue
		}
		switch unix.Errno(binary.NativeEndian.Uint32(m.Data)) {
		case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENOPROTOOPT, unix.EACCES:
			return true
		}
	}
	return false
}
