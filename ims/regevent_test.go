package ims

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/sip"
)

// reginfoText writes a document with one contact per word.
func reginfoText(version int, state, registration string, contacts ...string) string {
	b := fmt.Sprintf(`<?xml version="1.0"?><reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="%d" state="%s"><registration aor="%s" id="a" state="%s">`, version, state, bobID, registration)
	for _, c := range contacts {
		id, event, _ := strings.Cut(c, "/")
		contactState := "active"
		if event == "expired" || event == "unregistered" {
			contactState = "terminated"
		}
		b += fmt.Sprintf(`<contact id="%s" state="%s" event="%s" expires="300"><uri>sip:%s@192.0.2.5</uri><unknown-param name="+sip.instance">"&lt;urn:%s&gt;"</unknown-param><unknown-param name="+g.x"/></contact>`, id, contactState, event, id, id)
	}
	return b + `</registration><registration aor="tel:+4930" id="b" state="` + registration + `"/></reginfo>`
}

// notify sends a NOTIFY of the subscription that was sent last.
func (k *keeper) notify(cseq int, state, document string, more ...string) (b2bua.Reply, bool) {
	k.t.Helper()
	last := k.sent[len(k.sent)-1]
	_, ours, _ := strings.Cut(last.From, ";tag=")
	lines := append([]string{"NOTIFY sip:192.0.2.1:5070 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKn", "From: <" + bobID + ">;tag=notifier", "To: <sip:as.home.example>;tag=" + ours,
		"Call-ID: " + last.CallID, fmt.Sprintf("CSeq: %d NOTIFY", cseq), "Contact: <sip:notifier@192.0.2.9>", "Record-Route: <sip:proxy@192.0.2.8;lr>", "Event: reg;id=1", "Subscription-State: " + state}, more...)
	if document != "" {
		lines = append(lines, "Content-Type: application/reginfo+xml", "", document)
	}
	return k.Outside(k.side, message(k.t, lines...))
}

// answer answers the subscription that was sent last.
func (k *keeper) answer(status int, more ...string) {
	last := k.sent[len(k.sent)-1]
	last.done(message(k.t, append([]string{fmt.Sprintf("SIP/2.0 %d x", status), "Via: SIP/2.0/UDP h;branch=z9hG4bKs", "From: " + last.From, "To: <" + bobID + ">;tag=notifier",
		"Call-ID: " + last.CallID, fmt.Sprintf("CSeq: %d SUBSCRIBE", last.CSeq), "Contact: <sip:notifier@192.0.2.9>", "Record-Route: <sip:proxy1@192.0.2.8;lr>, <sip:proxy2@192.0.2.8;lr>"}, more...)...))
}

func watching(t *testing.T) *keeper {
	cfg := DefaultRegistrationConfig()
	cfg.Subscribe, cfg.IOI = true, "home.example"
	k := newKeeper(t, cfg)
	k.register(3600)
	if len(k.sent) != 1 {
		t.Fatalf("%d subscriptions", len(k.sent))
	}
	return k
}

func uris(g Registration) (out []string) {
	for _, c := range g.Contacts {
		out = append(out, c.URI+" "+c.Event)
	}
	return out
}

