package waiting

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ivr/walk"
	"github.com/bifrons/bifrons/sip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a Desk with one mailbox, whose clock and phones the test has.
type desk struct {
	*Desk
	t     *testing.T
	side  *b2bua.Side
	now   time.Time
	count walk.Notify
	err   error
	sent  []b2bua.Outgoing
	dones []func(*sip.Message)
	at    []Place
	cseq  int
}

func newDesk(t *testing.T, change ...func(*Config)) *desk {
	d := &desk{t: t, side: &b2bua.Side{Name: "core", Domain: "home.example", Trust: b2bua.Home}, now: time.Unix(1_000_000, 0),
		count: walk.Notify{To: "sip:alice@home.example", New: 1}}
	c := DefaultConfig()
	serial := 0
	c.Random = func() string { serial++; return fmt.Sprintf("r%d", serial) }
	c.Now = func() time.Time { return d.now }
	c.Find = func(string) []Place { return d.at }
	c.Mailboxes = func(side string) []Mailbox { return []Mailbox{d} }
	c.Ask = func(o b2bua.Outgoing, done func(*sip.Message)) error {
		d.sent, d.dones = append(d.sent, o), append(d.dones, done)
		return nil
	}
	for _, f := range change {
		f(&c)
	}
	d.Desk = New(c)
	return d
}

func (d *desk) Takes(called string) bool { return called != "bob" }

func (d *desk) Summary(context.Context, Caller) (walk.Notify, error) { return d.count, d.err }

func (d *desk) request(lines ...string) *sip.Message {
	d.t.Helper()
	d.cseq++
	m := &sip.Message{Source: netip.MustParseAddrPort("192.0.2.7:5060")}
	text := strings.Join(append([]string{"SUBSCRIBE sip:*97@home.example SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1", "Event: message-summary",
		"Contact: <sip:alice@192.0.2.7>", "P-Asserted-Identity: <sip:alice@home.example>"}, lines...), "\r\n")
	for _, usual := range []string{"From: <sip:alice@home.example>;tag=a", "To: <sip:*97@home.example>", "Call-ID: c", fmt.Sprintf("CSeq: %d SUBSCRIBE", d.cseq)} {
		if name, _, _ := strings.Cut(usual, ":"); !strings.Contains(text, "\r\n"+name+":") {
			text += "\r\n" + usual
		}
	}
	if err := m.Parse([]byte(text + "\r\n\r\n")); err != nil {
		d.t.Fatal(err)
	}
	return m
}

// asks gives a request as the server does, and waits for the answer.
func (d *desk) asks(m *sip.Message) b2bua.Reply {
	d.t.Helper()
	r, ok := d.Outside(d.side, m)
	if !ok {
		return b2bua.Reply{Status: 481}
	}
	if r.Later != nil {
		r = r.Later(context.Background(), m)
	}
	if r.Sent != nil {
		r.Sent()
	}
	return r
}

func (d *desk) wants(m *sip.Message, status int) b2bua.Reply {
	d.t.Helper()
	r := d.asks(m)
	if r.Status != status {
		d.t.Fatalf("answered %d %v, not %d", r.Status, r.Headers, status)
	}
	return r
}

