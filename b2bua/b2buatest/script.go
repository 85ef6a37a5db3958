package b2buatest

import (
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/cdr"
	"github.com/bifrons/bifrons/sip"
)

// Script is a scenario: what it shows, how the world is, and its lines.
type Script struct {
	Name   string
	Config []string // of the lines that begin with config
	lines  []line
}

type line struct {
	number int
	words  []string
}

// Load reads a scenario file.
func Load(t testing.TB, path string) *Script {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Parse(strings.TrimSuffix(filepath.Base(path), ".call"), string(text))
}

// Parse reads a scenario from a text.
func Parse(name, text string) *Script {
	s := &Script{Name: name}
	for i, l := range strings.Split(text, "\n") {
		words := split(l)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case words[0] == "config":
			s.Config = append(s.Config, words[1:]...)
		default:
			s.lines = append(s.lines, line{i + 1, words})
		}
	}
	return s
}

// Play runs the lines of a text once, as they are, for tests that need more than a text.
func (w *World) Play(text string) {
	w.T.Helper()
	for i, l := range strings.Split(text, "\n") {
		if words := split(l); len(words) > 0 {
			w.line = fmt.Sprintf("%s, line %d", w.T.Name(), i+1)
			w.run(words)
		}
	}
}

// split cuts a line into words; quotes keep blanks together, a backslash keeps a quote.
func split(l string) (words []string) {
	var word strings.Builder
	quoted, any, escaped := false, false, false
	for _, c := range l {
		switch {
		case escaped && c != 'n':
			word.WriteRune(c)
			escaped = false
		case escaped:
			word.WriteString("\r\n")
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			quoted, any = !quoted, true
		case (c == ' ' || c == '\t') && !quoted:
			if any {
				words = append(words, word.String())
			}
			word.Reset()
			any = false
		default:
			word.WriteRune(c)
			any = true
		}
	}
	if any {
		words = append(words, word.String())
	}
	return words
}

// Run plays a scenario in all three ways; set fits the world's configuration to its config lines.
func Run(t *testing.T, s *Script, set func(*World, *b2bua.Config, []string)) {
	steps := Replay(t, s, set)
	if t.Failed() {
		return
	}
	t.Run("lost step", func(t *testing.T) {
		for at := 1; at <= steps && at < 400 && !t.Failed(); at++ {
			w := s.world(t, set, stale)
			w.at = at
			if !s.play(w) {
				w.outlive(at)
			}
			w.Finish()
		}
	})
}

// Replay plays a scenario as it is and with restores, and returns the number of its steps.
func Replay(t *testing.T, s *Script, set func(*World, *b2bua.Config, []string)) int {
	first := s.world(t, set, plain)
	s.play(first)
	first.Finish()
	if t.Failed() {
		return 0
	}
	t.Run("restored", func(t *testing.T) {
		w := s.world(t, set, current)
		s.play(w)
		w.Finish()
		if got, want := w.sent.String(), first.sent.String(); got != want {
			t.Errorf("a server restored after each step sends other bytes:\n%s", difference(got, want))
		}
	})
	return first.steps
}

// world makes the world of a scenario.
func (s *Script) world(t *testing.T, set func(*World, *b2bua.Config, []string), m mode) *World {
	w := NewWorld(t, func(w *World, c *b2bua.Config) {
		if set != nil {
			set(w, c, s.Config)
		}
	})
	w.mode = m
	return w
}

func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d: got %q, want %q\n%s", i, g[i], append(w, "")[min(i, len(w))], strings.Join(g[max(0, i-12):min(len(g), i+14)], "\n"))
		}
	}
	return "the end is missing"
}

// play runs the lines; false when a server was lost on the way, and the rest no longer fits.
func (s *Script) play(w *World) bool {
	for _, l := range s.lines {
		if w.lost {
			return false
		}
		if w.T.Failed() {
			return true
		}
		w.line = fmt.Sprintf("%s:%d", s.Name, l.number)
		w.run(l.words)
	}
	return !w.lost
}

// Line plays one line of a script.
func (w *World) Line(l string) {
	w.line = l
	w.run(split(l))
}

// fail reports what is wrong at a line of the script.
func (w *World) fail(format string, args ...any) {
	w.T.Helper()
	w.T.Fatalf("%s: %s", w.line, fmt.Sprintf(format, args...))
}

