package cache

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/bifrons/bifrons/diameter/sh"
)

// rereads bounds how often a fetch begins anew because a notification came in between.
const rereads = 3

// refusedTime is how long a reference that may not be subscribed to (5104) is polled before it is tried again.
const refusedTime = time.Hour

// flight is a fetch under way; everybody who wants the key waits for the same one.
type flight struct {
	key      Key
	done     chan struct{}
	notified bool // a notification came meanwhile; guarded by the cache's lock
	entry    *entry
	err      error
}

// wait waits for the end of the flight; an error means that the caller's patience ended first.
func (f *flight) wait(ctx context.Context, limit time.Duration) error {
	select {
	case <-f.done:
		return nil
	default:
	}
	var c <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		c = t.C
	}
	select {
	case <-f.done:
		return nil
	case <-c:
		return errors.New("the HSS takes too long")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fly returns the flight of a key, started if need be; it ends with the answer, FetchTimeout or Close. The lock is held.
func (c *Cache) fly(k Key) *flight {
	if f := c.flights[k]; f != nil {
		return f
	}
	if c.closed {
		return nil
	}
	f := &flight{key: k, done: make(chan struct{})}
	c.flights[k] = f
	select {
	case c.work <- f:
	default:
		c.wg.Go(func() { c.crew(f) })
	}
	return f
}

// Prefetch starts to fetch what is not fresh, so that the Gets that follow wait at the same time, not one after the other.
func (c *Cache) Prefetch(keys ...Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.silent(now) {
		return
	}
	for _, k := range keys {
		k = c.resolve(k)
		if e := c.entries[k]; e == nil || !e.isFresh(now, c.epoch) {
			c.fly(k)
		}
	}
}

// crewIdle is how long a goroutine waits for another flight before it ends.
const crewIdle = 5 * time.Second

// crew carries out flights until none comes for a while or the cache is closed. A goroutine that was used before costs
// less than a new one: its stack has grown already.
func (c *Cache) crew(f *flight) {
	idle := time.NewTimer(crewIdle)
	defer idle.Stop()
	for {
		ctx, cancel := context.WithTimeout(c.ctx, c.cfg.FetchTimeout)
		c.fetch(ctx, f.key, f)
		cancel()
		idle.Reset(crewIdle)
		select {
		case f = <-c.work:
		case <-idle.C:
			return
		case <-c.ctx.Done():
			return
		}
	}
}

// answer is what a fetch brought.
type answer struct {
	data       *sh.Data
	wilds      sh.Wildcards
	subscribed bool
	expiry     time.Time
}

func (c *Cache) fetch(ctx context.Context, k Key, f *flight) {
	c.mu.Lock()
	epoch := c.epoch
	c.mu.Unlock()
	a, err := c.ask(ctx, k)
	for attempt := 0; err == nil && attempt < rereads; attempt++ {
		c.mu.Lock()
		again := f.notified
		f.notified = false
		c.mu.Unlock()
		if !again {
			break
		}
		// Nobody can tell whether the notification or the answer is the newer one; what is read now is.
		var u *sh.UDA
		if u, err = c.client.UDR(ctx, k.udr(c.cfg.Features)); err == nil {
			a.data = u.Data
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, k)
	c.land(k, f, a, err, epoch)
	close(f.done)
}

// land files the result of a flight. The lock is held.
func (c *Cache) land(k Key, f *flight, a answer, err error, epoch uint64) {
	now := time.Now()
	if err == nil {
		c.failures = 0
	}
	if unknown, ok := errors.AsType[*sh.Error](err); ok && unknown.UserUnknown() {
		e := c.put(k)
		*e = entry{key: k, place: e.place, used: e.used, unknown: unknown, at: now, fresh: now.Add(c.cfg.NegativeTTL), epoch: epoch}
		f.entry = e
		c.metrics.fetches.WithLabelValues("unknown").Inc()
		return
	}
	if err != nil {
		if e := c.entries[k]; e != nil {
			e.failed = now
		}
		if _, answered := errors.AsType[*sh.Error](err); !answered {
			c.failures++
			c.failedAt = now
		}
		f.err = err
		c.metrics.fetches.WithLabelValues("failed").Inc()
		return
	}
	c.metrics.fetches.WithLabelValues("ok").Inc()
	k = c.underWildcard(k, a.wilds)
	e := c.put(k)
	if len(c.watchers[k]) > 0 && e.data != nil && !reflect.DeepEqual(e.data, a.data) {
		c.tell(k, a.data) // it changed while nobody could notify
	}
	e.data, e.unknown, e.at, e.epoch, e.failed = a.data, nil, now, epoch, time.Time{}
	e.subscribed, e.subscribedAt, e.expiry, e.fresh = a.subscribed, now, a.expiry, now.Add(c.cfg.TTL)
	f.entry = e
	if due, ok := c.due(e, now); ok && now.Add(due).Before(c.look) {
		c.rouse()
	}
}

// underWildcard files data of a wildcarded identity once, for all identities that match it.
func (c *Cache) underWildcard(k Key, w sh.Wildcards) Key {
	name := w.PSI
	if name == "" {
		name = w.IMPU
	}
	if name == "" || name == k.Identity.Public {
		return k
	}
	if len(c.wildcards) >= c.cfg.Size {
		clear(c.wildcards) // costs a miss each
	}
	wild := sh.Identity{Public: name}
	c.wildcards[k.Identity] = wild
	if e := c.entries[k]; e != nil {
		c.drop(e)
	}
	k.Identity = wild
	return k
}

// ask subscribes and reads in one request where that can be, else it reads.
func (c *Cache) ask(ctx context.Context, k Key) (answer, error) {
	if c.cfg.Subscribe && k.notified() && c.maySubscribe(k.Ref) {
		a, err := c.subscribe(ctx, k)
		if err == nil {
			return a, nil
		}
		e, ok := errors.AsType[*sh.Error](err)
		switch {
		case !ok:
			return answer{}, err
		case e.Code == sh.UserDataCannotBeNotified:
			c.mu.Lock()
			c.refused[k.Ref] = time.Now().Add(refusedTime)
			c.mu.Unlock()
			c.log.Warn("subscription not permitted, polling instead", "reference", k.Ref.String())
		case e.Code == sh.SubsDataAbsent, e.Action() == sh.ActionDropFeatures, e.Action() == sh.ActionBug:
			// Nothing there yet, or this HSS cannot do it this way: reading may still work.
		default:
			return answer{}, err
		}
	}
	u, err := c.client.UDR(ctx, k.udr(c.cfg.Features))
	if err != nil {
		return answer{}, err
	}
	return answer{data: u.Data, wilds: u.Wildcards}, nil
}

func (c *Cache) subscribe(ctx context.Context, k Key) (answer, error) {
	var expiry time.Time
	if c.cfg.SubscribeFor > 0 {
		expiry = time.Now().Add(c.cfg.SubscribeFor)
	}
	s, err := c.client.SNR(ctx, k.snr(c.cfg.Features, expiry))
	if err != nil {
		return answer{}, err
	}
	a := answer{data: s.Data, wilds: s.Wildcards, subscribed: true, expiry: s.Expiry}
	if a.data == nil {
		// Nothing there, or an HSS that does not know Send-Data-Indication; reading after subscribing leaves no gap.
		u, err := c.client.UDR(ctx, k.udr(c.cfg.Features))
		if err != nil {
			return answer{}, err
		}
		a.data = u.Data
	}
	return a, nil
}

func (c *Cache) maySubscribe(ref sh.Reference) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.refused[ref]
	if ok && time.Now().After(until) {
		delete(c.refused, ref)
		return true
	}
	return !ok
}
