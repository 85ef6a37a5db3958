package media

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// freeRange finds a range of n pairs of ports that nobody uses.
func freeRange(t *testing.T, n int) (lowest, highest uint16) {
	t.Helper()
	for range 100 {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		at := addrOf(c).Port() &^ 1
		_ = c.Close()
		if at < 1024 || int(at)+2*n > 65000 {
			continue
		}
		free := true
		for i := range 2 * n {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(at) + i})
			if free = free && err == nil; err == nil {
				_ = c.Close()
			}
		}
		if free {
			return at, at + uint16(2*n) - 1
		}
	}
	t.Fatal("no free range of ports")
	return 0, 0
}

func TestExhaustionAndReturn(t *testing.T) {
	lowest, highest := freeRange(t, 4)
	r := newRelay(t, func(c *Config) { c.Min, c.Max, c.Quarantine = lowest, highest, 30*time.Millisecond })
	seen := map[uint16]PortID{}
	for range 4 {
		p, err := r.Open(Place{Call: 1, Local: loopback})
		if err != nil {
			t.Fatal(err)
		}
		if n := p.Local.Port(); n%2 != 0 || n < lowest || n > highest || seen[n] != 0 {
			t.Fatalf("port %d", n)
		}
		seen[p.Local.Port()] = p.ID
	}
	if _, err := r.Open(Place{Call: 1, Local: loopback}); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("got %v", err)
	}
	if _, err := r.Open(Place{Call: 1, Local: loopback, Number: lowest}); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("got %v", err)
	}
	if p, err := r.Open(Place{Call: 1, Local: netip.MustParseAddr("127.0.0.2"), Number: lowest}); err != nil || p.Local.Port() != lowest {
		t.Fatalf("the pool is not one for each address: %v, %v", p, err)
	}
	r.Close(seen[lowest])
	if _, err := r.Open(Place{Call: 1, Local: loopback}); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("a port in quarantine was given out: %v", err)
	}
	for end := time.Now().Add(5 * time.Second); ; <-time.After(time.Millisecond) {
		p, err := r.Open(Place{Call: 1, Local: loopback, Number: lowest})
		if err == nil {
			if p.ID == seen[lowest] || r.Close(seen[lowest]) != (Stats{}) {
				t.Fatal("the old ID names the new port")
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal("the port never came back")
		}
	}
}

func TestForeignPortIsLeftAlone(t *testing.T) {
	lowest, highest := freeRange(t, 2)
	other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(lowest) + 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	r := newRelay(t, func(c *Config) { c.Min, c.Max = lowest, highest })
	if _, err := r.Open(Place{Call: 1, Local: loopback, Number: lowest}); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("got %v", err)
	}
	if p, err := r.Open(Place{Call: 1, Local: loopback}); err != nil || p.Local.Port() != lowest+2 {
		t.Fatalf("%v, %v", p, err)
	}
	// Two relays with the same range do not share a port, although both allow its reuse.
	r2 := newRelay(t, func(c *Config) { c.Min, c.Max = lowest, highest })
	if p, err := r2.Open(Place{Call: 1, Local: loopback, Number: 0}); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("%v, %v", p, err)
	}
	for _, want := range []uint16{lowest + 1, lowest - 2, highest + 1} {
		if _, err := r.Open(Place{Call: 1, Local: loopback, Number: want}); !errors.Is(err, ErrNoPorts) {
			t.Fatalf("port %d: %v", want, err)
		}
	}
}

// TestQuarantineDrains: what comes for a call that is over is heard by nobody.
func TestQuarantineDrains(t *testing.T) {
	r := newRelay(t, func(c *Config) { c.Quarantine = time.Hour })
	a, b := pair(t, r, Join{})
	a.say("x")
	if b.hear() == nil {
		t.Fatal("b heard nothing")
	}
	if s := r.Close(a.to.ID); s.Received.Packets != 1 || s.Latched != addrOf(a.rtp) {
		t.Fatalf("final statistics %+v", s)
	}
	a.say("ghost")
	b.say("y")
	eventually(t, r, b.to.ID, "b is heard", func(s Stats) bool { return s.Received.Packets == 1 })
	if got := a.read(a.rtp, 20*time.Millisecond); got != nil {
		t.Fatalf("a heard %q", got)
	}
	if s := r.Stats(b.to.ID); s.Sent.Packets != 1 {
		t.Fatalf("sent to b: %+v", s)
	}
	if _, err := r.Open(Place{Call: 1, Local: loopback, Number: a.to.Local.Port()}); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("got %v", err)
	}
	if s := r.Stats(a.to.ID); s != (Stats{}) {
		t.Fatalf("statistics after the end %+v", s)
	}
	r.Do(a.remote()) // nothing to do it to
}

