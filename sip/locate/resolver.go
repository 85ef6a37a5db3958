package locate

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Resolver answers questions. It may be used by any number of goroutines.
type Resolver struct {
	cfg     Config
	ctx     context.Context // of queries
	cancel  context.CancelFunc
	threads sync.WaitGroup
	files   files
	good    atomic.Uint32 // the server that answered last

	mu      sync.Mutex
	records map[nameType]*records
	flights map[nameType]*flight

	known   sync.RWMutex
	answers map[Question]*answer
}

// answer is what a question came to. It is not changed any more, but for the mark that it is asked for again.
type answer struct {
	groups []group
	err    error
	until  time.Time
	stale  time.Time
	again  atomic.Bool
}

// New makes a Resolver; Close ends it.
func New(cfg Config) (*Resolver, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r := &Resolver{cfg: cfg, records: map[nameType]*records{}, flights: map[nameType]*flight{}, answers: map[Question]*answer{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// Close ends the queries at work and waits for their goroutines.
func (r *Resolver) Close() {
	r.mu.Lock()
	r.cancel()
	r.mu.Unlock()
	r.threads.Wait()
}

func (r *Resolver) now() time.Time { return r.cfg.Now() }

// Cached answers from memory, appending to dst, and never waits; ok is false when the question must be asked (Find). What has expired
// is still an answer for a while, and asked for again beside. The error says that the name has no address, or that nobody could tell.
func (r *Resolver) Cached(dst []Place, q Question, seed uint64) (places []Place, ok bool, err error) {
	if p, is := q.addr(); is {
		return append(dst, p), true, nil
	}
	r.known.RLock()
	a := r.answers[q]
	r.known.RUnlock()
	now := r.now()
	switch {
	case a == nil || !now.Before(a.stale):
		return dst, false, nil
	case now.Before(a.until):
		r.cfg.Metrics.remembered(true)
	case a.again.CompareAndSwap(false, true):
		r.beside(q, a)
		fallthrough
	default:
		r.cfg.Metrics.remembered(false)
	}
	if a.err != nil {
		return dst, true, a.err
	}
	return arrange(dst, a.groups, seed), true, nil
}

// beside asks for a stale answer again, as long as the resolver is open.
func (r *Resolver) beside(q Question, a *answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() == nil {
		r.threads.Go(func() {
			defer a.again.Store(false)
			_ = r.find(r.ctx, q, nil)
		})
	}
}

// Find answers a question, asking name servers where memory does not serve, until ctx ends. The places are in the order in which they
// are to be tried.
func (r *Resolver) Find(ctx context.Context, q Question, seed uint64) ([]Place, error) {
	if places, ok, err := r.Cached(nil, q, seed); ok {
		return places, err
	}
	a := r.find(ctx, q, nil)
	switch {
	case a.err == nil:
		r.cfg.Metrics.question("asked")
	case errors.Is(a.err, ErrNone):
		r.cfg.Metrics.question("none")
	default:
		r.cfg.Metrics.question("failed")
	}
	if a.err != nil {
		return nil, a.err
	}
	return arrange(nil, a.groups, seed), nil
}

// find goes through the procedure and keeps its answer. A failure keeps a stale answer in use.
func (r *Resolver) find(ctx context.Context, q Question, note func(string)) *answer {
	w := &walk{r: r, ctx: ctx, q: q, note: note, ttl: r.cfg.MaxTTL, stale: r.now().Add(r.cfg.MaxTTL + r.cfg.Stale)}
	groups, err := w.places()
	now := r.now()
	a := &answer{groups: groups, err: err, until: now.Add(max(w.ttl, r.cfg.MinTTL))}
	switch {
	case err == nil:
		a.until, a.stale = earlier(a.until, w.stale), w.stale
	case errors.Is(err, ErrNone):
		a.until = now.Add(min(max(w.ttl, r.cfg.MinTTL), max(r.cfg.NegativeTTL, r.cfg.MinTTL)))
		a.stale = a.until
	default:
		a.until = now.Add(retry)
		a.stale = a.until
		if ctx.Err() != nil && r.ctx.Err() == nil { // who asked has gone: that says nothing of the name
			return a
		}
	}
	r.known.Lock()
	defer r.known.Unlock()
	if was := r.answers[q]; was != nil && was.err == nil && a.err != nil && !errors.Is(a.err, ErrNone) && now.Before(was.stale) {
		a.groups, a.err, a.stale = was.groups, nil, was.stale
	}
	if len(r.answers) >= r.cfg.Size {
		for k, old := range r.answers {
			if delete(r.answers, k); len(r.answers) < r.cfg.Size-r.cfg.Size/16 && now.Before(old.stale) {
				break
			}
		}
	}
	r.answers[q] = a
	return a
}

// Explain goes through the procedure aloud: note is told every step, and the places are as Find gives them. What records are fresh
// is not asked for again.
func (r *Resolver) Explain(ctx context.Context, q Question, seed uint64, note func(string)) ([]Place, error) {
	if p, is := q.addr(); is {
		note(q.Host + " is an address: there is nothing to look up")
		return []Place{p}, nil
	}
	a := r.find(ctx, q, note)
	if a.err != nil {
		return nil, a.err
	}
	return arrange(nil, a.groups, seed), nil
}

// Sizes returns how many names with a type are remembered, how many questions, and how many queries are at work.
func (r *Resolver) Sizes() (names, questions, queries int) {
	r.mu.Lock()
	names, queries = len(r.records), len(r.flights)
	r.mu.Unlock()
	r.known.RLock()
	defer r.known.RUnlock()
	return names, len(r.answers), queries
}
