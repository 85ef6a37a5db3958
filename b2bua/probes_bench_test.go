package b2bua

import (
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/bifrons/bifrons/sip"
)

// TestProbesAreSpread: a hundred thousand legs that are answered in the same moment (or taken over) are probed evenly.
func TestProbesAreSpread(t *testing.T) {
	clock := &hours{now: time.Second}
	r := Liveness{Every: 30 * time.Second, Timeout: 2 * time.Second, Strikes: 3}
	c, l := watched(t, &nowhere{}, clock, r)
	const legs, periods = 100_000, 4
	ticks := make([]int, (periods+2)*int(r.Every/wheelTick))
	for range legs {
		clock.now = time.Second
		l.Life = &Life{}
		c.beginWatch(l, l.Life, &r)
		for range periods {
			clock.now = l.Life.Probe
			ticks[(clock.now-time.Second)/wheelTick]++
			c.proved(l)
		}
	}
	mean := legs * int(wheelTick) / int(r.Every)
	period := len(ticks) / (periods + 2)
	for i, n := range ticks[:periods*period] {
		switch {
		case i < period/2 && n > 0:
			t.Fatalf("%d probes %v after the answer: short calls pay", n, time.Duration(i)*wheelTick)
		case i < period && n > 3*mean: // the first ones share half a period
			t.Fatalf("%d probes in tick %d, %d in the mean", n, i, 2*mean)
		case i >= period && n > 2*mean:
			t.Fatalf("%d probes in tick %d, %d in the mean", n, i, mean)
		}
	}
}

// BenchmarkProbesOfManyLegs keeps 100 000 legs confirmed for a minute, each probed every 30 s over a real socket and answered from
// another, with the wheel, the reader, the parser and the collector of the product. It reports the share of one core, kernel
// included, that they take in the second half minute; what the thread that answers takes is not counted.
func BenchmarkProbesOfManyLegs(b *testing.B) {
	const legs, every = 100_000, 30 * time.Second
	listener, err := sip.ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		b.Fatal(err)
	}
	phone, err := sip.ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		b.Fatal(err)
	}
	defer phone.Close()
	stats := make(chan func() time.Duration, 1)
	phone.Serve(answering(phone, stats))
	s, local := legsOf(b, legs, listener, phone.Local, Liveness{Every: every, Timeout: 2 * time.Second, Strikes: 3})
	listener.Serve(s.Handler(local))
	s.Start()
	defer s.Close()
	defer listener.Close()
	for b.Loop() {
		<-time.After(every)
		answerer := <-stats
		process, phones, sent := cpu(unix.RUSAGE_SELF), answerer(), listener.Sent.Load()
		<-time.After(every)
		spent := cpu(unix.RUSAGE_SELF) - process - (answerer() - phones)
		b.ReportMetric(100*float64(spent)/float64(every), "%core")
		b.ReportMetric(float64(listener.Sent.Load()-sent)/every.Seconds(), "probes/s")
		b.ReportMetric(float64(spent)/float64(listener.Sent.Load()-sent), "ns/probe")
	}
	b.ReportMetric(float64(unsafe.Sizeof(Life{})+unsafe.Sizeof((*Call)(nil))), "timerB/leg")
	b.ReportMetric(0, "ns/op")
	if n := s.Active(); n != legs {
		b.Errorf("%d legs are left", n)
	}
}

// answering is a phone's handler: 200 to every probe. Its thread's time is told once.
func answering(l *sip.Listener, stats chan<- func() time.Duration) sip.Handler {
	return func(r *sip.Reader, m *sip.Message, _ error) {
		if r.Busy == nil {
			runtime.LockOSThread() // the reader's thread is its own from here on
			tid := unix.Gettid()
			r.Busy = tid
			stats <- func() time.Duration { return threadTime(tid) }
		}
		b := sip.AppendBody(m.AppendResponseHead(nil, 200, "OK", []byte("r")), nil)
		_ = l.Send(b, m.Source)
	}
}

// threadTime reads the processor time of a thread of this process from its clock.
func threadTime(tid int) time.Duration {
	var ts unix.Timespec
	const perThread, sched = 4, 2 // CPUCLOCK_PERTHREAD_MASK, CPUCLOCK_SCHED
	if unix.ClockGettime(int32(^tid<<3|perThread|sched), &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

func cpu(who int) time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(who, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// legsOf makes that many calls with one confirmed leg each, on a server of their own.
func legsOf(b *testing.B, n int, out Conn, phone netip.AddrPort, rules Liveness) (*Server, *Local) {
	first, leg := watched(b, out, nil, rules)
	s := first.srv
	run := s.fence.join(nil)
	defer s.fence.leave(run)
	for i := range n {
		c, l := first, leg
		if i > 0 {
			c = &Call{srv: s, State: State{ID: 7 + uint64(i), Keys: [2]uint64{uint64(2*i) + 1, uint64(2*i) + 2}, Branches: make([]Branch, 1), Winner: 1}}
			l = new(Leg)
			*l = *leg
			caller := *first.Legs[0]
			c.Legs = []*Leg{&caller, l}
			if c.recount(); s.table.add(c) != addedNew {
				b.Fatal("not added")
			}
		}
		c.runner = run
		l.Life, l.Last = nil, 0
		d := *leg.Dialogs[0]
		d.Target = "sip:b@" + phone.String()
		l.Dialogs = []*Dialog{&d}
		c.settle()
	}
	return s, leg.local
}

// TestEveryFieldIsChanged: what an App may set in a Watch has its effect on the rules of the leg, whatever the field.
func TestEveryFieldIsChanged(t *testing.T) {
	was := DefaultLiveness()
	was.Silence, was.HoldSilence, was.MaxDuration = time.Minute, time.Hour, 2*time.Hour
	for name, w := range map[string]struct{ by, want Liveness }{
		"every":        {Liveness{Every: time.Minute}, Liveness{Every: time.Minute}},
		"timeout":      {Liveness{Timeout: time.Second}, Liveness{Timeout: time.Second}},
		"strikes":      {Liveness{Strikes: 1}, Liveness{Strikes: 1}},
		"expires":      {Liveness{Expires: time.Hour}, Liveness{Expires: time.Hour}},
		"min":          {Liveness{MinExpires: 100 * time.Second}, Liveness{MinExpires: 100 * time.Second}},
		"refresher":    {Liveness{Refresher: PreferLocal}, Liveness{Refresher: PreferLocal}},
		"method":       {Liveness{Refresh: ByInvite}, Liveness{Refresh: ByInvite}},
		"silence":      {Liveness{Silence: time.Second}, Liveness{Silence: time.Second}},
		"hold_silence": {Liveness{HoldSilence: time.Second}, Liveness{HoldSilence: time.Second}},
		"max_duration": {Liveness{MaxDuration: time.Second}, Liveness{MaxDuration: time.Second}},
	} {
		c, l := watched(t, &nowhere{}, &hours{now: time.Second}, was)
		if !c.applyWatch(Watch{Leg: -1, Liveness: w.by}) {
			t.Fatal("refused")
		}
		want := was
		want.change(&w.want)
		if got := *c.rules(l); got != want || got == was {
			t.Errorf("%s: rules %+v, want %+v", name, got, want)
		}
	}
}
