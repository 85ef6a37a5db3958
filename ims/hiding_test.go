package ims_test

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/ims"
)

// TestHomeCatalogue plants a secret in every header, description and body between two sides of the home network: what the
// table carries arrives, in both directions, and nothing else does.
func TestHomeCatalogue(t *testing.T) {
	b2buatest.Catalogue(t, ims.HomePolicy()) // it has the assertions
}

// TestChargedByCallID: an ICID that a network made of the caller's Call-ID is what it was on the other leg, and the audit knows it as such.
func TestChargedByCallID(t *testing.T) {
	play(t, chainOf(ims.DefaultConfig(), pass),
		"shown alice-call-1@198.51.100.10 198.51.100.10",
		`alice > INVITE sdp header="Route: `+ours+`, <sip:odi@203.0.113.30;lr>" header="P-Charging-Vector: icid-value=alice-call-1@198.51.100.10;orig-ioi=home.example"`,
		"alice < 100", "carol < INVITE has=\"P-Charging-Vector: icid-value=alice-call-1@198.51.100.10;orig-ioi=home.example\"",
		"carol > 486 via=core", "carol < ACK", "alice < 486", "alice > ACK", "record status=486 by=callee")
}
