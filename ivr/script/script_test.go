package script_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/script"
)

// TestSamples: the walks of the samples come out as written, and through every node and branch.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("../../configs/ivr/*.walk")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var b strings.Builder
	if err := script.Test(&b, files, 100, true); err != nil {
		t.Errorf("%v\n%s", err, b.String())
	}
}

const menu = `
params: [who]
nodes:
  a:
    say: Hello ${who}.
    menu: {1: b, 2: c}
  b: {dial: "5", busy: c}
  c: {hangup: busy}
`

// TestWalksThatGoWrong: a walk that goes another way fails at its line, and says what happened instead.
func TestWalksThatGoWrong(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(menu), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, lines, want string }{
		{"right", "param who=Anna\nhear \"hello anna\"\npress 1\ndials 5\nbusy\nends busy", ""},
		{"heard something else", "hear goodbye", `m.walk:2: hear: "goodbye" was not heard, but ["Hello ."]`},
		{"heard once only", "hear hello\nhear hello", "m.walk:3: hear: \"hello\": nothing was heard"},
		{"another callee", "press 1\ndials 6", "m.walk:3: dials: \"6\" was not called, but [\"5\"]"},
		{"nobody rings", "busy", "m.walk:2: busy: the walk waits for keys"},
		{"keys while it rings", "press 1\nwait", "m.walk:3: wait: the walk waits for a callee, 5"},
		{"not ended", "ends", "m.walk:2: ends: the walk has not ended, it waits for keys"},
		{"ended otherwise", "press 2\nends normal", "m.walk:3: ends: the walk ended with busy (486)"},
		{"ended already", "press 2\npress 1", "m.walk:3: press: the walk waits for the end: busy"},
		{"another node", "node b", "m.walk:2: node: the walk is at node a, not b"},
		{"a condition", "check who == \"x\"", "m.walk:2: check: who == \"x\" does not hold"},
		{"unknown variable", "check whom == \"x\"", "the variable `whom` is not defined, did you mean `who`?"},
		{"too late", "press 1\nat 2026-01-01 10:00\nparam who=x", "m.walk:4: param: this belongs before the call begins"},
		{"no keys", "press hello", "m.walk:2: press: \"hello\" are no keys"},
		{"unknown line", "presss 1", "m.walk:2:1: unknown line `presss 1`, did you mean `press`?"},
		{"no JSON", "found {a}", "m.walk:2:1: the answer must be JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(dir, c.name)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "m.walk")
			text := "walk x\n" + c.lines + "\n"
			if c.name == "right" {
				text = "menu ../m.yaml\n" + text
			} else if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(menu), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			err := script.Test(&b, []string{file}, 0, false)
			got := b.String()
			if err != nil {
				got += err.Error()
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(got, c.want)) {
				t.Errorf("want %s\ngot %s", c.want, got)
			}
		})
	}
}

// TestCoverage: what no walk came through is told with its line, and too little is a failure.
func TestCoverage(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"m.yaml": menu, "m.walk": "walk x\npress 2\nends\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	err := script.Test(&b, []string{filepath.Join(dir, "m.walk")}, 80, false)
	for _, want := range []string{"nodes 2 of 3, branches 1 of 3 (50%)", "m.yaml:6:15: warning: branch `1` of node `a` was not walked",
		"m.yaml:7:3: warning: node `b` was not walked", "branch `busy` of node `b`"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if err == nil || !strings.Contains(err.Error(), "fewer than 80%") {
		t.Errorf("%v", err)
	}
}

// TestTry: a person walks through a menu.
func TestTry(t *testing.T) {
	f, err := flow.Parse("m.yaml", []byte(menu))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, typed string
		want        []string
	}{
		{"calls somebody", "?\nv\n\n7\n1\nx\nb\n", []string{"(answered)", "« Hello Anna. »", "let time pass", `{"who":"Anna"}`, "(nothing was pressed)", "(that is not among the choices)",
			"calls 5, for 30s", `"x" is no status`, "-> busy", "the call ends: busy"}},
		{"hangs up", "h\n", []string{"« Hello Anna. »", "the call ends: normal"}},
		{"talks", "1\n\n\n", []string{"(connected)", "the call ends: normal"}},
		{"leaves", "q\n", []string{"« Hello Anna. »"}},
		{"no more input", "", []string{"« Hello Anna. »"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			if err := script.Try(strings.NewReader(c.typed), &b, f, script.Settings{Caller: "1", At: "2026-11-25 10:00", Params: map[string]string{"who": "Anna"}}); err != nil {
				t.Fatal(err)
			}
			rest := b.String()
			for _, want := range c.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("no %q in order in\n%s", want, b.String())
				}
				rest = after
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("../../configs/ivr/company.walk")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	m, err := flow.Parse("m.yaml", []byte(menu))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		if file, err := script.Parse("x.walk", []byte(text)); err == nil {
			for _, w := range file.Walks {
				_ = script.Run(m, "x.walk", w, nil)
			}
		}
	})
}

// TestVerbs: every line that is documented can be written, with and without what may be left out.
func TestVerbs(t *testing.T) {
	for _, v := range script.Verbs() {
		arg := strings.Trim(strings.Replace(v.Arg, "JSON", `{"a": 1}`, 1), "[]")
		lines := []string{strings.TrimSpace(v.Word + " " + arg)}
		if strings.HasPrefix(v.Arg, "[") {
			lines = append(lines, v.Word)
		}
		for _, l := range lines {
			if _, err := script.Parse("x.walk", []byte("walk x\n"+l)); err != nil {
				t.Errorf("%q: %v", l, err)
			}
		}
	}
}
