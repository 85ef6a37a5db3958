package ims_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/ims"
)

// play plays lines in all three ways of b2buatest. Alice is the S-CSCF that asks; Carol, on the same side, is where its Route leads.
func play(t *testing.T, set func(*b2bua.Config), lines ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "isc.call")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b2buatest.Run(t, b2buatest.Load(t, file), func(_ *b2buatest.World, cfg *b2bua.Config, _ []string) {
		cfg.Home, cfg.Routes = ims.HomePolicy(), nil
		set(cfg)
	})
}

// app is an application that does one thing with an Invite.
type app func(s *b2bua.Step, inv b2bua.Invite) b2bua.Verdict

func (app) Name() string { return "app" }

func (a app) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	if inv, ok := ev.(b2bua.Invite); ok {
		return a(s, inv)
	}
	return b2bua.Pass
}

// chainOf puts an application behind the application ims.
func chainOf(cfg ims.Config, a app) func(*b2bua.Config) {
	return func(c *b2bua.Config) {
		c.Apps = map[string]b2bua.Link{"ims": {App: ims.NewAS(cfg, nil), Version: "1"}, "app": {App: a, Version: "1"}}
		c.Sides[0].Apps = []string{"ims", "app"}
	}
}

func pass(*b2bua.Step, b2bua.Invite) b2bua.Verdict { return b2bua.Pass }

const ours = "<sip:10.0.0.1:5060;lr>"

// TestODI: the rest of the Route, in which the S-CSCF knows its own dialog again, comes back byte for byte, whatever form it has and
// whatever the Request-URI says; our own entry is gone.
func TestODI(t *testing.T) {
	divert := func(_ *b2bua.Step, inv b2bua.Invite) b2bua.Verdict {
		ims.Divert(inv.Draft, "sip:elsewhere@far.example", ims.DivertedAlways)
		return b2bua.Pass
	}
	for name, c := range map[string]struct {
		route []string
		want  string // Route lines
	}{
		"user part":               {[]string{ours + ", <sip:odi-7@203.0.113.30:5060;lr>"}, "<sip:odi-7@203.0.113.30:5060;lr>"},
		"URI parameter":           {[]string{ours + ",<sip:203.0.113.30:5060;lr;ODI=a%2fb;d=0>"}, "<sip:203.0.113.30:5060;lr;ODI=a%2fb;d=0>"},
		"header parameter":        {[]string{ours + `, <sip:203.0.113.30;lr>;orig-dialog-id=\"a,b;c>\"; x = 1`}, `<sip:203.0.113.30;lr>;orig-dialog-id=\"a,b;c>\"; x = 1`},
		"Kamailio":                {[]string{ours, "<sip:iscmark@203.0.113.30:5060;lr;s=2;h=0;d=0;a=7369703a626f62>"}, "<sip:iscmark@203.0.113.30:5060;lr;s=2;h=0;d=0;a=7369703a626f62>"},
		"a display name":          {[]string{`\"AS\" ` + ours + `, \"S, the first\" <sip:odi@203.0.113.30;lr>`}, `\"S, the first\" <sip:odi@203.0.113.30;lr>`},
		"several behind ours":     {[]string{ours + ", <sip:a@203.0.113.30;lr>", "<sip:b@192.0.2.7;lr>, <sip:c@192.0.2.8;lr>"}, `<sip:a@203.0.113.30;lr>\nRoute: <sip:b@192.0.2.7;lr>\nRoute: <sip:c@192.0.2.8;lr>`},
		"our name":                {[]string{"<sip:orig@home.example:5060;lr;orig>, <sip:odi@203.0.113.30;lr>"}, "<sip:odi@203.0.113.30;lr>"},
		"ours is not there":       {[]string{"<sip:odi@203.0.113.30;lr>"}, "<sip:odi@203.0.113.30;lr>"},
		"odd bytes":               {[]string{ours + ", , <sip:odi-\xc3\xa9\xff,;&%00@203.0.113.30;lr?a=b>;x = \t1"}, "<sip:odi-\xc3\xa9\xff,;&%00@203.0.113.30;lr?a=b>;x = \t1"},
		"ours again further down": {[]string{ours + ", <sip:odi@203.0.113.30;lr>, " + ours}, `<sip:odi@203.0.113.30;lr>\nRoute: ` + ours},
	} {
		for what, a := range map[string]app{"": pass, ", retargeted": divert} {
			t.Run(name+what, func(t *testing.T) {
				invite := "alice > INVITE sdp"
				for _, r := range c.route {
					invite += ` header="Route: ` + r + `"`
				}
				target := "sip:bob@home.example SIP/2.0"
				if what != "" {
					target = "sip:elsewhere@far.example;cause=302 SIP/2.0"
				}
				how := playOnce
				if name == "header parameter" { // and with restored servers
					how = play
				}
				how(t, chainOf(ims.DefaultConfig(), a), invite, "alice < 100",
					`carol < INVITE has="INVITE `+target+`" has="\nRoute: `+c.want+`\nFrom:"`,
					"carol > 180 via=core", "alice < 180", "carol > 200 sdp via=core", "carol < ACK lacks=Route", "alice < 200 sdp", "alice > ACK",
					"alice > BYE", "alice < 200", "carol < BYE", "carol > 200 via=core", "record status=200 by=caller")
			})
		}
	}
}

