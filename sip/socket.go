package sip

import (
	"crypto/tls"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// unsent is what the system keeps for a peer that has no room for it. What is on its way is not counted, so a fast peer stays fast.
const unsent = 256 << 10

// bound limits what a connection's peer costs the system: how much it keeps for one that takes nothing, and how long before it gives the
// connection up. Without it these are some megabytes and a quarter of an hour.
func bound(nc net.Conn, unacked time.Duration) {
	t, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacked.Milliseconds()))
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent)
	})
}

// abort ends a connection whose peer takes nothing, with a reset: the system else keeps for minutes what it could not send, and TLS says
// goodbye first.
func abort(nc net.Conn) {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	if t, ok := nc.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = nc.Close()
}
