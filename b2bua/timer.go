package b2bua

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
	"time"
)

const (
	wheelTick  = 10 * time.Millisecond
	wheelSlots = 4096
)

// wheel wakes calls at their earliest deadline. A call stands in it once, for the deadline that matters; a deadline that
// moved later costs a look when the old one comes, not a removal.
type wheel struct {
	mu    sync.Mutex
	slots [wheelSlots][]*Call
	taken [wheelSlots / 64]uint64 // slots that are not empty, as bits
	pos   int64                   // number of the last tick served
	due   []*Call
}

// schedule makes sure that c is woken at due or a tick later; 0 means there is nothing to wake it for.
func (w *wheel) schedule(c *Call, due time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.due = due
	if due != 0 && (c.inWheel == 0 || due <= c.inWheel-wheelTick) {
		w.put(c)
	}
}

// put enters a call in the slot of its deadline, or in the last one of this turn. A call that stands twice, for an earlier
// deadline too, is told apart by inWheel when the later slot comes.
func (w *wheel) put(c *Call) {
	tick := int64((c.due + wheelTick - 1) / wheelTick)
	tick = min(max(tick, w.pos+1), w.pos+wheelSlots-1)
	c.inWheel = time.Duration(tick) * wheelTick
	n := tick % wheelSlots
	w.slots[n] = append(w.slots[n], c)
	w.taken[n/64] |= 1 << (n % 64)
}

// next returns the first tick that a call stands at, or one a turn away.
func (w *wheel) next() int64 {
	for tick := w.pos + 1; tick < w.pos+wheelSlots; {
		n := tick % wheelSlots
		if rest := w.taken[n/64] >> (n % 64); rest != 0 {
			return tick + int64(bits.TrailingZeros64(rest))
		}
		tick += 64 - n%64
	}
	return w.pos + wheelSlots
}

// advance serves the ticks up to now and returns the calls that are due; the slice is good until the next advance.
func (w *wheel) advance(now time.Duration) []*Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := int64(now / wheelTick); last-w.pos > wheelSlots { // the clock was far ahead: one turn sees every slot
		w.pos = last - wheelSlots
	}
	clear(w.due)
	w.due = w.due[:0]
	for last := int64(now / wheelTick); w.pos < last; {
		next := w.next()
		if w.pos = min(next, last); next > last {
			break
		}
		n := w.pos % wheelSlots
		w.taken[n/64] &^= 1 << (n % 64)
		slot := &w.slots[n]
		calls := *slot
		*slot = calls[:0]
		if cap(calls) > 4096 {
			*slot = nil
		}
		at := time.Duration(w.pos) * wheelTick
		for i, c := range calls {
			calls[i] = nil
			switch {
			case c.inWheel > at: // stands elsewhere, for a later deadline
			case c.due == 0:
				c.inWheel = 0
			case c.due > now:
				c.inWheel = 0
				w.put(c)
			default:
				c.inWheel = 0
				w.due = append(w.due, c)
			}
		}
	}
	return w.due
}

// startWheel runs the goroutine that turns the wheel and runs the due calls' steps; it ends with Close, and another takes
// its place when an App hangs in it.
func (s *Server) startWheel() {
	var once sync.Once
	s.threads.Add(1)
	done := func() { once.Do(s.threads.Done) }
	retired := make(chan struct{})
	run := s.fence.join(nil)
	run.replace = func() {
		close(retired)
		for _, c := range run.rest { // what was due at the same tick
			s.wheel.schedule(c, s.now())
		}
		s.startWheel()
		done()
	}
	go func() {
		defer done()
		tick := time.NewTicker(wheelTick)
		defer tick.Stop()
		last := s.now()
		for {
			select {
			case <-s.stop:
				return
			case <-retired:
				return
			case <-tick.C:
				now := s.now()
				s.overload.late.add(max(now-last-wheelTick, 0))
				last = now
				s.overload.look(now)
				s.tick(run)
			}
		}
	}()
}

// Idle returns how long ago the server's clock was turned: a few milliseconds, unless the server hangs.
func (s *Server) Idle() time.Duration { return s.now() - time.Duration(s.turned.Load()) }

func (s *Server) tick(run *runner) int {
	s.turned.Store(int64(s.now()))
	s.remind(s.now())
	if !s.retired.Load() {
		s.ping(s.now())
	}
	s.registerTrunks(s.now())
	due := s.wheel.advance(s.now())
	for i, c := range due {
		run.rest = due[i+1:]
		s.enter(run, c, event{})
	}
	return len(due)
}

// Tick runs what is due now and returns how many calls that were; Start does so all the time.
func (s *Server) Tick() int {
	run := s.fence.join(nil)
	defer s.fence.leave(run)
	return s.tick(run)
}

// Due returns when Tick may have something to do next, at most a turn of the wheel away: who turns it himself need not stop before.
func (s *Server) Due() time.Duration {
	if s.asking() || len(s.trunks) > 0 || slices.ContainsFunc(s.goals, func(g *goal) bool { return g.side.Health.Ping > 0 }) {
		return s.now() + wheelTick
	}
	s.wheel.mu.Lock()
	defer s.wheel.mu.Unlock()
	return time.Duration(s.wheel.next()) * wheelTick
}

// systemClock is the Clock of the machine.
type systemClock struct{ start time.Time }

// Now is never 0, which means no deadline.
func (c systemClock) Now() time.Duration { return time.Since(c.start) + 1 }

func (c systemClock) Wall() time.Time { return time.Now() }

func secureRandom() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:])
}

func randomKey() (k [16]byte) {
	_, _ = rand.Read(k[:])
	return k
}
