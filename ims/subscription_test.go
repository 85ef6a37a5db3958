package ims_test

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ims"
)

// TestSubscription: a SUBSCRIBE outside a call goes through the chain that its rules choose and back to the S-CSCF by the Route it came
// with; its NOTIFYs and refreshes cross, and neither party sees the other's identifiers.
func TestSubscription(t *testing.T) {
	cfg := ims.DefaultConfig()
	cfg.IOI = "home.example"
	cfg.Chains = []ims.Chain{{Name: "calls", Methods: []string{"INVITE"}, Apps: []string{}}, {Name: "watch", Methods: []string{"SUBSCRIBE"}, Apps: []string{"app"}}}
	mark := func(_ *b2bua.Step, inv b2bua.Invite) b2bua.Verdict {
		inv.Set("Subject", "seen")
		return b2bua.Pass
	}
	const asked = `alice > SUBSCRIBE uri="sip:bob@home.example" header="Route: ` + ours + `, <sip:odi@203.0.113.30;lr>" header="P-Served-User: <sip:bob@home.example>;sescase=term;regstate=reg" ` +
		`header="P-Charging-Vector: icid-value=x;orig-ioi=visited.example" header="Event: presence;id=7" header="Expires: 600" header="Accept: application/pidf+xml" header="Record-Route: <sip:198.51.100.10;lr>"`
	const forwarded = `carol < SUBSCRIBE has="SUBSCRIBE sip:bob@home.example SIP/2.0" has="\nRoute: <sip:odi@203.0.113.30;lr>\nFrom:" has="Subject: seen" has="Event: presence;id=7\n" has="Expires: 600\n" has="Accept: application/pidf+xml" has="Contact: <sip:10.0.0.1" lacks=P-Served-User`
	const taken = `carol > 200 via=core for=SUBSCRIBE header="Expires: 300"`
	const answered = `alice < 200 for=SUBSCRIBE has="Expires: 300\n" has="Contact: <sip:10.0.0.1" has="Record-Route: <sip:198.51.100.10;lr>" has="P-Charging-Vector: icid-value=x;orig-ioi=visited.example;term-ioi=home.example\n"`
	notify := func(state string) []string {
		return []string{`carol > NOTIFY via=core header="Event: presence;id=7" header="Subscription-State: ` + state + `" header="Content-Type: application/pidf+xml" body=<here/>`,
			`alice < NOTIFY has="Event: presence;id=7\n" has="Subscription-State: ` + state + `\n" has=<here/> has="Route: <sip:198.51.100.10;lr>" has="Contact: <sip:10.0.0.1"`,
			`alice > 200 for=NOTIFY`, `carol < 200 for=NOTIFY`}
	}
	all := func(parts ...any) (out []string) {
		for _, p := range parts {
			switch p := p.(type) {
			case string:
				out = append(out, p)
			case []string:
				out = append(out, p...)
			}
		}
		return out
	}
	for name, lines := range map[string][]string{
		"notified, refreshed, ended": all(asked, forwarded, taken, answered, notify("active;expires=299"), "calls 1",
			`alice > SUBSCRIBE header="Event: presence;id=7" header="Expires: 400"`, `carol < SUBSCRIBE has="Event: presence;id=7\n" has="Expires: 400\n" lacks="Route: "`,
			`carol > 200 via=core for=SUBSCRIBE header="Expires: 400"`, `alice < 200 for=SUBSCRIBE has="Expires: 400\n"`,
			`alice > SUBSCRIBE header="Event: presence;id=7" header="Expires: 0"`, `carol < SUBSCRIBE has="Expires: 0\n"`, `carol > 200 via=core for=SUBSCRIBE header="Expires: 0"`, `alice < 200 for=SUBSCRIBE has="Expires: 0\n"`,
			notify("terminated;reason=timeout"), "record status=200 by=callee method=SUBSCRIBE", "calls 0"),
		"ended by the notifier": all(asked, forwarded, taken, answered, notify("terminated;reason=noresource"), "calls 0",
			`alice > SUBSCRIBE header="Event: presence;id=7" header="Expires: 400"`, "alice < 481", "carol < nothing"),
		"notified before the answer, and by a fork": all(asked, forwarded, `carol > NOTIFY via=core header="Event: presence;id=7" header="Subscription-State: pending"`,
			`alice < NOTIFY has="Subscription-State: pending\n"`, "alice > 200 for=NOTIFY", "carol < 200 for=NOTIFY", taken, answered,
			`carol > NOTIFY via=core tag=carol-fork header="Event: presence;id=7" header="Subscription-State: active"`, "carol < 481 for=NOTIFY", "alice < nothing", "wait 340s", "calls 0"),
		"only the last notification, before the answer": all(asked, forwarded, notify("terminated")[0], `alice < NOTIFY has=terminated`, "alice > 200 for=NOTIFY", "carol < 200 for=NOTIFY", "calls 1",
			taken, answered, "calls 0", "carol < nothing", "alice < nothing"),
		"the subscriber has forgotten it": all(asked, forwarded, taken, answered, notify("active")[:2], "alice > 481 for=NOTIFY", "carol < 481 for=NOTIFY", "record status=481 by=caller", "calls 0", "carol < nothing"),
		"the notifier has forgotten it": all(asked, forwarded, taken, answered, `alice > SUBSCRIBE header="Event: presence;id=7" header="Expires: 400"`, "carol < SUBSCRIBE", "carol > 481 via=core for=SUBSCRIBE",
			"alice < 481 for=SUBSCRIBE", "record status=481 by=callee", "alice < nothing"),
		"too short": all(asked, forwarded, `carol > 423 via=core header="Min-Expires: 900"`, `alice < 423 for=SUBSCRIBE has="Min-Expires: 900"`, "record status=423 by=callee"),
		"unknown":   all(asked, forwarded, `carol > 489 via=core header="Allow-Events: reg"`, `alice < 489 for=SUBSCRIBE has="Allow-Events: reg"`, "record status=489 by=callee"),
		"runs out":  all(asked, forwarded, taken, answered, "wait 331s", "calls 1", "wait 2s", "calls 0", "record status=200 by=caller cause=\"subscription ran out\"", "alice < nothing", "carol < nothing"),
		"what is not of it": all(asked, forwarded, taken, answered,
			`alice > SUBSCRIBE header="Event: presence;id=8" header="Expires: 400"`, "alice < 481 for=SUBSCRIBE", `alice > BYE`, "alice < 481 for=BYE", `alice > INFO`, "alice < 481 for=INFO",
			`alice > NOTIFY header="Event: presence;id=7" header="Subscription-State: active"`, "alice < 481 for=NOTIFY",
			`carol > NOTIFY via=core header="Event: presence;id=7"`, "carol < 400 for=NOTIFY", `carol > NOTIFY via=core header="Event: presence" header="Subscription-State: active"`, "carol < 481 for=NOTIFY",
			`alice > OPTIONS`, "alice < 200 for=OPTIONS", "carol < nothing", "calls 1", notify("terminated")),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(b *b2bua.Config) {
				chainOf(cfg, mark)(b)
				b.Sides[0].Apps, b.Sides[0].Health = []string{"ims"}, b2bua.DefaultHealth()
			}, lines...)
		})
	}
	once := func(name string, a b2bua.App, lines ...string) {
		t.Run(name, func(t *testing.T) {
			playOnce(t, func(b *b2bua.Config) {
				chainOf(cfg, mark)(b)
				b.Apps["app"] = b2bua.Link{App: a, Version: "1"}
				b.Sides[0].Apps, b.Sides[0].Health = []string{"ims"}, b2bua.DefaultHealth()
			}, lines...)
		})
	}
	once("nobody answers", app(mark), all(asked, forwarded, "wait 1s", "carol < SUBSCRIBE", "wait 2s", "alice < 504 for=SUBSCRIBE", "record status=408 by=callee", "wait 40s")...)
	once("the subscriber is silent", app(mark), all(asked, forwarded, taken, answered, notify("active")[0], "alice < NOTIFY", "wait 33s", "carol < 481 for=NOTIFY", "carol < SUBSCRIBE has=\"Event: presence;id=7\\n\" has=\"Expires: 0\\n\"",
		"record status=408 by=caller", "calls 0")...)
	once("ended here", ender{}, all(asked, `carol < SUBSCRIBE`, taken, `alice < 200 for=SUBSCRIBE`, notify("active")[0], `alice < NOTIFY has="Subscription-State: terminated;reason=deactivated\n" has="Event: presence;id=7\n"`,
		"carol < 481 for=NOTIFY", `carol < SUBSCRIBE has="Expires: 0\n"`, "alice > 200 for=NOTIFY", "carol > 200 via=core for=SUBSCRIBE", "record status=480 by=bifrons", "calls 0")...)
	once("about nothing", app(mark), `alice > SUBSCRIBE uri="sip:bob@home.example"`, "alice < 489 for=SUBSCRIBE", "carol < nothing", "calls 0")
	t.Run("where there is no chain", func(t *testing.T) {
		playOnce(t, func(*b2bua.Config) {}, asked, "alice < 405", "carol < nothing", "calls 0")
	})
}

// ender ends a subscription at its first notification; before that it asks for what only a session has.
type ender struct{}

func (ender) Name() string { return "app" }

func (ender) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	switch ev.(type) {
	case b2bua.Answer:
		s.Do(b2bua.Play{Leg: 0})
		s.Do(b2bua.Send{Leg: 0, Method: "INFO"})
		s.Do(b2bua.Move{Leg: 0, Call: 1})
	case b2bua.Message:
		s.Do(b2bua.End{Cause: b2bua.Cause{Status: 480, By: b2bua.ByBifrons, Text: "enough"}})
	}
	return b2bua.Pass
}
