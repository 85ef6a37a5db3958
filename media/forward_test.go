package media

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sideDoor is a Forwarder of the tests: it takes packets before they reach the relay's socket by a socket of its own that
// is connected to the same party, as the kernel prefers the newest of several that fit.
type sideDoor struct {
	t     *testing.T
	done  sync.WaitGroup
	alive atomic.Int32
	took  atomic.Int64
}

// doorStream is one stream in its hands.
type doorStream struct {
	door *sideDoor
	path Path
	mu   sync.Mutex // guards what follows
	in   int32
	out  int32
	c    Counters
	over bool
	buf  [maxPacket]byte
}

func (f *sideDoor) Forward(p Path) (Forwarded, bool) {
	s := &doorStream{door: f, path: p, c: Counters{}}
	var err error
	if s.in, err = bindPeer(p.In, p.From, 0); err != nil {
		f.t.Errorf("second socket: %v", err)
		return nil, false
	}
	if s.out, err = bindPeer(p.Out, netip.AddrPortFrom(loopback, 9), p.DSCP); err != nil { // never gets the party's packets
		f.t.Errorf("sending socket: %v", err)
		_ = unix.Close(int(s.in))
		return nil, false
	}
	f.alive.Add(1)
	f.done.Go(s.run)
	return s, true
}

// run forwards until the stream is given back.
func (s *doorStream) run() {
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for range tick.C {
		s.mu.Lock()
		over := s.over
		if !over {
			s.drain()
		}
		s.mu.Unlock()
		if over {
			return
		}
	}
}

// drain forwards what has come.
func (s *doorStream) drain() {
	for {
		n := recv(s.in, s.buf[:])
		if n < 0 {
			return
		}
		b := s.buf[:n]
		h, ok := parseRTP(b)
		if !ok || h.ssrc != s.path.SSRC || !s.path.Has(h.pt) || h.size != rtpFixed {
			s.door.t.Errorf("a packet that is not the path's: %x", b)
			continue
		}
		first := s.c.Packets == 0
		s.c.Packets++
		s.c.Bytes += uint64(n)
		s.c.Octets += uint64(h.payload)
		if first || int16(h.seq-s.c.Seq) > 0 {
			s.c.Seq, s.c.Time = h.seq, h.time
		}
		b = rewriteRTP(b, h, s.path.Strip, h.seq+s.path.Seq, h.time+s.path.Time, s.path.OutSSRC)
		var to sockaddr
		to.set(s.path.To)
		if !sendTo(s.out, b, &to) {
			s.door.t.Error("not sent")
		}
		s.door.took.Add(1)
	}
}

func (s *doorStream) Counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c
}

// Stop turns the socket away first, so that nothing more comes by it, then forwards what it has.
func (s *doorStream) Stop() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return s.c
	}
	if err := connect(s.in, netip.AddrPortFrom(loopback, 9)); err != nil {
		s.door.t.Errorf("turn away: %v", err)
	}
	s.drain()
	_, _ = unix.Close(int(s.in)), unix.Close(int(s.out))
	s.over = true
	s.door.alive.Add(-1)
	return s.c
}

// numbers reads packets until one with the last payload and wants them without gap, double or other order.
func numbers(t *testing.T, p *phone, n int) <-chan string {
	t.Helper()
	out := make(chan string, 1)
	buf := make([]byte, 2048)
	_ = p.rtp.SetReadDeadline(time.Now().Add(30 * time.Second))
	go func() {
		var want uint16
		var ssrc, count uint32
		for i := range n {
			k, _, err := p.rtp.ReadFromUDPAddrPort(buf)
			if err != nil {
				out <- err.Error()
				return
			}
			h, ok := parseRTP(buf[:k])
			got := binary.BigEndian.Uint32(buf[h.size:])
			if i == 0 {
				want, ssrc = h.seq, h.ssrc
			}
			if !ok || h.seq != want || h.ssrc != ssrc || got != count {
				out <- "packet out of turn"
				t.Errorf("packet %d: number %d, want %d; payload %d; SSRC %x, want %x", i, h.seq, want, got, h.ssrc, ssrc)
				return
			}
			want++
			count++
		}
		out <- ""
	}()
	return out
}

// TestHandOverLosesNothing: both streams of a call are handed to another forwarder and taken back, twice, while packets
// flow; each party hears every packet once and in order, and the counters are right.
func TestHandOverLosesNothing(t *testing.T) {
	door := &sideDoor{t: t}
	r := newRelay(t, func(c *Config) { c.Forwarder = door })
	a, b := pair(t, r, Join{})
	talk(t, a, b)
	talk(t, a, b) // when the second packets are heard, the latch is complete
	const n, talked = 4000, 2
	atA, atB := numbers(t, a, n), numbers(t, b, n)
	say := func(p *phone, i int) {
		p.write(p.rtp, p.to.Local, p.packet(string(binary.BigEndian.AppendUint32(nil, uint32(i)))))
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	taken := 0
	for i := range n {
		say(a, i)
		say(b, i)
		<-tick.C
		if i%2000 == 1999 && door.alive.Load() == 2 {
			taken++
			s := r.Stats(a.to.ID)
			if !s.Forwarded {
				t.Error("the statistics do not tell that the stream is forwarded")
			}
			r.Do(a.remote()) // a re-INVITE: both streams come back
			if got := door.alive.Load(); got != 0 {
				t.Errorf("%d streams stay with the forwarder", got)
			}
		}
	}
	for who, at := range map[string]<-chan string{"a": atA, "b": atB} {
		if why := <-at; why != "" {
			t.Errorf("%s: %s", who, why)
		}
	}
	if taken < 2 || door.took.Load() < n/2 {
		t.Fatalf("taken back %d times with %d packets: the test shows nothing", taken, door.took.Load())
	}
	for who, p := range map[string]*phone{"a": a, "b": b} {
		s := eventually(t, r, p.to.ID, "all counted", func(s Stats) bool { return s.Received.Packets == n+talked && s.Sent.Packets == n+talked })
		if s.Lost != 0 || s.Strays != 0 || s.Received.Bytes != 16*n+13*talked || s.Sent.Bytes != 16*n+13*talked {
			t.Errorf("%s: %+v", who, s)
		}
	}
	for range 60 { // whatever has begun again ends with the port
		say(a, 0)
	}
	if s := r.Close(a.to.ID); s.Received.Packets < n {
		t.Errorf("final statistics %+v", s)
	}
	r.Close(b.to.ID)
	if got := door.alive.Load(); got != 0 {
		t.Errorf("%d streams outlive their ports", got)
	}
	r.Shutdown()
	door.done.Wait()
}
