package sip

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestStatusLines(t *testing.T) {
	const rest = "\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n\r\n"
	for _, c := range []struct {
		line   string
		status int // 0 is refused
		reason string
	}{
		{"SIP/2.0 200 OK", 200, "OK"},
		{"sip/2.0 200 OK", 200, "OK"},
		{"SIP/2.0 180 ", 180, ""},
		{"SIP/2.0 180", 180, ""},
		{"SIP/2.0 699 Что-то  с пробелами ", 699, "Что-то  с пробелами "},
		{"SIP/2.0 486 \xff\xfe\x00", 486, "\xff\xfe\x00"},
		{"SIP/2.0 200 " + strings.Repeat("x", 5000), 200, strings.Repeat("x", 5000)},
		{"SIP/2.0  200 OK", 0, ""},
		{"SIP/2.0 99 OK", 0, ""},
		{"SIP/2.0 099 OK", 0, ""},
		{"SIP/2.0 700 OK", 0, ""},
		{"SIP/2.0 2000 OK", 0, ""},
		{"SIP/2.0 +20 OK", 0, ""},
		{"SIP/2.0 20", 0, ""},
		{"SIP/2.0 ", 0, ""},
		{"SIP/2.0", 0, ""},
		{"SIP/2.0 200\tOK", 0, ""},
		{"SIP/3.0 200 OK", 0, ""},
		{"HTTP/1.1 200 OK", 0, ""},
		{" SIP/2.0 200 OK", 0, ""},
	} {
		t.Run(c.line[:min(len(c.line), 30)], func(t *testing.T) {
			var m Message
			err := m.Parse([]byte(c.line + rest))
			if (err == nil) != (c.status != 0) {
				t.Fatalf("got %v", err)
			}
			if err != nil && m.Answerable() {
				t.Error("would be answered")
			}
			if err == nil && (m.Status != c.status || string(m.Reason) != c.reason || m.Method != BYE) {
				t.Errorf("got %d %q of %v", m.Status, m.Reason, m.Method)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	many := func(n int) []string { return strings.Split(strings.Repeat("Foo: y\n", n-1)+"Foo: y", "\n") }
	huge := strings.Repeat("a", 60000)
	for _, c := range []struct {
		name   string
		text   string
		status int
	}{
		{"240 headers", request("OPTIONS", "sip:a@b", many(240)...), 0},
		{"300 headers", request("OPTIONS", "sip:a@b", many(300)...), 513},
		{"one header of 60 kB", request("OPTIONS", "sip:a@b", "Foo: "+huge), 0},
		{"a name of 60 kB", request("OPTIONS", "sip:a@b", huge+": x"), 0},
		{"a tag of 60 kB", request("OPTIONS", "sip:a@b", "From: <sip:a@b>;tag="+huge), 0},
		{"a Request-URI of 60 kB", request("OPTIONS", "sip:"+huge+"@b"), 0},
		{"a method of 60 kB", request(huge, "sip:a@b"), 0},
		{"a fold of 20000 lines", request("OPTIONS", "sip:a@b", "Foo: y"+strings.Repeat("\r\n ", 20000)), 0},
		{"20000 contacts", request("OPTIONS", "sip:a@b", "m: a:b"+strings.Repeat(",a:b", 15000)), 0},
		{"20000 parameters", request("OPTIONS", "sip:a@b", "To: <sip:a@b>"+strings.Repeat(";a", 20000)), 0},
		{"60000 quotes", request("OPTIONS", "sip:a@b", "To: "+strings.Repeat(`"`, 60000)+"<sip:a@b>"), 400},
		{"60000 angle brackets", request("OPTIONS", "sip:a@b", "To: "+strings.Repeat("<", 60000)+"sip:a@b>"), 400},
		{"no end of headers", strings.TrimSuffix(request("OPTIONS", "sip:a@b", "Foo: "+huge), "\r\n"), 400},
		{"only line ends", strings.Repeat("\r\n", 30000), 400},
		{"nothing", "", 400},
		{"line feeds alone", strings.ReplaceAll(request("OPTIONS", "sip:a@b"), "\r\n", "\n"), 400},
		{"carriage returns alone", strings.ReplaceAll(request("OPTIONS", "sip:a@b"), "\r\n", "\r"), 400},
		{"64 KiB of body", request("MESSAGE", "sip:a@b", "l: 65000") + strings.Repeat("b", 65000), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Message
			err := m.Parse([]byte(c.text))
			var pe *ParseError
			if c.status == 0 && err != nil || c.status != 0 && (!errors.As(err, &pe) || pe.Status != c.status) {
				t.Fatalf("got %v, want %d", err, c.status)
			}
			if err == nil {
				var again Message
				if err := again.Parse(m.Append(nil)); err != nil || len(again.Headers) < len(m.Headers) {
					t.Errorf("printed and read again: %v", err)
				}
			}
		})
	}
}

// A line end of another kind inside a line could be taken for one by a lenient peer.
func TestAnswersCannotBeSplit(t *testing.T) {
	const evil = "x\rContact: <sip:evil@example.com>"
	for _, c := range []struct {
		name       string
		lines      []string
		answerable bool
	}{
		{"call-id", []string{"Call-ID: " + evil}, true},
		{"from", []string{"From: <sip:a@b>;tag=" + evil}, true},
		{"to", []string{"To: <sip:a@b>;x=" + evil}, true},
		{"second via", []string{"Via: SIP/2.0/UDP h;branch=z9hG4bK1", "Via: SIP/2.0/UDP h;branch=" + evil}, true},
		{"first via", []string{"Via: SIP/2.0/UDP h;branch=" + evil}, false},
		{"cseq", []string{"CSeq: 1 " + evil}, false},
		{"line feed", []string{"Call-ID: x\nContact: <sip:evil@example.com>"}, true},
		{"before a broken line", []string{"Call-ID: " + evil, "broken"}, true},
		{"before too many lines", append(strings.Split(strings.Repeat("Foo: y\n", 300), "\n"), "t: "+evil), true},
		{"behind a fold", []string{"Call-ID: x\r\n " + evil + "\r\n y"}, true},
		{"at the end of a line", []string{"Call-ID: x\r"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Message{Source: netip.MustParseAddrPort("192.0.2.1:5060")}
			if m.Parse([]byte(request("INVITE", "sip:a@b", c.lines...))) == nil {
				t.Fatal("accepted")
			}
			if m.Answerable() != c.answerable {
				t.Fatalf("answerable is %v", m.Answerable())
			}
			out := m.AppendResponseHead(nil, 400, "Bad Request", []byte("t"))
			if bytes.Count(out, []byte("\r")) != bytes.Count(out, []byte("\r\n")) || bytes.Count(out, []byte("\n")) != bytes.Count(out, []byte("\r\n")) ||
				bytes.Contains(out, []byte("\nContact")) {
				t.Errorf("split:\n%q", out)
			}
		})
	}
}

func TestOwnHeadersStayOneLine(t *testing.T) {
	var m Message
	if err := m.Parse([]byte(request("OPTIONS", "sip:a@b"))); err != nil {
		t.Fatal(err)
	}
	m.Set(HdrSubject, []byte("x\r\nContact: <sip:evil@example.com>"))
	out := AppendHeader(m.Append(nil), "Reason", []byte("a\nVia: b"))
	out = m.AppendResponseHead(out, 480, "Gone\r\nVia: b", nil)
	if bytes.Contains(out, []byte("\nContact")) || bytes.Contains(out, []byte("\nVia: b")) {
		t.Errorf("split:\n%s", out)
	}
}

// What a sender gets back as Via, and where responses go (RFC 3261 18.2.1 and 18.2.2, RFC 3581 4).
func TestReceivedAndRport(t *testing.T) {
	for _, c := range []struct {
		name, via, source, want, to string
	}{
		{"as it says", "192.0.2.1:5070;branch=z9hG4bK1", "192.0.2.1:4000", "192.0.2.1:5070;branch=z9hG4bK1", "192.0.2.1:5070"},
		{"no port is 5060", "192.0.2.1;branch=z9hG4bK1", "192.0.2.1:4000", "192.0.2.1;branch=z9hG4bK1", "192.0.2.1:5060"},
		{"behind a NAT", "10.0.0.1;branch=z9hG4bK1", "192.0.2.1:4000", "10.0.0.1;branch=z9hG4bK1;received=192.0.2.1", "192.0.2.1:5060"},
		{"a name", "a.example.com;branch=z9hG4bK1", "192.0.2.1:4000", "a.example.com;branch=z9hG4bK1;received=192.0.2.1", "192.0.2.1:5060"},
		{"rport", "192.0.2.1;rport;branch=z9hG4bK1", "192.0.2.1:4000", "192.0.2.1;branch=z9hG4bK1;rport=4000;received=192.0.2.1", "192.0.2.1:4000"},
		{"rport in any form", "10.0.0.1;branch=z9hG4bK1;RPORT=", "192.0.2.1:4000", "10.0.0.1;branch=z9hG4bK1;rport=4000;received=192.0.2.1", "192.0.2.1:4000"},
		{"forged", "10.0.0.1;received=1.1.1.1;rport=1;branch=z9hG4bK1", "192.0.2.1:4000", "10.0.0.1;branch=z9hG4bK1;rport=4000;received=192.0.2.1", "192.0.2.1:4000"},
		{"forged without rport", "192.0.2.1;received=1.1.1.1;branch=z9hG4bK1", "192.0.2.1:4000", "192.0.2.1;branch=z9hG4bK1", "192.0.2.1:5060"},
		{"ipv6", "[2001:db8::1]:5070;branch=z9hG4bK1", "[2001:db8::1]:4000", "[2001:db8::1]:5070;branch=z9hG4bK1", "[2001:db8::1]:5070"},
		{"ipv6 written otherwise", "[2001:DB8:0:0::1];branch=z9hG4bK1", "[2001:db8::1]:4000", "[2001:DB8:0:0::1];branch=z9hG4bK1", "[2001:db8::1]:5060"},
		{"ipv6 moved", "[2001:db8::1];rport;branch=z9hG4bK1", "[2001:db8::2]:4000", "[2001:db8::1];branch=z9hG4bK1;rport=4000;received=2001:db8::2", "[2001:db8::2]:4000"},
		{"mapped", "192.0.2.1;branch=z9hG4bK1", "[::ffff:192.0.2.1]:4000", "192.0.2.1;branch=z9hG4bK1", "192.0.2.1:5060"},
		{"flags and quotes stay", `h;alias;x="a,b;c";branch=z9hG4bK1 , SIP/2.0/TCP i;branch=z9hG4bK2`, "192.0.2.1:4000",
			`h;alias;x="a,b;c";branch=z9hG4bK1;received=192.0.2.1, SIP/2.0/TCP i;branch=z9hG4bK2`, "192.0.2.1:5060"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Message{Source: netip.MustParseAddrPort(c.source)}
			if err := m.Parse([]byte(request("OPTIONS", "sip:a@b", "Via: SIP/2.0/UDP "+c.via))); err != nil {
				t.Fatal(err)
			}
			if got := string(m.AppendTopVia(nil)); got != "SIP/2.0/UDP "+c.want {
				t.Errorf("got  %s\nwant SIP/2.0/UDP %s", got, c.want)
			}
			if got := m.ResponseAddr(); got.String() != c.to {
				t.Errorf("responses go to %s, want %s", got, c.to)
			}
		})
	}
}

func TestTopViaFollowsChanges(t *testing.T) {
	m := parse(t, request("OPTIONS", "sip:a@b", "Via: SIP/2.0/UDP h1;branch=z9hG4bK1"))
	m.Set(HdrVia, []byte("SIP/2.0/UDP h2;branch=z9hG4bK2"))
	if v, err := m.TopVia(); err != nil || string(v.Host) != "h2" || string(v.Branch()) != "z9hG4bK2" {
		t.Errorf("got %s %s %v", v.Host, v.Branch(), err)
	}
	m.Del(HdrVia)
	if _, err := m.TopVia(); err == nil {
		t.Error("a Via where none is")
	}
	c := parse(t, invite).Clone()
	if v, err := c.TopVia(); err != nil || v.Port != 5070 {
		t.Errorf("clone: %v %v", v, err)
	}
}

func TestEveryHeaderNameIsFound(t *testing.T) {
	for id := HdrOther + 1; id < NumHeaders; id++ {
		for _, name := range []string{id.String(), strings.ToUpper(id.String()), strings.ToLower(id.String())} {
			if got := HeaderIDOf([]byte(name)); got != id {
				t.Errorf("%s is %d, want %d", name, got, id)
			}
		}
		for _, name := range []string{id.String() + "x", id.String()[1:], "x" + id.String()} {
			if len(name) == 1 { // a compact form
				continue
			}
			if got := HeaderIDOf([]byte(name)); got != HdrOther {
				t.Errorf("%s is %s", name, got)
			}
		}
	}
	for name, want := range map[string]HeaderID{"": HdrOther, "v": HdrVia, "V": HdrVia, "q": HdrOther, "1": HdrOther, "\x16": HdrOther, "Vi\x01": HdrOther} {
		if got := HeaderIDOf([]byte(name)); got != want {
			t.Errorf("%q is %s", name, got)
		}
	}
}
