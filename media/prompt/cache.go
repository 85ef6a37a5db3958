package prompt

import (
	"container/list"
	"context"
	"sync"

	"github.com/bifrons/bifrons/media/codec"
)

// cache keeps clips up to a bound, the least recently used go first, and makes each once however many want it.
type cache struct {
	bound int64
	work  sync.WaitGroup

	mu      sync.Mutex // guards what follows; not held while a clip is made
	size    int64
	closed  bool
	clips   map[string]*list.Element
	order   *list.List // of *cached, the last used first
	flights map[string]*flight
	counts  counts
}

// counts are for the metrics.
type counts struct {
	hits, misses, failures uint64
}

type cached struct {
	key  string
	clip *codec.Clip
}

// flight is a clip that is being made.
type flight struct {
	done chan struct{}
	clip *codec.Clip
	err  error
}

func newCache(bound int64) *cache {
	return &cache{bound: bound, clips: map[string]*list.Element{}, order: list.New(), flights: map[string]*flight{}}
}

// get returns the clip of a key. Who makes it does so to the end even if this one waits no longer.
func (c *cache) get(ctx context.Context, key string, produce func() (*codec.Clip, error)) (*codec.Clip, error) {
	c.mu.Lock()
	if e, ok := c.clips[key]; ok {
		c.order.MoveToFront(e)
		c.counts.hits++
		c.mu.Unlock()
		return e.Value.(*cached).clip, nil
	}
	f := c.flights[key]
	if f == nil {
		if c.closed {
			c.mu.Unlock()
			return nil, context.Canceled
		}
		f = &flight{done: make(chan struct{})}
		c.flights[key] = f
		c.counts.misses++
		c.work.Go(func() { c.land(key, f, produce) }) // ends when the clip is made, which has a time limit
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.clip, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *cache) land(key string, f *flight, produce func() (*codec.Clip, error)) {
	f.clip, f.err = produce()
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.done)
	delete(c.flights, key)
	if f.err != nil {
		c.counts.failures++
		return
	}
	if weight(f.clip) > c.bound {
		return
	}
	c.clips[key] = c.order.PushFront(&cached{key, f.clip})
	for c.size += weight(f.clip); c.size > c.bound; {
		last := c.order.Remove(c.order.Back()).(*cached)
		delete(c.clips, last.key)
		c.size -= weight(last.clip)
	}
}

// weight is the memory of a clip, with what the cache needs for it.
func weight(c *codec.Clip) int64 { return int64(cap(c.Data)+4*cap(c.Frames)) + 400 }

// close refuses new clips and waits for those that are being made.
func (c *cache) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.work.Wait()
}