func (w *World) run(words []string) {
	switch words[0] {
	case "wait":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			w.fail("%v", err)
		}
		w.Wait(d)
	case "await": // let time pass until a phone gets something: await bob, or await bob 2s
		p, limit := w.party(words[1]), 40*time.Minute
		if len(words) > 2 {
			limit, _ = time.ParseDuration(words[2])
		}
		for end := w.Now() + limit; len(p.inbox) == 0 && w.Now() < end; {
			w.Wait(10 * time.Millisecond)
		}
	case "speak": // a phone's speech has come
		p := w.party(words[1])
		for _, r := range w.Media.Remotes {
			if r.RTP.Addr() == p.Addr.Addr() && r.Receive {
				w.Media.Spoken[r.RTP] += 50
			}
		}
	case "press", "hold", "silence", "tones", "payload":
		w.keys(words)
	case "told", "plays", "played", "records", "recorded", "left", "listens", "speaks", "heard", "room":
		w.studio(words)
	case "shown":
		w.shown = append(w.shown, words[1:]...)
	case "drop":
		w.party(words[1]).drop++
	case "bounce": // the network returns what a phone should get next
		w.party(words[1]).bounce++
	case "full":
		w.Media.Full = true
	case "originate": // a call of the server's own: originate side=core from=... to=... and=... apps=...
		w.originate(words[1:])
	case "order": // of the admin API: order hangup 2, order hangup 2 1, order move 2 1 3 1
		w.order(words[1:])
	case "release":
		w.Release()
	case "paths":
		w.paths(words[1:])
	case "record":
		w.record(words[1:])
	case "at": // a phone can be reached, and sends, from a further address: of its proxy, or where it moves to
		p, a := w.party(words[1]), netip.MustParseAddrPort(words[2])
		p.others, p.secrets = append(p.others, a), append(p.secrets, a.Addr().String())
	case "ports":
		if n, _ := strconv.Atoi(words[1]); w.Media.Count() != n {
			w.fail("%d ports, want %d", w.Media.Count(), n)
		}
	case "lingering":
		if n, _ := strconv.Atoi(words[1]); w.Server.Lingering() != n {
			w.fail("%d ended calls linger, want %d", w.Server.Lingering(), n)
		}
	case "calls":
		if n, _ := strconv.Atoi(words[1]); w.Server.Active() != n {
			w.fail("%d calls, want %d", w.Server.Active(), n)
		}
	default:
		p := w.party(words[0])
		if len(words) < 3 || words[1] != ">" && words[1] != "<" {
			w.fail("no such line: %q", words)
		}
		if words[1] == ">" {
			p.act(words[2:])
		} else {
			p.expect(words[2:])
		}
	}
}

func (w *World) party(name string) *Party {
	p := w.Parties[name]
	if p == nil {
		w.fail("nobody is called %q", name)
	}
	return p
}

// act sends what a line says.
func (p *Party) act(words []string) {
	what, o, to := words[0], options{}, "bob"
	if what == "again" {
		p.again(words[1:])
		return
	}
	for i := 1; i < len(words); i++ {
		k, v, _ := strings.Cut(words[i], "=")
		switch k {
		case "to":
			to = v
		case "tag":
			o.tag = v
		case "uri":
			o.uri = v
		case "for":
			o.method = v
		case "rel":
			o.rel = true
			o.rseq, _ = strconv.Atoi(v)
		case "rack":
			o.rseq, _ = strconv.Atoi(v)
		case "refer": // to whom a phone talks, in the place of that phone
			o.headers = append(o.headers, "Refer-To: <sip:"+p.w.party(v).peer()+"@home.example?Replaces="+url.QueryEscape(p.w.party(v).dialog())+">")
		case "replaces":
			o.headers = append(o.headers, "Replaces: "+p.w.party(v).dialog())
		case "early":
			o.early, _ = strconv.Atoi(v)
		case "body":
			o.body = v
		case "as": // the phone is somebody else from now on
			p.localURI = "<" + v + ">"
		case "contact":
			p.moved = v
		case "from":
			o.from = netip.MustParseAddrPort(v)
		case "via":
			o.via = v
		case "with": // another text in the place of one: with="old=>new"
			o.with = append(o.with, v)
		case "digest": // user:password, an answer to the last challenge
			o.digest = v
		case "without":
			o.remove = append(o.remove, v)
		case "header":
			o.headers = append(o.headers, v)
		case "sdp":
			o.sdp = "sdp"
			if v != "" {
				o.sdp = v
			}
		default:
			p.w.fail("no such option: %q", words[i])
		}
	}
	p.from, p.via, p.with = o.from, o.via, o.with
	defer func() { p.from, p.via, p.with = netip.AddrPort{}, "", nil }()
	if status, err := strconv.Atoi(what); err == nil {
		p.send(p.Response(p.lastRequest(o.method), status, o))
		return
	}
	if what == "NOTIFY" && p.callID == "" { // before the answer (RFC 6665 4.1.2.4)
		p.becomeUAS(p.lastRequest("SUBSCRIBE"), p.localTag)
	}
	switch {
	case what == "INVITE" && (p.remoteTag == "" || o.uri != "" || to != "bob"), what == "OPTIONS" && p.callID == "", slices.Contains(alone, what) && (p.callID == "" || o.uri != ""), what == "REGISTER":
		text := p.Invite(to, o)
		p.send(p.prove(strings.ReplaceAll(text, "INVITE", what), o.digest))
	default:
		p.send(p.prove(p.InDialog(what, o), o.digest))
	}
}

