package b2bua_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/sip/digest"
)

// trunkWorld has a trunk on side carrier, with bob as registrar.
func trunkWorld(t *testing.T, set func(*b2bua.Config)) *b2buatest.World {
	return b2buatest.NewWorld(t, func(_ *b2buatest.World, c *b2bua.Config) {
		carrier := c.Sides[1]
		carrier.Trunks = []b2bua.Trunk{{AOR: "sip:+4930@carrier.example", Contact: "line1", Registrar: carrier.NextHop, Expires: time.Hour, Retry: 30 * time.Second}}
		carrier.Logins = []b2bua.Login{{Login: digest.Login{User: "trunk", Secret: digest.Secret{Password: "secret"}}}}
		c.Routes = append(c.Routes, b2bua.Route{From: "carrier", User: regexp.MustCompile(`^\+4930$`), To: "core", NextHop: b2bua.NextHop{Host: "198.51.100.10:5060", Addr: c.Sides[0].Locals[0].Addr}})
		if set != nil {
			set(c)
		}
	})
}

func state(t *testing.T, w *b2buatest.World, want string) b2bua.TrunkInfo {
	t.Helper()
	i := w.Server.Trunks()[0]
	if i.State != want {
		t.Fatalf("the trunk is %+v, want %s", i, want)
	}
	return i
}

const trunkUp = `
	await bob
	bob < REGISTER has="REGISTER sip:carrier.example SIP/2.0" has="From: <sip:+4930@carrier.example>;tag=" has="To: <sip:+4930@carrier.example>" has="Contact: <sip:line1@10.1.0.1:5060>" has="Expires: 3600"
	bob > 401 header="WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\""
	await bob
	bob < REGISTER has="\nAuthorization: Digest username=\"trunk\", realm=\"carrier\", nonce=\"n1\", uri=\"sip:carrier.example\""
	bob > 200 header="Contact: <sip:other@203.0.113.99>;expires=5" header="Contact: <sip:line1@10.1.0.1:5060>;expires=1800" header="Service-Route: <sip:203.0.113.20:5060;lr>"
	wait 20ms
`

// TestTrunk: registered with digest, refreshed before its end, used by calls both ways, and gone when the server stops.
func TestTrunk(t *testing.T) {
	w := trunkWorld(t, nil)
	state(t, w, "trying")
	w.Play(trunkUp)
	if i := state(t, w, "registered"); i.Seconds < 1790 || i.Seconds > 1800 || i.Next > 1200 || i.Next < 1000 {
		t.Errorf("%+v", i)
	}
	w.Play(`
	alice > INVITE sdp
	alice < 100
	bob < INVITE has="From: \"Alice\" <sip:+4930@carrier.example>;tag=" has="Route: <sip:203.0.113.20:5060;lr>" lacks=alice@
	bob > 407 header="Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n2\""
	bob < ACK
	bob < INVITE has="Proxy-Authorization: Digest username=\"trunk\""
	bob > 486
	bob < ACK
	alice < 486
	alice > ACK
	wait 16m30s
	bob < nothing
	await bob
	bob < REGISTER has="nonce=\"n1\"" has=nc=00000002
	bob > 200 header="Contact: <sip:line1@10.1.0.1:5060>;expires=600"
	wait 4m
	bob < nothing
	await bob
	bob < REGISTER
	bob > 200
	wait 20ms
`)
	state(t, w, "registered")
	stopped := make(chan int)
	go func() { stopped <- w.Server.Shutdown(context.Background()) }()
	for deadline := time.Now().Add(5 * time.Second); w.Server.Trunks()[0].State != "gone" && time.Now().Before(deadline); {
		w.Wait(10 * time.Millisecond)
		if p := w.Parties["bob"]; p.Waiting() > 0 {
			w.Line(`bob < REGISTER has="Expires: 0"`)
			w.Line("bob > 200")
		}
	}
	state(t, w, "gone")
	<-stopped
	w.Finish()
}

// TestTrunkFails: the pause grows with each failure, Retry-After counts, and a registrar that wants longer registrations has them.
func TestTrunkFails(t *testing.T) {
	w := trunkWorld(t, nil)
	w.Play(`
	await bob
	bob < REGISTER
	bob > 403
	wait 14s
	bob < nothing
	await bob
	bob < REGISTER
	bob > 503 header="Retry-After: 300"
	wait 299s
	bob < nothing
	await bob
	bob < REGISTER
	bob > 423 header="Min-Expires: 7200"
	await bob
	bob < REGISTER has="Expires: 7200"
	bob > 500
	wait 59s
	bob < nothing
	await bob
	bob < REGISTER
	bob > 401 header="WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\""
	await bob
	bob < REGISTER has=n1
	bob > 401 header="WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n2\", stale=true"
	await bob
	bob < REGISTER has=n2
	bob > 401 header="WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n3\""
	wait 20ms
	bob < nothing
`)
	if i := state(t, w, "failed"); i.Failures != 4 || i.Fault != "401" {
		t.Errorf("%+v", i)
	}
	w.Play(`
	await bob
	bob < REGISTER lacks=Authorization
	wait 500ms
	bob < REGISTER
	wait 1s
	bob < REGISTER
	wait 31s
`)
	if i := state(t, w, "failed"); i.Fault != "no answer" {
		t.Errorf("%+v", i)
	}
	w.Finish()
}

// TestTrunkOldProof: what the next REGISTER proves with the nonce of before may be too old without the registrar saying so; a proof
// that answers the challenge just got is wrong when it is refused.
func TestTrunkOldProof(t *testing.T) {
	w := trunkWorld(t, nil)
	w.Play(trunkUp + `
	wait 1015s
	await bob
	bob < REGISTER has=n1
	bob > 401 header="WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n2\""
	await bob
	bob < REGISTER has=n2
	bob > 423 header="Min-Expires: 7200"
	await bob
	bob < REGISTER has=n2 has="Expires: 7200"
	bob > 401 header="WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n3\""
	await bob
	bob < REGISTER has=n3
	bob > 401 header="WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n4\""
	wait 20ms
	bob < nothing
`)
	if i := w.Server.Trunks()[0]; i.Failures != 1 || i.Fault != "401" {
		t.Errorf("%+v", i)
	}
	w.Finish()
}

// TestTrunkCall: a call to our Contact is for the trunk's address of record; nobody else's Contact is.
func TestTrunkCall(t *testing.T) {
	w := trunkWorld(t, func(c *b2bua.Config) {
		for i := range c.Routes {
			if c.Routes[i].From == "carrier" {
				c.Routes[i].NextHop.Addr = b2buatest.AliceAddr
			}
		}
	})
	w.Play(trunkUp + `
	bob > INVITE sdp uri=sip:line1@10.1.0.1:5060
	bob < 100
	alice < INVITE sdp lacks=line1 has="+4930"
	alice > 603
	alice < ACK
	bob < 603
	bob > ACK
`)
	if n := len(w.Records); n != 1 || !strings.Contains(w.Records[0].To, "bob") {
		t.Errorf("%d records: %+v", n, w.Records)
	}
	w.Finish()
}
