package b2bua

import (
	"net/netip"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/locate"
)

// A party has a flow (RFC 5626 has the word) where its Contact leads nowhere: it is behind a NAT, or listens nowhere and has but the
// connection it made. Requests of its dialogs then go the way of its INVITE: to the address that this came from, or went to.

// behindNAT tells whether who sent a request is behind a NAT: what it takes for its address, in Via and Contact, is one of a private
// network, and the request came from another, public one. Over UDP it must have asked for answers there (RFC 3581), for it listens
// there then.
func behindNAT(m *sip.Message, by sip.Transport, contact string) bool {
	vias := 0
	for range m.Values(sip.HdrVia) {
		vias++
	}
	via, err := m.TopVia()
	if err != nil || vias != 1 { // the Contact of who is behind a proxy is not the one that sent
		return false
	}
	_, asks := via.Params.Get("rport")
	own := sip.HostAddr(via.Host)
	at, _, ok := uriAddr([]byte(contact), by)
	return ok && at.Addr() == own && internal(own) && !internal(m.Source.Addr()) && (asks || by.Reliable())
}

// shared are the addresses between a provider's NAT and its customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// internal tells whether an address means nothing outside its own network.
func internal(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || shared.Contains(a)
}

// flow sends a request inside a dialog whose Contact takes no connection on the one that the party has with us, and remembers that as
// long as it is there; false when it was sent there.
func (c *Call) flow(l *Leg, t *Tx) bool {
	if int(t.Dialog) >= len(l.Dialogs) || l.Phase == Trying || len(l.Dialogs[t.Dialog].Routes) > 0 || !l.side.Locals[t.Local].Transport.Reliable() {
		return false
	}
	if l.Flow = t.Dest != l.Dest; !l.Flow {
		return false
	}
	c.steer(l, t, locate.Place{Addr: l.Dest, By: l.local.Transport}, l.Name)
	return true
}

// flowOfProbe remembers likewise for the next probe that one was not delivered.
func (l *Leg) flowOfProbe(r ref) {
	if w := l.Life; w != nil && w.Number == r.number && l.local.Transport.Reliable() {
		l.Flow = !l.Flow
	}
}