// TestRegEvent: after a REGISTER we subscribe as TS 24.229 5.7.1.1 has it, and the documents change what is known, in the order of
// their versions.
func TestRegEvent(t *testing.T) {
	k := watching(t)
	o := k.sent[0].Outgoing
	headers := map[string]string{}
	for _, h := range o.Headers {
		headers[h.Name] = h.Value
	}
	if o.Method != "SUBSCRIBE" || o.URI != bobID || o.Side != "core" || o.To != "<"+bobID+">" || !strings.HasPrefix(o.From, "<sip:as.home.example>;tag=") || o.Routes[0] != "<"+scscf+";lr>" ||
		headers["Event"] != "reg" || headers["Accept"] != "application/reginfo+xml" || headers["Expires"] != "4200" || headers["P-Asserted-Identity"] != "<sip:as.home.example>" ||
		!strings.HasSuffix(headers["P-Charging-Vector"], ";orig-ioi=home.example") {
		t.Errorf("%+v", o)
	}
	k.answer(200, "Expires: 4000")
	if g := k.only(); g.Subscription != "pending" {
		t.Errorf("%+v", g)
	}
	want := func(what string, registered bool, version int, contacts ...string) {
		t.Helper()
		if g := k.only(); g.Registered != registered || g.Version != version || cmp.Diff(contacts, uris(g)) != "" {
			t.Errorf("%s: %v, version %d, %q", what, g.Registered, g.Version, uris(g))
		}
	}
	if r, ok := k.notify(1, "active;expires=4000", reginfoText(0, "full", "active", "1/registered", "2/created")); !ok || r.Status != 200 || !r.Contact {
		t.Errorf("%+v", r)
	}
	want("full", true, 0, "sip:1@192.0.2.5 registered", "sip:2@192.0.2.5 created")
	g := k.only()
	if g.By != "reg" || g.Subscription != "active" || g.Contacts[0].Instance != "urn:1" || g.Contacts[0].Features != ";+g.x" || cmp.Diff([]string{bobID, "tel:+4930"}, g.Identities) != "" ||
		!g.Contacts[0].Expires.Equal(k.at.Add(300*time.Second)) || !g.Expires.Equal(k.at.Add(time.Hour)) {
		t.Errorf("%+v", g)
	}
	k.notify(2, "active", reginfoText(1, "partial", "active", "2/expired", "3/refreshed"))
	want("partial", true, 1, "sip:1@192.0.2.5 registered", "sip:3@192.0.2.5 refreshed")
	k.notify(3, "active", reginfoText(1, "partial", "terminated"))
	want("an old version", true, 1, "sip:1@192.0.2.5 registered", "sip:3@192.0.2.5 refreshed")
	k.notify(4, "active", reginfoText(5, "partial", "terminated"))
	want("a gap", true, 1, "sip:1@192.0.2.5 registered", "sip:3@192.0.2.5 refreshed")
	k.Tick()
	if o := k.sent[len(k.sent)-1].Outgoing; len(k.sent) != 2 || o.CallID != k.sent[0].CallID || o.CSeq != 2 || o.URI != "sip:notifier@192.0.2.9" ||
		cmp.Diff([]string{"<sip:proxy2@192.0.2.8;lr>", "<sip:proxy1@192.0.2.8;lr>"}, o.Routes) != "" || o.To != "<"+bobID+">;tag=notifier" {
		t.Errorf("after a gap: %+v", o)
	}
	k.notify(5, "active", reginfoText(6, "partial", "terminated")) // nothing partial counts before the whole
	want("partial after a gap", true, 1, "sip:1@192.0.2.5 registered", "sip:3@192.0.2.5 refreshed")
	k.answer(200)
	k.notify(6, "active", reginfoText(7, "full", "active", "4/registered"))
	want("full after a gap", true, 7, "sip:4@192.0.2.5 registered")
	k.notify(7, "active", reginfoText(8, "full", "terminated", "4/unregistered"))
	want("terminated", false, 8)
	if last := k.news[len(k.news)-1]; last != "notify "+bobID+" false" {
		t.Errorf("%q", k.news)
	}
	for name, c := range map[string]struct {
		cseq   int
		more   []string
		doc    string
		status int
	}{
		"another event": {8, []string{"Event: presence"}, "", 489},
		"late":          {6, nil, "", 500},
		"the same":      {7, nil, reginfoText(9, "full", "active"), 200},
		"broken":        {9, nil, "<reginfo version=", 400},
		"no version":    {9, nil, `<reginfo state="full"/>`, 400},
	} {
		var r b2bua.Reply
		var ok bool
		if c.more == nil {
			r, ok = k.notify(c.cseq, "active", c.doc)
		} else {
			last := k.sent[len(k.sent)-1]
			_, ours, _ := strings.Cut(last.From, ";tag=")
			r, ok = k.Outside(k.side, message(t, append([]string{"NOTIFY sip:a SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bKn", "From: <x:y>;tag=notifier", "To: <x:y>;tag=" + ours, "Call-ID: " + last.CallID, "CSeq: 8 NOTIFY"}, c.more...)...))
		}
		if !ok || r.Status != c.status {
			t.Errorf("%s: %+v, want %d", name, r, c.status)
		}
	}
	want("after all that", false, 8)
	stranger := message(t, "NOTIFY sip:a SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bKn", "From: <x:y>;tag=n", "To: <x:y>;tag=guess", "Call-ID: "+k.sent[0].CallID, "CSeq: 1 NOTIFY", "Event: reg")
	if _, ok := k.Outside(k.side, stranger); ok {
		t.Error("a NOTIFY of nobody was taken")
	}
}

