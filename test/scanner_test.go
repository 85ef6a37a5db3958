package test

import (
	"context"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// tool runs a program for ten seconds at most and returns what it wrote; that it fails is often what is wanted.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	need(t, name)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Environ(), "HOME="+cmd.Dir)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// TestScanners: what attackers look around with. Behind an access list there is nobody; without one they find a server that
// names no product, has no extension, no password to try, and relays nothing.
func TestScanners(t *testing.T) {
	t.Parallel()
	closed := start(t, func(o *settings) { o.Side = ", allow: " + o.ip(11) + ", strangers: ignore" })
	open := start(t)
	target := func(s *server) string { return s.ip(1) }
	t.Run("svmap", func(t *testing.T) {
		t.Parallel()
		if out := tool(t, "svmap", "-x", closed.ip(66), target(closed)); strings.Contains(out, target(closed)+":5060") {
			t.Errorf("a stranger finds the server:\n%s", out)
		}
		out := tool(t, "svmap", "-x", open.ip(66), target(open))
		if !strings.Contains(out, "5060") || strings.Contains(strings.ToLower(out), "bifrons") {
			t.Errorf("of the open server svmap sees\n%s", out)
		}
	})
	t.Run("connections", func(t *testing.T) {
		t.Parallel()
		for last, want := range map[int]bool{66: false, 11: true} {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(closed.ip(last))}}
			c, err := d.Dial("tcp", closed.core())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(c, "\r\n\r\n")
			if n, err := c.Read(make([]byte, 2)); (n == 2) != want {
				t.Errorf("%s: a ping has %d bytes of an answer, %v", d.LocalAddr, n, err)
			}
		}
	})
	t.Run("svwar", func(t *testing.T) {
		t.Parallel()
		for _, method := range []string{"REGISTER", "OPTIONS", "INVITE"} {
			out := tool(t, "svwar", "-m", method, "-e", "100-110", "-x", open.ip(66), target(open))
			for _, extension := range []string{"reqauth", "noauth"} {
				if strings.Contains(out, extension) {
					t.Errorf("by %s it finds extensions:\n%s", method, out)
				}
			}
		}
	})
	t.Run("svcrack", func(t *testing.T) {
		t.Parallel()
		if out := tool(t, "svcrack", "-u", "100", "-r", "1-20", "-x", open.ip(66), target(open)); strings.Contains(out, "password") && !strings.Contains(out, "no ") {
			t.Errorf("it finds a password:\n%s", out)
		}
	})
	t.Run("sipsak", func(t *testing.T) {
		t.Parallel()
		if out := tool(t, "sipsak", "-vv", "-s", "sip:bob@"+open.core()); !strings.Contains(out, "SIP/2.0 200") {
			t.Errorf("OPTIONS is answered with\n%s", out)
		}
		if out := tool(t, "sipsak", "-v", "-U", "-C", "sip:x@192.0.2.1", "-s", "sip:bob@"+open.core()); !strings.Contains(out, "405") {
			t.Errorf("REGISTER is answered with\n%s", out)
		}
		tool(t, "sipsak", "-R", "-t", "400", "-s", "sip:bob@"+open.core()) // 400 messages, broken at random
		caller, callee := open.phones()
		c := open.connect(caller, callee)
		c.hangUp(c.a, c.b)
	})
}
