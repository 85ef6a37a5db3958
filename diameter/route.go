package diameter

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/bifrons/bifrons/diameter/dict"
)

// capabilities is what the exchange told about a peer; it is never changed.
type capabilities struct {
	host, realm string
	realms      []string
	apps        []uint32
	relay       bool
	stateID     uint32
}

// carries tells whether the peer speaks the application or relays any.
func (c *capabilities) carries(app uint32) bool {
	if c.relay {
		return true
	}
	for _, a := range c.apps {
		if a == app {
			return true
		}
	}
	return false
}

// serves tells whether the peer is in the realm or was configured for it.
func (c *capabilities) serves(realm string) bool {
	if strings.EqualFold(c.realm, realm) {
		return true
	}
	for _, r := range c.realms {
		if strings.EqualFold(r, realm) {
			return true
		}
	}
	return false
}

// Ranks of RFC 6733 6.1.4: the destination itself, then a server of the realm, then a relay that may know the way.
const (
	rankHost = iota
	rankRealm
	rankRelay
	rankNone
)

// rank tells how well the peer fits the route.
func (c *capabilities) rank(app uint32, r Route) int {
	switch {
	case !c.carries(app):
		return rankNone
	case r.Host != "" && strings.EqualFold(c.host, r.Host):
		return rankHost
	case r.Host != "" && !c.relay:
		// A server is no agent: it would not forward the request to another host.
		return rankNone
	case c.relay && len(c.realms) > 0 && !c.serves(r.Realm):
		return rankNone
	case c.serves(r.Realm):
		return rankRealm
	case c.relay:
		return rankRelay
	}
	return rankNone
}

// standing is the place of a link in the choice: lower is better, compared field by field.
type standing struct {
	avoided  bool
	rank     int
	priority int
}

func (s standing) less(o standing) bool {
	if s.avoided != o.avoided {
		return o.avoided
	}
	if s.rank != o.rank {
		return s.rank < o.rank
	}
	return s.priority < o.priority
}

// choose returns the best usable link that is not among the used ones, by weight among equals; nil if there is none.
func (e *Endpoint) choose(c *call, used []hopOf) *link {
	var best *link
	var at standing
	total := 0
	now := time.Since(e.began)
	for _, p := range *e.peers.Load() {
		o := p.open.Load()
		if o == nil || had(used, o.link) {
			continue
		}
		r := o.caps.rank(c.app, c.route)
		if r == rankNone {
			continue
		}
		s := standing{avoided: time.Duration(p.avoidUntil.Load()) > now, rank: r, priority: p.cfg.Priority}
		switch {
		case best == nil || s.less(at):
			best, at, total = o.link, s, p.weight()
		case !at.less(s):
			// One pass: the n-th of several equals replaces the choice with the probability of its weight.
			total += p.weight()
			if rand.IntN(total) < p.weight() {
				best = o.link
			}
		}
	}
	return best
}

func had(used []hopOf, l *link) bool {
	for _, h := range used {
		if h.link == l {
			return true
		}
	}
	return false
}

// isRelay tells whether the list of applications is that of a relay (RFC 6733 2.4).
func isRelay(apps []uint32) bool {
	for _, a := range apps {
		if a == dict.Relay {
			return true
		}
	}
	return false
}
