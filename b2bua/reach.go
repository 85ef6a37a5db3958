package b2bua

import (
	"bytes"
	"context"
	"net/netip"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/locate"
)

// course is where a request of a dialog goes.
type course struct {
	uri  string // the first Route, else the remote target (RFC 3261 12.2.1.1)
	to   netip.AddrPort
	name string           // that led there, "" for an address
	ask  *locate.Question // what must be looked up first
}

// aim returns where a request of a dialog goes. A name that has no place leads the way the party's messages took: many a telephone
// gives one that only it knows. The leg's requests then leave by the transport that is meant.
func (c *Call) aim(l *Leg, d *Dialog) course {
	uri := d.Target
	if len(d.Routes) > 0 {
		uri = bare(d.Routes[0])
	}
	if to, by, ok := uriAddr([]byte(uri), l.local.Transport); ok {
		if l.Flow && len(d.Routes) == 0 {
			return course{uri: uri, to: l.Dest, name: l.Name}
		}
		l.turn(to, by)
		next := course{uri: uri, to: to}
		if by == sip.TLS && to.Addr() == l.Dest.Addr() { // who is there has proved to have the name that led there, not its address
			next.name = l.Name
		}
		return next
	}
	ask, ok := l.side.askURI([]byte(uri), l.local.Transport)
	if !ok {
		return course{uri: uri, to: l.Dest, name: l.Name}
	}
	var buf [8]locate.Place
	places, known, err := c.srv.cfg.Resolver.Cached(buf[:0], ask, c.ID)
	switch {
	case !known:
		return course{uri: uri, ask: &ask}
	case err != nil:
		c.srv.unlocated(err)
		return course{uri: uri, to: l.Dest, name: l.Name}
	}
	p := c.srv.healthy(places)[0]
	l.turn(p.Addr, p.By)
	return course{uri: uri, to: p.Addr, name: ask.Host}
}

// turn makes a leg's requests leave by a transport, and in the IP version of their destination.
func (l *Leg) turn(to netip.AddrPort, by sip.Transport) {
	if by == l.local.Transport && l.local.Addr.Addr().Is4() == to.Addr().Is4() {
		return
	}
	if other := l.side.via(to, by); other.Transport == by {
		l.local, l.Local = other, other.index()
	}
}

// seekFor looks up where a request goes that is printed and waits. After a takeover it is looked up again.
func (c *Call) seekFor(l *Leg, t *Tx) {
	slot, num := l.Slot, t.Num
	c.find(*t.Seek, func(c *Call, places []locate.Place, err error) { c.found(slot, num, places, err) })
}

// found sends a request that waited for its place.
func (c *Call) found(slot uint8, num uint32, places []locate.Place, err error) {
	l := c.Legs[slot]
	t := l.tx(num)
	if t == nil || t.Seek == nil {
		return
	}
	name := t.Seek.Host
	t.Seek = nil
	if err != nil {
		c.srv.unlocated(err)
		c.steer(l, t, locate.Place{Addr: l.Dest, By: l.local.Transport}, l.Name)
		return
	}
	c.steer(l, t, c.srv.healthy(places)[0], name)
}

// steer sends a client transaction's request to a place, by its transport; its timers start then.
func (c *Call) steer(l *Leg, t *Tx, p locate.Place, name string) {
	was := l.side.Locals[t.Local]
	l.turn(p.Addr, p.By)
	t.Dest, t.Name, t.Local = p.Addr, name, l.Local
	m := t.message()
	if *m = revia(*m, was, l.local); was != l.local {
		*m = bytes.Replace(*m, contactOf(was), contactOf(l.local), 1)
	}
	if t.State == sip.Calling || t.State == sip.Trying {
		t.Stream = l.local.Transport.Reliable()
		c.enter(t, t.State)
	}
	uri := ""
	if int(t.Dialog) < len(l.Dialogs) {
		d := l.Dialogs[t.Dialog]
		if uri = d.Target; len(d.Routes) > 0 {
			uri = bare(d.Routes[0])
		}
	}
	c.depart(l, t, uri)
}

func contactOf(l *Local) []byte {
	return []byte("\r\nContact: <sip:" + l.Advertise + l.Transport.Param() + ">")
}

// elsewhere gives a request inside a dialog that found nobody to the next place of its name (RFC 3263 4.3); false when there is none.
func (c *Call) elsewhere(l *Leg, t *Tx) bool {
	if t.Name == "" || t.Seek != nil || int(t.Dialog) >= len(l.Dialogs) || t.State != sip.Calling && t.State != sip.Trying || l.Phase == Trying {
		return false
	}
	c.srv.ail(l.side, t.Dest, 0)
	next := c.aim(l, l.Dialogs[t.Dialog])
	if next.ask != nil || next.to == t.Dest || next.name == "" {
		return false
	}
	c.srv.metrics.failovers.Inc()
	c.steer(l, t, locate.Place{Addr: next.to, By: l.local.Transport}, next.name)
	return true
}

// unmoved tells that a request inside a dialog has waited for any response for longer than one address gets.
func (c *Call) unmoved(l *Leg, t *Tx) bool {
	try := l.side.Health.Try
	return t.Name != "" && try > 0 && t.Expire > 0 && c.srv.now() >= t.Expire-64*c.srv.cfg.Timers.T1+try
}

// foresee has a name looked up that requests of a dialog will go to, and asks nobody to wait.
func (c *Call) foresee(ask locate.Question) {
	s := c.srv
	s.lookUp(func() {
		ctx, cancel := context.WithTimeout(s.ctx, findLimit)
		defer cancel()
		_, _ = s.cfg.Resolver.Find(ctx, ask, 0) // it is in the cache then
	})
}
