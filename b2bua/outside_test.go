package b2bua_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/sip"
)

// clerk answers REGISTER with 200 and an Expires, and leaves the rest.
type clerk struct{ heard []string }

func (c *clerk) Outside(side *b2bua.Side, m *sip.Message) (b2bua.Reply, bool) {
	c.heard = append(c.heard, side.Name+" "+string(m.MethodName))
	if m.Method != sip.REGISTER && m.Method != sip.NOTIFY {
		return b2bua.Reply{}, false
	}
	return b2bua.Reply{Status: 200, Contact: true, Headers: []b2bua.Field{{Name: "Expires", Value: "60"}, {Name: "Via", Value: "forged"}, {Name: "X", Value: "a\r\nY: b"}}}, true
}

// TestOutside: what belongs to no call goes to the side's Outside, also in a dialog that is no call's; the rest is answered as before.
func TestOutside(t *testing.T) {
	c := &clerk{}
	w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) { cfg.Sides[0].Outside = c })
	as := func(method string) string {
		return `alice > OPTIONS with="OPTIONS sip=>` + method + ` sip" with=" OPTIONS\nMax=> ` + method + `\nMax"`
	}
	for _, l := range []string{
		"alice > OPTIONS", "alice < 200",
		as("REGISTER"), `alice < 200 has="Expires: 60\nContact: <sip:10.0.0.1:5060>\n" lacks=forged lacks="\nY: b"`,
		as("NOTIFY") + ` with="@home.example>\nCall=>@home.example>;tag=x\nCall"`, "alice < 200",
		as("PUBLISH"), "alice < 405",
	} {
		w.Line(l)
	}
	w.Finish()
	if d := cmp.Diff([]string{"core OPTIONS", "core REGISTER", "core NOTIFY", "core PUBLISH"}, c.heard); d != "" {
		t.Error(d)
	}
}

// notifier answers SUBSCRIBE beside, when it is released.
type notifier struct {
	sent, asked chan string
	release     chan bool
}

func (n notifier) Outside(_ *b2bua.Side, m *sip.Message) (b2bua.Reply, bool) {
	return b2bua.Reply{Later: func(_ context.Context, m *sip.Message) b2bua.Reply {
		<-n.release
		event := m.Header("Event")
		n.asked <- event
		if event == "panic" {
			panic("an answer that breaks")
		}
		return b2bua.Reply{Status: 200, Tag: "ours", Contact: true, Dialog: true, Headers: []b2bua.Field{{Name: "Expires", Value: "60"}}, Sent: func() { n.sent <- event }}
	}}, m.Method == sip.SUBSCRIBE
}

// TestOutsideLater: an answer that takes time runs beside, also where a chain would have the request; it makes a dialog, and one
// that breaks is 500.
func TestOutsideLater(t *testing.T) {
	n := notifier{make(chan string, 9), make(chan string, 9), make(chan bool)}
	w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) { cfg.Sides[0].Outside, cfg.Sides[0].Subscribes = n, true })
	w.OnRelease = func() {
		select {
		case n.release <- true:
		default:
		}
	}
	as := func(event string) string {
		return `alice > OPTIONS with="OPTIONS sip=>SUBSCRIBE sip" with=" OPTIONS\nMax=> SUBSCRIBE\n` + event + `Record-Route: <sip:p;lr>\nRecord-Route: <sip:q;lr>\nContact: <sip:alice@198.51.100.10>\nMax"`
	}
	for _, l := range []string{
		"alice > OPTIONS", `alice < 200 has=", SUBSCRIBE\n"`,
		as("Event: message-summary\\n"), `alice < 200 has=";tag=ours\n" has="Record-Route: <sip:p;lr>\nRecord-Route: <sip:q;lr>\nContact: <sip:10.0.0.1:5060>\n"`,
		as("Event: panic\\n"), "alice < 500",
		as(""), "alice < 489", // what is no SUBSCRIBE does not come to it
	} {
		w.Line(l)
		w.Release()
	}
	w.Finish()
	if got := []string{<-n.asked, <-n.asked, <-n.sent}; !slices.Equal(got, []string{"message-summary", "panic", "message-summary"}) {
		t.Errorf("asked and sent: %q", got)
	}
}

