package walk_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/walk"
)

var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// tester walks, and encodes and decodes the state between all steps, as a takeover does.
type tester struct {
	t *testing.T
	w walk.Walker
	s walk.State
}

func begin(t *testing.T, text string, params map[string]any) (*tester, []walk.Request) {
	t.Helper()
	f, err := flow.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	x := &tester{t: t, w: walk.Walker{Flow: f}}
	var out []walk.Request
	x.s, out = x.w.Start(walk.Call{Caller: "100", Called: "200", Params: map[string]string{"play": "x"}}, params, monday)
	return x, asked(out)
}

func (x *tester) step(in walk.Input) []walk.Request {
	x.t.Helper()
	data, err := cbor.Marshal(x.s)
	if err != nil {
		x.t.Fatal(err)
	}
	var s walk.State
	if err := cbor.Unmarshal(data, &s); err != nil {
		x.t.Fatal(err)
	}
	before, out := x.w.Step(x.s, monday, in)
	after, again := x.w.Step(s, monday, in)
	if d := cmp.Diff(out, again); d != "" {
		x.t.Fatalf("after a takeover:\n%s", d)
	}
	if !reflect.DeepEqual(before.Frames, after.Frames) {
		x.t.Fatalf("after a takeover %v, else %v", after.Frames, before.Frames)
	}
	x.s = before
	return asked(out)
}

// asked leaves out what is told for statistics.
func asked(all []walk.Request) (out []walk.Request) {
	for _, r := range all {
		if _, note := r.(walk.Note); !note {
			out = append(out, r)
		}
	}
	return out
}

func same(t *testing.T, got []walk.Request, want ...walk.Request) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
}

func say(text string) []walk.Sound { return []walk.Sound{{Kind: "say", Text: text, Language: "en"}} }

func TestMenuAsksAgainAndGivesUp(t *testing.T) {
	x, out := begin(t, `
nodes:
  a:
    say: One or two?
    menu: {1: b, 2XX: b}
    timeout: 4s
    retries: 1
    no_input: [{say: First.}]
    failed: {say: Bye.}
  b: {say: "You pressed ${digits}."}`, nil)
	ask := walk.Ask{Sounds: say("One or two?"), Barge: true, TypeAhead: true, Max: 1, First: 4 * time.Second, Between: 3 * time.Second}
	same(t, out, walk.Connect{}, ask)
	again := ask
	again.Sounds = append(say("First."), say("One or two?")...)
	same(t, x.step(walk.Collected{TimedOut: true}), again)
	more := walk.Ask{TypeAhead: true, Max: 1, First: 3 * time.Second, Between: 3 * time.Second}
	same(t, x.step(walk.Collected{Digits: "2"}), more)
	same(t, x.step(walk.Collected{Digits: "1"}), more)
	same(t, x.step(walk.Collected{TimedOut: true}), walk.Play{Sounds: say("Bye.")})
	same(t, x.step(walk.Played{}), walk.Hangup{Cause: flow.Cause{Word: "normal", Status: 200}})
	same(t, x.step(walk.Played{}))
}

func TestMenuWithLongKeys(t *testing.T) {
	x, _ := begin(t, "nodes: {a: {menu: {1: b, 12: c, 2XX: b}}, b: {say: B}, c: {say: C}}", nil)
	x.step(walk.Collected{Digits: "1"})
	same(t, x.step(walk.Collected{TimedOut: true}), walk.Play{Sounds: say("B"), Barge: true})
	x, _ = begin(t, "nodes: {a: {menu: {1: b, 12: c, 2XX: b}}, b: {say: B}, c: {say: C}}", nil)
	x.step(walk.Collected{Digits: "1"})
	same(t, x.step(walk.Collected{Digits: "2"}), walk.Play{Sounds: say("C"), Barge: true})
}

