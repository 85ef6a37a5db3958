package ims

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/sip"
)

// keeper is a store with a clock of its own, a home side, and what was sent and told.
type keeper struct {
	*Registrations
	t    *testing.T
	side *b2bua.Side
	at   time.Time
	cseq int
	sent []sentRequest
	news []string
}

type sentRequest struct {
	b2bua.Outgoing
	done func(*sip.Message)
}

func newKeeper(t *testing.T, cfg RegistrationConfig) *keeper {
	k := &keeper{t: t, side: &b2bua.Side{Name: "core", Trust: b2bua.Home, Domain: "as.home.example"}, at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	k.Registrations = NewRegistrations(cfg, func(o b2bua.Outgoing, done func(*sip.Message)) error {
		k.sent = append(k.sent, sentRequest{o, done})
		return nil
	}, func(c RegistrationChanged) {
		k.news = append(k.news, fmt.Sprintf("%s %s %v", c.Why, c.User, c.Registered))
	})
	k.now = func() time.Time { return k.at }
	return k
}

const (
	bobID = "sip:bob@home.example"
	scscf = "sip:scscf.home.example:6060"
)

// parse makes a message of lines, with the length of its body.
func message(t *testing.T, lines ...string) *sip.Message {
	t.Helper()
	text := strings.Join(lines, "\r\n")
	head, content, _ := strings.Cut(text, "\r\n\r\n")
	m := new(sip.Message)
	if err := m.Parse(fmt.Appendf(nil, "%s\r\nContent-Length: %d\r\n\r\n%s", head, len(content), content)); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m
}

// register sends a third-party REGISTER with further lines, the last of which may be a body behind an empty one.
func (k *keeper) register(expires int, more ...string) b2bua.Reply {
	k.t.Helper()
	k.cseq++
	r, ok := k.Outside(k.side, message(k.t, append([]string{"REGISTER sip:192.0.2.1:5070 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKr",
		"From: <" + scscf + ">;tag=s", "To: <" + bobID + ">", "Call-ID: reg", fmt.Sprintf("CSeq: %d REGISTER", k.cseq), "Contact: <" + scscf + ">",
		fmt.Sprintf("Expires: %d", expires)}, more...)...))
	if !ok {
		k.t.Fatal("not taken")
	}
	return r
}

// only returns the one registration there is.
func (k *keeper) only() Registration {
	k.t.Helper()
	all := k.List("")
	if len(all) != 1 {
		k.t.Fatalf("%d registrations", len(all))
	}
	return all[0]
}

func TestThirdPartyRegister(t *testing.T) {
	const phone = "REGISTER sip:home.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.5;branch=z9hG4bKp\r\nFrom: <sip:bob@home.example>;tag=1\r\nTo: <sip:bob@home.example>\r\nCall-ID: p\r\nCSeq: 1 REGISTER\r\n" +
		"Contact: <sip:bob@192.0.2.5:5060>;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\";+sip.instance=\"<urn:gsma:imei:35>\";expires=600, <sip:old@192.0.2.6>;expires=0\r\nContent-Length: 0\r\n\r\n"
	const answer = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.5;branch=z9hG4bKp\r\nFrom: <sip:bob@home.example>;tag=1\r\nTo: <sip:bob@home.example>;tag=2\r\nCall-ID: p\r\nCSeq: 1 REGISTER\r\n" +
		"P-Associated-URI: <sip:bob@home.example>, <tel:+4930>\r\nContact: <sip:bob@192.0.2.5:5060>;expires=300\r\nContent-Length: 0\r\n\r\n"
	const info = `<?xml version="1.0"?><ims-3gpp version="1"><service-info> gold </service-info></ims-3gpp>`
	part := func(kind, text string) string { return "--b\r\nContent-Type: " + kind + "\r\n\r\n" + text + "\r\n" }
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	device := Contact{URI: "sip:bob@192.0.2.5:5060", Event: "registered", Instance: "urn:gsma:imei:35", Features: `;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"`, Expires: start.Add(600 * time.Second)}
	answered := Contact{URI: "sip:bob@192.0.2.5:5060", Event: "registered", Expires: start.Add(300 * time.Second)}
	for name, c := range map[string]struct {
		more []string
		want func(*Registration)
	}{
		"no body": {nil, func(*Registration) {}},
		"headers": {[]string{"P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1", `P-Visited-Network-ID: "v.example"`, "P-Charging-Vector: icid-value=\"i 1\";orig-ioi=home.example",
			`P-Charging-Function-Addresses: ccf="aaa://c"`, "P-Associated-URI: <sip:bob@home.example>, <tel:+4930>"}, func(g *Registration) {
			g.Access, g.Visited, g.ICID, g.Charging = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1", `"v.example"`, "i 1", `ccf="aaa://c"`
			g.Identities = []string{bobID, "tel:+4930"}
		}},
		"malformed identities": {[]string{"P-Associated-URI: <sip:a@d>, <sip:b@d, tel:+1>, \"x\" <sips:c@d;p=1>, junk, <>"}, func(g *Registration) {
			g.Identities = []string{"sip:a@d", "sip:b@d", "tel:+1", "sips:c@d"}
		}},
		"service information": {[]string{"Content-Type: application/3gpp-ims+xml", "", info}, func(g *Registration) { g.ServiceInfo = "gold" }},
		"broken body":         {[]string{"Content-Type: application/3gpp-ims+xml", "", "<ims-3gpp"}, func(*Registration) {}},
		"the phone's request": {[]string{"Content-Type: message/sip", "", phone}, func(g *Registration) { g.Contacts = []Contact{device} }},
		"lines without CR":    {[]string{"Content-Type: message/sip", "", strings.ReplaceAll(phone, "\r\n", "\n")}, func(g *Registration) { g.Contacts = []Contact{device} }},
		"no empty line":       {[]string{"Content-Type: message/sip", "", strings.TrimSuffix(phone, "\r\n")}, func(g *Registration) { g.Contacts = []Contact{device} }},
		"parts without CR": {[]string{"Content-Type: multipart/mixed;boundary=b", "", strings.ReplaceAll(part("message/sip", strings.TrimSuffix(phone, "\r\n"))+part("application/3gpp-ims+xml", info)+"--b--\r\n", "\r\n", "\n")}, func(g *Registration) {
			g.ServiceInfo, g.Contacts = "gold", []Contact{device}
		}},
		"ISO-8859-1":       {[]string{"Content-Type: application/3gpp-ims+xml", "", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><ims-3gpp version=\"1\"><service-info>f\xfcr Z\xfcrich</service-info></ims-3gpp>"}, func(g *Registration) { g.ServiceInfo = "für Zürich" }},
		"ISO-8859-15":      {[]string{"Content-Type: application/3gpp-ims+xml", "", "<?xml version=\"1.0\" encoding=\"ISO-8859-15\"?><ims-3gpp version=\"1\"><service-info>5 \xa4</service-info></ims-3gpp>"}, func(g *Registration) { g.ServiceInfo = "5 €" }},
		"windows-1252":     {[]string{"Content-Type: application/3gpp-ims+xml", "", "<?xml version='1.0' encoding='Windows-1252'?><ims-3gpp><service-info>5 \x80 \x96 f\xfcr</service-info></ims-3gpp>"}, func(g *Registration) { g.ServiceInfo = "5 € – für" }},
		"cp1252":           {[]string{"Content-Type: application/3gpp-ims+xml", "", "<?xml version='1.0' encoding='cp1252'?><ims-3gpp><service-info>\x80</service-info></ims-3gpp>"}, func(g *Registration) { g.ServiceInfo = "€" }},
		"of the header":    {[]string{"Content-Type: application/3gpp-ims+xml;charset=\"windows-1252\"", "", "<?xml version='1.0' encoding='utf-8'?><ims-3gpp><service-info>\x80</service-info></ims-3gpp>"}, func(g *Registration) { g.ServiceInfo = "€" }},
		"of neither":       {[]string{"Content-Type: application/3gpp-ims+xml;charset=utf-8", "", "<?xml version='1.0' encoding='latin1'?><ims-3gpp><service-info>f\xfcr</service-info></ims-3gpp>"}, func(g *Registration) { g.ServiceInfo = "für" }},
		"UTF-16 LE":        {[]string{"Content-Type: application/3gpp-ims+xml", "", utf16("\xff\xfe", binary.LittleEndian)}, func(g *Registration) { g.ServiceInfo = "5 €" }},
		"UTF-16 BE":        {[]string{"Content-Type: application/3gpp-ims+xml", "", utf16("\xfe\xff", binary.BigEndian)}, func(g *Registration) { g.ServiceInfo = "5 €" }},
		"UTF-8 with mark":  {[]string{"Content-Type: application/3gpp-ims+xml", "", "\ufeff<?xml version='1.0' encoding='utf-8'?><ims-3gpp><service-info>5 €</service-info></ims-3gpp>"}, func(g *Registration) { g.ServiceInfo = "5 €" }},
		"base64":           {[]string{"Content-Type: multipart/mixed;boundary=b", "", part("application/3gpp-ims+xml\r\nContent-Transfer-Encoding: base64", base64.StdEncoding.EncodeToString([]byte(info))) + "--b--\r\n"}, func(g *Registration) { g.ServiceInfo = "gold" }},
		"US-ASCII":         {[]string{"Content-Type: application/3gpp-ims+xml", "", "<?xml version='1.0' encoding='us-ascii'?><ims-3gpp><service-info>gold</service-info></ims-3gpp>"}, func(g *Registration) { g.ServiceInfo = "gold" }},
		"EBCDIC":           {[]string{"Content-Type: application/3gpp-ims+xml", "", "<?xml version='1.0' encoding='cp037'?><ims-3gpp><service-info>gold</service-info></ims-3gpp>"}, func(*Registration) {}},
		"the answer to it": {[]string{"Content-Type: message/sip", "", answer}, func(g *Registration) { g.Contacts, g.Identities = []Contact{answered}, []string{bobID, "tel:+4930"} }},
		"several parts": {[]string{"Content-Type: multipart/mixed;boundary=b", "", part("message/sip", phone) + part("application/3gpp-ims+xml", info) + part("message/sip", answer) + part("text/plain", "x") + "--b--\r\n"}, func(g *Registration) {
			g.ServiceInfo, g.Contacts, g.Identities = "gold", []Contact{answered}, []string{bobID, "tel:+4930"}
		}},
		"parts cut short": {[]string{"Content-Type: multipart/mixed;boundary=b", "", part("application/3gpp-ims+xml", info) + "--b\r\nContent-Ty"}, func(g *Registration) { g.ServiceInfo = "gold" }},
		"no boundary":     {[]string{"Content-Type: multipart/mixed", "", "--b"}, func(*Registration) {}},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeper(t, DefaultRegistrationConfig())
			if r := k.register(600, c.more...); r.Status != 200 || r.Headers[0] != (b2bua.Field{Name: "Expires", Value: "600"}) {
				t.Errorf("%+v", r)
			}
			want := Registration{User: bobID, SCSCF: scscf, Registered: true, By: "REGISTER", Since: start, Told: start, Expires: start.Add(600 * time.Second)}
			c.want(&want)
			if d := cmp.Diff(want, k.only()); d != "" {
				t.Errorf("want - got +\n%s", d)
			}
		})
	}
}