// notified takes the NOTIFYs sent since, answers each, and compares state and counts.
func (d *desk) notified(status int, want ...string) {
	d.t.Helper()
	var got []string
	for len(d.sent) > 0 {
		o, done := d.sent[0], d.dones[0]
		d.sent, d.dones = d.sent[1:], d.dones[1:]
		_, counts, _ := strings.Cut(string(o.Body), "Voice-Message: ")
		got = append(got, fmt.Sprintf("%s %d %s %s", o.CallID, o.CSeq, o.Headers[1].Value, strings.TrimSpace(counts)))
		if status == 0 {
			done(nil)
		} else {
			done(&sip.Message{Status: status})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("NOTIFY: %s", diff)
	}
}

// TestLife: a subscription is granted, refreshed, told of changes once in a second and of the newest only, and runs out.
func TestLife(t *testing.T) {
	d := newDesk(t)
	d.wants(d.request(), 200)
	d.notified(200, "c 1 active;expires=3600 1/0")
	inside := func(more ...string) *sip.Message {
		return d.request(append(more, "To: <sip:*97@home.example>;tag=r1")...)
	}
	d.now = d.now.Add(time.Hour / 2)
	if got := d.wants(inside("Expires: 999999"), 200).Headers[0].Value; got != "86400" {
		t.Errorf("granted %s", got)
	}
	d.notified(200, "c 2 active;expires=86400 1/0")
	d.now = d.now.Add(10 * time.Second)
	tell := func(n int) {
		d.count.New = n
		if err := d.Notify(t.Context(), "core", walk.Notify{To: "sip:alice@192.0.2.1"}); err != nil {
			t.Error(err)
		}
	}
	tell(2)
	tell(3) // the NOTIFY of the first is not answered yet
	tell(4)
	d.notified(200, "c 3 active;expires=86390 2/0")
	d.Tick()
	d.notified(200)
	d.now = d.now.Add(time.Second)
	d.Tick()
	d.notified(200, "c 4 active;expires=86389 4/0")
	tell(4) // nothing new
	d.notified(200)
	d.count.Old, d.now = 7, d.now.Add(time.Hour)
	d.Recount(t.Context()) // what came by another way
	d.notified(200, "c 5 active;expires=82789 4/7")
	d.now = d.now.Add(24 * time.Hour)
	d.Tick()
	d.Tick()
	d.notified(200, "c 6 terminated;reason=timeout 4/7")
	if d.Len() != 0 {
		t.Error("it is still there")
	}
	d.wants(inside(), 481)
}

// TestRefused: what is not granted, and why.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*desk) *sip.Message
		status int
		header string
	}{
		"event":      {func(d *desk) *sip.Message { m := d.request(); m.Set(sip.HdrEvent, []byte("reg")); return m }, 489, "Allow-Events"},
		"expires":    {func(d *desk) *sip.Message { return d.request("Expires: soon") }, 400, ""},
		"short":      {func(d *desk) *sip.Message { return d.request("Expires: 59") }, 423, "Min-Expires"},
		"accept":     {func(d *desk) *sip.Message { return d.request("Accept: text/html, text/plain;q=0.5") }, 406, "Accept"},
		"unknown":    {func(d *desk) *sip.Message { m := d.request(); m.Del(sip.HdrPAssertedIdentity); return m }, 403, "Warning"},
		"another's":  {func(d *desk) *sip.Message { d.count.To = "sip:bob@home.example"; return d.request() }, 403, "Warning"},
		"elsewhere":  {func(d *desk) *sip.Message { d.count.To = "sip:alice@evil.example"; return d.request() }, 403, "Warning"},
		"nobody's":   {func(d *desk) *sip.Message { d.count.To = "sip:home.example"; return d.request() }, 403, "Warning"},
		"no count":   {func(d *desk) *sip.Message { d.err = errors.New("no answer"); return d.request() }, 480, "Retry-After"},
		"no Contact": {func(d *desk) *sip.Message { m := d.request(); m.Del(sip.HdrContact); return m }, 400, ""},
		"long": {func(d *desk) *sip.Message {
			return d.request("Record-Route: <sip:" + strings.Repeat("x", 5000) + ";lr>")
		}, 400, ""},
		"other menus": {func(d *desk) *sip.Message { m := d.request(); m.RequestURI = []byte("sip:bob@home.example"); return m }, 481, ""},
		"no dialog":   {func(d *desk) *sip.Message { return d.request("To: <sip:*97@home.example>;tag=x") }, 481, ""},
	} {
		d := newDesk(t)
		r := d.wants(c.change(d), c.status)
		if c.header != "" && (len(r.Headers) != 1 || r.Headers[0].Name != c.header) {
			t.Errorf("%s: %v", name, r.Headers)
		}
		if d.notified(200); d.Len() != 0 {
			t.Errorf("%s: there is a subscription", name)
		}
	}
}