func TestShutdown(t *testing.T) {
	r := newRelay(t, func(c *Config) { c.Threads = 3 })
	p, err := r.Open(Place{Call: 1, Local: loopback})
	if err != nil {
		t.Fatal(err)
	}
	r.Shutdown()
	r.Shutdown()
	if _, err := r.Open(Place{Call: 1, Local: loopback}); !errors.Is(err, ErrShutdown) {
		t.Fatalf("got %v", err)
	}
	r.Do(Remote{Port: p.ID})
	if s := r.Close(p.ID); s != (Stats{}) {
		t.Fatalf("%+v", s)
	}
	for _, port := range []uint16{p.Local.Port(), p.Local.Port() + 1} {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, port)))
		if err != nil {
			t.Fatalf("socket still open: %v", err)
		}
		_ = c.Close()
	}
}

func TestConfigValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"low":        func(c *Config) { c.Min = 80 },
		"empty":      func(c *Config) { c.Min, c.Max = 20001, 20002 },
		"reversed":   func(c *Config) { c.Min, c.Max = 30000, 20000 },
		"no threads": func(c *Config) { c.Threads = 0 },
		"nice":       func(c *Config) { c.Nice = -21 },
		"quarantine": func(c *Config) { c.Quarantine = -1 },
		"silence":    func(c *Config) { c.Silence = time.Millisecond },
	} {
		c := DefaultConfig()
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := New(c, nil); err == nil {
			t.Errorf("%s: started", name)
		}
	}
	for _, c := range []Config{DefaultConfig(), {Min: 65534, Max: 65535, Threads: 1}} {
		if err := c.Validate(); err != nil || c.pairs() < 1 {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	r := newRelay(t, func(c *Config) { c.Metrics = NewMetrics(reg) })
	a, b := pair(t, r, Join{})
	a.say("12345678")
	if b.hear() == nil {
		t.Fatal("b heard nothing")
	}
	a.write(a.rtp, a.to.Local, []byte("not RTP"))
	eventually(t, r, a.to.ID, "malformed", func(s Stats) bool { return s.Dropped.Malformed == 1 })
	r.flush()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	want := map[string]float64{"bifrons_media_packets_total": 2, "bifrons_media_bytes_total": 40, "bifrons_media_dropped_total": 1,
		"bifrons_media_latches_total": 1, "bifrons_media_leaks_total": 0, "bifrons_media_ports": 2,
		"bifrons_media_played_packets_total": 0, "bifrons_media_played_late_total": 0}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

// TestIdlePortIsSmall keeps the heap of a port that has seen no packet below 300 bytes.
func TestIdlePortIsSmall(t *testing.T) {
	r := newRelay(t, nil)
	const n = 2000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one freed is swept
	runtime.ReadMemStats(&before)
	for range n {
		p, err := r.Open(Place{Call: 1, Local: loopback})
		if err != nil {
			t.Fatal(err)
		}
		r.Do(Remote{Port: p.ID, RTP: p.Local, RTCP: p.Local, Send: true, Receive: true})
	}
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if per := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n; per > 300 {
		t.Fatalf("%d bytes per idle port", per)
	}
}

// TestMost: no more ports than may be, those that were closed lately counted, whatever the range has; and again when they are gone.
func TestMost(t *testing.T) {
	t.Parallel()
	r := newRelay(t, func(c *Config) { c.Most = 3 })
	var ports []Port
	for range 3 {
		p, err := r.Open(Place{Call: 1, Local: loopback})
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, p)
	}
	if _, err := r.Open(Place{Call: 1, Local: loopback}); !errors.Is(err, ErrNoPorts) || !strings.Contains(err.Error(), "3 media ports are all") {
		t.Errorf("a fourth port: %v", err)
	}
	r.Close(ports[0].ID)
	for end := time.Now().Add(20 * time.Second); ; <-time.After(5 * time.Millisecond) {
		_, err := r.Open(Place{Call: 1, Local: loopback})
		if err == nil {
			break
		}
		if !errors.Is(err, ErrNoPorts) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if _, err := r.Open(Place{Call: 1, Local: loopback}); !errors.Is(err, ErrNoPorts) {
		t.Errorf("a fourth port again: %v", err)
	}
}
