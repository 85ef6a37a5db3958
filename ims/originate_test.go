package ims_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/ims"
)

// directory knows subscribers by their identity; it fails for those who are nil.
type directory map[string]*ims.Subscriber

func (directory) Name() string { return "directory" }

func (d directory) Load(_ context.Context, q ims.Query) (*ims.Subscriber, error) {
	sub, ok := d[q.Value]
	switch {
	case !ok:
		return nil, ims.ErrNotFound
	case sub == nil:
		return nil, errors.New("out of order")
	}
	return sub, nil
}

// gated is a directory that waits for its gate.
type gated struct {
	directory
	gate chan struct{}
}

func (g gated) Load(ctx context.Context, q ims.Query) (*ims.Subscriber, error) {
	select {
	case <-g.gate:
	case <-ctx.Done():
	}
	return g.directory.Load(ctx, q)
}

// fixed is an Originator that says the same each time.
type fixed b2bua.Departure

func (f fixed) Departure(context.Context, string) (b2bua.Departure, error) {
	return b2bua.Departure(f), nil
}

// TestOriginated: a call that we make in a home network leaves as one that its maker has begun: by the S-CSCF, with an asserted identity
// and a charging identity of its own, which both parties of it have.
func TestOriginated(t *testing.T) {
	cfg := ims.DefaultConfig()
	cfg.IOI = "home.example"
	known := directory{
		"sip:here@home.example":   {SCSCF: "sip:203.0.113.30:5060", State: state(1)},
		"sip:away@home.example":   {SCSCF: "sip:203.0.113.30:5060;lr", State: state(0)},
		"sip:some@home.example":   {SCSCF: "sip:s@203.0.113.30:5060;transport=udp"},
		"sip:news@home.example":   {SCSCF: "sip:203.0.113.30:5060", PSI: true},
		"sip:nobody@home.example": {State: state(0)},
		"tel:+4930":               {SCSCF: "sip:203.0.113.30:5060", State: state(1)},
	}
	for name, c := range map[string]struct{ from, entry, want string }{
		"registered": {"sip:here@home.example", "", `has="\nRoute: <sip:203.0.113.30:5060;lr;orig>\nFrom: <sip:here@home.example>;tag=" ` +
			`has="P-Served-User: <sip:here@home.example>;sescase=orig;regstate=reg\n"`},
		"not registered":  {"sip:away@home.example", "", `has="Route: <sip:203.0.113.30:5060;lr;orig>\n" has="sescase=orig;regstate=unreg\n"`},
		"nobody knows":    {"sip:some@home.example", "", `has="Route: <sip:s@203.0.113.30:5060;transport=udp;lr;orig>\n" has="sescase=orig\n"`},
		"a number":        {"tel:+4930", "", `has="From: <tel:+4930>;tag=" has="P-Served-User: <tel:+4930>;sescase=orig;regstate=reg\n"`},
		"a service":       {"sip:news@home.example", "", `has="Route: <sip:203.0.113.30:5060;lr;orig>\n" lacks=P-Served-User`},
		"no S-CSCF":       {"sip:nobody@home.example", "sip:203.0.113.30:5060", `has="Route: <sip:203.0.113.30:5060;lr;orig>\n" has=regstate=unreg`},
		"unknown":         {"sip:x@home.example", "sip:203.0.113.30:5060", `has="Route: <sip:203.0.113.30:5060;lr>\n" lacks=P-Served-User`},
		"no way but ours": {"sip:x@home.example", "", `lacks="Route:" lacks=P-Served-User`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := cfg
			cfg.Entry = c.entry
			playOnce(t, func(b *b2bua.Config) {
				b.Sides[0].Originator = ims.NewAS(cfg, known)
				b.Sides[0].NextHop, _ = b2bua.ParseNextHop("203.0.113.30:5060")
			}, "originate side=core from="+c.from+" to=sip:bob@home.example",
				`carol < INVITE has="INVITE sip:bob@home.example SIP/2.0" `+c.want+` has="P-Asserted-Identity: <`+c.from+`>\n" has=";orig-ioi=home.example\n" lacks="Type 3"`,
				"carol > 180 via=core", "carol > 486 via=core", "carol < ACK", "record status=486 by=callee")
		})
	}
	t.Run("two parties", func(t *testing.T) {
		d, err := ims.NewAS(cfg, known).Departure(t.Context(), "sip:here@home.example")
		if err != nil {
			t.Fatal(err)
		}
		vector := `has="P-Charging-Vector: ` + strings.ReplaceAll(d.Headers[1].Value, `"`, `\"`) + `\n" has="Route: <sip:203.0.113.30:5060;lr;orig>\n"`
		play(t, func(b *b2bua.Config) { b.Sides[0].Originator = fixed(d) },
			"originate side=core from=sip:here@home.example to=sip:bob@home.example and=sip:dora@home.example",
			`carol < INVITE nosdp has="INVITE sip:bob@" `+vector, "carol > 180 via=core", "carol > 200 sdp via=core", `carol < INVITE sdp has="INVITE sip:dora@" `+vector,
			"carol > 486 via=core", "carol < ACK", "carol < ACK", "carol < BYE", "carol > 200 via=core", "record status=486")
	})
	t.Run("typed", func(t *testing.T) {
		cfg := cfg
		cfg.IOI = "Type 3home.example"
		playOnce(t, func(b *b2bua.Config) { b.Sides[0].Originator = ims.NewAS(cfg, known) }, "originate side=core from=sip:here@home.example to=sip:bob@home.example",
			`carol < INVITE has=";orig-ioi=\"Type 3home.example\"\n"`, "carol > 486 via=core", "carol < ACK")
	})
	t.Run("asked for by an application", func(t *testing.T) {
		gate := make(chan struct{}) // the sources take their time, beside the call
		w := b2buatest.NewWorld(t, func(w *b2buatest.World, b *b2bua.Config) {
			b.Home, b.Routes, w.OnRelease = ims.HomePolicy(), nil, open(gate)
			chainOf(cfg, func(s *b2bua.Step, _ b2bua.Invite) b2bua.Verdict {
				s.Do(b2bua.Originate{Origination: b2bua.Origination{Side: "core", From: "sip:here@home.example", To: "sip:dora@home.example"}})
				s.Do(b2bua.Originate{Origination: b2bua.Origination{Side: "core", From: "no URI", To: "sip:dora@home.example"}})
				s.Do(b2bua.Reject{Status: 480})
				return b2bua.Stop
			})(b)
			b.Sides[0].Originator = ims.NewAS(cfg, gated{known, gate})
		})
		for _, l := range []string{"alice > INVITE sdp", "alice < 100", "alice < 480", "alice > ACK", "record status=480", "release",
			`carol < INVITE has="INVITE sip:dora@" has="Route: <sip:203.0.113.30:5060;lr;orig>\n"`, "carol > 486 via=core", "carol < ACK", "record status=486"} {
			w.Line(l)
		}
		w.Finish()
	})
	t.Run("sources fail", func(t *testing.T) {
		_, err := ims.NewAS(cfg, directory{"sip:here@home.example": nil}).Departure(t.Context(), "sip:here@home.example")
		if err == nil || !strings.Contains(err.Error(), "out of order") {
			t.Error(err)
		}
	})
}