// utf16 is a service information in UTF-16 behind a mark.
func utf16(mark string, order binary.AppendByteOrder) string {
	b := []byte(mark)
	for _, c := range "<?xml version='1.0' encoding='UTF-16'?><ims-3gpp><service-info>5 €</service-info></ims-3gpp>" {
		b = order.AppendUint16(b, uint16(c))
	}
	return string(b)
}

// TestFaults: nothing that an S-CSCF tells is passed over without a count, and the log has each sort once a minute.
func TestFaults(t *testing.T) {
	t.Parallel()
	ims := func(text string) []string { return []string{"Content-Type: application/3gpp-ims+xml", "", text} }
	parts := strings.Repeat("--b\r\nContent-Type: application/3gpp-ims+xml\r\n\r\n<a/>\r\n", maxParts+1) + "--b--\r\n"
	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	cfg := DefaultRegistrationConfig()
	cfg.Max = 1
	k := newKeeper(t, cfg)
	k.Faults = NewFaults(registry, slog.New(slog.NewTextHandler(&log, nil)))
	k.Faults.now = k.now
	want := map[string]float64{}
	for _, c := range []struct {
		what string
		more []string
	}{
		{"body", ims("<ims-3gpp")}, {"body", ims("<?xml version='1.0' encoding='cp037'?><a/>")}, {"body", ims("\xff\xfe<")},
		{"body", []string{"Content-Type: application/3gpp-ims+xml;charset=shift-jis", "", "<a/>"}}, {"body", []string{"Content-Type: message/sip", "", "x"}},
		{"body", []string{"Content-Type: multipart/mixed", "", "--b"}}, {"body", []string{"Content-Type: multipart/mixed;boundary=b", "", "--b\r\nContent-Ty"}},
		{"body", []string{"Subject: no type", "", "<a/>"}}, {"kind", []string{"Content-Type: text/plain", "", "x"}},
		{"limit", []string{"Content-Type: multipart/mixed;boundary=b", "", parts}}, {"identity", []string{"P-Associated-URI: <sip:@>"}}, {"", nil}, {"", ims("<a/>")},
	} {
		if r := k.register(600, c.more...); r.Status != 200 {
			t.Errorf("%q: %+v", c.more, r)
		}
		if c.what != "" {
			want[c.what]++
		}
	}
	k.cseq = 0
	k.register(600)
	full := func() b2bua.Reply {
		r, _ := k.Outside(k.side, message(t, "REGISTER sip:as SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bKq", "From: <sip:s>;tag=s", "To: <sip:c@home.example>", "Call-ID: o", "CSeq: 1 REGISTER"))
		return r
	}
	full()
	k.at = k.at.Add(time.Minute)
	full()
	want["late"], want["full"] = 1, 2
	got := map[string]float64{}
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all[0].Metric {
		got[m.Label[0].GetValue()] = m.Counter.GetValue()
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want - got +\n%s", d)
	}
	if n := strings.Count(log.String(), "\n"); n != len(want)+1 {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
}

// TestRegistrationLives: refreshed, repeated, expired, left, moved, forgotten; each change is told once.
func TestRegistrationLives(t *testing.T) {
	cfg := DefaultRegistrationConfig()
	cfg.Max = 2
	k := newKeeper(t, cfg)
	k.register(600, "P-Associated-URI: <tel:+4930>")
	k.at = k.at.Add(500 * time.Second)
	k.register(600)
	k.cseq-- // the same again
	k.register(600)
	k.at = k.at.Add(500 * time.Second)
	if g, ok := k.Find("tel:+49-30"); !ok || !g.Registered || g.Since.Equal(g.Told) {
		t.Errorf("%+v", g)
	}
	k.at = k.at.Add(101 * time.Second)
	if g, _ := k.Find(bobID); g.Registered || !g.Told.Equal(g.Expires) {
		t.Errorf("expired, and still %+v", g)
	}
	k.Tick()
	k.Tick()
	k.register(600)
	if r := k.register(0); r.Status != 200 || r.Headers[0].Value != "0" {
		t.Errorf("%+v", r)
	}
	k.cseq -= 2
	if r := k.register(600); r.Status != 500 { // a late one
		t.Errorf("%+v", r)
	}
	want := []string{"register " + bobID + " true", "register " + bobID + " true", "expired " + bobID + " false", "register " + bobID + " true", "deregister " + bobID + " false"}
	if d := cmp.Diff(want, k.news); d != "" {
		t.Error(d)
	}
	// Another S-CSCF takes over; what the old one says later of the end does not count.
	other := func(from, expires string) int {
		r, _ := k.Outside(k.side, message(t, "REGISTER sip:as SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bKq", "From: <"+from+">;tag=s", "To: <"+bobID+">", "Call-ID: o"+from+expires, "CSeq: 1 REGISTER", "Contact: <"+from+">;expires="+expires))
		return r.Status
	}
	if s := other("sip:two.home.example", "600"); s != 200 {
		t.Error(s)
	}
	k.at = k.at.Add(time.Second)
	k.cseq = 100
	k.register(0)
	if g, _ := k.Find(bobID); !g.Registered || g.SCSCF != "sip:two.home.example" {
		t.Errorf("%+v", g)
	}
	if s := other("sip:three.home.example", "600"); s != 503 { // more than max
		t.Error(s)
	}
	if n := len(k.List(bobID)); n != 2 {
		t.Errorf("%d registrations", n)
	}
	k.at = k.at.Add(2 * time.Hour)
	k.Tick() // two expires, the other is forgotten
	k.at = k.at.Add(2 * time.Hour)
	k.Tick()
	if n := len(k.List("")); n != 0 || len(k.of) != 0 {
		t.Errorf("%d registrations, %d identities are left", n, len(k.of))
	}
	for name, m := range map[string]*sip.Message{
		"a phone's own": message(t, "REGISTER sip:as SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bKq", "From: <sip:Bob@home.example>;tag=s", "To: <sip:Bob@HOME.example>", "Call-ID: o", "CSeq: 1 REGISTER"),
		"in a dialog":   message(t, "REGISTER sip:as SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bKq", "From: <sip:s>;tag=s", "To: <"+bobID+">;tag=x", "Call-ID: o", "CSeq: 1 REGISTER"),
		"no REGISTER":   message(t, "OPTIONS sip:as SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bKq", "From: <sip:s>;tag=s", "To: <"+bobID+">", "Call-ID: o", "CSeq: 1 OPTIONS"),
	} {
		if _, ok := k.Outside(k.side, m); ok {
			t.Errorf("%s was taken", name)
		}
	}
	k.side.Trust = b2bua.Partner
	if _, ok := k.Outside(k.side, message(t, "REGISTER sip:as SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bKq", "From: <sip:s>;tag=s", "To: <"+bobID+">", "Call-ID: o", "CSeq: 1 REGISTER")); ok {
		t.Error("a partner's was taken")
	}
	k.side.Trust = b2bua.Home
	if r, ok := k.Outside(k.side, message(t, "REGISTER sip:as SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bKq", "From: <sip:s>;tag=s", "To: <"+bobID+">", "Call-ID: o", "CSeq: 1 REGISTER", "Expires: soon")); !ok || r.Status != 200 || r.Headers[0].Value != "3600" {
		t.Errorf("%+v", r)
	}
}

// TestSpelling: an identity is one, however it is written (RFC 3261 19.1.4).
func TestSpelling(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, DefaultRegistrationConfig())
	k.register(600)
	r, _ := k.Outside(k.side, message(t, "REGISTER sip:as SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bKq", "From: <"+scscf+">;tag=s", "To: <sip:%62ob@HOME.example>", "Call-ID: reg", "CSeq: 9 REGISTER", "Expires: 0"))
	if g := k.only(); r.Status != 200 || g.Registered {
		t.Errorf("%d, %+v", r.Status, g)
	}
}

