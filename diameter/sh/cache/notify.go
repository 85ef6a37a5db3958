package cache

import (
	"time"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/sh"
)

// Notify takes a notification in; it is the sh.NotifyFunc of the connection. One that nobody is interested in is answered
// with 5107, whereupon the HSS ends the subscription.
func (c *Cache) Notify(n *sh.PNR) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.identity(n)
	interested := false
	for _, e := range c.byIdentity[id] {
		d, ok := e.key.project(n.Data)
		if !ok {
			continue
		}
		interested = interested || e.subscribed
		if e.subscribed || e.data != nil {
			e.data, e.unknown, e.at = d, nil, time.Now()
		}
		c.tell(e.key, d)
	}
	for k, f := range c.flights {
		if _, ok := k.project(n.Data); ok && c.resolve(k).Identity == id {
			f.notified, interested = true, true
		}
	}
	if !interested {
		c.metrics.stray.Inc()
		return &sh.Error{Experimental: true, Code: sh.NoSubscriptionToData}
	}
	c.metrics.applied.Inc()
	return nil
}

// identity returns under which identity the data of a notification stand here.
func (c *Cache) identity(n *sh.PNR) sh.Identity {
	for _, w := range []string{n.Wildcards.PSI, n.Wildcards.IMPU} {
		if w != "" {
			return sh.Identity{Public: w}
		}
	}
	id := n.Identity
	if id.Public != "" {
		id = sh.Public(id.Public)
	}
	return c.resolve(Key{Identity: id}).Identity
}

// PeerChanged takes in that a connection came or went: notifications may have been missed meanwhile, so everything is
// doubtful until it has been subscribed to again. It is the PeerChanged of the endpoint.
func (c *Cache) PeerChanged(diameter.PeerEvent) {
	c.mu.Lock()
	c.epoch++
	c.mu.Unlock()
	c.rouse()
}

// watcher is somebody who wants to see the notifications of a key.
type watcher struct{ c chan *sh.Data }

// Watch returns a channel with the data of each notification about a key, and a function that ends it. A slow reader
// misses notifications, but never the last one for long: the newest replaces an unread one. What cannot be notified is read
// again when it is not fresh any more. Only what is cached is watched, so Get it first.
func (c *Cache) Watch(k Key) (<-chan *sh.Data, func()) {
	w := &watcher{make(chan *sh.Data, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	k = c.resolve(k)
	of := c.watchers[k]
	if of == nil {
		of = make(map[*watcher]struct{})
		c.watchers[k] = of
	}
	of[w] = struct{}{}
	if e := c.entries[k]; e != nil && !e.subscribed {
		c.rouse() // nobody else will tell
	}
	return w.c, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(of, w)
		if len(of) == 0 && len(c.watchers[k]) == 0 {
			delete(c.watchers, k)
		}
	}
}

// tell hands data to the watchers of a key. The lock is held.
func (c *Cache) tell(k Key, d *sh.Data) {
	for w := range c.watchers[k] {
		select {
		case <-w.c:
		default:
		}
		w.c <- d
	}
}
