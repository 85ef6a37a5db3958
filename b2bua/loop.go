package b2bua

import "hash/fnv"

// A call to somebody registered here that comes back to us by his own Contact, and is for him again, goes round in a circle (RFC 5393 4): it gets 482
// in its second round, where Max-Forwards alone would let it run on, and each fork double it. It is known again by its Call-ID, which is one of
// ours; one that comes back under another is bounded by Max-Breadth and Max-Forwards. A call that comes back to be for somebody else is a
// spiral, and goes on.

// Round is somebody registered whom a call was for.
type Round struct {
	Name  uint64 // hash of his address of record
	Older bool   // the call was, which this one has come back from, or one before that
}

// cameFrom takes over whom the call was for whose INVITE has come back as this one's.
func (c *Call) cameFrom(callID []byte) {
	r, ok := c.srv.mint.find(callID, idCallID)
	if !ok {
		return
	}
	if k := c.srv.find(r.call); k != nil && k != c {
		if all := k.rounds.Load(); all != nil {
			for _, x := range *all {
				c.Rounds = append(c.Rounds, Round{x.Name, true})
			}
			c.shareRounds()
		}
	}
}

// circles notes that the call is for somebody registered; true if it was before it came back.
func (c *Call) circles(aor string) bool {
	h := fnv.New64a()
	h.Write([]byte(aor))
	name := h.Sum64()
	for _, x := range c.Rounds {
		if x.Name == name {
			return x.Older
		}
	}
	c.Rounds = append(c.Rounds[:len(c.Rounds):len(c.Rounds)], Round{Name: name})
	c.shareRounds()
	return false
}

// shareRounds shows them to the calls that come back from this one.
func (c *Call) shareRounds() {
	if len(c.Rounds) > 0 {
		all := c.Rounds
		c.rounds.Store(&all)
	}
}
