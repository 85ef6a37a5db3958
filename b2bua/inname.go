package b2bua

import (
	"context"

	"github.com/bifrons/bifrons/sip"
)

// InName is the call of a transfer's target that waits to know how it leaves in the name of who asked for the transfer, as data. After a
// takeover it is asked again.
type InName struct {
	Identity   string
	Hidden     bool // who asked wants privacy
	URI, Extra string
	Generation uint32
}

// identify notes who the network says the party of a leg is: the identity that it asserts, where ours is believed and believes, and where
// calls of ours leave in somebody's name.
func (l *Leg) identify(m *sip.Message) {
	if l.side.Originator == nil || l.side.Trust != Home {
		return
	}
	if a, err := sip.ParseAddress(m.Get(sip.HdrPAssertedIdentity)); err == nil {
		l.Asserted = requestURI(a.URI)
	}
}

// nameOf returns in whose name a call leaves that the party of a leg asks for: whom the network asserts, else, of a callee, whom it has
// called there. From says nothing, for anybody can write it. "" is in nobody's: by the routes.
func (c *Call) nameOf(l *Leg, m *sip.Message) string {
	if l.identify(m); l.side.Originator == nil || l.side.Trust != Home {
		return ""
	}
	if l.Asserted == "" && l.UAC {
		return requestURI([]byte(l.Target))
	}
	return l.Asserted
}

// askName asks the Originator of a transfer's side, beside the call.
func (c *Call) askName() {
	n, s, side := c.Transfer.InName, c.srv, c.Legs[c.Transfer.By].side
	c.gen++
	n.Generation = c.gen
	gen, identity := n.Generation, n.Identity
	s.posts.Add(1)
	s.threads.Go(func() {
		defer s.posts.Add(-1)
		ctx, cancel := context.WithTimeout(s.ctx, findLimit)
		defer cancel()
		as, err := side.departure(ctx, identity)
		s.post(c, event{order: func(c *Call) { c.named(gen, as, err) }})
	})
}

// named goes on with the transfer.
func (c *Call) named(gen uint32, as Departure, err error) {
	tr := c.Transfer
	if c.Cause != nil || tr == nil || tr.InName == nil || tr.InName.Generation != gen {
		return
	}
	n := tr.InName
	tr.InName = nil
	if err != nil {
		c.srv.log.Warn("no transfer in the name of who asked for it", "call", c.ID, "err", err)
		c.transferred(503)
		return
	}
	if n.Hidden {
		as.Headers = append(as.Headers, Field{"Privacy", "id"})
	}
	as.From = c.Legs[tr.Stays].Them
	c.callFor(as, n.URI, n.Extra)
}
