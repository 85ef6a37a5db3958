package b2bua

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestWindow: however the attempts fall, no second has more than the rate; the mean is near it, and who asks for less is never refused.
// Attempts that come in heaps pay for it: how they lay in the second before is not known.
func TestWindow(t *testing.T) {
	for _, c := range []struct {
		rate, offered int     // per second
		burst         int     // attempts that come together
		least         float64 // part of what may be taken
	}{{10, 30, 1, 0.95}, {10, 9, 1, 1}, {10, 40, 20, 0.6}, {1, 5, 1, 0.95}, {200, 1000, 7, 0.95}, {1000, 990, 1, 1}} {
		t.Run(fmt.Sprintf("%d of %d, %d at once", c.rate, c.offered, c.burst), func(t *testing.T) {
			var w window
			taken, asked := 0, 0
			perSecond := map[time.Duration]int{}
			const seconds = 20
			for now := 5 * time.Second; now < (5+seconds)*time.Second; now += time.Second * time.Duration(c.burst) / time.Duration(c.offered) {
				for range c.burst {
					if asked++; w.take(now, c.rate) {
						taken++
						perSecond[now/time.Second]++
					}
				}
			}
			for s, n := range perSecond {
				if n > c.rate {
					t.Errorf("%d were taken in the second %d", n, s)
				}
			}
			if want := min(asked, seconds*c.rate); taken > want || float64(taken) < c.least*float64(want) {
				t.Errorf("%d of %d were taken, want about %d", taken, asked, want)
			}
		})
	}
}

// queue is a server that takes 1/capacity seconds for a call and a part of that for a refusal; what it cannot do at once waits.
type queue struct {
	o        overload
	capacity float64
	refusing float64 // cost of a refusal, in calls
	backlog  float64 // seconds of work that wait
	lag      lag
}

// run offers calls for a time and returns how many a second were taken, and the longest wait of a taken one.
func (q *queue) run(r *rand.Rand, from time.Duration, seconds, offered float64) (taken float64, longest time.Duration) {
	n := 0
	for now, end := from.Seconds(), from.Seconds()+seconds; now < end; {
		gap := r.ExpFloat64() / offered
		now, q.backlog = now+gap, math.Max(q.backlog-gap, 0)
		at := time.Duration(now * float64(time.Second))
		q.o.look(at)
		wait := time.Duration(q.backlog * float64(time.Second))
		q.lag.add(wait)
		if q.o.admit(at+wait, wait, false) { // the reader sees it when it has waited
			n++
			q.backlog += 1 / q.capacity
			longest = max(longest, wait)
		} else {
			q.backlog += q.refusing / q.capacity
		}
	}
	return float64(n) / seconds, longest
}

// TestOverload: at 70 % nothing is refused; at two and at four times the capacity nearly as many calls are taken as can be, and none waits
// long; when it is over all are taken again.
func TestOverload(t *testing.T) {
	for _, capacity := range []float64{400, 2000, 8000} {
		t.Run(fmt.Sprint(capacity), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			q := &queue{capacity: capacity, refusing: 0.05}
			if q.o.Overload = DefaultOverload(); capacity < 1000 { // one call takes nearly as long as the target
				q.o.Target = 10 * time.Millisecond
			}
			q.o.lags = []*lag{&q.lag}
			if taken, longest := q.run(r, 0, 20, 0.7*capacity); taken < 0.67*capacity || q.o.info().Rate != 0 {
				t.Fatalf("at 70 %% %.0f a second are taken, longest wait %s, rate %v", taken, longest, q.o.info().Rate)
			}
			at := 20 * time.Second
			for _, load := range []float64{2, 4} {
				q.run(r, at, 5, load*capacity) // until the rate has settled
				taken, longest := q.run(r, at+5*time.Second, 30, load*capacity)
				possible := (1 - load*q.refusing) / (1 - q.refusing) * capacity // refusals cost, too
				if taken < 0.9*possible || longest > 100*time.Millisecond {
					t.Errorf("at %v times the capacity %.0f of %.0f possible are taken, longest wait %s", load, taken, possible, longest)
				}
				at += 35 * time.Second
			}
			q.run(r, at, 10, 0.5*capacity)
			if rate := q.o.info().Rate; rate != 0 {
				t.Errorf("when all is quiet again the rate is %.0f", rate)
			}
		})
	}
}

// TestOverloadFloor: a machine that others keep busy still takes some calls, and exempt ones always.
func TestOverloadFloor(t *testing.T) {
	o := overload{Overload: Overload{Target: 10 * time.Millisecond, Floor: 50}}
	var l lag
	o.lags = []*lag{&l}
	taken := 0
	for now := time.Duration(0); now < 20*time.Second; now += time.Millisecond {
		l.add(time.Second)
		o.look(now)
		if o.admit(now, 0, false) && now > 10*time.Second {
			taken++
		}
		if now%(100*time.Millisecond) == 0 && !o.admit(now, time.Second, true) {
			t.Fatal("an exempt call is refused")
		}
	}
	if taken < 380 || taken > 520 { // 10 of the 50 a second are the exempt ones
		t.Errorf("%d calls in 10 s, want about 400", taken)
	}
	// Few calls are taken each, however long they have waited, and whatever rate there is.
	for now := 22 * time.Second; now < 60*time.Second; now += 10 * time.Millisecond {
		l.add(time.Duration(now.Milliseconds()%7000) * time.Microsecond)
		o.look(now)
		if now%time.Second == 0 {
			for n := range 10 {
				if !o.admit(now, time.Second, false) {
					t.Fatalf("call %d of the ten in a second is refused", n)
				}
			}
		}
	}
	off := overload{}
	for now := time.Duration(0); now < time.Second; now += time.Millisecond {
		if off.look(now); !off.admit(now, time.Hour, false) {
			t.Fatal("refused without a target")
		}
	}
}
