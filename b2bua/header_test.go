package b2bua

import (
	"strings"
	"testing"

	"github.com/bifrons/bifrons/sip"
)

func parsed(t *testing.T, headers string) *sip.Message {
	t.Helper()
	m := &sip.Message{}
	text := "INVITE sip:bob@far.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@far.example>;tag=1\r\nTo: <sip:b@far.example>\r\n" +
		"Call-ID: c\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n" + headers + "Content-Length: 0\r\n\r\n"
	if err := m.Parse([]byte(text)); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m
}

// TestRules: what each action makes of a header.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		name string
		rule Rule
		in   string
		want string
	}{
		{"Subject", Rule{Action: Carry}, "hello", "hello"},
		{"Subject", Rule{Action: Drop}, "hello", ""},
		{"X-Any", Rule{Action: Carry}, "1;2", "1;2"},
		{"P-Charging-Vector", Rule{Action: Filter, Only: []string{"icid-value", "orig-ioi"}}, `icid-value="a;b";icid-generated-at=192.0.2.9;orig-ioi=x`, `icid-value="a;b";orig-ioi=x`},
		{"P-Charging-Vector", Rule{Action: Filter, Only: []string{"term-ioi"}}, "icid-value=1", ""},
		{"P-Asserted-Identity", Rule{Action: Filter, Only: []string{"x"}}, `"A;b=c" <sip:a@b;y=1>;x=2;y=3, <tel:+1>`, `"A;b=c" <sip:a@b;y=1>;x=2, <tel:+1>`},
		{"Session-ID", Rule{Action: Filter, Only: []string{"none"}}, "aabb;remote=ccdd", "aabb"},
		{"History-Info", Rule{Action: Host}, `"Secret" <sip:+49-30@far.example;cause=302?Privacy=history>;index=1, <sip:b@192.0.2.7>;index=1.1;mp=1;x=y, <http://far.example/>;index=2`, "<sip:+49-30@home.example;cause=302>;index=1, <sip:b@home.example>;index=1.1;mp=1"},
		{"Diversion", Rule{Action: Host}, "<tel:+4930;phone-context=far.example>;reason=no-answer;counter=1", "<tel:+4930;phone-context=home.example>;reason=no-answer;counter=1"},
		{"Call-Info", Rule{Action: Host}, "<http://far.example/me.png>;purpose=icon", ""},
		{"Replaces", Rule{Action: Map}, "abc@far.example;to-tag=1;from-tag=2", ""},
		{"In-Reply-To", Rule{Action: Map}, "abc@far.example, def@far.example", ""},
		{"Refer-To", Rule{Action: Map}, "<sip:c@far.example;method=INVITE>", "<sip:c@home.example>"},
		{"Refer-To", Rule{Action: Map}, "<sip:c@far.example?Replaces=abc%3Bto-tag%3D1%3Bfrom-tag%3D2>", ""},
	} {
		p := UntrustedPolicy()
		if err := p.SetHeader(c.name, c.rule); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		s := &Server{mint: newMinter([16]byte{1}, 0)}
		s.table.init([16]byte{})
		x := passage{Policy: p, host: "home.example", srv: s}
		want := ""
		if c.want != "" {
			want = c.name + ": " + c.want + "\r\n"
		}
		if got := string(x.appendCarried(nil, parsed(t, c.name+": "+c.in+"\r\n"), nil)); got != want {
			t.Errorf("%s %s of %s:\ngot  %q\nwant %q", c.name, c.rule, c.in, got, want)
		}
	}
}

// TestPrivacyObeyed: outside the trust domain Privacy takes away what a policy would carry; inside it changes nothing.
func TestPrivacyObeyed(t *testing.T) {
	const headers = "P-Asserted-Identity: <sip:a@x>\r\nSubject: s\r\nHistory-Info: <sip:h@x>;index=1\r\n"
	for privacy, want := range map[string]string{
		"none":          "P-Asserted-Identity Subject History-Info",
		"id":            "Subject History-Info",
		"id;critical":   "Subject History-Info",
		"user":          "History-Info",
		"header":        "P-Asserted-Identity",
		"history":       "P-Asserted-Identity Subject",
		"ID; user, foo": "History-Info",
	} {
		for _, obeys := range []bool{true, false} {
			p := TrustedPolicy()
			p.Privacy = obeys
			x := passage{Policy: p, host: "home.example"}
			m := parsed(t, "Privacy: "+privacy+"\r\n"+headers)
			var got []string
			for l := range strings.Lines(string(x.appendCarried(nil, m, nil))) {
				if name, _, _ := strings.Cut(l, ":"); name != "Privacy" {
					got = append(got, name)
				}
			}
			if w := map[bool]string{true: want, false: "P-Asserted-Identity Subject History-Info"}[obeys]; strings.Join(got, " ") != w {
				t.Errorf("Privacy: %s, obeyed %v: %q cross, want %q", privacy, obeys, got, w)
			}
			party := string(p.appendParty(nil, &Draft{}, m, sip.HdrFrom, "home.example", nil))
			if hidden := party == anonymous; hidden != (obeys && (strings.Contains(privacy, "user") || privacy == "header")) {
				t.Errorf("Privacy: %s, obeyed %v: From is %s", privacy, obeys, party)
			}
		}
	}
}

