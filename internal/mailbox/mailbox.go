// Package mailbox gives an actor its queue: events are handled one at a time, in order, by whoever holds the box.
//
// It owns the order and nothing else: it starts no goroutine. A sender that finds the box idle holds it and runs the event
// itself (run to completion); otherwise the event waits, and the holder takes it when it is done.
package mailbox

import "sync"

// Box is the mailbox of one actor. The zero value is ready.
type Box[E any] struct {
	mu    sync.Mutex
	queue []E
	held  bool
}

// Enter takes hold of an idle box: true means the caller runs its event now and then calls Next until it says no. Otherwise
// keep makes a copy of the event that outlives the caller's buffers, and it waits in the queue.
func (b *Box[E]) Enter(keep func() E) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held {
		b.held = true
		return true
	}
	b.queue = append(b.queue, keep())
	return false
}

// Next returns the oldest waiting event; when there is none it lets go of the box.
func (b *Box[E]) Next() (e E, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		b.held, b.queue = false, nil
		return e, false
	}
	e = b.queue[0]
	b.queue = b.queue[1:]
	return e, true
}

// EnterWithin is Enter for an event that need not be taken: when limit events wait already it is not, and full is true.
func (b *Box[E]) EnterWithin(limit int, keep func() E) (held, full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.held:
		b.held = true
		return true, false
	case len(b.queue) >= limit:
		return false, true
	}
	b.queue = append(b.queue, keep())
	return false, false
}
