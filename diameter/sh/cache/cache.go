package cache

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/diameter/sh"
)

// Client asks the HSS; an sh.Client is one.
type Client interface {
	UDR(ctx context.Context, q *sh.UDR) (*sh.UDA, error)
	SNR(ctx context.Context, q *sh.SNR) (*sh.SNA, error)
}

// Value is what a look-up gives. The Data are shared: read them only.
type Value struct {
	Data *sh.Data
	// Age is how long ago the HSS said so, in an answer or a notification.
	Age time.Duration
	// Stale: the HSS could not be asked. Default: nor is there anything old enough to use.
	Stale, Default bool
}

// Cache is safe for use by any goroutine.
type Cache struct {
	cfg     Config
	client  Client
	log     *slog.Logger
	metrics *Metrics
	ctx     context.Context // ends with Close; fetches hang on it
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	wake    chan struct{} // something for the renewer
	work    chan *flight  // to a goroutine that waits for one

	mu         sync.Mutex
	entries    map[Key]*entry
	order      *list.List // of *entry, most recently used first
	byIdentity map[sh.Identity][]*entry
	wildcards  map[sh.Identity]sh.Identity // identity to the wildcard that its data stand under
	flights    map[Key]*flight
	epoch      uint64                     // grows when notifications may have been missed
	refused    map[sh.Reference]time.Time // references that may not be subscribed to, until
	failures   int                        // fetches that got no answer, in a row
	failedAt   time.Time                  // the last of them
	look       time.Time                  // when the renewer looks next
	watchers   map[Key]map[*watcher]struct{}
	closed     bool
}

// entry is one answer of the HSS. Its data are never changed, only replaced.
type entry struct {
	key     Key
	place   *list.Element
	data    *sh.Data
	unknown *sh.Error // the user does not exist
	at      time.Time // when the HSS said so
	fresh   time.Time // until when it needs no proof; zero while a subscription without end keeps it fresh
	epoch   uint64
	// subscribed: notifications keep it fresh, until expiry if that is set.
	subscribed   bool
	subscribedAt time.Time
	expiry       time.Time
	used         time.Time
	failed       time.Time // of the last fetch, zero after a good one
}

