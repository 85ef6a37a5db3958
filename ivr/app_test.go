package ivr_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
	"github.com/bifrons/bifrons/ivr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// play plays lines of a call through a menu, with a restore after each step. Times of the menu count from a Monday morning.
func play(t *testing.T, menu, text string, change ...func(*ivr.Config, *ivr.Deps)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "menu.call")
	if err := os.WriteFile(file, []byte(strings.TrimSpace(text)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b2buatest.Run(t, b2buatest.Load(t, file), func(w *b2buatest.World, cfg *b2bua.Config, _ []string) {
		c := ivr.Config{Name: "menu", File: "menu.yaml", Text: []byte(menu)}
		d := ivr.Deps{Now: func() time.Time { return monday.Add(w.Now()) }}
		for _, f := range change {
			f(&c, &d)
		}
		a, err := ivr.New(c, d)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Apps = map[string]b2bua.Link{a.Name(): a.Link()}
		cfg.Sides[0].Apps = []string{a.Name()}
	})
}

const doors = `
nodes:
  ask: {say: Which, menu: {1: bob, 2: number, 3: private, 4: out, 5: room}}
  bob: {dial: "sip:bob@127.0.0.1", busy: busy, no_answer: busy, next: ask}
  private: {dial: "sip:bob@127.0.0.1", whisper: Psst, accept: 1, no_answer: busy, busy: busy}
  busy: {say: Busy, next: ask}
  number: {say: Number, collect: n, max: 3, validate: "n != '666'", next: thanks}
  thanks: {play: {digits: "${n}"}, next: end}
  out: {leave: true}
  room: {conference: hall, exit: '*', failed: ask, next: ask}
`

const answered = `
alice > INVITE sdp
alice < 100
alice < 200 sdp
alice > ACK
plays alice text:Which
`

func TestMenu(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{
		"a number": answered + `press alice 2
plays alice text:Number
press alice 1
press alice 2
press alice #
plays alice text:12
played alice done
alice < BYE
alice > 200
record status=200 by=bifrons`,
		"a callee who is busy, and then not": answered + `press alice 1
plays alice tone:ring repeat=-1
bob < INVITE sdp
bob > 486
bob < ACK
plays alice text:Busy
played alice done
plays alice text:Which
press alice 1
plays alice tone:ring repeat=-1
bob < INVITE sdp
bob > 200 sdp
bob < ACK
plays alice nothing
paths alice>bob bob>alice
bob > BYE
bob < 200
plays alice text:Which
alice > BYE
alice < 200`,
		"nothing is pressed": answered + `played alice done
wait 6s
plays alice text:Which
played alice done
wait 6s
plays alice text:Which
played alice done
wait 6s
alice < BYE
alice > 200`,
		"a callee who takes the call": answered + `press alice 3
bob < INVITE sdp
bob > 200 sdp
bob < ACK
plays bob text:Psst
played bob done
press bob 1
paths alice>bob bob>alice
alice > BYE
alice < 200
bob < BYE
bob > 200`,
		"a callee who does not": answered + `press alice 3
bob < INVITE sdp
bob > 200 sdp
bob < ACK
played bob done
press bob 2
bob < BYE
bob > 200
plays alice text:Busy
alice > BYE
alice < 200`,
		"a callee who hangs up instead": answered + `press alice 3
bob < INVITE sdp
bob > 200 sdp
bob < ACK
played bob done
bob > BYE
bob < 200
plays alice text:Busy
alice > BYE
alice < 200`,
		"left": answered + `press alice 4
bob < INVITE sdp
bob > 200 sdp
bob < ACK
paths alice>bob bob>alice
bob > BYE
bob < 200
alice < BYE
alice > 200`,
		"a room that is full": answered + `press alice 5
room alice
left alice
plays alice text:Which
alice > BYE
alice < 200
`,
		"a room, of a mobile phone": `
alice > INVITE sdp=mobile
alice < 100
alice < 200 has="RTP/AVP 0 101"
alice > ACK
speaks alice PCMU@0
plays alice text:Which
press alice 5
room alice
alice > BYE
alice < 200`,
		"no room, for AMR alone": `
alice > INVITE sdp=octet
alice < 100
alice < 200 has="RTP/AVP 97 105"
alice > ACK
speaks alice AMR-WB@97
plays alice text:Which
alice > BYE
alice < 200`,
		"a room": answered + `press alice 5
room alice
press alice *
plays alice text:Which
alice > BYE
alice < 200`,
		"hung up while it rings": answered + `press alice 1
bob < INVITE sdp
bob > 180
alice > BYE
alice < 200
bob < CANCEL
bob > 200
bob > 487 for=INVITE
bob < ACK`,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); play(t, doors, lines) })
	}
}

// hangs is a web server that answers when it is let.
func hangs(t *testing.T) (url string) {
	t.Helper()
	open := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-open:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(open); s.Close() })
	return s.URL
}