// TestHeaders plays a call with every header that IMS needs, and looks at both directions.
func TestHeaders(t *testing.T) {
	cfg := ims.DefaultConfig()
	cfg.IOI = "home.example"
	for name, c := range map[string]struct{ invite, forwarded, response, back string }{
		"identities on two lines": {
			`header="P-Asserted-Identity: <sip:alice@home.example>" header="P-Asserted-Identity: <tel:+49301>"`, `has="P-Asserted-Identity: <sip:alice@home.example>\nP-Asserted-Identity: <tel:+49301>"`,
			`header="P-Asserted-Identity: \"Bob\" <sip:bob@home.example>, <tel:+49302>"`, `has="P-Asserted-Identity: \"Bob\" <sip:bob@home.example>, <tel:+49302>"`},
		"served user is consumed": {`header="P-Served-User: <sip:alice@home.example>;sescase=orig;regstate=reg"`, "lacks=P-Served-User", "", "lacks=P-Served-User"},
		"privacy stays":           {`header="Privacy: id" header="P-Asserted-Identity: <sip:alice@home.example>"`, `has="Privacy: id" has=P-Asserted`, `header="Privacy: id"`, `has="Privacy: id"`},
		"charging, no answer of its own": {`header="P-Charging-Vector: icid-value=\"a b\";icid-generated-at=192.0.2.1;orig-ioi=visited.example"`,
			`has="P-Charging-Vector: icid-value=\"a b\";icid-generated-at=192.0.2.1;orig-ioi=visited.example\n"`,
			"", `has="P-Charging-Vector: icid-value=\"a b\";orig-ioi=visited.example;term-ioi=home.example\n"`},
		"charging, typed": {`header="P-Charging-Vector: icid-value=x;orig-ioi=\"Type 3visited.example\""`, `has="icid-value=x;orig-ioi=\"Type 3visited.example\"\n"`,
			"", `has="icid-value=x;orig-ioi=\"Type 3visited.example\";term-ioi=\"Type 3home.example\"\n"`},
		"charging, answered without a name": {`header="P-Charging-Vector: icid-value=x;orig-ioi=visited.example"`, "has=icid-value=x",
			`header="P-Charging-Vector: icid-value=x;orig-ioi=visited.example"`, `has="P-Charging-Vector: icid-value=x;orig-ioi=visited.example;term-ioi=home.example\n"`},
		"charging, answered with a name": {`header="P-Charging-Vector: icid-value=x;orig-ioi=visited.example"`, "has=icid-value=x",
			`header="P-Charging-Vector: icid-value=x;orig-ioi=visited.example;term-ioi=far.example"`, `has="term-ioi=far.example\n" lacks=home.example;`},
		"charging, no originator": {`header="P-Charging-Vector: icid-value=x"`, `has="P-Charging-Vector: icid-value=x\n"`, "", `has="P-Charging-Vector: icid-value=x\n"`},
		"charging, none":          {"", "lacks=P-Charging-Vector", "", "lacks=P-Charging-Vector"},
		"charging functions": {`header="P-Charging-Function-Addresses: ccf=\"aaa://ccf.home.example\";ccf=\"aaa://ccf2.home.example\";ecf=\"aaa://e.home.example\""`,
			`has="ccf=\"aaa://ccf.home.example\";ccf=\"aaa://ccf2.home.example\";ecf=\"aaa://e.home.example\""`,
			`header="P-Charging-Function-Addresses: ccf=\"aaa://ccf.home.example\""`, "has=P-Charging-Function-Addresses"},
		"access": {`header="P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010019B01;network-provided"`, "has=utran-cell-id-3gpp=0010100010019B01;network-provided",
			`header="P-Access-Network-Info: IEEE-802.11;i-wlan-node-id=001122334455"`, "has=i-wlan-node-id=001122334455"},
		"service":        {`header="P-Asserted-Service: urn:urn-7:3gpp-service.ims.icsi.mmtel" header="P-Preferred-Service: urn:urn-7:x"`, "has=P-Asserted-Service lacks=P-Preferred", "", ""},
		"accept contact": {`header="Accept-Contact: *;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\";require;explicit" header="Reject-Contact: *;automata"`, "has=;require;explicit has=Reject-Contact", "", ""},
		"early media":    {`header="P-Early-Media: supported"`, `has="P-Early-Media: supported"`, `header="P-Early-Media: sendrecv, gated"`, `has="P-Early-Media: sendrecv, gated"`},
		"capabilities":   {`header="Feature-Caps: *;+g.3gpp.srvcc;+g.3gpp.atcf-mgmt-uri=\"<sip:atcf.home.example>\""`, "has=+g.3gpp.srvcc;+g.3gpp.atcf-mgmt-uri", `header="Feature-Caps: *;+g.3gpp.mid-call"`, "has=+g.3gpp.mid-call"},
		"session id":     {`header="Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000"`, "has=ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000", `header="Session-ID: 47755a9de7794ba387653f2099600ef2;remote=ab30317f1a784dc48ff824d0d3715d86"`, "has=47755a9de7794ba387653f2099600ef2"},
		"unknown":        {`header="X-Operator: blue"`, `has="X-Operator: blue"`, `header="X-Answer: green"`, `has="X-Answer: green"`},
	} {
		t.Run(name, func(t *testing.T) {
			how := playOnce
			if strings.HasPrefix(name, "charging, a") { // and with restored servers
				how = play
			}
			how(t, chainOf(cfg, pass), `alice > INVITE sdp header="Route: `+ours+`, <sip:odi@203.0.113.30;lr>" `+c.invite, "alice < 100", "carol < INVITE "+c.forwarded,
				"carol > 180 via=core "+c.response, "alice < 180 "+c.back, "carol > 200 sdp via=core "+c.response, "carol < ACK", "alice < 200 sdp "+c.back, "alice > ACK",
				"alice > BYE", "alice < 200", "carol < BYE", "carol > 200 via=core")
		})
	}
}

