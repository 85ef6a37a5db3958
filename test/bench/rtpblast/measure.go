package main

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// hist counts latencies in steps of 10 µs up to 1 s. It belongs to the receiver; reset asks it to start again.
type hist struct {
	n     [100001]uint64
	count uint64
	max   int64
	reset atomic.Bool
}

func (h *hist) add(ns int64) {
	if h.reset.CompareAndSwap(true, false) {
		h.n, h.count, h.max = [100001]uint64{}, 0, 0
	}
	h.n[min(max(ns/10000, 0), 100000)]++
	h.count++
	h.max = max(h.max, ns)
}

// quantile is in ms.
func (h *hist) quantile(p float64) float64 {
	want, c := uint64(p*float64(h.count)), uint64(0)
	for i, v := range h.n {
		if c += v; c > want {
			return float64(i) / 100
		}
	}
	return float64(h.max) / 1e6
}

func now() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

func seconds(t unix.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// processCPU reads user and system time of processes, all their threads, in s.
func processCPU(pids string) (user, system float64) {
	for p := range strings.SplitSeq(pids, ",") {
		b, err := os.ReadFile("/proc/" + p + "/stat")
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
		u, _ := strconv.ParseFloat(f[11], 64)
		s, _ := strconv.ParseFloat(f[12], 64)
		user, system = user+u/100, system+s/100
	}
	return user, system
}
