package cdr

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Store keeps records for good. Commit keeps all of a group, or none and says why; a group that failed is offered again. What
// the Store will never take it leaves out and counts in refused. Alive is called every 10 seconds: it tells a later start that
// the node has lived.
type Store interface {
	Commit(group []Record) (refused int, err error)
	Alive(now time.Time) error
	Close() error
}

const (
	gather    = 40 * time.Millisecond // a record waits for others, so that one write serves many
	alive     = 10 * time.Second
	soonest   = time.Second // until a Store that failed is asked again,
	latest    = 30 * time.Second
	maxGroup  = 4096
	maxWrites = 3 // that Close tries
)

// MaxWaiting bounds the records kept in memory while the Store does not take them; the oldest go first.
const MaxWaiting = 65536

// Writer is a Sink in front of a Store.
type Writer struct {
	store Store
	log   *slog.Logger
	max   int

	mu      sync.Mutex
	waiting []Record
	wake    chan struct{}
	stop    chan struct{}
	done    sync.WaitGroup

	lost, written, failures atomic.Uint64
	failing                 atomic.Bool
}

// NewWriter starts the goroutine that commits; Close ends it, and the Store.
func NewWriter(store Store, log *slog.Logger) *Writer {
	w := &Writer{store: store, log: log, max: MaxWaiting, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	w.done.Go(w.run)
	return w
}

// Write keeps a record for the Store.
func (w *Writer) Write(r Record) {
	w.mu.Lock()
	if w.waiting = append(w.waiting, r); len(w.waiting) > w.max {
		w.waiting = w.waiting[1:]
		w.lost.Add(1)
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Close commits what waits, as far as the Store takes it, and ends the goroutine; no Write may follow.
func (w *Writer) Close() {
	close(w.stop)
	w.done.Wait()
}

// Status is how a Writer does.
type Status struct {
	Waiting  int    `json:"waiting"`  // records in memory
	Written  uint64 `json:"written"`  // records the Store took
	Lost     uint64 `json:"lost"`     // records dropped: no room, or refused by the Store
	Failures uint64 `json:"failures"` // of the Store
	Failing  bool   `json:"failing"`  // the last group was not taken
}

// Status tells how the Writer does.
func (w *Writer) Status() Status {
	w.mu.Lock()
	n := len(w.waiting)
	w.mu.Unlock()
	return Status{Waiting: n, Written: w.written.Load(), Lost: w.lost.Load(), Failures: w.failures.Load(), Failing: w.failing.Load()}
}

func (w *Writer) run() {
	tick := time.NewTicker(alive)
	defer tick.Stop()
	pause := time.Duration(0) // after a failure
	for {
		retry := (<-chan time.Time)(nil)
		wake := w.wake
		if pause > 0 {
			retry, wake = time.After(pause), nil
		}
		select {
		case <-w.stop:
			w.last()
			return
		case now := <-tick.C:
			if err := w.store.Alive(now); err != nil {
				w.log.Debug("call records: sign of life not written", "error", err)
			}
			continue
		case <-wake:
			select {
			case <-time.After(gather):
			case <-w.stop:
				w.last()
				return
			}
		case <-retry:
		}
		if w.commit() {
			pause = 0
		} else {
			pause = min(max(2*pause, soonest), latest)
		}
	}
}

// commit hands over what waits, group by group.
func (w *Writer) commit() bool {
	for {
		w.mu.Lock()
		n := min(len(w.waiting), maxGroup)
		group := w.waiting[:n:n]
		w.waiting = w.waiting[n:]
		if len(w.waiting) == 0 {
			w.waiting = nil
		}
		w.mu.Unlock()
		if n == 0 {
			return true
		}
		refused, err := w.store.Commit(group)
		if err != nil {
			w.giveBack(group)
			w.failed(err)
			return false
		}
		w.lost.Add(uint64(refused))
		w.written.Add(uint64(n - refused))
		if refused > 0 {
			w.log.Error("call records refused by their store", "records", refused)
		}
		if w.failing.Swap(false) {
			w.log.Info("call records are written again", "lost", w.lost.Load())
		}
	}
}

// giveBack puts a group that was not taken before what came since.
func (w *Writer) giveBack(group []Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := append(group, w.waiting...)
	if over := len(all) - w.max; over > 0 {
		all = all[over:]
		w.lost.Add(uint64(over))
	}
	w.waiting = all
}

func (w *Writer) failed(err error) {
	w.failures.Add(1)
	if !w.failing.Swap(true) {
		w.log.Error("call records cannot be written and are kept in memory", "error", err, "room", w.max)
	}
}

// last commits what is left; what the Store does not take now is lost.
func (w *Writer) last() {
	for range maxWrites {
		if w.commit() {
			break
		}
	}
	w.mu.Lock()
	left := len(w.waiting)
	w.waiting = nil
	w.mu.Unlock()
	w.lost.Add(uint64(left))
	if lost := w.lost.Load(); lost > 0 {
		w.log.Error("call records lost", "records", lost)
	}
	if err := w.store.Close(); err != nil {
		w.log.Error("call records not closed", "error", err)
	}
}