// TestNaming: display names and user parts as received, normalised and anonymous.
func TestNaming(t *testing.T) {
	for _, c := range []struct {
		display, user Naming
		names         bool
		in, want      string
	}{
		{AsReceived, AsReceived, true, `"Al \"x\"" <sip:al:pw@far.example;x=y>`, `"Al \"x\"" <sip:al:pw@far.example;x=y>`},
		{AsReceived, AsReceived, true, `<sip:al@192.0.2.1>`, `<sip:al@home.example>`},
		{Normalised, Normalised, false, `"Al \"x\"" <sip:al:pw@far.example;x=y>`, `"Al x" <sip:al@home.example>`},
		{Normalised, Normalised, false, `Al Ice <sip:+49-30(1).2;isub=1@far.example;user=phone>`, `"Al Ice" <sip:+493012@home.example;user=phone>`},
		{Normalised, Normalised, true, `"" <sip:a-b@far.example>`, `<sip:a-b@far.example>`},
		{Normalised, Normalised, false, `<tel:030-1;phone-context=far.example;cpc=x>`, `<tel:0301;phone-context=home.example>`},
		{Normalised, AsReceived, false, `<tel:+49-30;rn=7;tgrp=t1;trunk-context=far.example>`, `<tel:+49-30;rn=7>`},
		{Anonymous, AsReceived, true, `"Al" <sip:al@far.example>`, `<sip:al@far.example>`},
		{AsReceived, Anonymous, true, `"Al" <sip:al@far.example;user=phone>`, `"Al" <sip:anonymous@far.example>`},
		{AsReceived, Anonymous, true, `"Al" <tel:+49>`, `"Al" <sip:anonymous@anonymous.invalid>`},
		{Anonymous, Anonymous, true, `"Al" <sip:al@far.example>`, anonymous},
		{Normalised, Normalised, true, "\"\x01\x7f\" <urn:service:sos>", `<urn:service:sos>`},
	} {
		a, err := sip.ParseAddress([]byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		p := &Policy{Display: c.display, User: c.user, Names: c.names}
		if got := string(p.appendAddress(nil, a, "home.example", false)); got != c.want {
			t.Errorf("%s %s %s:\ngot  %s\nwant %s", c.in, c.display, c.user, got, c.want)
		}
	}
}

// TestAllow: ours, less what the far party would not take.
func TestAllow(t *testing.T) {
	for in, without := range map[string]string{"": "", "Allow: INVITE, INFO\r\nAllow: MESSAGE\r\n": "", "Allow: INVITE, INFO\r\n": "MESSAGE", "Allow: BYE\r\n": "INFO MESSAGE"} {
		got := string(appendAllow(nil, "Allow: "+methods+"\r\n", parsed(t, in)))
		for _, method := range []string{"INVITE", "CANCEL", "INFO", "MESSAGE"} {
			if want := !strings.Contains(without, method); strings.Contains(got, method) != want {
				t.Errorf("%q gives %q", in, got)
			}
		}
		if !strings.HasPrefix(got, "Allow: ") || !strings.HasSuffix(got, "\r\n") {
			t.Errorf("%q gives %q", in, got)
		}
	}
}

// TestSipfrag: the status alone crosses, with our phrase.
func TestSipfrag(t *testing.T) {
	for in, want := range map[string]string{"SIP/2.0 486 Secret\r\nServer: x\r\n": "SIP/2.0 486 Busy Here\r\n", "INVITE x SIP/2.0": "", "SIP/2.0 99 x": ""} {
		got, ct := UntrustedPolicy().crossBody([]byte("message/sipfrag;version=2.0"), []byte(in))
		if string(got) != want || (ct != "") != (want != "") {
			t.Errorf("%q gives %q %q", in, got, ct)
		}
	}
}