// TestKnown: who asks is known by digest, by P-Asserted-Identity, or by where he is registered.
func TestKnown(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*desk, *sip.Message)
		status int
	}{
		"tel": {func(d *desk, m *sip.Message) {
			m.Set(sip.HdrPAssertedIdentity, []byte("<sip:x@y>, <tel:+4930>"))
			d.count.To = "sip:+4930@home.example"
		}, 200},
		"digest":            {func(_ *desk, m *sip.Message) { m.User = "alice"; m.Del(sip.HdrPAssertedIdentity) }, 200},
		"digest of another": {func(_ *desk, m *sip.Message) { m.User = "eve" }, 403},
		"registered": {func(d *desk, m *sip.Message) {
			m.Del(sip.HdrPAssertedIdentity)
			d.at = []Place{{Side: "core", Source: "192.0.2.7:5060"}}
		}, 200},
		"registered at home": {func(d *desk, m *sip.Message) {
			m.Del(sip.HdrPAssertedIdentity)
			d.at = []Place{{Side: "core", Source: "192.0.2.8:5060"}}
		}, 403},
	} {
		d := newDesk(t)
		m := d.request()
		c.change(d, m)
		if r := d.asks(m); r.Status != c.status {
			t.Errorf("%s: %d, not %d", name, r.Status, c.status)
		}
	}
}

// TestDialog: repetitions, old and foreign requests, and a phone that is lost.
func TestDialog(t *testing.T) {
	d := newDesk(t)
	first := d.request("Record-Route: <sip:p1;lr>, <sip:p2;lr>", "Record-Route: <sip:p3;lr>")
	r, _ := d.Outside(d.side, first)
	twice, _ := d.Outside(d.side, first)
	r.Later(t.Context(), first).Sent()
	if again := twice.Later(t.Context(), first); again.Status != 482 { // both were given to the mailbox before one was answered
		t.Errorf("the second is answered %d", again.Status)
	}
	if again := d.wants(first, 200); again.Tag != "r1" {
		t.Errorf("a repetition has the tag %s", again.Tag)
	}
	if d := cmp.Diff([]string{"<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"}, d.sent[0].Routes); d != "" {
		t.Error(d)
	}
	d.notified(200, "c 1 active;expires=3600 1/0")
	inside := "To: <sip:*97@home.example>;tag=r1"
	d.wants(d.request(inside, "CSeq: 0 SUBSCRIBE"), 500)
	m := d.request(inside)
	m.User = "eve"
	d.wants(m, 403)
	d.side = &b2bua.Side{Name: "outside"}
	d.wants(d.request(inside), 481)
	d.side = &b2bua.Side{Name: "core"}
	d.wants(d.request(inside, "Expires: 0"), 200)
	d.notified(200, "c 2 terminated;reason=timeout 1/0")
	d.wants(d.request(inside), 481)

	for _, status := range []int{481, 404, 500, 0} { // 0: no answer
		d.wants(d.request("Call-ID: other"), 200)
		d.notified(status, "other 1 active;expires=3600 1/0")
		if d.Len() != 0 {
			t.Errorf("after %d the subscription is still there", status)
		}
	}
	d.wants(d.request("Expires: 0", "Call-ID: once"), 200) // a question
	d.notified(200, "once 1 terminated;reason=timeout 1/0")
	if d.Len() != 0 || len(d.Desk.count) != 0 {
		t.Errorf("%d subscriptions, owners %v", d.Len(), d.Desk.count)
	}
}

