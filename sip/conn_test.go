package sip

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// TestCloseWhileWriting: what the writer holds when the reader finds the end of the connection is told as undelivered, too.
func TestCloseWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		var mu sync.Mutex
		var told []string
		s := &Streams{cfg: DefaultStreamConfig(), live: map[*conn]struct{}{}, conns: map[link]*conn{}, per: map[netip.Addr]int{}}
		s.ctx, s.cancel = context.WithCancel(t.Context())
		defer s.cancel()
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