func TestCollect(t *testing.T) {
	const text = `
nodes:
  a:
    play: [{say: Listen., barge_in: false}, {say: The code?}]
    collect: code
    min: 4
    max: 6
    terminator: "*"
    type_ahead: false
    validate: code startsWith "1"
    no_match: {say: Wrong.}
    next: b
  b: {hangup: busy}`
	x, out := begin(t, text, nil)
	same(t, out, walk.Connect{}, walk.Play{Sounds: say("Listen.")})
	ask := walk.Ask{Sounds: say("The code?"), Barge: true, Max: 6, Terminator: "*", First: 5 * time.Second, Between: 3 * time.Second}
	same(t, x.step(walk.Played{}), ask)
	same(t, x.step(walk.Collected{Digits: "12", TimedOut: true}), walk.Play{Sounds: append(say("Wrong."), say("Listen.")...)})
	same(t, x.step(walk.Played{}), ask)
	same(t, x.step(walk.Collected{Digits: "2345", Terminated: true}), walk.Play{Sounds: append(say("Wrong."), say("Listen.")...)})
	if v := x.s.Frames[0].Vars["code"]; v != nil {
		t.Errorf("a code that is not valid was kept: %v", v)
	}
	x.step(walk.Played{})
	same(t, x.step(walk.Collected{Digits: "1234", Terminated: true}), walk.Hangup{Cause: flow.Cause{Word: "busy", Status: 486}})
}

func TestSubWithParametersAndResults(t *testing.T) {
	x, out := begin(t, `
vars: {n: 4}
nodes:
  a: {sub: pin, with: {digits_: "${n}", name: Anna}, take: {secret: code}, next: b}
  b: {say: "${secret} ${n}"}
subs:
  pin:
    params: [digits_, name]
    results: [code]
    vars: {n: 1}
    nodes:
      ask: {say: "${name}, ${digits_} digits, ${n}", collect: code, next: end}`, nil)
	same(t, out[1:], walk.Ask{Sounds: say("Anna, 4 digits, 1"), Barge: true, TypeAhead: true, Max: 32, Terminator: "#", First: 5 * time.Second, Between: 3 * time.Second})
	same(t, x.step(walk.Collected{Digits: "1234", Terminated: true}), walk.Play{Sounds: say("1234 4"), Barge: true})
}

func TestDialInTurnWithWhisperAndKey(t *testing.T) {
	x, out := begin(t, `
nodes:
  a:
    dial: ["1", "${call.caller}", "3"]
    timeout: 9s
    whisper: A call.
    accept: {key: 5, say: Press 5., timeout: 7s}
    busy: b
    no_answer: n
    next: after
  b: {hangup: busy}
  n: {hangup: 404}
  after: {say: "You talked ${dial.seconds} seconds."}`, nil)
	dial := walk.Dial{Targets: []string{"1"}, Timeout: 9 * time.Second, Private: true}
	same(t, out, dial) // not answered yet: the caller hears the callee's tone
	dial.Targets = []string{"100"}
	same(t, x.step(walk.Dialled{Status: 486}), dial)
	same(t, x.step(walk.Dialled{Status: 200}), walk.Play{Sounds: say("A call."), Callee: true})
	accept := walk.Ask{Sounds: say("Press 5."), Callee: true, Barge: true, TypeAhead: true, Max: 1, First: 7 * time.Second, Between: 7 * time.Second}
	same(t, x.step(walk.Played{}), accept)
	dial.Targets = []string{"3"}
	same(t, x.step(walk.Collected{TimedOut: true}), walk.Drop{}, dial)
	x.step(walk.Dialled{Status: 200})
	x.step(walk.Played{})
	same(t, x.step(walk.Collected{Digits: "5"}), walk.Bridge{})
	same(t, x.step(walk.Talked{Length: 61 * time.Second}), walk.Play{Sounds: say("You talked 61 seconds."), Barge: true})
}

func TestDialFailures(t *testing.T) {
	for _, c := range []struct {
		branches string
		status   int
		want     walk.Request
	}{
		{"", 486, walk.Hangup{Cause: flow.Cause{Word: "486", Status: 486}, Text: "nobody was reached"}},
		{"busy: b, ", 486, walk.Hangup{Cause: flow.Cause{Word: "busy", Status: 486}}},
		{"busy: b, no_answer: n", 408, walk.Hangup{Cause: flow.Cause{Word: "404", Status: 404}}},
		{"busy: b, no_answer: n, failed: f", 603, walk.Hangup{Cause: flow.Cause{Word: "rejected", Status: 603}}},
		{"busy: b, no_answer: n", 503, walk.Hangup{Cause: flow.Cause{Word: "404", Status: 404}}},
	} {
		x, _ := begin(t, "nodes: {a: {dial: '1', "+c.branches+"}, b: {hangup: busy}, n: {hangup: 404}, f: {hangup: rejected}}", nil)
		same(t, x.step(walk.Dialled{Status: c.status}), c.want)
	}
}

