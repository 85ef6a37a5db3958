package sip

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// listen opens a listener on a free port of an address; the test fails if it leaves a goroutine.
func listen(t *testing.T, addr string) *Listener {
	t.Helper()
	l, err := ListenUDP(netip.MustParseAddrPort(addr))
	if err != nil {
		if strings.HasPrefix(addr, "[") {
			t.Skipf("no IPv6 here: %v", err)
		}
		t.Fatal(err)
	}
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		l.Close()
		goleak.VerifyNone(t, ignore)
	})
	return l
}

// dial opens a socket that hears the listener's address alone.
func dial(t *testing.T, l *Listener) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.Local))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func write(t *testing.T, c *net.UDPConn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestListenerAnswersFromItsOwnAddress(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "127.0.0.2:0", "[::ffff:127.0.0.3]:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			l := listen(t, addr)
			l.Serve(func(r *Reader, m *Message, err error) { _ = l.Send(m.raw, m.Source) })
			c := dial(t, l)
			buf := make([]byte, MaxDatagram)
			for _, text := range []string{"ping", strings.Repeat("x", 65507)} {
				write(t, c, text)
				if n, err := c.Read(buf); err != nil || string(buf[:n]) != text {
					t.Errorf("%d bytes for %d, %v", n, len(text), err)
				}
			}
			l.Close() // the last answer may come before it is counted
			if l.Received.Load() != 2 || l.Sent.Load() != 2 {
				t.Errorf("%d received, %d sent", l.Received.Load(), l.Sent.Load())
			}
		})
	}
	if _, err := ListenUDP(netip.MustParseAddrPort("0.0.0.0:0")); err == nil {
		t.Error("an unspecified address was accepted")
	}
	l := listen(t, "127.0.0.1:0")
	if again, err := ListenUDP(l.Local); err == nil {
		again.Close()
		t.Error("an address was given twice")
	}
}

func TestParsedMessageAndSource(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			l := listen(t, addr)
			type got struct {
				source netip.AddrPort
				callID string
				err    error
			}
			results := make(chan got, 2)
			l.Serve(func(_ *Reader, m *Message, err error) { results <- got{m.Source, m.Header("Call-ID"), err} })
			c := dial(t, l)
			write(t, c, "\r\n\r\n")
			write(t, c, "\x00")
			write(t, c, invite)
			write(t, c, "garbage")
			first, second := <-results, <-results
			if first.err != nil || first.callID != "id1" || first.source != c.LocalAddr().(*net.UDPAddr).AddrPort() {
				t.Errorf("got %+v", first)
			}
			if second.err == nil || l.KeepAlives.Load() != 2 {
				t.Errorf("got %+v and %d keep-alives", second, l.KeepAlives.Load())
			}
		})
	}
}

func TestSendErrorsAreCounted(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	here := l.Local
	for _, c := range []struct {
		name string
		data []byte
		to   netip.AddrPort
		want error
		n    uint64
	}{
		{"family", []byte("x"), netip.MustParseAddrPort("[2001:db8::1]:5060"), ErrFamily, 1},
		{"nothing", nil, here, ErrEmpty, 1},
		{"too large", make([]byte, MaxDatagram), here, nil, 2},
		{"port 0", []byte("x"), netip.AddrPortFrom(here.Addr(), 0), nil, 3},
		{"no address", []byte("x"), netip.AddrPort{}, ErrFamily, 4},
	} {
		err := l.Send(c.data, c.to)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || l.SendErrors.Load() != c.n {
			t.Errorf("%s: %v, %d counted", c.name, err, l.SendErrors.Load())
		}
	}
	if err := l.Send([]byte("x"), netip.AddrPortFrom(netip.MustParseAddr("::ffff:127.0.0.1"), here.Port())); err != nil {
		t.Errorf("mapped: %v", err)
	}
	l.Close()
	if err := l.Send([]byte("x"), here); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCloseWithAndWithoutTraffic(t *testing.T) {
	listen(t, "127.0.0.1:0").Close() // never served
	idle := listen(t, "127.0.0.1:0")
	idle.Serve(func(*Reader, *Message, error) { t.Error("a message from nowhere") })
	idle.Close()
	idle.Close()

	for range 20 {
		l := listen(t, "127.0.0.1:0")
		busy := make(chan struct{})
		var once sync.Once
		l.Serve(func(r *Reader, m *Message, err error) {
			once.Do(func() { close(busy) })
			_ = l.Send(m.raw, m.Source)
		})
		var senders sync.WaitGroup
		for range 3 {
			senders.Go(func() {
				for !errors.Is(l.Send([]byte("x"), l.Local), net.ErrClosed) {
				}
			})
		}
		<-busy
		l.Close()
		senders.Wait()
		if again, err := ListenUDP(l.Local); err != nil {
			t.Errorf("the address is not free: %v", err)
		} else {
			again.Close()
		}
	}
}

func TestReplaceAHungReader(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	hung, release, seen := make(chan *Reader), make(chan struct{}), make(chan *Reader)
	l.Serve(func(r *Reader, m *Message, err error) {
		if string(m.raw) == "hang" {
			hung <- r
			<-release
			return
		}
		seen <- r
	})
	c := dial(t, l)
	write(t, c, "hang")
	first := <-hung
	write(t, c, "next")
	first.Replace()
	first.Replace() // once is enough
	second := <-seen
	if second == first {
		t.Error("the retired reader goes on")
	}
	write(t, c, "hang")
	if third := <-hung; third != second {
		t.Error("two readers at once")
	}
	close(release)

	write(t, c, "next")
	if r := <-seen; r != second {
		t.Error("the retired reader goes on")
	}
	l.Close()
	second.Replace() // does nothing: it is not in its handler
}

func TestCloseDoesNotWaitForARetiredReader(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	hung, release := make(chan *Reader), make(chan struct{})
	l.Serve(func(r *Reader, m *Message, err error) {
		hung <- r
		<-release
	})
	write(t, dial(t, l), "hang")
	r := <-hung
	closed := make(chan struct{})
	go func() {
		l.Close()
		close(closed)
	}()
	r.Replace() // before, while or after Close began to wait
	<-closed
	close(release)
}

// A full socket buffer costs datagrams, not time: nobody blocks, and what fits is handled.
func TestFullReceiveBuffer(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	entered, release := make(chan struct{}, 1), make(chan struct{})
	l.Serve(func(*Reader, *Message, error) {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-release
	})
	block := make([]byte, 32<<10)
	const n = 600 // 19 MB
	for range n {
		if err := l.Send(block, l.Local); err != nil {
			t.Fatal(err)
		}
	}
	<-entered
	close(release)
	l.Close()
	if got := l.Received.Load(); got == 0 || got >= n {
		t.Errorf("%d of %d received", got, n)
	}
}