// TestAsk: a request of our own is repeated until it is answered, and its answer comes once; without one there is nil.
func TestAsk(t *testing.T) {
	w := b2buatest.NewWorld(t, nil)
	var got []int
	ask := func(o b2bua.Outgoing) error {
		o.Method, o.From, o.To, o.CallID, o.CSeq = "SUBSCRIBE", "<sip:as@home.example>;tag=1", "<sip:alice@home.example>", "mine", 7
		return w.Server.Ask(o, func(m *sip.Message) {
			if m == nil {
				got = append(got, 0)
				return
			}
			got = append(got, m.Status)
		})
	}
	o := b2bua.Outgoing{Side: "core", URI: "sip:alice@198.51.100.10", Headers: []b2bua.Field{{Name: "Event", Value: "reg"}}, ContentType: "text/plain", Body: []byte("x")}
	if err := ask(o); err != nil {
		t.Fatal(err)
	}
	w.Wait(600 * time.Millisecond)
	w.Release()
	const want = `has="SUBSCRIBE sip:alice@198.51.100.10 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK" has="CSeq: 7 SUBSCRIBE\n" has="Contact: <sip:10.0.0.1:5060>\nEvent: reg\nContent-Type: text/plain\n"`
	for _, l := range []string{"alice < SUBSCRIBE " + want, "alice < SUBSCRIBE " + want, "alice > 100", "alice > 202", "alice > 202"} {
		w.Line(l)
	}
	o.Routes, o.URI = []string{"<sip:odi@198.51.100.10;lr>;x=1"}, "sip:alice@home.example"
	if err := ask(o); err != nil {
		t.Fatal(err)
	}
	w.Wait(time.Minute) // 64*T1
	w.Release()
	if d := cmp.Diff([]int{202, 0}, got); d != "" {
		t.Error(d)
	}
	w.Line(`alice < SUBSCRIBE has="\nRoute: <sip:odi@198.51.100.10;lr>;x=1\nFrom:"`)
	if ask(b2bua.Outgoing{Side: "nowhere", URI: o.URI}) == nil || ask(b2bua.Outgoing{Side: "core", URI: "sip:alice@home.example"}) == nil {
		t.Error("a request that leads nowhere was sent")
	}
	w.Finish()
}

// listening is an App that hears of what happens outside calls; the first word makes it panic.
type listening struct {
	mu    *sync.Mutex
	heard *[]string
}

func (listening) Name() string                                  { return "listening" }
func (listening) Handle(*b2bua.Step, b2bua.Event) b2bua.Verdict { return b2bua.Pass }

func (l listening) Notify(ev b2bua.Event) {
	l.mu.Lock()
	*l.heard = append(*l.heard, ev.(string))
	l.mu.Unlock()
	if ev == "panic" {
		panic("x")
	}
}

// TestNotify: events come in their order, and an App that panics hears the next ones all the same.
func TestNotify(t *testing.T) {
	l := listening{&sync.Mutex{}, new([]string)}
	w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) {
		cfg.Apps = map[string]b2bua.Link{"listening": {App: l}, "deaf": {App: deaf{}}}
	})
	want := []string{"panic"}
	w.Server.Notify("panic")
	for _, c := range "abcdefgh" {
		w.Server.Notify(string(c))
		want = append(want, string(c))
	}
	w.Release()
	w.Finish()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(want, *l.heard) {
		t.Errorf("heard %q", *l.heard)
	}
}

// deaf is an App that does not listen.
type deaf struct{}

func (deaf) Name() string                                  { return "deaf" }
func (deaf) Handle(*b2bua.Step, b2bua.Event) b2bua.Verdict { return b2bua.Pass }
