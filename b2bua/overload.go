package b2bua

import (
	"math"
	"sync/atomic"
	"time"
)

// Overload says when new calls are refused because the server is behind its work.
type Overload struct {
	Target time.Duration // how long messages may wait to be read, each of them; 0 refuses nothing
	Floor  int           // calls per second that are never refused for this, a fifth of them at once
}

// DefaultOverload aims at 3 ms.
func DefaultOverload() Overload { return Overload{Target: 3 * time.Millisecond, Floor: 100} }

// overload measures how long messages wait, and refuses new calls while that is too long. A reader runs the steps itself, so work
// that cannot be done waits in the buffer of its socket: the system knows since when. On streams it is the scheduler that is
// late, and with it the wheel, which counts while no datagram comes. Of datagrams it is the least wait in each look: a queue that
// stands, not the stop of a moment. While that is longer than the target, a token bucket takes new calls; a controller sets its
// rate, in proportion to the excess and, slowly, by its sum. A call that has itself waited for twice the target is then refused,
// too, so that a backlog goes at once. Without need there is no bucket. A second bucket, which every call drains, is the floor: it
// has tokens only where few calls come, and then they are taken whatever is measured.
type overload struct {
	Overload
	lags []*lag // of the listeners
	late lag    // of the wheel

	next     atomic.Int64  // when the bucket has a token: the virtual time of a GCRA, in nanoseconds
	floor    atomic.Int64  // the same of the floor
	pause    atomic.Int64  // between tokens; 0 is no bucket
	admitted atomic.Uint64 // new calls since the last look,
	refused  atomic.Uint64 // and those without a token
	waits    atomic.Int64  // the last measure, in nanoseconds

	// Of the goroutine of the wheel.
	looked time.Duration
	base   float64 // calls per second that the server seems good for; 0 is no bucket
	usual  float64 // calls per second that were taken before, smoothed
	bad    int     // looks in a row above the target
	calm   float64 // seconds without need
}

// lag keeps how late something was: in sum, and at its best, for a queue that stands shows in that, and the stop of a moment does not.
type lag struct{ best, sum, n atomic.Int64 } // best is one more than the nanoseconds; 0: nothing came

func (l *lag) add(d time.Duration) {
	l.sum.Add(int64(d))
	l.n.Add(1)
	for v := int64(max(d, 0)) + 1; ; {
		was := l.best.Load()
		if was != 0 && was <= v || l.best.CompareAndSwap(was, v) {
			return
		}
	}
}

// since returns the least and the mean since the last call; false if there was nothing.
func (l *lag) since() (least, mean time.Duration, ok bool) {
	best, sum, n := l.best.Swap(0), l.sum.Swap(0), l.n.Swap(0)
	if best == 0 || n == 0 {
		return 0, 0, false
	}
	return time.Duration(best - 1), time.Duration(sum / n), true
}

// lookEvery is how often the controller looks.
const lookEvery = 50 * time.Millisecond

// burst is how many calls' worth of time may come at once, and floorBurst how many of the floor's; floorDebt is how far other
// calls drain that.
const (
	burst      = 20 * time.Millisecond
	floorBurst = 200 * time.Millisecond
	floorDebt  = time.Second
)

// admit takes a token for a new call that has waited; an exempt one takes it even if there is none.
func (o *overload) admit(now, waited time.Duration, exempt bool) bool {
	if pause := time.Duration(o.pause.Load()); pause != 0 {
		least := time.Second / time.Duration(max(o.Floor, 1))
		switch {
		case exempt:
			token(&o.next, now, pause, math.MaxInt64)
			token(&o.floor, now, least, floorDebt)
		case waited <= 2*o.Target && token(&o.next, now, pause, burst):
			token(&o.floor, now, least, floorDebt)
		case !token(&o.floor, now, least, floorBurst):
			o.refused.Add(1)
			return false
		}
	}
	o.admitted.Add(1)
	return true
}

// token takes one of a bucket that gets one every pause and holds burst of time; false if it is empty.
func token(next *atomic.Int64, now, pause, burst time.Duration) bool {
	for {
		was := next.Load()
		at := max(was, int64(now))
		if at-int64(now) > int64(burst) {
			return false
		}
		if next.CompareAndSwap(was, at+int64(pause)) {
			return true
		}
	}
}

// look measures and controls; the wheel does so every turn.
func (o *overload) look(now time.Duration) {
	if o.Target <= 0 || now-o.looked < lookEvery {
		return
	}
	_, late, _ := o.late.since() // the mean: a wheel between two turns is never late
	worst, heard := time.Duration(0), false
	for _, l := range o.lags {
		if least, _, ok := l.since(); ok {
			worst, heard = max(worst, least), true
		}
	}
	if !heard {
		worst = late
	}
	took := (now - o.looked).Seconds()
	o.looked = now
	o.control(worst.Seconds(), float64(o.admitted.Swap(0))/took, float64(o.refused.Swap(0))/took, min(took, 1))
}

// The gains of the controller, per look, and how long there must be no need for it before it ends.
const (
	proportional = 0.15
	integral     = 0.03
	breaches     = 4 // looks in a row above the target that begin it: less is a breath of the machine
	peace        = 5.0
)

// control sets the rate. wait is in seconds, the others are calls per second.
func (o *overload) control(wait, taken, refused, took float64) {
	o.waits.Store(int64(wait * float64(time.Second)))
	excess := min(max(wait/o.Target.Seconds()-1, -1), 2)
	if o.base == 0 {
		if excess <= 0 {
			o.bad = 0
			o.usual += (taken - o.usual) / 10
			return
		}
		if o.bad++; o.bad < breaches {
			return
		}
		o.base, o.calm = max(taken, o.usual), 0
	}
	if excess > 0 || refused > 0 { // what is not asked for says nothing about what could be done
		o.base *= 1 - integral*excess
		o.calm = 0
	} else if o.calm += took; o.calm >= peace {
		o.base, o.bad, o.usual = 0, 0, taken
		o.pause.Store(0)
		return
	}
	o.base = max(o.base, float64(o.Floor), 1)
	rate := max(o.base*(1-proportional*excess), float64(o.Floor), 1)
	o.pause.Store(int64(math.Round(float64(time.Second) / rate)))
}

// OverloadInfo is the state of the overload control.
type OverloadInfo struct {
	Target time.Duration `json:"target"` // nanoseconds; 0: it is off
	Wait   time.Duration `json:"wait"`   // nanoseconds that messages waited lately
	Rate   float64       `json:"rate"`   // new calls per second that are taken; 0: all
}

func (o *overload) info() OverloadInfo {
	i := OverloadInfo{Target: o.Target, Wait: time.Duration(o.waits.Load())}
	if p := o.pause.Load(); p > 0 {
		i.Rate = float64(time.Second) / float64(p)
	}
	return i
}