// TestHookHangs: the caller goes on by failed when its time is over, and the log names the node.
func TestHookHangs(t *testing.T) {
	t.Parallel()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	url := hangs(t)
	a, err := ivr.New(ivr.Config{Name: "menu", File: "menu.yaml", Text: []byte(`
nodes:
  ask: {hook: "` + url + `", timeout: 50ms, retries: 1, failed: {say: Sorry, next: end}}
`)}, ivr.Deps{HTTP: client})
	if err != nil {
		t.Fatal(err)
	}
	w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) {
		cfg.Apps = map[string]b2bua.Link{a.Name(): a.Link()}
		cfg.Sides[0].Apps = []string{a.Name()}
	})
	for _, l := range []string{"alice > INVITE sdp", "alice < 100"} {
		w.Line(l)
	}
	w.Release() // waits for what runs beside the call
	for _, l := range []string{"alice < 200 sdp", "alice > ACK", "plays alice text:Sorry", "played alice done", "alice < BYE", "alice > 200"} {
		w.Line(l)
	}
	w.Finish()
}

// TestReload: calls finish on the menu they began with; a file that breaks is told once and changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "menu.yaml")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("nodes: {ask: {say: Old, menu: {1: two}}, two: {say: Second, next: end}}")
	var log bytes.Buffer
	a, err := ivr.New(ivr.Config{Name: "menu", File: file}, ivr.Deps{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) {
		cfg.Apps = map[string]b2bua.Link{a.Name(): a.Link()}
		cfg.Sides[0].Apps = []string{a.Name()}
	})
	for _, l := range []string{"alice > INVITE sdp", "alice < 100", "alice < 200 sdp", "alice > ACK", "plays alice text:Old"} {
		w.Line(l)
	}
	put("nodes: {ask: {say: New, next: nowhere}}")
	a.Refresh()
	a.Refresh()
	if got := strings.Count(log.String(), "there is no node `nowhere`"); got != 1 {
		t.Errorf("told %d times:\n%s", got, log.String())
	}
	put("nodes: {ask: {say: New, next: end}}")
	a.Refresh()
	if !strings.Contains(log.String(), "menu read again") {
		t.Errorf("not read again:\n%s", log.String())
	}
	for _, l := range []string{"press alice 1", "plays alice text:Second", "played alice done", "alice < BYE", "alice > 200"} {
		w.Line(l)
	}
	w.Finish()
}

// enters puts the menu and a marker behind it into the chain.
type enters struct{}

func (enters) Name() string { return "enters" }

func (enters) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	if _, ok := ev.(b2bua.Invite); ok {
		s.Do(b2bua.Follow{Apps: []string{"ivr/menu", "marks"}})
	}
	return b2bua.Pass
}

// marks names itself in the Subject of calls that come to it.
type marks struct{}

func (marks) Name() string { return "marks" }

func (marks) Handle(_ *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	if inv, ok := ev.(b2bua.Invite); ok {
		inv.Set("Subject", "marked")
	}
	return b2bua.Pass
}

// TestEnteredAndLeft: another App puts the menu into the chain, and what is behind the menu gets the call when it is left.
func TestEnteredAndLeft(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ menu, lines string }{
		"before anything was heard": {"nodes: {a: {leave: true}}", "alice > INVITE sdp\nalice < 100"},
		"after a word":              {"nodes: {a: {say: Hello, next: b}, b: {leave: true}}", "alice > INVITE sdp\nalice < 100\nalice < 200 sdp\nalice > ACK\nplays alice text:Hello\nplayed alice done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := ivr.New(ivr.Config{Name: "menu", File: "menu.yaml", Text: []byte(c.menu)}, ivr.Deps{})
			if err != nil {
				t.Fatal(err)
			}
			w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) {
				cfg.Apps = map[string]b2bua.Link{a.Name(): a.Link(), "enters": {App: enters{}}, "marks": {App: marks{}}}
				cfg.Sides[0].Apps = []string{"enters"}
			})
			for _, l := range append(strings.Split(c.lines, "\n"), "bob < INVITE has=Subject:", "bob > 200 sdp", "bob < ACK") {
				w.Line(l)
			}
			w.Finish()
		})
	}
}

// TestUnfit: a caller who cannot hear what is said before the answer is refused for that, unless the menu says why it refuses him.
func TestUnfit(t *testing.T) {
	for end, status := range map[string]string{"end": `488 has="Warning: 305"`, "busy": "486"} {
		t.Run(end, func(t *testing.T) {
			play(t, "early: true\nnodes: {a: {say: Hello, next: "+end+"}, busy: {hangup: busy}}", `
alice > INVITE sdp=amr
alice < 100
alice < `+status+`
alice > ACK
record status=`+status[:3])
		})
	}
}
