package test

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tosOf makes a socket tell how packets are marked.
func tosOf(t *testing.T, c *net.UDPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1) }); err != nil {
		t.Fatal(err)
	}
}

// readTOS reads one packet and returns its mark.
func readTOS(t *testing.T, c *net.UDPConn) byte {
	t.Helper()
	buf, oob := make([]byte, 2048), make([]byte, 128)
	c.SetReadDeadline(time.Now().Add(patience))
	_, n, _, _, err := c.ReadMsgUDP(buf, oob)
	if err != nil {
		t.Fatal(err)
	}
	all, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TOS && len(m.Data) > 0 {
			return m.Data[0]
		}
	}
	t.Fatal("the packet does not tell")
	return 0
}
