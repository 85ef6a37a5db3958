package sip

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// unbound makes Streams without a listener.
func unbound(t *testing.T, set func(*StreamConfig)) *Streams {
	s := &Streams{cfg: DefaultStreamConfig(), live: map[*conn]struct{}{}, conns: map[link]*conn{}, per: map[netip.Addr]int{}}
	if set != nil {
		set(&s.cfg)
	}
	s.ctx, s.cancel = context.WithCancel(t.Context())
	t.Cleanup(s.cancel)
	return s
}

// TestCloseWhileWriting: what the writer holds when the reader finds the end of the connection is told as undelivered, too.
func TestCloseWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		var mu sync.Mutex
		var told []string
		s := unbound(t, nil)
		s.OnRefused(func(_ netip.AddrPort, sent []byte) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, string(sent))
		})
		c := &conn{s: s, nc: near, up: true}
		if err := c.queue([]byte("one")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the writer has it, and the peer does not read
		if err := c.queue([]byte("two")); err != nil {
			t.Fatal(err)
		}
		c.close()
		s.threads.Wait()
		slices.Sort(told)
		if want := []string{"one", "two"}; !slices.Equal(told, want) {
			t.Errorf("told of %q, want %q", told, want)
		}
		if got := s.SendErrors.Load(); got != 2 {
			t.Errorf("%d messages counted as not sent, want 2", got)
		}
	})
}

// TestWaiting: what is being written waits, too; when the peers together leave too much waiting, each may have a little.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := unbound(t, func(c *StreamConfig) { c.Queue, c.Queues = 1600, 3000 })
		open := func() (*conn, net.Conn) {
			near, far := net.Pipe()
			return &conn{s: s, nc: near, up: true}, far
		}
		a, reader := open()
		b, _ := open()
		c, _ := open()
		for _, step := range []struct {
			to   *conn
			size int
			want error
		}{
			{a, 1600, nil}, {a, 1, ErrFull}, // the writer has the first, and the peer does not read
			{b, 1600, nil}, {b, 1, ErrFull},
			{c, 100, nil}, {c, 1, ErrFull}, // 3200 wait
		} {
			if err := step.to.queue(make([]byte, step.size)); !errors.Is(err, step.want) {
				t.Errorf("%d bytes: %v, want %v", step.size, err, step.want)
			}
			synctest.Wait()
		}
		go func() { _, _ = io.Copy(io.Discard, reader) }() // ends with a.close
		synctest.Wait()
		if err := c.queue(make([]byte, 1000)); err != nil || s.waiting.Load() != 2700 {
			t.Errorf("when one peer has read: %v, %d bytes wait", err, s.waiting.Load())
		}
		for _, c := range []*conn{a, b, c} {
			c.close()
		}
		s.threads.Wait()
		if n := s.waiting.Load(); n != 0 {
			t.Errorf("%d bytes wait for nobody", n)
		}
	})
}

// TestMute: a peer that reads nothing loses its connection though the system has taken all there is to send, and at once with what it has.
func TestMute(t *testing.T) {
	in := newInbox()
	s := streams(t, "127.0.0.1:0", func(c *StreamConfig) { c.Unacked = 300 * time.Millisecond }, in.handle)
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	c, err := d.Dial("tcp", s.Local.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte(onStream(1, ""))); err != nil {
		t.Fatal(err)
	}
	in.wait(t)
	if err := s.Send(make([]byte, 100<<10), in.from[0]); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); s.Conns() > 0 && time.Now().Before(end); {
		<-tick.C
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, c); s.Conns() > 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d connections, and the peer reads to %v", s.Conns(), err)
	}
}
