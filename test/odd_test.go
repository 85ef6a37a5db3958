package test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestLostAck: RFC 3261 13.3.1.4: a 2xx is repeated until its ACK, and after 64*T1 the call is ended by BYE on both legs.
func TestLostAck(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.T1 = 50 * time.Millisecond })
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	req := callee.request("INVITE")
	begin := time.Now()
	callee.reply(req, "200 OK", "hidden-tag-l", sdp(s.media(s.callee()), 32000, 1))
	ok := caller.answer(inv, 200)
	byeA := caller.await(64*50*time.Millisecond+patience, "BYE", func(m message) bool { return m.method() == "BYE" && m.status() == 0 })
	if d := time.Since(begin); d < 3*time.Second || d > 10*time.Second {
		t.Errorf("BYE came %v after the 200, want 64*T1 = 3.2 s", d)
	}
	if n := caller.received(ok); n < 3 {
		t.Errorf("the 200 was sent %d times, want several", n)
	}
	caller.reply(byeA, "200 OK", "", "")
	callee.reply(callee.request("BYE"), "200 OK", "", "")
	s.ended(ending{408, "caller"})
}

// TestCallerDies takes the caller away while the call rings and while it is up: the callee is released, nothing stays.
func TestCallerDies(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.T1 = 50 * time.Millisecond })
	callee := newUA(t, s.callee(), s.carrier(), "hidden")
	t.Run("before its ACK", func(t *testing.T) {
		caller := newUA(t, s.caller(), s.core(), "secret")
		d := caller.dialogTo("bob")
		inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
		req := callee.request("INVITE")
		callee.reply(req, "180 Ringing", "hidden-tag-d", "")
		caller.answer(inv, 180)
		caller.conn.Close()
		callee.reply(req, "200 OK", "hidden-tag-d", sdp(s.media(s.callee()), 32000, 1))
		bye := callee.await(10*time.Second, "BYE", func(m message) bool { return m.method() == "BYE" })
		callee.reply(bye, "200 OK", "", "")
		eventually(t, 10*time.Second, "no call is left", func() bool { return s.calls() == 0 })
	})
	t.Run("during the call", func(t *testing.T) {
		caller := newUA(t, s.caller(), s.core(), "secret")
		c := s.connect(caller, callee)
		caller.conn.Close()
		callee.answer(c.b.send("BYE", ""), 200)
		eventually(t, 10*time.Second, "no call is left", func() bool { return s.calls() == 0 })
	})
	s.ended(ending{408, "caller"}, ending{200, "callee"})
}

// TestCalleeSilent: a callee that answers nothing at all costs the caller 64*T1, not a hung call.
func TestCalleeSilent(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.T1 = 50 * time.Millisecond })
	caller, callee := s.phones()
	d := caller.dialogTo("bob")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31000, 1))
	req := callee.request("INVITE")
	res := caller.await(10*time.Second, "a final response", func(m message) bool { return m.status() >= 300 })
	d.ackFailure(res)
	if res.get("CSeq") != inv.get("CSeq") || (res.status() != 408 && res.status() != 504) {
		t.Errorf("the caller was answered %s, want 408 or 504", res.start)
	}
	if n := callee.received(req); n < 5 {
		t.Errorf("the INVITE was sent %d times, want at least 5 within 64*T1", n)
	}
	s.ended(ending{408, "callee"})
}

// TestUnknownDialog: requests for dialogs that are not there are refused with 481, ACK and stray responses are swallowed.
func TestUnknownDialog(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller := newUA(t, s.caller(), s.core(), "secret")
	d := caller.dialogTo("bob")
	d.remote += ";tag=not-one-of-yours"
	d.target = "sip:" + s.core()
	for _, method := range []string{"BYE", "INFO", "INVITE"} {
		req := d.send(method, "")
		res := caller.answer(req, 481)
		if method == "INVITE" {
			d.ackFailure(res)
		}
	}
	d.cseq++
	d.sendAs("ACK", d.cseq, unique("z9hG4bK"), "")
	lost := caller.dialogTo("bob")
	lost.cseq = 1
	caller.answer(lost.sendAs("CANCEL", 1, unique("z9hG4bK"), ""), 481)
	caller.raw(s.core(), "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP "+s.core()+";branch=z9hG4bKstray\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: stray\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n")
	caller.answer(caller.dialogTo("bob").send("OPTIONS", ""), 200)
}

