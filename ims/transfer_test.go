package ims_test

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ims"
)

// TestTransferInName: the call to the target of a transfer leaves as one of who asked for it, by his S-CSCF, under a charging identity of its
// own. From, which anybody can write, makes nobody that.
func TestTransferInName(t *testing.T) {
	cfg := ims.DefaultConfig()
	cfg.IOI = "home.example"
	known := directory{"sip:alice@home.example": {SCSCF: "sip:203.0.113.30:5060", State: state(1)}, "sip:bob@home.example": {SCSCF: "sip:203.0.113.30:5060", State: state(0)},
		"sip:broken@home.example": nil}
	const toDora = `header="Refer-To: <sip:dora@home.example>"`
	begin := func(invite, answer string) []string {
		return []string{`alice > INVITE sdp header="Route: ` + ours + `, <sip:odi@203.0.113.30;lr>" ` + invite, "alice < 100", "carol < INVITE", "carol > 200 sdp via=core " + answer,
			"carol < ACK", "alice < 200 sdp", "alice > ACK"}
	}
	for name, c := range map[string]struct{ invite, answer, by, refer, want string }{
		"the caller":              {`header="P-Asserted-Identity: \"A\" <sip:alice@home.example>"`, "", "alice", "", `has="P-Asserted-Identity: <sip:alice@home.example>\n" has="P-Served-User: <sip:alice@home.example>;sescase=orig;regstate=reg\n"`},
		"who asks for privacy":    {`header="P-Asserted-Identity: <sip:alice@home.example>" header="Privacy: id"`, "", "alice", "", `has="P-Asserted-Identity: <sip:alice@home.example>\n" has="Privacy: id\n"`},
		"whom the REFER asserts":  {`header="P-Asserted-Identity: <sip:x@home.example>"`, "", "alice", `header="P-Asserted-Identity: <sip:alice@home.example>"`, `has="P-Asserted-Identity: <sip:alice@home.example>\n"`},
		"the callee":              {"", "", "carol", "", `has="P-Asserted-Identity: <sip:bob@home.example>\n" has="P-Served-User: <sip:bob@home.example>;sescase=orig;regstate=unreg\n"`},
		"whom the answer asserts": {"", `header="P-Asserted-Identity: <sip:alice@home.example>"`, "carol", "", `has="P-Asserted-Identity: <sip:alice@home.example>\n"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playOnce(t, func(b *b2bua.Config) { b.Sides[0].Originator = ims.NewAS(cfg, known) }, append(begin(c.invite, c.answer),
				c.by+" > REFER via=core "+toDora+" "+c.refer, c.by+" < 202 for=REFER", c.by+" < NOTIFY",
				`carol < INVITE nosdp has="INVITE sip:dora@home.example SIP/2.0" has="\nRoute: <sip:203.0.113.30:5060;lr;orig>\n" has=";orig-ioi=home.example\n" `+c.want)...)
		})
	}
	t.Run("nobody", func(t *testing.T) { // asserts who she is: by the routes, of which there are none
		t.Parallel()
		playOnce(t, func(b *b2bua.Config) { b.Sides[0].Originator = ims.NewAS(cfg, known) }, append(begin("", ""),
			"alice > REFER "+toDora, "alice < 202 for=REFER", `alice < NOTIFY has="SIP/2.0 100"`, "alice > 200 for=NOTIFY", `alice < NOTIFY has="SIP/2.0 404"`, "carol < nothing")...)
	})
	t.Run("sources fail", func(t *testing.T) {
		t.Parallel()
		playOnce(t, func(b *b2bua.Config) { b.Sides[0].Originator = ims.NewAS(cfg, known) }, append(begin(`header="P-Asserted-Identity: <sip:broken@home.example>"`, ""),
			"alice > REFER "+toDora, "alice < 202 for=REFER", `alice < NOTIFY has="SIP/2.0 100"`, "alice > 200 for=NOTIFY", `alice < NOTIFY has="SIP/2.0 503" has=terminated`, "carol < nothing",
			"alice > 200 for=NOTIFY", "alice > BYE", "alice < 200 for=BYE", "carol < BYE", "carol > 200 via=core")...)
	})
	t.Run("whole", func(t *testing.T) { // and with restores
		t.Parallel()
		as := fixed{From: "<sip:alice@home.example>", Routes: []string{"<sip:203.0.113.30:5060;lr;orig>"}, Headers: []b2bua.Field{{Name: "P-Asserted-Identity", Value: "<sip:alice@home.example>"}}}
		play(t, func(b *b2bua.Config) { b.Sides[0].Originator = as }, append(begin(`header="P-Asserted-Identity: <sip:alice@home.example>"`, ""),
			"alice > REFER "+toDora, "alice < 202 for=REFER", "alice < NOTIFY", "alice > 200 for=NOTIFY",
			`carol < INVITE nosdp has="\nRoute: <sip:203.0.113.30:5060;lr;orig>\n" has="P-Asserted-Identity: <sip:alice@home.example>\n"`, "carol > 486 via=core", "carol < ACK",
			`alice < NOTIFY has="SIP/2.0 486" has=terminated`, "alice > 200 for=NOTIFY", "alice > BYE", "alice < 200 for=BYE", "carol < BYE", "carol > 200 via=core", "record status=200 by=caller")...)
	})
}