func TestTroubleHasItsFallback(t *testing.T) {
	for _, c := range []struct {
		name, text string
		in         []walk.Input
		want       walk.Request
	}{
		{"a webhook that hangs, with failed", "nodes: {a: {hook: 'http://x/', failed: {say: Later.}}}", []walk.Input{walk.Found{Failed: "no answer in 3s"}}, walk.Play{Sounds: say("Later.")}},
		{"with on_error", "on_error: e\nnodes: {a: {hook: 'http://x/'}, e: {say: Trouble.}}", []walk.Input{walk.Found{Failed: "no answer"}}, walk.Play{Sounds: say("Trouble."), Barge: true}},
		{"with nothing", "nodes: {a: {hook: 'http://x/'}}", []walk.Input{walk.Found{Failed: "no answer"}}, walk.Hangup{Cause: flow.Cause{Word: "error", Status: 500}, Text: "no answer"}},
		{"a missing prompt", "nodes: {a: {play: x, next: b}, b: {say: B}}", []walk.Input{walk.Played{Failed: "there is no prompt x"}}, walk.Play{Sounds: say("B"), Barge: true}},
		{"a missing prompt with failed", "nodes: {a: {play: x, failed: b}, b: {say: B}}", []walk.Input{walk.Played{Failed: "there is no prompt x"}}, walk.Play{Sounds: say("B"), Barge: true}},
		{"an expression that cannot be", "on_error: e\nvars: {x: a}\nnodes: {a: {if: x > 3, then: e}, e: {say: E}}", nil, walk.Play{Sounds: say("E"), Barge: true}},
		{"an error in on_error", "on_error: e\nvars: {x: a}\nnodes: {a: {if: x > 3, then: e}, e: {if: x > 3, then: a}}", nil, walk.Hangup{Cause: flow.Cause{Word: "error", Status: 500}, Text: "line 3: `x > 3`: invalid operation: string > int"}},
		{"a loop", "vars: {n: 0}\nnodes: {a: {set: {n: '${n + 1}'}, next: b}, b: {if: n > 0, then: a}}", nil, walk.Hangup{Cause: flow.Cause{Word: "error", Status: 500}, Text: "the call went through too many nodes, the last was a"}},
		{"a recording that fails", "nodes: {a: {record: m, failed: {say: Sorry.}}}", []walk.Input{walk.Recorded{Failed: "disk full"}}, walk.Play{Sounds: say("Sorry.")}},
		{"subs without end", "nodes: {a: {sub: s}}\nsubs: {s: {nodes: {x: {sub: s}}}}", nil, walk.Hangup{Cause: flow.Cause{Word: "error", Status: 500}, Text: "line 2: the sub s cannot be walked through: subs are too deep"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, out := begin(t, c.text, nil)
			for _, in := range c.in {
				out = x.step(in)
			}
			if len(out) == 0 {
				t.Fatal("nothing is asked for")
			}
			same(t, out[len(out)-1:], c.want)
		})
	}
}

// TestPressEverything: a caller who presses keys for ever is bid farewell at last.
func TestPressEverything(t *testing.T) {
	x, _ := begin(t, "nodes: {a: {menu: {1: b}}, b: {menu: {1: a}}}", nil)
	for i := range 20001 {
		var all []walk.Request
		x.s, all = x.w.Step(x.s, monday, walk.Collected{Digits: "1"})
		out := asked(all)
		if len(out) == 1 {
			if h, ok := out[0].(walk.Hangup); ok {
				if i < 1000 || !strings.Contains(h.Text, "too many nodes") {
					t.Errorf("after %d keys: %v", i, h)
				}
				return
			}
		}
		if i > 20000 {
			t.Fatal("no end")
		}
	}
}

func TestAfterTheHangup(t *testing.T) {
	x, out := begin(t, `
on_hangup: tell
nodes:
  a: {record: message, max_length: 30s, silence: 3s, terminator: "", next: end}
  tell: {say: Not heard any more., hook: "http://x/${message.seconds ?? 0}", body: {m: "${message.seconds}"}, next: said}
  said: {say: Nor this.}`, nil)
	same(t, out, walk.Connect{}, walk.Record{Max: 30 * time.Second, Silence: 3 * time.Second, Beep: true})
	same(t, x.step(walk.Gone{})) // the recording comes yet
	same(t, x.step(walk.Recorded{File: "m.wav", Length: 12 * time.Second, Size: 1}),
		walk.Hook{URL: "http://x/12", Method: "POST", Body: map[string]any{"m": 12}, Timeout: 3 * time.Second})
	same(t, x.step(walk.Found{}), walk.Hangup{Cause: flow.Cause{Word: "normal", Status: 200}})
}

