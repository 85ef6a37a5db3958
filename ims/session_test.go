package ims

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bifrons/bifrons/sip"
)

// request makes a request with some header lines.
func request(t testing.TB, uri string, headers ...string) *sip.Message {
	t.Helper()
	m := new(sip.Message)
	text := fmt.Sprintf("INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:forged@evil.example>;tag=1\r\n"+
		"To: <sip:forged@evil.example>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n", uri)
	for _, h := range headers {
		text += h + "\r\n"
	}
	if err := m.Parse([]byte(text + "Content-Length: 0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSessionOf(t *testing.T) {
	const bob, alice = "sip:bob@home.example", "sip:alice@home.example"
	names := Names{"o": Originating, "ou": OriginatingUnregistered, "t": Terminating, "tu": TerminatingUnregistered, "cdiv": Diverted}
	psu := func(v string) string { return "P-Served-User: " + v }
	pai := "P-Asserted-Identity: "
	for _, c := range []struct {
		name    string
		uri     string
		headers []string
		entry   string
		want    Session
	}{
		{"originating", bob, []string{psu("<" + alice + ">;sescase=orig;regstate=reg")}, "", Session{User: alice, Case: Originating, Sure: true}},
		{"originating unregistered", bob, []string{psu("<" + alice + ">;sescase=orig;regstate=unreg")}, "", Session{User: alice, Case: OriginatingUnregistered, Sure: true}},
		{"terminating", bob, []string{psu("<" + bob + ">;sescase=term;regstate=reg")}, "", Session{User: bob, Case: Terminating, Sure: true}},
		{"terminating unregistered", bob, []string{psu("<" + bob + ">;sescase=term;regstate=unreg")}, "", Session{User: bob, Case: TerminatingUnregistered, Sure: true}},
		{"upper case and quotes", bob, []string{psu(`"Bob" <` + bob + `> ; SESCASE=Term ; RegState="UNREG"`)}, "", Session{User: bob, Case: TerminatingUnregistered, Sure: true}},
		{"no registration state", bob, []string{psu("<" + bob + ">;sescase=term")}, "", Session{User: bob, Case: Terminating}},
		{"odd registration state", bob, []string{psu("<" + bob + ">;sescase=term;regstate=maybe")}, "", Session{User: bob, Case: Terminating}},
		{"diverted", "sip:carol@far.example", []string{psu("<" + bob + ">;orig-cdiv")}, "", Session{User: bob, Case: Diverted, Sure: true}},
		{"diverted, with a state", "sip:carol@far.example", []string{psu("<" + bob + ">;orig-cdiv;regstate=unreg")}, "", Session{User: bob, Case: Diverted, Sure: true}},
		{"no case, no address", bob, []string{psu("<" + bob + ">")}, "", Session{User: bob, Case: Terminating}},
		{"no case, address tells", bob, []string{psu("<" + alice + ">;regstate=reg")}, "sip:as.example;lr;orig", Session{User: alice, Case: Originating, Sure: true}},
		{"a tel URI", bob, []string{psu("<tel:+4930>;sescase=term;regstate=reg")}, "", Session{User: "tel:+4930", Case: Terminating, Sure: true}},
		{"without angle brackets", bob, []string{psu(bob + ";sescase=term;regstate=reg")}, "", Session{User: bob, Case: Terminating, Sure: true}},
		{"twice, the terminating one last", bob, []string{psu("<" + alice + ">;sescase=orig;regstate=reg"), psu("<" + bob + ">;sescase=term;regstate=unreg")}, "", Session{User: bob, Case: TerminatingUnregistered, Sure: true}},
		{"twice, the terminating one first", bob, []string{psu("<" + bob + ">;sescase=term;regstate=unreg"), psu("<" + alice + ">;sescase=orig;regstate=reg")}, "", Session{User: bob, Case: TerminatingUnregistered, Sure: true}},
		{"twice in one line", "sip:Bob@HOME.example;user=phone", []string{psu("<" + alice + ">;sescase=orig;regstate=reg, <sip:Bob@home.example>;sescase=term;regstate=reg")}, "", Session{User: "sip:Bob@home.example", Case: Terminating, Sure: true}},
		{"twice, neither names the Request-URI", "sip:carol@far.example", []string{psu("<" + alice + ">;sescase=orig;regstate=reg"), psu("<" + bob + ">;sescase=term;regstate=reg")}, "", Session{User: alice, Case: Originating, Sure: true}},
		{"twice, the same number in another form", "sip:+49-30@home.example;user=phone", []string{psu("<" + alice + ">;sescase=orig;regstate=reg"), psu("<tel:+4930>;sescase=term;regstate=unreg")}, "", Session{User: "tel:+4930", Case: TerminatingUnregistered, Sure: true}},
		{"a tel URI with parameters", bob, []string{psu("<tel:+49-30;phone-context=x;tgrp=a>;sescase=term;regstate=reg")}, "", Session{User: "tel:+4930", Case: Terminating, Sure: true}},
		{"a tel URI without angle brackets", bob, []string{psu("tel:+4930;sescase=orig;regstate=unreg")}, "", Session{User: "tel:+4930", Case: OriginatingUnregistered, Sure: true}},
		{"a display name full of marks", bob, []string{psu(`"B; \"<x>\", orig-cdiv" <sip:%62ob@HOME.example;user=phone>;sescase=term;regstate=reg`)}, "", Session{User: bob, Case: Terminating, Sure: true}},
		{"diverted, as a draft had it", "sip:carol@far.example", []string{psu("<" + bob + ">;sescase=orig-cdiv;regstate=reg")}, "", Session{User: bob, Case: Diverted, Sure: true}},
		{"broken, then whole", bob, []string{psu("<" + bob), psu("<" + alice + ">;sescase=orig;regstate=reg")}, "", Session{User: alice, Case: Originating, Sure: true}},
		{"address against the header", bob, []string{psu("<" + bob + ">;sescase=term;regstate=reg")}, "sip:o@as.example;lr", Session{User: bob, Case: Terminating, Sure: true}},

		{"nothing at all", "sip:bob@home.example;user=phone", nil, "", Session{User: bob, Case: Terminating}},
		{"nothing, a tel URI", "tel:+49-30", nil, "", Session{User: "tel:+4930", Case: Terminating}},
		{"orig", bob, []string{pai + "<" + alice + ">"}, "sip:as.example:5070;lr;orig", Session{User: alice, Case: Originating}},
		{"orig, identity on two lines", bob, []string{pai + "<tel:+4940>", pai + `"Alice" <` + alice + ">"}, "sip:as.example;orig", Session{User: alice, Case: Originating}},
		{"orig, identities in one line", bob, []string{pai + "<tel:+4940>, <" + alice + ">"}, "sip:as.example;orig", Session{User: alice, Case: Originating}},
		{"orig, only a number", bob, []string{pai + "<tel:+4940>"}, "sip:as.example;orig", Session{User: "tel:+4940", Case: Originating}},
		{"orig, nobody vouches", bob, nil, "sip:as.example;orig", Session{User: "", Case: Originating}},
		{"user part orig is not the parameter", bob, nil, "sip:orig@as.example", Session{User: bob, Case: Terminating}},
		{"user part, originating", bob, []string{pai + "<" + alice + ">"}, "sip:o@as.example;lr", Session{User: alice, Case: Originating}},
		{"user part, originating unregistered", bob, []string{pai + "<" + alice + ">"}, "sip:ou@as.example;lr", Session{User: alice, Case: OriginatingUnregistered, Sure: true}},
		{"user part, terminating", bob, []string{pai + "<" + alice + ">"}, "sip:t@as.example;lr", Session{User: bob, Case: Terminating}},
		{"user part, terminating unregistered", bob, nil, "sip:tu@as.example;lr", Session{User: bob, Case: TerminatingUnregistered, Sure: true}},
		{"user part, diverted", "sip:carol@far.example", []string{pai + "<" + alice + ">"}, "sip:cdiv@as.example;lr", Session{User: alice, Case: Diverted}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := SessionOf(request(t, c.uri, c.headers...), c.entry, names)
			if d := cmp.Diff(c.want, got, cmpopts.IgnoreFields(Session{}, "Why")); d != "" {
				t.Errorf("want - got +\n%s", d)
			}
			if len(got.Why) == 0 || strings.Contains(got.User, "forged") {
				t.Errorf("%+v", got)
			}
		})
	}
}

func FuzzSessionOf(f *testing.F) {
	f.Add("<sip:bob@home.example>;sescase=term;regstate=unreg", "<sip:alice@home.example>, <tel:+1>", "sip:orig@as;lr;orig")
	f.Add("<sip:a@b, tel:+1>;orig-cdiv", "\"\\\"", "tel:1")
	f.Fuzz(func(t *testing.T, psu, pai, entry string) {
		m := new(sip.Message)
		text := "INVITE sip:bob@home.example SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:f@e>;tag=1\r\nTo: <sip:f@e>\r\nCall-ID: c\r\n" +
			"CSeq: 1 INVITE\r\nP-Served-User: " + psu + "\r\nP-Asserted-Identity: " + pai + "\r\nContent-Length: 0\r\n\r\n"
		if m.Parse([]byte(text)) != nil {
			return
		}
		s := SessionOf(m, entry, Names{"x": Diverted})
		if s.Case > Diverted || len(s.Why) == 0 {
			t.Errorf("%+v", s)
		}
	})
}