// TestRoles: what an application says itself has the charging vector of the session; a redirection has its Contacts; a session in
// a user's name leaves by his S-CSCF as one of our own.
func TestRoles(t *testing.T) {
	cfg := ims.DefaultConfig()
	cfg.IOI = "home.example"
	const asked = `alice > INVITE sdp header="Route: ` + ours + `, <sip:odi@203.0.113.30;lr>" header="P-Charging-Vector: icid-value=x;orig-ioi=visited.example" header="P-Asserted-Identity: <sip:alice@home.example>"`
	answered := `has="P-Charging-Vector: icid-value=x;orig-ioi=visited.example;term-ioi=home.example\n"`
	t.Run("terminating", func(t *testing.T) {
		play(t, chainOf(cfg, func(s *b2bua.Step, _ b2bua.Invite) b2bua.Verdict {
			s.Do(b2bua.Ring{Status: 183, Headers: []b2bua.Field{{Name: "P-Early-Media", Value: "sendrecv"}, {Name: "Contact", Value: "<sip:forged>"}, {Name: "X", Value: "a\r\nVia: b"}}})
			s.Do(b2bua.Accept{})
			return b2bua.Stop
		}), asked, "alice < 100", `alice < 183 has="P-Early-Media: sendrecv\n" lacks=forged lacks="Via: b" `+answered, "alice < 200 sdp has=Contact: "+answered, "alice > ACK",
			"alice > BYE", "alice < 200")
	})
	t.Run("redirecting", func(t *testing.T) {
		play(t, chainOf(cfg, func(s *b2bua.Step, inv b2bua.Invite) b2bua.Verdict {
			s.Do(b2bua.Reject{Status: 302, Contacts: []string{"sip:carol@home.example", "tel:+4930", "no address"},
				Headers: []b2bua.Field{{Name: "History-Info", Value: ims.HistoryOf(inv.Draft).String() + "<sip:bob@home.example>;index=1"}}})
			return b2bua.Stop
		}), asked, "alice < 100", `alice < 302 has="Contact: <sip:carol@home.example>\nContact: <tel:+4930>\n" lacks="no address" has="History-Info: <sip:bob@home.example>;index=1"`, "alice > ACK")
	})
	originate := func(o ims.Origin) app {
		as := ims.NewAS(cfg, nil)
		return func(_ *b2bua.Step, inv b2bua.Invite) b2bua.Verdict {
			if as.Originate(inv.Draft, o) != nil {
				inv.Set("Subject", "no S-CSCF")
			}
			return b2bua.Pass
		}
	}
	sub := &ims.Subscriber{SCSCF: "sip:203.0.113.30:5060", State: state(1)}
	t.Run("originating for a user", func(t *testing.T) {
		playOnce(t, chainOf(cfg, originate(sub.Originate("sip:dora@home.example"))), asked, "alice < 100",
			`carol < INVITE has="\nRoute: <sip:203.0.113.30:5060;lr;orig>\nFrom: <sip:dora@home.example>;tag=" has="P-Served-User: <sip:dora@home.example>;sescase=orig;regstate=reg\n" `+
				`has="P-Asserted-Identity: <sip:dora@home.example>\n" has=";orig-ioi=home.example\n" lacks=icid-value=x lacks=sip:alice@ lacks=odi`,
			"carol > 486 via=core", "carol < ACK", "alice < 486", "alice > ACK")
	})
	t.Run("originating for a service", func(t *testing.T) {
		playOnce(t, chainOf(cfg, originate(ims.Origin{Identity: "sip:news@home.example", Display: `The "News"`, SCSCF: "sip:orig@203.0.113.30;lr;x=1"})), asked, "alice < 100",
			`carol < INVITE has="\nRoute: <sip:orig@203.0.113.30;lr;x=1;orig>\nFrom: \"The News\" <sip:news@home.example>;tag=" lacks=P-Served-User lacks=sip:alice@`,
			"carol > 486 via=core", "carol < ACK", "alice < 486", "alice > ACK")
	})
	t.Run("no S-CSCF", func(t *testing.T) {
		play(t, chainOf(cfg, originate(ims.Origin{Identity: "sip:dora@home.example"})), asked, "alice < 100",
			`carol < INVITE has="Subject: no S-CSCF" has="Route: <sip:odi@203.0.113.30;lr>" has=icid-value=x`, "carol > 486 via=core", "carol < ACK", "alice < 486", "alice > ACK")
	})
}

// playOnce plays lines as they are: what is made of real time and chance has other bytes each time.
func playOnce(t *testing.T, set func(*b2bua.Config), lines ...string) {
	t.Helper()
	w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) {
		cfg.Home, cfg.Routes = ims.HomePolicy(), nil
		set(cfg)
	})
	for _, l := range lines {
		w.Line(l)
	}
	w.Finish()
}