// malformed are requests with one fault each.
var malformed = []struct {
	name   string
	start  string
	change map[string]string // header to new value; "" leaves it out
	more   string            // further lines
	body   string
	want   int
}{
	{name: "no Call-ID", change: map[string]string{"Call-ID": ""}, want: 400},
	{name: "no From", change: map[string]string{"From": ""}, want: 400},
	{name: "no To", change: map[string]string{"To": ""}, want: 400},
	{name: "CSeq of another method", change: map[string]string{"CSeq": "1 BYE"}, want: 400},
	{name: "CSeq that is no number", change: map[string]string{"CSeq": "first INVITE"}, want: 400},
	{name: "CSeq too large", change: map[string]string{"CSeq": "36893488147419103232 INVITE"}, want: 400},
	{name: "From without end", change: map[string]string{"From": `"Alice <sip:alice@ims.example.org>;tag=1`}, want: 400},
	{name: "Max-Forwards that is no number", change: map[string]string{"Max-Forwards": "many"}, want: 400},
	{name: "body shorter than it says", change: map[string]string{"Content-Length": "400"}, body: "v=0\r\n", want: 400},
	{name: "Content-Length below zero", change: map[string]string{"Content-Length": "-5"}, want: 400},
	{name: "two Call-IDs", more: "Call-ID: another\r\n", want: 400},
	{name: "another version", start: "INVITE sip:bob@ims.example.org SIP/7.0", want: 505},
	{name: "another scheme", start: "INVITE gopher:bob SIP/2.0", want: 416},
}

// TestMalformed: a broken request is refused, never met with silence and never a crash.
func TestMalformed(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, c := range malformed {
		t.Run(c.name, func(t *testing.T) {
			caller := newUA(t, s.caller(), s.core(), "secret")
			first := c.start
			if first == "" {
				first = "INVITE sip:bob@ims.example.org SIP/2.0"
			}
			via := "SIP/2.0/UDP " + caller.addr + ";branch=" + unique("z9hG4bKbroken")
			var b strings.Builder
			fmt.Fprintf(&b, "%s\r\nVia: %s\r\n", first, via)
			for _, h := range [][2]string{{"Max-Forwards", "70"}, {"From", "<sip:alice@ims.example.org>;tag=" + unique("f")}, {"To", "<sip:bob@ims.example.org>"}, {"Call-ID", unique("broken-")},
				{"CSeq", "1 INVITE"}, {"Contact", "<sip:alice@" + caller.addr + ">"}, {"Content-Length", fmt.Sprint(len(c.body))}} {
				if v, ok := c.change[h[0]]; ok {
					h[1] = v
				}
				if h[1] != "" {
					fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
				}
			}
			caller.raw(s.core(), b.String()+c.more+"\r\n"+c.body)
			res := caller.await(patience, "a final response", func(m message) bool { return m.status() >= 200 })
			if res.status() != c.want {
				t.Errorf("answered %s, want %d", res.start, c.want)
			}
			if !strings.HasPrefix(res.get("Via"), via) {
				t.Errorf("answered with Via %q, want %q", res.get("Via"), via)
			}
		})
	}
	caller := newUA(t, s.caller(), s.core(), "secret")
	// What no answer can be made for is dropped.
	for _, noise := range []string{"\r\n\r\n", "\x00", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "INVITE sip:bob@ims.example.org SIP/2.0\r\n\r\n",
		"INVITE sip:bob@ims.example.org SIP/2.0\r\nVia: SIP/2.0/UDP " + caller.addr + ";branch=z9hG4bKn\r\nFrom: <sip:a@b>;tag=n\r\nTo: <sip:c@d>\r\nCall-ID: n\r\n\r\n", strings.Repeat("A", 60000), "SIP/2.0 200 OK\r\n\r\n"} {
		caller.raw(s.core(), noise)
	}
	caller.answer(caller.dialogTo("bob").send("OPTIONS", ""), 200)
	if n := s.calls(); n != 0 {
		t.Errorf("%d calls came out of malformed messages", n)
	}
}

// TestWrittenOddly sends a good INVITE in compact form, with folds and blanks where RFC 3261 allows them.
func TestWrittenOddly(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	id := unique("odd-")
	inv := strings.Join([]string{"INVITE sip:bob@ims.example.org SIP/2.0", "v: SIP / 2.0 / UDP\t" + caller.addr + " ; branch = z9hG4bK" + id, "mAx-FoRwArDs :  070", "f: \"A \\\"quoted\\\" <name>\" ", "\t<sip:alice@ims.example.org> ; tag = " + id,
		"t:sip:bob@ims.example.org", "i : " + id, "cseq: 0009", "  INVITE", "m: <sip:alice@" + caller.addr + ">", "c: application/sdp"}, "\r\n")
	body := sdp(s.media(s.caller()), 31000, 1)
	caller.raw(s.core(), inv+fmt.Sprintf("\r\nl: %d\r\n\r\n%s", len(body), body))
	req := callee.request("INVITE")
	if !strings.Contains(req.get("From"), "sip:alice@") || tag(req.get("From")) == id || !strings.HasPrefix(req.body, "v=0") {
		t.Errorf("the callee got\n%s", req.raw)
	}
	callee.reply(req, "603 Decline", "hidden-tag-o", "")
	res := caller.await(patience, "603", func(m message) bool { return m.status() == 603 })
	if res.get("Call-ID") != id || res.get("CSeq") == "" {
		t.Errorf("the caller got\n%s", res.raw)
	}
	ack := strings.NewReplacer("INVITE sip:", "ACK sip:", "  INVITE", "  ACK", "t:sip:bob@ims.example.org", "t: "+res.get("To")).Replace(inv)
	caller.raw(s.core(), ack+"\r\nl: 0\r\n\r\n")
	s.ended(ending{603, "callee"})
}