// alone are the methods that make a request outside a dialog, with a URI or from a phone that has none.
var alone = []string{"MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER"}

// again repeats what a phone sent last of that kind.
func (p *Party) again(words []string) {
	want := ""
	if len(words) > 0 {
		want = words[0]
	}
	for i := len(p.sent) - 1; i >= 0; i-- {
		m := p.sent[i]
		if m.IsRequest() && string(m.MethodName) == want || !m.IsRequest() && strconv.Itoa(m.Status) == want {
			p.w.Deliver(p, m.Append(nil))
			return
		}
	}
	p.w.fail("%s has sent no %s", p.Name, want)
}

// expect takes the next message a phone got and compares it with a line.
func (p *Party) expect(words []string) {
	p.w.T.Helper()
	if words[0] == "nothing" {
		if len(p.inbox) > 0 {
			p.w.fail("%s got a message:\n%s", p.Name, p.inbox[0].Append(nil))
		}
		return
	}
	if len(p.inbox) == 0 {
		p.w.fail("%s got nothing, want %s", p.Name, words[0])
	}
	m := p.inbox[0]
	p.inbox = p.inbox[1:]
	text := string(m.Append(nil))
	got := string(m.MethodName)
	if !m.IsRequest() {
		got = strconv.Itoa(m.Status)
	}
	if got != words[0] {
		p.w.fail("%s got %s, want %s:\n%s", p.Name, got, words[0], text)
	}
	for _, c := range words[1:] {
		k, v, _ := strings.Cut(c, "=")
		ok := false
		switch k {
		case "sdp":
			ok = strings.Contains(text, "\r\n\r\nv=0")
		case "nosdp":
			ok = len(m.Body) == 0
		case "has":
			ok = strings.Contains(text, v)
		case "lacks":
			ok = !strings.Contains(text, v)
		case "for":
			_, method := m.CSeq()
			ok = string(method) == v
		case "sametag":
			ok = p.sameTag(m)
		}
		if !ok {
			p.w.fail("%s got %s not as %q says:\n%s", p.Name, got, c, text)
		}
	}
}

// sameTag tells whether a response has the To tag of the last provisional one.
func (p *Party) sameTag(m *sip.Message) bool {
	for i := len(p.got) - 2; i >= 0; i-- {
		if g := p.got[i]; !g.IsRequest() && g != m && g.Status > 100 && g.Status < 200 {
			return tagOf(g, sip.HdrTo) == tagOf(m, sip.HdrTo)
		}
	}
	return false
}

// paths compares who hears whom, as the relay knows it: alice>bob, or none.
func (w *World) paths(want []string) {
	name := func(a string) string {
		for _, p := range w.Parties {
			if strings.HasPrefix(a, p.Addr.Addr().String()+":") {
				return p.Name
			}
		}
		return a
	}
	got := map[string]bool{}
	for a, b := range w.Media.Paths() {
		got[name(a.String())+">"+name(b.String())] = true
	}
	for _, p := range want {
		if p != "none" && !got[p] {
			w.fail("no path %s, there are %v", p, got)
		}
		delete(got, p)
	}
	if len(got) > 0 {
		w.fail("paths %v as well", got)
	}
}

// record compares the last record.
func (w *World) record(want []string) {
	if len(w.Records) == 0 {
		w.fail("no record")
	}
	r := w.Records[len(w.Records)-1]
	if (r.Kind == cdr.Stop) != (len(w.Starts) > 0 && w.Starts[len(w.Starts)-1].Call == r.Call) {
		w.fail("the record is %q, and %d calls were started", r.Kind, len(w.Starts))
	}
	got := map[string]string{"status": strconv.Itoa(r.Status), "by": r.By, "cause": r.Cause, "evidence": r.Evidence, "method": r.Method, "count": strconv.Itoa(len(w.Records)),
		"answered": strconv.FormatBool(!r.Answer.IsZero())}
	for _, c := range want {
		if k, v, _ := strings.Cut(c, "="); got[k] != v {
			w.fail("record has %s %q, want %q", k, got[k], v)
		}
	}
}