// New returns an empty cache. Without metrics it counts for itself alone.
func New(cfg Config, client Client, log *slog.Logger, m *Metrics) (*Cache, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if m == nil {
		m = NewMetrics(prometheus.NewRegistry())
	}
	c := &Cache{
		cfg: cfg, client: client, log: log, metrics: m, wake: make(chan struct{}, 1), work: make(chan *flight),
		entries: make(map[Key]*entry), order: list.New(), byIdentity: make(map[sh.Identity][]*entry),
		wildcards: make(map[sh.Identity]sh.Identity), flights: make(map[Key]*flight),
		refused: make(map[sh.Reference]time.Time), watchers: make(map[Key]map[*watcher]struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.wg.Go(c.renew)
	return c, nil
}

// Close ends every fetch and the renewing; what is cached can still be read.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}

// Get returns the data of a key: from memory while they are fresh, else from the HSS, else by the policy. A user that the
// HSS does not know is an *sh.Error with UserUnknown.
func (c *Cache) Get(ctx context.Context, k Key, p Policy) (Value, error) {
	c.mu.Lock()
	k = c.resolve(k)
	now := time.Now()
	e := c.entries[k]
	if e != nil {
		e.used = now
		c.order.MoveToFront(e.place)
		if e.isFresh(now, c.epoch) {
			defer c.mu.Unlock()
			return c.serve(e, now)
		}
	}
	if c.silent(now) && c.flights[k] == nil {
		defer c.mu.Unlock()
		return c.fallBack(e, p, now, errSilent)
	}
	f := c.fly(k)
	c.mu.Unlock()
	if f == nil {
		return Value{}, errors.New("cache is closed")
	}
	c.metrics.miss.Inc()
	err := f.wait(ctx, p.Wait)
	c.mu.Lock()
	defer c.mu.Unlock()
	now = time.Now()
	if f.err == nil && err == nil && f.entry != nil {
		return f.entry.value(now)
	}
	if err == nil {
		err = f.err
	}
	return c.fallBack(c.entries[c.resolve(k)], p, now, err)
}

// errSilent is why a fetch is not even tried.
var errSilent = errors.New("the HSS does not answer")

// silentAfter is how many fetches in a row must get no answer before callers are spared the wait.
const silentAfter = 5

// silent tells whether the HSS is down: then one fetch per RetryAfter finds out when it is back. The lock is held.
func (c *Cache) silent(now time.Time) bool {
	return c.failures >= silentAfter && now.Sub(c.failedAt) < c.cfg.RetryAfter
}

// resolve turns an identity into the wildcard that its data stand under.
func (c *Cache) resolve(k Key) Key {
	if w, ok := c.wildcards[k.Identity]; ok {
		k.Identity = w
	}
	return k
}

func (e *entry) isFresh(now time.Time, epoch uint64) bool {
	switch {
	case e.unknown != nil || !e.subscribed:
		return now.Before(e.fresh)
	}
	return e.epoch == epoch && (e.expiry.IsZero() || now.Before(e.expiry))
}

func (e *entry) value(now time.Time) (Value, error) {
	if e.unknown != nil {
		return Value{}, e.unknown
	}
	return Value{Data: e.data, Age: now.Sub(e.at)}, nil
}

func (c *Cache) serve(e *entry, now time.Time) (Value, error) {
	if e.unknown != nil {
		c.metrics.negative.Inc()
	} else {
		c.metrics.hit.Inc()
		c.metrics.age.Observe(now.Sub(e.at).Seconds())
	}
	return e.value(now)
}

// fallBack gives what the policy allows when the HSS did not answer. The lock is held.
func (c *Cache) fallBack(e *entry, p Policy, now time.Time, cause error) (Value, error) {
	if e != nil && e.data != nil && now.Sub(e.at) <= p.MaxStale {
		c.metrics.stale.Inc()
		c.metrics.staleAge.Observe(now.Sub(e.at).Seconds())
		return Value{Data: e.data, Age: now.Sub(e.at), Stale: true}, nil
	}
	if p.Default != nil {
		c.metrics.standard.Inc()
		return Value{Data: p.Default, Default: true}, nil
	}
	c.metrics.failed.Inc()
	return Value{}, fmt.Errorf("no subscriber data: %w", cause)
}

// Forget drops everything about an identity, as after a write of our own.
func (c *Cache) Forget(id sh.Identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id = c.resolve(Key{Identity: id}).Identity
	for len(c.byIdentity[id]) > 0 {
		c.drop(c.byIdentity[id][0])
	}
}

// Clear drops everything.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		c.drop(e)
	}
	clear(c.wildcards)
}

// Len returns the number of entries.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

// put returns the entry of a key, made if need be; the least recently used one makes room. The lock is held.
func (c *Cache) put(k Key) *entry {
	if e := c.entries[k]; e != nil {
		return e
	}
	for len(c.entries) >= c.cfg.Size {
		c.drop(c.order.Back().Value.(*entry))
		c.metrics.evicted.Inc()
	}
	e := &entry{key: k, used: time.Now()}
	e.place = c.order.PushFront(e)
	c.entries[k] = e
	c.byIdentity[k.Identity] = append(c.byIdentity[k.Identity], e)
	c.metrics.entries.Set(float64(len(c.entries)))
	return e
}

// drop removes an entry. Its subscription ends by itself: a notification of it is answered with 5107. The lock is held.
func (c *Cache) drop(e *entry) {
	if c.entries[e.key] != e {
		return
	}
	delete(c.entries, e.key)
	c.order.Remove(e.place)
	if of := slices.DeleteFunc(c.byIdentity[e.key.Identity], func(o *entry) bool { return o == e }); len(of) > 0 {
		c.byIdentity[e.key.Identity] = of
	} else {
		delete(c.byIdentity, e.key.Identity)
	}
	c.metrics.entries.Set(float64(len(c.entries)))
}
