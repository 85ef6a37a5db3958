package media

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// spares waits until so many pairs are spare, or more.
func spares(t *testing.T, r *Relay, want int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; <-time.After(5 * time.Millisecond) {
		n := 0
		r.mu.Lock()
		for _, th := range r.threads {
			n += len(th.spares[loopback])
		}
		r.mu.Unlock()
		if n >= want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d pairs are spare, want %d", n, want)
		}
	}
}

// few is a relay of so many pairs of ports, with a short quarantine.
func few(t *testing.T, pairs, threads int) *Relay {
	lowest, highest := freeRange(t, pairs)
	return newRelay(t, func(c *Config) {
		c.Quarantine, c.Threads, c.Min, c.Max = 20*time.Millisecond, threads, lowest, highest
	})
}

// TestSparesAreMany: while few are spare there are new ports; of many the next one is taken at random, for who was in a call shall
// not know whose port his is now.
func TestSparesAreMany(t *testing.T) {
	t.Parallel()
	for _, n := range []int{minSpares - 1, minSpares + 100} {
		r := newRelay(t, func(c *Config) { c.Quarantine = 20 * time.Millisecond })
		was := map[netip.AddrPort]int{}
		var ports []Port
		for i := range n {
			p, err := r.Open(Place{Call: 1, Local: loopback})
			if err != nil {
				t.Fatal(err)
			}
			was[p.Local] = i
			ports = append(ports, p)
		}
		for _, p := range ports {
			r.Close(p.ID)
		}
		spares(t, r, n-5) // a stray of another test may hit one
		taken := 0
		var order []int
		for range 100 {
			p, err := r.Open(Place{Call: 1, Local: loopback})
			if err != nil {
				t.Fatal(err)
			}
			if i, ok := was[p.Local]; ok {
				taken++
				order = append(order, i)
			}
		}
		if n < minSpares && taken > 5 || n > minSpares && taken < 100 {
			t.Errorf("%d of 100 ports are among the %d before", taken, n)
		}
		if n > minSpares && slices.IsSorted(order) {
			t.Errorf("they are taken in order: %v", order)
		}
	}
}

// TestSpareIsTaken: after their quarantine sockets serve the next call, in both directions and with its own mark, whichever
// thread they were watched by; nothing of the call before is left in them.
func TestSpareIsTaken(t *testing.T) {
	t.Parallel()
	for _, threads := range []int{1, 2} {
		r := few(t, 2, threads)
		a, b := pair(t, r, Join{})
		for _, p := range []*phone{a, b} {
			p.say("of the first call")
		}
		if a.hear() == nil || b.hear() == nil {
			t.Fatal("the first call is silent")
		}
		was := map[Port]bool{}
		for _, p := range []*phone{a, b} {
			r.Close(p.to.ID)
			was[Port{Local: p.to.Local}] = true
		}
		spares(t, r, 2)
		call := uint64(7 + threads - 1) // of the other thread, if there is one
		c, d := newPhone(t, 0xc1c2c3c4), newPhone(t, 0xd1d2d3d4)
		for _, p := range []*phone{c, d} {
			var err error
			if p.to, err = r.Open(Place{Call: call, Local: loopback, DSCP: 46}); err != nil || !was[Port{Local: p.to.Local}] {
				t.Fatalf("%v, %v: a new port, though others are spare", p.to, err)
			}
			r.Do(p.remote())
			r.mu.Lock()
			fds := r.lookup(p.to.ID).fd
			r.mu.Unlock()
			for _, fd := range fds[:sockPeer] {
				if tos, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS); err != nil || tos != 46<<2 {
					t.Errorf("marked %#x, %v", tos, err)
				}
			}
		}
		r.Do(Join{A: c.to.ID, B: d.to.ID})
		for range 3 {
			c.say("from c")
			d.say("from d")
			if got := d.hear(); got == nil || string(got[12:]) != "from c" {
				t.Fatalf("d heard %q", got)
			}
			if got := c.hear(); got == nil || string(got[12:]) != "from d" {
				t.Fatalf("c heard %q", got)
			}
		}
		if s := r.Stats(c.to.ID); s.Received.Packets != 3 || s.Latched != addrOf(c.rtp) || s.Strays != 0 {
			t.Errorf("%+v", s)
		}
		r.mu.Lock()
		if len(r.left) != 0 {
			t.Errorf("%d closed ports are remembered", len(r.left))
		}
		r.mu.Unlock()
	}
}

// TestSpareByNumber: who must have a number gets it from a spare, too.
func TestSpareByNumber(t *testing.T) {
	t.Parallel()
	r := few(t, 3, 1)
	var ports []Port
	for range 3 {
		p, err := r.Open(Place{Call: 1, Local: loopback})
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, p)
	}
	for _, p := range ports {
		r.Close(p.ID)
	}
	spares(t, r, 3)
	for _, i := range []int{2, 0, 1} {
		want := ports[i].Local
		if p, err := r.Open(Place{Call: 1, Local: loopback, Number: want.Port()}); err != nil || p.Local != want {
			t.Errorf("%v, %v, want %s", p, err, want)
		}
	}
}

// TestSpareWears: a pair that nobody takes is closed and its number free again; one that somebody still sends to is given to nobody.
func TestSpareWears(t *testing.T) {
	t.Parallel()
	r := few(t, 2, 1)
	a, b := pair(t, r, Join{})
	r.Close(a.to.ID)
	r.Close(b.to.ID)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				_, _ = a.rtp.WriteToUDPAddrPort(a.packet("I have not heard the BYE"), a.to.Local)
			}
		}
	}()
	told := false
	for end := time.Now().Add(20 * time.Second); ; <-time.After(5 * time.Millisecond) {
		r.mu.Lock()
		free := len(r.left) == 0
		if now := r.now(); !free && r.left[a.to.ID] != nil && now-r.left[a.to.ID].heard < int64(quietFor)-int64(10*time.Millisecond) {
			told = true
			if r.threads[0].spare(loopback, a.to.Local.Port(), 0, 1, now) != nil {
				t.Error("a port that is still sent to is given to the next call")
			}
		}
		r.mu.Unlock()
		if free {
			break
		}
		if time.Now().After(end) {
			t.Fatal("spares are kept for ever")
		}
	}
	close(stop)
	<-stopped
	if !told {
		t.Log("the party was not heard in time: busy machine")
	}
	for _, p := range []*phone{a, b} {
		if got, err := r.Open(Place{Call: 1, Local: loopback, Number: p.to.Local.Port()}); err != nil || got.Local != p.to.Local {
			t.Errorf("%v, %v", got, err)
		}
	}
}
