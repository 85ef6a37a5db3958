package test

import (
	"fmt"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/bifrons/bifrons/sip/locate/locatetest"
)

// byName gives the side carrier a next hop, and the server a name server.
func byName(ns *locatetest.Server, hop, side string) func(*settings) {
	return func(set *settings) {
		set.Targets, set.Side = hop, side
		set.Users = "dns: {servers: ['" + ns.Addr.String() + "'], timeout: 300ms}\n"
	}
}

// TestNamedNextHop: SRV leads to two servers; the first is dead, or says 503, and the second gets the INVITE. The dead one is not asked
// again for a while.
func TestNamedNextHop(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, status, side string }{
		{"nobody is there", "", ""}, {"503", "503 Service Unavailable", ""}, {"silent", "silent", ", health: {try: 300ms}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ns := locatetest.Start(t, "")
			s := start(t, byName(ns, "sip:carrier.test", c.side))
			ns.Set(fmt.Sprintf(`
carrier.test. 60 IN NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.carrier.test.
_sip._udp.carrier.test. 60 IN SRV 1 1 5060 a.carrier.test.
_sip._udp.carrier.test. 60 IN SRV 2 1 5060 b.carrier.test.
a.carrier.test. 60 IN A %s
b.carrier.test. 60 IN A %s
`, s.ip(13), s.ip(12)))
			var first *ua
			if c.status != "" {
				first = newUA(t, s.addr(13, 5060), s.carrier(), "hidden-first")
				if c.status != "silent" {
					first.always("INVITE", c.status)
				}
			}
			caller, callee := s.phones()
			for range 2 {
				begun := time.Now()
				call := s.connect(caller, callee)
				if d := time.Since(begun); d > 2*time.Second {
					t.Errorf("set up in %s", d)
				}
				call.hangUp(call.a, call.b)
				s.idle()
			}
			s.ended(hungUp, hungUp)
			if n := s.metric("bifrons_b2bua_failovers_total"); n != 1 {
				t.Errorf("%v failovers, want one: the first server is asked last from then on", n)
			}
			if n := s.metric(`bifrons_sip_locate_questions_total{outcome="asked"}`); n != 1 {
				t.Errorf("asked %v times", n)
			}
		})
	}
}

// TestNameUnknown: what the caller gets for a name that does not exist, and for name servers that say nothing.
func TestNameUnknown(t *testing.T) {
	t.Parallel()
	ns := locatetest.Start(t, "")
	s := start(t, byName(ns, "sip:nobody.test", ""))
	caller, _ := s.phones()
	try := func(want int) {
		t.Helper()
		d := caller.dialogTo("bob")
		d.ackFailure(caller.answer(d.send("INVITE", sdp(s.media(s.caller()), 31000, 1)), want))
	}
	try(502)
	try(502)
	s.ended(ending{502, "bifrons"}, ending{502, "bifrons"})
	if n := len(ns.Asked()); n > 5 {
		t.Errorf("%d queries: that there is none was not remembered", n)
	}
	ns = locatetest.Start(t, "")
	ns.Reply(func(dns.ResponseWriter, *dns.Msg) bool { return true })
	s = start(t, byName(ns, "['sip:nobody.test', 'sip:no-one.test']", ", health: {ping: 0s}"))
	caller, _ = s.phones()
	try(503)
	s.ended(ending{503, "bifrons"})
	if n := s.metric(`bifrons_b2bua_next_hops_unlocated_total{why="failed"}`); n < 1 {
		t.Error("nothing was counted")
	}
}

// TestCancelWhileLookedUp: the name server takes its time; the caller rings off, and nothing is sent when the answer comes.
func TestCancelWhileLookedUp(t *testing.T) {
	t.Parallel()
	ns := locatetest.Start(t, "")
	open := make(chan struct{})
	ns.Reply(func(dns.ResponseWriter, *dns.Msg) bool { <-open; return false })
	s := start(t, byName(ns, "sip:carrier.test:5060", ""), func(set *settings) { set.Users = "dns: {servers: ['" + ns.Addr.String() + "'], timeout: 4s}\n" })
	ns.Set("carrier.test. 60 IN A " + s.ip(12) + "\n")
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	caller.answer(inv, 100)
	eventually(t, patience, "the name server is asked", func() bool { return len(ns.Asked()) > 0 })
	caller.answer(d.cancel(), 200)
	d.ackFailure(caller.answer(inv, 487))
	close(open)
	callee.silent(300*time.Millisecond, "INVITE", func(m message) bool { return m.method() == "INVITE" })
	s.idle()
	call := s.connect(caller, callee) // the answer is known now
	call.hangUp(call.a, call.b)
	s.ended(ending{487, "caller"}, hungUp)
}
