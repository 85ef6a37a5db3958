package b2bua

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// fence keeps applications from hurting anything but their own call: it knows the goroutines that run steps, and takes a
// call away from one whose App is overdue.
type fence struct {
	mu      sync.Mutex
	runners map[*runner]struct{}
	strikes map[string]int
	off     sync.Map // names of applications that are switched off
}

// runner is a goroutine that runs steps, with its scratch buffer. replace starts another one in its place; nil for a
// goroutine that was made for one event.
type runner struct {
	step    atomic.Pointer[Step]
	rest    []*Call // of the wheel: due calls still to come
	scratch []byte
	sdp     []byte
	replace func()
	fence   *fence
}

const maxStrikes = 5

// join registers a goroutine.
func (f *fence) join(replace func()) *runner {
	r := &runner{replace: replace, fence: f}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.runners == nil {
		f.runners = map[*runner]struct{}{}
	}
	f.runners[r] = struct{}{}
	return r
}

func (f *fence) leave(r *runner) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.runners, r)
}

// overdue returns the goroutines in an App for longer than the limit.
func (f *fence) overdue(now, limit time.Duration) (out []*runner) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r := range f.runners {
		if s := r.step.Load(); s != nil && now-s.started > limit {
			out = append(out, r)
		}
	}
	return out
}

// strike counts an App that panicked or hung; true when that was once too often.
func (f *fence) strike(app string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.strikes == nil {
		f.strikes = map[string]int{}
	}
	f.strikes[app]++
	if f.strikes[app] != maxStrikes {
		return false
	}
	f.off.Store(app, true)
	return true
}

func (s *Server) switchedOff(app string) bool {
	_, off := s.fence.off.Load(app)
	return off
}

// misbehaved records an App that panicked or hung.
func (s *Server) misbehaved(app, how string) {
	s.metrics.appFailures.WithLabelValues(app, how).Inc()
	if s.fence.strike(app) {
		s.log.Error("application switched off", "app", app, "strikes", maxStrikes)
	}
}

// watch is the watchdog; it ends with Close.
func (s *Server) watch() {
	tick := time.NewTicker(max(s.cfg.StepLimit/5, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			s.Watch()
		}
	}
}

// Watch looks once for overdue applications; Start does so all the time.
func (s *Server) Watch() {
	for _, r := range s.fence.overdue(s.now(), s.cfg.StepLimit) {
		st := r.step.Load()
		if st == nil || s.now()-st.started <= s.cfg.StepLimit || !st.kill() {
			continue
		}
		s.fence.leave(r)
		if r.replace != nil {
			r.replace()
		}
		s.takeOver(st)
	}
}

// takeOver goes on with a call whose goroutine hangs in an App: the App's default handling, then what waits in the mailbox.
// The hung goroutine ends by itself when its App returns, and touches nothing (Call.run).
func (s *Server) takeOver(st *Step) {
	c, w := st.call, *st.walk
	app := c.Chain[w.At].Name
	s.log.Error("application hangs, its call goes on without it", "call", c.ID, "app", app)
	s.misbehaved(app, "hung")
	s.spawn(func(run *runner) {
		c.runner = run
		l := c.Legs[w.Leg]
		ended := isEnded(w.Event)
		if !private(w.Event) && (!c.failed(&w) || ended) {
			w.next()
			c.walk(&w)
		}
		c.drainQueue(l)
		c.deliver()
		c.settle()
		if e, ok := c.box.Next(); ok {
			s.run(run, c, e)
		}
	})
}

// spawn runs f on a goroutine of its own, known to the fence; Close waits for it unless its App hangs.
func (s *Server) spawn(f func(*runner)) {
	var once sync.Once
	s.threads.Add(1)
	done := func() { once.Do(s.threads.Done) }
	run := s.fence.join(done)
	go func() {
		defer done()
		defer s.fence.leave(run)
		f(run)
	}()
}

// post gives a call an event from outside its messages: a look-up's result, media news, an order. After Close calls are
// left as they are.
func (s *Server) post(c *Call, e event) {
	if s.ctx.Err() != nil {
		return
	}
	if c.box.Enter(func() event { return s.keep(e) }) {
		s.posts.Add(1)
		s.spawn(func(run *runner) {
			defer s.posts.Add(-1)
			s.run(run, c, e)
		})
	}
}

// ask runs a question in a call's mailbox and waits for the answer, at most a second.
func ask[T any](s *Server, c *Call, question func(*Call) T) (answer T, ok bool) {
	done := make(chan T, 1) // an answer that comes too late is dropped
	s.post(c, event{order: func(c *Call) { done <- question(c) }})
	select {
	case answer = <-done:
		return answer, true
	case <-time.After(time.Second):
		return answer, false
	}
}

// lookUp runs a look-up; Close waits for it, its context ended.
func (s *Server) lookUp(f func()) {
	s.lookUps.Add(1)
	s.threads.Go(func() {
		defer s.lookUps.Add(-1)
		f()
	})
}

// Busy returns how many look-ups of applications run, and how many steps of events that came from outside the messages.
func (s *Server) Busy() (lookUps, posts int) { return int(s.lookUps.Load()), int(s.posts.Load()) }

// guard is the fence around a look-up; nil means it failed.
func (s *Server) guard(ctx context.Context, f func(context.Context) Event) (e Event) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("look-up panicked", "panic", r)
			e = nil
		}
	}()
	return f(ctx)
}