// TestClose: a server that stops tells its phones, some at once, and waits for who does not answer no longer than it may.
func TestClose(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *Config) { c.PerOwner = 2 * atOnce })
	var mu sync.Mutex
	ended, open, most := 0, 0, 0
	silent := func(o b2bua.Outgoing) bool { return o.CallID == "c7" }
	for i := range atOnce + 20 {
		d.wants(d.request(fmt.Sprintf("Call-ID: c%d", i)), 200)
	}
	for i := range d.dones {
		d.dones[i](&sip.Message{Status: 200})
	}
	ctx, cancel := context.WithCancel(t.Context())
	d.cfg.Ask = func(o b2bua.Outgoing, done func(*sip.Message)) error {
		mu.Lock()
		defer mu.Unlock()
		if o.Headers[1].Value != "terminated;reason=deactivated" {
			t.Errorf("told %s", o.Headers[1].Value)
		}
		ended++
		open++
		if most = max(most, open); ended == atOnce+20 {
			cancel()
		}
		if !silent(o) {
			go func() {
				mu.Lock()
				open--
				mu.Unlock()
				done(&sip.Message{Status: 200})
			}()
		}
		return nil
	}
	d.Close(ctx)
	mu.Lock()
	defer mu.Unlock()
	if ended != atOnce+20 || most > atOnce {
		t.Errorf("%d told, %d at once", ended, most)
	}
}

// TestBounded: nobody fills the memory: not one owner, not many, and not with mailboxes that hang.
func TestBounded(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.PerOwner, c.Total, c.Counting = 2, 3, 1 })
	for i := range 2 {
		d.wants(d.request(fmt.Sprintf("Call-ID: c%d", i)), 200)
		d.now = d.now.Add(time.Second)
	}
	d.wants(d.request("Call-ID: again and again"), 503)
	d.now = d.now.Add(time.Minute)
	d.wants(d.request("Call-ID: c2"), 200)
	d.notified(200, "c0 1 active;expires=3600 1/0", "c1 1 active;expires=3600 1/0", "c2 1 active;expires=3600 1/0", "c0 2 terminated;reason=giveup 1/0")
	d.count.To = "sip:carol@home.example"
	carol := func(id string) *sip.Message {
		m := d.request("Call-ID: " + id)
		m.Set(sip.HdrPAssertedIdentity, []byte("<sip:carol@home.example>"))
		return m
	}
	d.wants(carol("c3"), 200)
	d.wants(carol("c4"), 503)
	m := carol("c5")
	r, _ := d.Outside(d.side, m)
	hanging := make(chan b2bua.Reply)
	d.Desk.cfg.Mailboxes = nil
	d.busy["x"] = true // one is being counted
	go func() { hanging <- r.Later(context.Background(), m) }()
	if late := <-hanging; late.Status != 503 {
		t.Errorf("answered %d", late.Status)
	}
	if r := d.beside(carol("c6"), nil); r.Status != 503 {
		t.Errorf("answered %d", r.Status)
	}
}

// TestUnasked: phones that only are registered are told as well, those that have subscribed not twice.
func TestUnasked(t *testing.T) {
	d := newDesk(t)
	d.wants(d.request(), 200)
	d.notified(200, "c 1 active;expires=3600 1/0")
	d.at = []Place{{URI: "sip:alice@192.0.2.7:5060;ob"}, {URI: "sip:alice@192.0.2.9"}}
	d.Desk.cfg.Ask = func(o b2bua.Outgoing, done func(*sip.Message)) error {
		d.sent = append(d.sent, o)
		done(&sip.Message{Status: 200})
		return nil
	}
	d.now, d.count.New = d.now.Add(time.Minute), 2
	if err := d.Notify(t.Context(), "core", walk.Notify{To: "sip:alice@home.example", New: 2}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range d.sent {
		got = append(got, o.URI+" "+o.Headers[1].Value)
	}
	if d := cmp.Diff([]string{"sip:alice@192.0.2.7 active;expires=3540", "sip:alice@192.0.2.9 active"}, got); d != "" {
		t.Error(d)
	}
	for _, to := range []string{"alice", "sip:a@h\r\nX: y"} {
		if err := d.Notify(t.Context(), "core", walk.Notify{To: to}); err == nil {
			t.Errorf("%q is told", to)
		}
	}
}