func TestEarlyMediaAndAnnouncement(t *testing.T) {
	x, out := begin(t, "early: true\nnodes: {a: {play: [{file: '${call.params.play}'}], repeat: \"${call.params.repeat ?? 0}\", next: b}, b: {hangup: changed}}", nil)
	same(t, out, walk.Connect{Early: true}, walk.Play{Sounds: []walk.Sound{{Kind: "file", Text: "x", Language: "en"}}, Barge: true})
	same(t, x.step(walk.Played{}), walk.Hangup{Cause: flow.Cause{Word: "changed", Status: 410}})
}

// TestSaid: what is put together from words comes with what it is, templates filled in; what is empty is left out.
func TestSaid(t *testing.T) {
	_, out := begin(t, `
vars: {cents: 1250, none: ""}
nodes:
  begin:
    play:
      - {number: "-5"}
      - {digits: "${call.called}"}
      - {money: "${cents / 100}", currency: "${cents > 0 ? 'GBP' : ''}", language: de}
      - {money: 1.01}
      - {date: 2026-12-31}
      - {time: 21:00}
      - {spell: "${none}"}
      - {spell: Anna}
`, nil)
	var got []string
	for _, s := range out[len(out)-1].(walk.Play).Sounds {
		got = append(got, strings.Join(strings.Fields(strings.Join([]string{s.Kind, s.Text, s.Currency, s.Language}, " ")), " "))
	}
	want := []string{"number -5 en", "digits 200 en", "money 12.5 GBP de", "money 1.01 en", "date 2026-12-31 en", "time 21:00 en", "spell Anna en"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for text, want := range map[string]string{"{number: 1, date: 01-01}": "a sound is one thing", "{number: 1, currency: EUR}": "only money has a currency"} {
		if _, err := flow.Parse("test.yaml", []byte("nodes:\n  begin:\n    play: ["+text+"]\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestLanguages(t *testing.T) {
	f, err := flow.Parse("x", []byte("languages: [en, de-AT, fr]\nnodes: {a: {say: {en: Hello, de: Hallo}}}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		wants []string
		want  string
	}{{nil, "Hello"}, {[]string{"es", "de-AT"}, "Hallo"}, {[]string{"it"}, "Hello"}, {[]string{"fr-CA"}, "Hello"}} {
		_, out := walk.Walker{Flow: f}.Start(walk.Call{Languages: c.wants}, nil, monday)
		p := asked(out)[1].(walk.Play)
		if p.Sounds[0].Text != c.want {
			t.Errorf("%v: %v", c.wants, p.Sounds)
		}
	}
}

func FuzzSteps(f *testing.F) {
	f.Add([]byte("1\x00 2"))
	m, err := flow.Load("../../configs/ivr/company.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w := walk.Walker{Flow: m}
		s, _ := w.Start(walk.Call{}, nil, monday)
		for i := 0; i+1 < len(data) && i < 400; i += 2 {
			key := string("0123456789*#ABCD"[data[i+1]%16])
			var in walk.Input
			switch data[i] % 9 {
			case 0:
				in = walk.Played{Stopped: data[i+1]&1 == 1}
			case 1, 2:
				in = walk.Collected{Digits: key}
			case 3:
				in = walk.Collected{TimedOut: true}
			case 4:
				in = walk.Dialled{Status: 200 + int(data[i+1])*2}
			case 5:
				in = walk.Talked{Length: time.Second}
			case 6:
				in = walk.Found{Data: key, Missing: data[i+1]&2 == 2}
			case 7:
				in = walk.Recorded{Length: time.Duration(data[i+1]) * time.Second / 4}
			case 8:
				in = walk.Gone{}
			}
			s, _ = w.Step(s, monday, in)
			if s.Ended {
				return
			}
			if len(s.Frames) == 0 || s.Wait == walk.Nothing {
				t.Fatalf("a walk that waits for nothing has not ended: %+v", s)
			}
		}
	})
}
