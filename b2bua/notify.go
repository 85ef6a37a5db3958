package b2bua

import (
	"runtime/debug"
	"sync"
)

// Listener is what an App is besides when it wants to hear of what happens outside calls: that a user has registered, or that his
// data have changed. Notify is not part of any call; it may take its time, and later events wait for it.
type Listener interface{ Notify(ev Event) }

// notices are the events that wait for one App.
type notices struct {
	listener Listener
	name     string

	mu      sync.Mutex
	waiting []Event
	busy    bool // a goroutine hands them over
}

// maxNotices is how many events may wait for an App that hangs.
const maxNotices = 4096

// openNotices finds the Apps that listen.
func (s *Server) openNotices() {
	for _, link := range s.cfg.Apps {
		if l, ok := link.App.(Listener); ok {
			s.notices = append(s.notices, &notices{listener: l, name: link.App.Name()})
		}
	}
}

// Notify tells the Apps that listen of an event, in order, beside the caller.
func (s *Server) Notify(ev Event) {
	for _, n := range s.notices {
		n.mu.Lock()
		full, start := len(n.waiting) >= maxNotices, !n.busy
		if !full {
			n.waiting, n.busy = append(n.waiting, ev), true
		}
		n.mu.Unlock()
		switch {
		case full:
			s.metrics.queueFull.Inc()
		case start:
			s.lookUp(func() { s.handOver(n) })
		}
	}
}

// handOver gives an App what waits for it, and ends with the last.
func (s *Server) handOver(n *notices) {
	for {
		n.mu.Lock()
		if len(n.waiting) == 0 || s.ctx.Err() != nil {
			n.waiting, n.busy = nil, false
			n.mu.Unlock()
			return
		}
		ev := n.waiting[0]
		n.waiting = n.waiting[1:]
		n.mu.Unlock()
		if !s.switchedOff(n.name) {
			s.tell(n, ev)
		}
	}
}

// tell is the fence around a Notify.
func (s *Server) tell(n *notices, ev Event) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("application panicked outside a call", "app", n.name, "panic", r, "stack", string(debug.Stack()))
			s.misbehaved(n.name, "panicked")
		}
	}()
	n.listener.Notify(ev)
}
