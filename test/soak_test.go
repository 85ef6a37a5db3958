package test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// soakCalls is how many calls TestSoak makes: a few with all other tests, SOAK_CALLS of them by `make soak`.
func soakCalls(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("SOAK_CALLS"))
	if err != nil {
		return 300
	}
	return n
}

// TestSoak makes and ends many calls with speech. Afterwards no call, port, socket or goroutine is left; and after the long
// run, which waits for the last transactions and for the garbage, the memory in use is what it was after the first of them.
func TestSoak(t *testing.T) {
	t.Parallel()
	need(t, "sipp")
	n, rate := soakCalls(t), 50
	long := n > 10000
	if long {
		rate = 250
	}
	s := start(t, func(set *settings) {
		set.Ports, set.build = "20000-29999", product
	})
	warm := max(n/10, 100)
	s.load(t, warm, rate)
	s.settled(long)
	before := s.metric("go_memstats_heap_alloc_bytes")
	s.load(t, n-warm, rate)
	s.settled(long)
	if after := s.metric("go_memstats_heap_alloc_bytes"); long && after > before+512<<10 {
		t.Errorf("%.0f bytes of heap after %d calls, %.0f after %d", after, n, before, warm)
	}
	t.Logf("%d calls; %.0f bytes of heap after the first %d, %.0f at the end", n, before, warm, s.metric("go_memstats_heap_alloc_bytes"))
	if left := s.metric("bifrons_media_ports"); left != 0 {
		t.Errorf("%.0f ports are left", left)
	}
	ends := 0
	f, err := os.Open(filepath.Join(s.dir, "cdr.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		if !bytes.Contains(in.Bytes(), []byte(`"record":"start"`)) {
			ends++
		}
	}
	if ends != n {
		t.Errorf("%d records of %d calls", ends, n)
	}
}

// load makes n calls with SIPp, and speech for them: packets to ports at random, of which the first one of each call latches.
func (s *server) load(t *testing.T, n, rate int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n/rate+120)*time.Second)
	defer cancel()
	dir := t.TempDir()
	run := func(scenario, addr string, args ...string) *exec.Cmd {
		ip, port, _ := net.SplitHostPort(addr)
		text, err := filepath.Abs(filepath.Join("sipp", scenario))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(ctx, "sipp", append([]string{"-sf", text, "-i", ip, "-p", port, "-mi", ip, "-m", fmt.Sprint(n), "-nostdin",
			"-buff_size", "4194304", "-trace_err", "-error_file", scenario + ".errors"}, args...)...)
		cmd.Dir = dir
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	callee := run("callee.xml", s.callee())
	eventually(t, patience, "the callee listens", func() bool { return bound(t, s.callee()) })
	caller := run("caller.xml", s.caller(), "-r", fmt.Sprint(rate), "-l", "2000", s.core())
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // ends with the calls
		defer close(stopped)
		s.speakAtRandom(t, stop)
	}()
	for scenario, cmd := range map[string]*exec.Cmd{"caller.xml": caller, "callee.xml": callee} {
		if err := cmd.Wait(); err != nil {
			why, _ := os.ReadFile(filepath.Join(dir, scenario+".errors"))
			t.Errorf("%s: %v\n%s", scenario, err, tail(string(why), 40))
		}
	}
	close(stop)
	<-stopped
}

func (s *server) speakAtRandom(t *testing.T, stop <-chan struct{}) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(s.ip(77))})
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-tick.C:
			for range 20 {
				to := &net.UDPAddr{IP: net.ParseIP(s.ip(1 + i%2)), Port: 20000 + 2*rand.IntN(5000)}
				conn.WriteToUDP(packet(i, "soak"), to)
			}
		}
	}
}

// settled waits until nothing of the calls is in use; exact waits for a garbage collection as well.
func (s *server) settled(exact bool) {
	s.t.Helper()
	eventually(s.t, 60*time.Second, "no call, socket or goroutine of a call is left", func() bool {
		c := s.counts()
		return s.calls() == 0 && s.metric("bifrons_media_ports") == 0 && c.files <= s.base.files+2 && c.goroutines <= s.base.goroutines+2
	})
	if !exact {
		return
	}
	<-time.After(40 * time.Second) // the last transactions of ended calls: 64 times T1
	// An idle program collects its garbage every two minutes.
	from := s.metric("go_gc_duration_seconds_count")
	eventually(s.t, 5*time.Minute, "a garbage collection", func() bool { return s.metric("go_gc_duration_seconds_count") >= from+2 })
}
