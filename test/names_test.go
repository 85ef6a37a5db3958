package test

import (
	"fmt"
	"io"
	"net"
	"strings"
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
				if d := time.Since(begun); d > 10*time.Second {
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

// TestNamedContact: the callee's Contact is a name; ACK and BYE go where DNS says. A name that has no address leads where the callee's
// answer came from.
func TestNamedContact(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"phone.test": true, "alices-laptop.test": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := locatetest.Start(t, "")
			s := start(t, func(set *settings) { set.Users = "dns: {servers: ['" + ns.Addr.String() + "'], timeout: 300ms}\n" })
			ns.Set("_sip._udp.phone.test. 60 IN SRV 1 1 5060 host.test.\nhost.test. 60 IN A " + s.ip(13) + "\n")
			caller, callee := s.phones()
			heard := callee
			if known {
				heard = newUA(t, s.addr(13, 5060), s.carrier(), "hidden-phone")
			}
			d := caller.dialogTo("bob")
			inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
			callee.reply(callee.request("INVITE"), "200 OK", unique("hidden-tag-"), sdp(s.media(s.callee()), 33000, 1), "Contact: <sip:hidden@"+name+">")
			if ack := heard.request("ACK"); !strings.HasPrefix(ack.raw, "ACK sip:hidden@"+name+" SIP/2.0") {
				t.Errorf("the ACK is\n%s", ack.raw)
			}
			d.accept(caller.answer(inv, 200))
			d.ack("")
			bye := d.send("BYE", "")
			caller.answer(bye, 200)
			heard.reply(heard.request("BYE"), "200 OK", "", "")
			s.ended(hungUp)
		})
	}
}

// TestNumbersRewritten: what a route makes of the numbers of callee and caller.
func TestNumbersRewritten(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) {
		set.Policy = "trusted"
		set.Route = ", rewrite: {callee: [{e164: {region: DE}}, {strip: '+', prefix: '00'}], caller: {e164: {region: DE}}, also: [to, identity]}"
	})
	caller, callee := s.phones()
	d := caller.dialogTo("030-1234567")
	d.local = "<sip:030.9876543@ims.example.org>;tag=" + unique("secret-tag-")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1), `P-Asserted-Identity: "Alice" <sip:0309876543@ims.example.org>, <tel:0309876543>`)
	got := callee.request("INVITE")
	for header, want := range map[string]string{"From": "<sip:+49309876543@", "To": "<sip:0049301234567@",
		"P-Asserted-Identity": `"Alice" <sip:+49309876543@ims.example.org>, <tel:+49309876543>`} {
		if !strings.Contains(got.get(header), want) {
			t.Errorf("%s is %s, want %s", header, got.get(header), want)
		}
	}
	if !strings.HasPrefix(got.raw, "INVITE sip:0049301234567@") {
		t.Errorf("the callee got\n%s", got.raw)
	}
	callee.reply(got, "486 Busy Here", unique("hidden-tag-"), "")
	d.ackFailure(caller.answer(inv, 486))
	s.ended(ending{486, "callee"})
}

// TestLargeInDialog: an INFO that is too large for a packet goes by TCP to who takes it, and in a datagram to who does not.
func TestLargeInDialog(t *testing.T) {
	t.Parallel()
	for _, takes := range []bool{true, false} {
		t.Run(fmt.Sprintf("TCP %v", takes), func(t *testing.T) {
			t.Parallel()
			s := start(t)
			caller, callee := s.phones()
			call := s.connect(caller, callee)
			got := make(chan string, 1)
			if takes {
				l, err := net.Listen("tcp", s.callee())
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				go func() { // ends with the listener
					conn, err := l.Accept()
					if err != nil {
						return
					}
					defer conn.Close()
					text, b := "", make([]byte, 8192)
					for !strings.HasSuffix(text, "xxx") {
						n, err := conn.Read(b)
						if text += string(b[:n]); err != nil {
							return
						}
					}
					m, err := parse(text)
					if err != nil {
						return
					}
					_, _ = io.WriteString(conn, "SIP/2.0 200 OK\r\nVia: "+m.get("Via")+"\r\nFrom: "+m.get("From")+"\r\nTo: "+m.get("To")+"\r\nCall-ID: "+m.get("Call-ID")+"\r\nCSeq: "+m.get("CSeq")+"\r\nContent-Length: 0\r\n\r\n")
					got <- text
					_, _ = conn.Read(b)
				}()
			}
			info := call.a.send("INFO", strings.Repeat("x", 1500), "Content-Type: text/plain")
			if !takes {
				m := callee.request("INFO")
				callee.reply(m, "200 OK", "", "")
				got <- m.raw
			}
			caller.answer(info, 200)
			want := map[bool]string{true: "Via: SIP/2.0/TCP ", false: "Via: SIP/2.0/UDP "}[takes]
			if text := <-got; !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
			call.hangUp(call.a, call.b)
			s.ended(hungUp)
		})
	}
}

// TestAnswerElsewhere: the caller's connection has gone before the answer comes: it goes to the port of his Via (RFC 3261 18.2.2), or,
// when nobody is there, to where the name in it leads (RFC 3263 5).
func TestAnswerElsewhere(t *testing.T) {
	t.Parallel()
	for _, named := range []bool{false, true} {
		t.Run(fmt.Sprintf("by name %v", named), func(t *testing.T) {
			t.Parallel()
			ns := locatetest.Start(t, "")
			s := start(t, func(set *settings) { set.Users = "dns: {servers: ['" + ns.Addr.String() + "'], timeout: 300ms}\n" })
			ns.Set("proxy.test. 60 IN A " + s.ip(13) + "\n")
			_, callee := s.phones()
			sentBy, at := s.caller(), s.caller()
			if named {
				sentBy, at = "proxy.test:5060", s.addr(13, 5060)
			}
			l, err := net.Listen("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(s.ip(11))}}
			c, err := d.Dial("tcp", s.core())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "INVITE sip:bob@%[1]s SIP/2.0\r\nVia: SIP/2.0/TCP %[2]s;branch=z9hG4bKgone\r\nFrom: <sip:alice@ims.example.org>;tag=secret-gone\r\nTo: <sip:bob@%[1]s>\r\nCall-ID: secret-gone\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:alice@%[2]s;transport=tcp>\r\nContent-Length: 0\r\n\r\n", s.core(), sentBy)
			inv := callee.request("INVITE")
			c.Close()
			eventually(t, patience, "the connection is gone", func() bool { return s.metric("bifrons_sip_stream_connections") == 0 })
			callee.reply(inv, "486 Busy Here", unique("hidden-tag-"), "")
			callee.request("ACK")
			_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
			back, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer back.Close()
			_ = back.SetDeadline(time.Now().Add(patience))
			b := make([]byte, 4096)
			n, _ := back.Read(b)
			if !strings.HasPrefix(string(b[:n]), "SIP/2.0 486 ") {
				t.Errorf("got %q", b[:n])
			}
		})
	}
}
