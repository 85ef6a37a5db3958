package cache

import (
	"time"
)

// Renewing: subscriptions that are in use are renewed before they expire, and after a connection came back.
const (
	renewAtOnce = 16               // fetches under way for renewal
	renewEvery  = 10 * time.Second // the longest pause between two looks
	usedLately  = 10 * time.Minute // what was not used that long is left to expire
)

// rouse wakes the renewer.
func (c *Cache) rouse() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// renew is the cache's own goroutine; it ends with Close.
func (c *Cache) renew() {
	t := time.NewTimer(renewEvery)
	defer t.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.wake:
		case <-t.C:
		}
		t.Reset(c.renewDue())
	}
}

// renewDue renews what is due, a few at a time, and returns when to look again.
func (c *Cache) renewDue() time.Duration {
	due, next := c.dueKeys()
	for len(due) > 0 {
		n := min(len(due), renewAtOnce)
		if !c.renewAll(due[:n]) {
			break
		}
		due = due[n:]
	}
	return next
}

// dueKeys looks through the entries in use once: for those that are to be renewed now, and for when to look again.
func (c *Cache) dueKeys() (keys []Key, next time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	next = renewEvery
	for el := c.order.Front(); el != nil; el = el.Next() {
		e := el.Value.(*entry)
		if now.Sub(e.used) > usedLately && len(c.watchers[e.key]) == 0 {
			if len(c.watchers) == 0 {
				break // the rest was used even longer ago
			}
			continue
		}
		due, ok := c.due(e, now)
		switch {
		case !ok:
		case due > 0:
			next = min(next, due)
		case now.Sub(e.failed) < c.cfg.RetryAfter:
			next = min(next, c.cfg.RetryAfter)
		default:
			keys = append(keys, e.key)
		}
	}
	if len(keys) > 0 {
		next = min(next, c.cfg.RetryAfter) // for those that fail
	}
	next = max(next, time.Millisecond)
	c.look = now.Add(next)
	return keys, next
}

// renewAll fetches what is still due of the keys and waits; false when the HSS is silent or the cache is closed.
func (c *Cache) renewAll(keys []Key) bool {
	var wait []*flight
	c.mu.Lock()
	now := time.Now()
	silent := c.silent(now)
	for _, k := range keys {
		e := c.entries[k]
		if e == nil || silent {
			continue
		}
		if due, ok := c.due(e, now); ok && due <= 0 {
			if f := c.fly(k); f != nil {
				wait = append(wait, f)
			}
		}
	}
	c.mu.Unlock()
	for _, f := range wait {
		select {
		case <-f.done:
		case <-c.ctx.Done():
			return false
		}
	}
	return !silent
}

// due tells when an entry is to be fetched again: a subscription when a tenth of its time is left, or at once when it is
// doubtful; what nobody notifies and somebody watches, when it is not fresh any more. The lock is held.
func (c *Cache) due(e *entry, now time.Time) (time.Duration, bool) {
	switch {
	case !e.subscribed && e.unknown == nil && len(c.watchers) > 0 && len(c.watchers[e.key]) > 0:
		return e.fresh.Sub(now), true
	case !e.subscribed || e.unknown != nil:
		return 0, false
	case e.epoch != c.epoch:
		return 0, true
	case e.expiry.IsZero():
		return 0, false
	}
	return e.expiry.Sub(now) - e.expiry.Sub(e.subscribedAt)/10, true
}
