package ims_test

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ims"
)

// TestMessage: a stand-alone MESSAGE goes through the chain that its rules choose, and back to the S-CSCF by the Route it came with.
func TestMessage(t *testing.T) {
	cfg := ims.DefaultConfig()
	cfg.IOI = "home.example"
	cfg.Chains = []ims.Chain{{Name: "calls", Methods: []string{"INVITE"}, Apps: []string{}}, {Name: "text", Methods: []string{"MESSAGE"}, Apps: []string{"app"}}}
	const asked = `alice > MESSAGE uri="sip:bob@home.example" header="Route: ` + ours + `, <sip:odi@203.0.113.30;lr>" header="P-Served-User: <sip:bob@home.example>;sescase=term;regstate=reg" ` +
		`header="P-Charging-Vector: icid-value=x;orig-ioi=visited.example" header="Content-Type: text/plain" body=hello`
	mark := func(_ *b2bua.Step, inv b2bua.Invite) b2bua.Verdict {
		inv.Set("Subject", "seen")
		return b2bua.Pass
	}
	const forwarded = `carol < MESSAGE has="MESSAGE sip:bob@home.example SIP/2.0" has="\nRoute: <sip:odi@203.0.113.30;lr>\nFrom:" has="Subject: seen" has=text/plain has=hello lacks=P-Served-User lacks=Contact`
	for name, c := range map[string]struct {
		app   app
		lines []string
	}{
		"taken": {mark, []string{forwarded, "alice > again MESSAGE", `carol > 200 via=core header="X-Answer: green"`,
			`alice < 200 for=MESSAGE has="P-Charging-Vector: icid-value=x;orig-ioi=visited.example;term-ioi=home.example\n" has="X-Answer: green"`, "record status=200 by=callee", "alice > again MESSAGE", "alice < 200", "carol < nothing"}},
		"refused by the callee": {mark, []string{forwarded, "carol > 486 via=core", "alice < 486 for=MESSAGE", "record status=486 by=callee"}},
		"refused by an application": {func(s *b2bua.Step, _ b2bua.Invite) b2bua.Verdict {
			s.Do(b2bua.Reject{Status: 403})
			return b2bua.Stop
		}, []string{"alice < 403 for=MESSAGE", "carol < nothing", "record status=403 by=bifrons"}},
		"what only a session has": {func(s *b2bua.Step, _ b2bua.Invite) b2bua.Verdict {
			s.Do(b2bua.Ring{Status: 180})
			s.Do(b2bua.Accept{})
			return b2bua.Stop
		}, []string{"alice < 500 for=MESSAGE", "carol < nothing"}},
		"sent elsewhere": {func(_ *b2bua.Step, inv b2bua.Invite) b2bua.Verdict {
			ims.Divert(inv.Draft, "sip:dora@home.example", ims.DivertedNotLogged)
			return b2bua.Pass
		}, []string{`carol < MESSAGE has="MESSAGE sip:dora@home.example;cause=404 SIP/2.0" has=History-Info has="Route: <sip:odi@203.0.113.30;lr>"`, "carol > 202 via=core", "alice < 202 for=MESSAGE"}},
		"nobody answers": {mark, []string{forwarded, "wait 1s", "carol < MESSAGE", "wait 2s", "alice < 504 for=MESSAGE", "record status=408 by=callee", "wait 40s"}},
	} {
		t.Run(name, func(t *testing.T) {
			how := play
			if name == "nobody answers" {
				how = playOnce
			}
			how(t, func(b *b2bua.Config) {
				chainOf(cfg, c.app)(b)
				b.Sides[0].Apps, b.Sides[0].Health = []string{"ims"}, b2bua.DefaultHealth()
			}, append([]string{asked}, c.lines...)...)
		})
	}
	t.Run("where there is no chain", func(t *testing.T) {
		playOnce(t, func(*b2bua.Config) {}, asked, "alice < 405", "carol < nothing", "calls 0")
	})
	t.Run("from strangers", func(t *testing.T) {
		playOnce(t, func(b *b2bua.Config) { chainOf(cfg, mark)(b); b.Sides[1].Apps = []string{"ims"} }, `bob > MESSAGE uri="sip:alice@home.example" body=hello`, "bob < 405", "calls 0")
	})
}

// TestRefusedAlone: what goes through no chain is refused with what does, and a SUBSCRIBE about nothing with 489.
func TestRefusedAlone(t *testing.T) {
	const way = ` uri="sip:bob@home.example" header="Route: ` + ours + `, <sip:odi@203.0.113.30;lr>" `
	playOnce(t, chainOf(ims.DefaultConfig(), pass),
		"alice > PUBLISH"+way+`header="Event: presence" header="Expires: 60"`, `alice < 405 for=PUBLISH has="Allow: INVITE, " has=", MESSAGE, " has=", SUBSCRIBE\n" lacks="PUBLISH,"`,
		"alice > REFER"+way+`header="Refer-To: <sip:carol@home.example>"`, "alice < 403 for=REFER",
		"alice > SUBSCRIBE"+way+`header="Expires: 60"`, "alice < 489 for=SUBSCRIBE",
		"alice > OPTIONS", `alice < 200 for=OPTIONS has=", SUBSCRIBE\n"`, "carol < nothing", "calls 0")
	playOnce(t, func(*b2bua.Config) {}, "alice > OPTIONS", `alice < 200 for=OPTIONS lacks="SUBSCRIBE\n"`)
}
