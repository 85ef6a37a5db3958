package sip

import (
	"strings"
	"testing"
)

// request builds a message from a method, a Request-URI and header lines; what is not given has a harmless value.
func request(method, uri string, lines ...string) string {
	text := method + " " + uri + " SIP/2.0\r\n"
	have := strings.ToLower("\r\n" + strings.Join(lines, "\r\n"))
	for _, l := range []string{"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "From: <sip:a@example.com>;tag=1", "To: <sip:b@example.com>",
		"Call-ID: c", "CSeq: 1 " + method, "Max-Forwards: 70"} {
		if name, _, _ := strings.Cut(l, ":"); !strings.Contains(have, "\r\n"+strings.ToLower(name)+":") {
			text += l + "\r\n"
		}
	}
	for _, l := range lines {
		text += l + "\r\n"
	}
	return text + "\r\n"
}

// The cases of RFC 5118 4, written anew.
func TestTortureRFC5118(t *testing.T) {
	for _, c := range []struct {
		tortureCase
		text string
	}{
		{tortureCase{name: "4.1 references everywhere", reads: []string{"uri.host=[2001:db8::10]", "uri.port=0", "via.host=[2001:db8::9:1]",
			"via.port=0", "contact.host=[2001:db8::1]", "contact.user=caller"}},
			request("REGISTER", "sip:[2001:db8::10]", "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bK6", "Contact: sip:caller@[2001:db8::1]")},
		{tortureCase{name: "4.2 no brackets", status: 400},
			request("REGISTER", "sip:2001:db8::10", "Contact: sip:caller@[2001:db8::1]")},
		{tortureCase{name: "4.3 the port is a part of the address", reads: []string{"uri.host=[2001:db8::10:5070]", "uri.port=0"}},
			request("REGISTER", "sip:[2001:db8::10:5070]")},
		{tortureCase{name: "4.4 the port is a port", reads: []string{"uri.host=[2001:db8::10]", "uri.port=5070"}},
			request("REGISTER", "sip:[2001:db8::10]:5070")},
		{tortureCase{name: "4.5 received with brackets", reads: []string{"via.received=[2001:db8::9:255]", "via.branch=z9hG4bK6"}},
			request("BYE", "sip:[2001:db8::10]", "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bK6")},
		{tortureCase{name: "4.5 received without", reads: []string{"via.received=2001:db8::9:255"}},
			request("OPTIONS", "sip:[2001:db8::10]", "Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bK6")},
		{tortureCase{name: "4.6 a description of IPv6", reads: []string{"body=9"}},
			request("INVITE", "sip:user@[2001:db8::10]", "Content-Length: 9") + "c=IN IP6 "},
		{tortureCase{name: "4.7 both families in Via", reads: []string{"via.host=[2001:db8::9:1]", "via.port=6050", "via2.host=192.0.2.1",
			"via3.host=[2001:db8::9:255]", "via3.received=2001:db8::9:1"}},
			request("BYE", "sip:user@host.example.net", "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKa, SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKb",
				"Via: SIP/2.0/UDP [2001:db8::9:255];branch=z9hG4bKc;received=2001:db8::9:1")},
		{tortureCase{name: "4.9 mapped addresses", reads: []string{"via.host=[::ffff:192.0.2.10]", "via.port=19823", "contact.host=[::ffff:192.0.2.2]"}},
			request("INVITE", "sip:user@example.com", "Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
				`Contact: "T. desk phone" <sip:ted@[::ffff:192.0.2.2]>`)},
		{tortureCase{name: "4.10 three colons", reads: []string{"uri.host=[2001:db8:::192.0.2.1]"}, why: "an old grammar made them; they are to be borne"},
			request("OPTIONS", "sip:user@[2001:db8:::192.0.2.1]", "To: sip:user@[2001:db8:::192.0.2.1]")},
		{tortureCase{name: "blanks around the port", reads: []string{"via.host=[2001:db8::1]", "via.port=5070", "via.branch=z9hG4bK6"}},
			request("OPTIONS", "sip:a@example.com", "Via: SIP / 2.0 / UDP [2001:db8::1] : 5070 ; branch = z9hG4bK6")},
		{tortureCase{name: "open bracket", status: 400}, request("OPTIONS", "sip:[2001:db8::10")},
		{tortureCase{name: "text behind the bracket", status: 400}, request("OPTIONS", "sip:[2001:db8::10]x")},
		{tortureCase{name: "a name in brackets", status: 400}, request("OPTIONS", "sip:[example.com]")},
		{tortureCase{name: "a zone", status: 400}, request("OPTIONS", "sip:[fe80::1%25eth0]")},
	} {
		t.Run(c.name, func(t *testing.T) { runTorture(t, c.tortureCase, c.text) })
	}
}