// TestMerged: the newest news of the registration state counts, whoever tells it.
func TestMerged(t *testing.T) {
	k := newKeeper(t, DefaultRegistrationConfig())
	k.register(600, "P-Associated-URI: <tel:+4930>", `P-Charging-Function-Addresses: ccf="aaa://c1";ecf="aaa://e1"`)
	told := k.at
	one := sourceFunc(func(q Query) (*Subscriber, error) {
		switch q.Value {
		case "sip:down@home.example":
			return nil, errors.New("down")
		case bobID, "tel:+4930":
			no := sh.NotRegistered
			return &Subscriber{Public: []string{bobID, "sip:bob2@home.example"}, State: &no, SCSCF: "sip:old", Collection: []string{"aaa://c0"}, Source: "sh", Told: told}, nil
		}
		return nil, ErrNotFound
	})
	m := Merged{one, k.Registrations}
	load := func(q Query) *Subscriber {
		t.Helper()
		s, err := m.Load(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	told = k.at.Add(-time.Second)
	yes := sh.Registered
	want := &Subscriber{Public: []string{bobID, "sip:bob2@home.example", "tel:+4930"}, State: &yes, SCSCF: scscf, Collection: []string{"aaa://c1"}, Event: []string{"aaa://e1"}, Source: "sh, registrations", Told: k.at}
	if d := cmp.Diff(want, load(Query{ByIMPU, bobID})); d != "" {
		t.Errorf("REGISTER is newer: want - got +\n%s", d)
	}
	told = k.at.Add(time.Second)
	if s := load(Query{ByIMPU, bobID}); *s.State != sh.NotRegistered || s.SCSCF != "sip:old" || s.Source != "sh" {
		t.Errorf("the HSS is newer: %+v", s)
	}
	k.at = k.at.Add(2 * time.Second)
	k.register(0)
	told = k.at.Add(-time.Second)
	if s := load(Query{ByMSISDN, "+4930"}); *s.State != sh.NotRegistered || !s.Told.Equal(k.at) {
		t.Errorf("the end of the registration is newer: %+v", s)
	}
	k.register(600)
	m.Sources = sourceFunc(func(Query) (*Subscriber, error) { return nil, errors.New("down") })
	if s := load(Query{ByIMPU, bobID}); *s.State != sh.Registered || !s.Stale || s.Source != "registrations" {
		t.Errorf("sources down: %+v", s)
	}
	m.Sources = nil
	if s := load(Query{ByIMPU, bobID}); *s.State != sh.Registered || s.Stale {
		t.Errorf("no sources: %+v", s)
	}
	if _, err := m.Load(t.Context(), Query{ByIMPU, "sip:nobody@home.example"}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := m.Load(t.Context(), Query{ByUUID, "x"}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

type sourceFunc func(Query) (*Subscriber, error)

func (sourceFunc) Name() string { return "sh" }

func (f sourceFunc) Load(_ context.Context, q Query) (*Subscriber, error) { return f(q) }