// TestRegEventLives: the first NOTIFY may be faster than the answer; a subscription is renewed in time, begun anew when the other end
// has lost it, tried again when nobody answers, and left when it is refused or the user has gone.
func TestRegEventLives(t *testing.T) {
	t.Run("NOTIFY first", func(t *testing.T) {
		k := watching(t)
		if _, ok := k.notify(1, "active", reginfoText(0, "full", "active", "1/registered")); !ok {
			t.Fatal("not taken")
		}
		k.answer(200, "Expires: 600")
		k.at = k.at.Add(301 * time.Second) // half of a short one
		k.Tick()
		if o := k.sent[len(k.sent)-1].Outgoing; len(k.sent) != 2 || o.URI != "sip:notifier@192.0.2.9" || o.Routes[0] != "<sip:proxy@192.0.2.8;lr>" {
			t.Errorf("%d sent, last %+v", len(k.sent), o)
		}
		k.answer(481)
		k.Tick()
		if o := k.sent[len(k.sent)-1].Outgoing; len(k.sent) != 3 || o.URI != bobID || o.CallID == k.sent[0].CallID {
			t.Errorf("%d sent, last %+v", len(k.sent), o)
		}
	})
	t.Run("no answer", func(t *testing.T) {
		k := watching(t)
		k.sent[0].done(nil)
		for range 5 {
			k.at = k.at.Add(40 * time.Second)
			k.Tick()
			k.sent[len(k.sent)-1].done(nil)
		}
		if n := len(k.sent); n != 6 {
			t.Errorf("%d sent", n)
		}
	})
	t.Run("too short", func(t *testing.T) {
		k := watching(t)
		k.answer(423, "Min-Expires: 9000")
		k.at = k.at.Add(3 * time.Second)
		k.Tick()
		if h := k.sent[len(k.sent)-1].Headers[2]; len(k.sent) != 2 || h.Value != "9000" {
			t.Errorf("%+v", h)
		}
	})
	t.Run("refused", func(t *testing.T) {
		k := watching(t)
		k.answer(403)
		k.register(3600)
		k.at = k.at.Add(30 * time.Minute)
		k.Tick()
		if g := k.only(); len(k.sent) != 1 || g.Subscription != "refused" {
			t.Errorf("%d sent, %s", len(k.sent), g.Subscription)
		}
	})
	t.Run("prolonged with the registration", func(t *testing.T) {
		k := watching(t)
		k.answer(200)
		k.at = k.at.Add(2000 * time.Second)
		k.register(3600) // ends after the subscription
		if len(k.sent) != 2 || k.sent[1].CSeq != 2 {
			t.Errorf("%d sent", len(k.sent))
		}
	})
	for reason, again := range map[string]bool{"deactivated": true, "timeout": true, "probation;retry-after=30": true, "noresource": false, "rejected": false} {
		t.Run(reason, func(t *testing.T) {
			k := watching(t)
			k.answer(200)
			k.notify(1, "terminated;reason="+reason, "")
			k.at = k.at.Add(31 * time.Second)
			k.Tick()
			if (len(k.sent) == 2) != again {
				t.Errorf("%d sent", len(k.sent))
			}
		})
	}
	t.Run("the user has gone", func(t *testing.T) {
		k := watching(t)
		k.answer(200)
		k.register(0)
		k.notify(1, "terminated;reason=noresource", reginfoText(0, "full", "terminated"))
		k.at = k.at.Add(5000 * time.Second)
		k.Tick()
		k.Tick()
		if len(k.sent) != 1 || len(k.watches) != 0 || len(k.List("")) != 0 {
			t.Errorf("%d sent, %d watches, %d registrations", len(k.sent), len(k.watches), len(k.List("")))
		}
	})
}

func FuzzRegistrations(f *testing.F) {
	f.Add("message/sip", "REGISTER sip:a SIP/2.0\r\n\r\n", "<sip:a@d>, <sip:b@d, tel:+1>", "60")
	f.Add("multipart/mixed;boundary=b", "--b\r\nContent-Type: application/3gpp-ims+xml\r\n\r\n<ims-3gpp/>\r\n--b--", "\"", "x")
	f.Add("application/reginfo+xml", reginfoText(0, "full", "active", "1/registered"), "", "0")
	f.Fuzz(func(t *testing.T, kind, text, identities, expires string) {
		k := newKeeper(t, DefaultRegistrationConfig())
		m := new(sip.Message)
		head := "REGISTER sip:as SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKq\r\nFrom: <sip:s>;tag=s\r\nTo: <" + bobID + ">\r\nCall-ID: o\r\nCSeq: 1 REGISTER\r\nExpires: " + expires +
			"\r\nP-Associated-URI: " + identities + "\r\nContent-Type: " + kind + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(text))
		if m.Parse([]byte(head+text)) == nil {
			k.Outside(k.side, m)
			k.Find(bobID)
		}
		if doc, err := parseReginfo([]byte(text), ""); err == nil {
			g := Registration{User: bobID}
			doc.apply(&g, k.at)
			if len(g.Contacts) > 16 || len(g.Identities) > maxIdentities {
				t.Error("without bounds")
			}
		}
	})
}