// Forms the RFCs allow or forbid that their collections do not show.
func TestOddForms(t *testing.T) {
	for _, c := range []struct {
		tortureCase
		lines []string
	}{
		{tortureCase{name: "upper-case parameter names", reads: []string{"from.tag=x", "via.branch=z9hG4bKq", "route.uri;lr=(flag)"}},
			[]string{"From: <sip:a@example.com>;TAG=x", "Via: SIP/2.0/UDP h;BRANCH=z9hG4bKq", "Route: <sip:p.example.com;LR>"}},
		{tortureCase{name: "quoted parameter with semicolon, comma and escapes", reads: []string{`contact.x="a;b, \"c\"\\"`, "contact.y=1", "contact2.user=d"}},
			[]string{`Contact: <sip:c@h>;x="a;b, \"c\"\\";y=1, <sip:d@h>`}},
		{tortureCase{name: "folds with tabs, many lines, a blank one", reads: []string{"to.tag=9", "to.uri=sip:b@example.com"}},
			[]string{"To:\r\n\t\r\n <sip:b@example.com>\r\n\t\t;\r\n \ttag\r\n  =\r\n\t9"}},
		{tortureCase{name: "lists over several lines", reads: []string{"route.host=p1", "route2.host=p2", "route3.host=p3"}},
			[]string{"Route: <sip:p1;lr>,<sip:p2;lr>", "ROUTE : <sip:p3;lr>"}},
		{tortureCase{name: "compact forms", reads: []string{"contact.user=c", "supported2=100rel", "refer-to.user=r", "session-expires=90"}},
			[]string{"m: <sip:c@h>", "K: timer,100rel", "r: <sip:r@h>", "x: 90"}},
		{tortureCase{name: "empty values", reads: []string{"subject=", "supported=", "via.rport="}},
			[]string{"Subject:", "Supported:  ", "Via: SIP/2.0/UDP h;rport=;branch=z9hG4bK1"}},
		{tortureCase{name: "a star that is not REGISTER's", status: 400}, []string{"Contact: *", "Expires: 0"}},
		{tortureCase{name: "a contact without value", status: 400}, []string{"Contact:"}},
		{tortureCase{name: "a comma in quotes", reads: []string{"from.display=Bell, Alexander <x>", "from.tag=1"}},
			[]string{`From: "Bell, Alexander <x>" <sip:a@example.com>;tag=1`}},
		{tortureCase{name: "names beyond ASCII without quotes", reads: []string{"from.display=Jörg (work)", "from.tag=1"}},
			[]string{"From: Jörg (work) <sip:a@example.com>;tag=1"}},
		{tortureCase{name: "two values of From", status: 400}, []string{"From: <sip:a@example.com>;tag=1, <sip:b@example.com>;tag=2"}},
		{tortureCase{name: "text behind the address", status: 400}, []string{"To: <sip:b@example.com> x"}},
		{tortureCase{name: "text behind a quoted value", status: 400}, []string{`To: <sip:b@example.com>;x="1"2`}},
		{tortureCase{name: "open quote in a parameter", status: 400}, []string{`To: <sip:b@example.com>;x="1`}},
		{tortureCase{name: "open quote after a backslash", status: 400}, []string{`To: "\" <sip:b@example.com>`}},
		{tortureCase{name: "blank in a parameter", status: 400}, []string{"To: <sip:b@example.com>;tag=a b"}},
		{tortureCase{name: "second contact broken", status: 400}, []string{"Contact: <sip:c@h>", "Contact: <sip:d@h>, <sip:e"}},
		{tortureCase{name: "comma at the end of Via", status: 400}, []string{"Via: SIP/2.0/UDP h;branch=z9hG4bK1,"}},
		{tortureCase{name: "Via without host", status: 400}, []string{"Via: SIP/2.0/UDP ;branch=z9hG4bK1"}},
		{tortureCase{name: "Via of another version", status: 400}, []string{"Via: SIP/3.0/UDP h;branch=z9hG4bK1"}},
		{tortureCase{name: "Via port out of range", status: 400}, []string{"Via: SIP/2.0/UDP h:65536;branch=z9hG4bK1"}},
		{tortureCase{name: "Via port zero", status: 400}, []string{"Via: SIP/2.0/UDP h:0;branch=z9hG4bK1"}},
		{tortureCase{name: "negative CSeq", status: 400}, []string{"CSeq: -1 OPTIONS"}},
		{tortureCase{name: "CSeq without blank", status: 400}, []string{"CSeq: 1OPTIONS"}},
		{tortureCase{name: "CSeq in lower case", status: 400}, []string{"CSeq: 1 options"}},
		{tortureCase{name: "same Content-Length twice", status: 400}, []string{"Content-Length: 0", "l: 0"}},
		{tortureCase{name: "Max-Forwards beyond 255", status: 400}, []string{"Max-Forwards: 256"}},
		{tortureCase{name: "line without colon", status: 400}, []string{"Foobar roobar"}},
		{tortureCase{name: "line without name", status: 400}, []string{": x"}},
		{tortureCase{name: "blank in a name", status: 400}, []string{"Foo bar: x"}},
		{tortureCase{name: "second To with another form", status: 400}, []string{"To: <sip:b@example.com>", "t: <sip:c@example.com>"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			runTorture(t, c.tortureCase, request("OPTIONS", "sip:b@example.com", c.lines...))
		})
	}
	runTorture(t, tortureCase{reads: []string{"contact=*"}}, request("REGISTER", "sip:example.com", "Contact: *", "Expires: 0"))
}
