package flow_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bifrons/bifrons/ivr/flow"
)

// TestMistakes: every mistake is told with its line and its mend. A # behind a line of the menu is what must be told of it.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	files = append(files, "testdata/mistakes.xml")
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, list := flow.Inspect(file, data, func(f *flow.Flow) flow.Prompts { return flow.Files{Folder: f.Folder()} })
			told := map[int][]string{}
			for _, p := range list {
				told[p.At.Line] = append(told[p.At.Line], p.Text)
			}
			for i, line := range strings.Split(string(data), "\n") {
				_, want, expected := strings.Cut(strings.TrimRight(line, ` ->"/`), "#! ")
				got := told[i+1]
				delete(told, i+1)
				for _, w := range strings.Split(want, " / ") {
					if expected && !strings.Contains(strings.Join(got, "\n"), w) {
						t.Errorf("%s:%d: want %q\ngot %q", file, i+1, w, got)
					}
				}
				if !expected && len(got) > 0 || expected && len(got) != len(strings.Split(want, " / ")) {
					t.Errorf("%s:%d: told %q", file, i+1, got)
				}
			}
			for line, texts := range told {
				t.Errorf("%s:%d: told %q", file, line, texts)
			}
		})
	}
}

func parse(t *testing.T, text string) *flow.Flow {
	t.Helper()
	f, err := flow.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCalendar(t *testing.T) {
	f := parse(t, `
zone: Europe/Berlin
calendars:
  office:
    open: {mon-thu: "09:00-12:30, 13:30-18:00", fri: 09:00-16:00}
    holidays: [01-01, easter-2, easter+1, 2026-12-24..2026-12-26]
    special: {2026-11-28: 10:00-14:00, 2026-11-30: closed, 2026-12-24: 09:00-12:00}
  bar:
    open: {"fri, sat": 22:00-04:00}
  ny: {zone: America/New_York, open: {daily: 00:00-24:00}, holidays: [2026-11-26]}
nodes: {a: {hours: office}}
`)
	for _, c := range []struct {
		calendar, at string
		want         flow.Opening
	}{
		{"office", "2026-11-26T08:00:00Z", flow.OpenNow}, // 9 in Berlin
		{"office", "2026-11-26T07:59:00Z", flow.ClosedNow},
		{"office", "2026-11-26T11:30:00Z", flow.ClosedNow}, // the pause
		{"office", "2026-11-26T12:30:00Z", flow.OpenNow},
		{"office", "2026-11-27T15:00:00Z", flow.ClosedNow}, // Friday
		{"office", "2026-11-28T10:00:00Z", flow.OpenNow},   // a Saturday made special
		{"office", "2026-11-30T10:00:00Z", flow.ClosedNow}, // a Monday made special
		{"office", "2026-12-24T09:00:00Z", flow.OpenNow},   // special wins over holiday
		{"office", "2026-12-24T12:00:00Z", flow.ClosedNow},
		{"office", "2026-12-25T10:00:00Z", flow.HolidayIs},
		{"office", "2027-01-01T10:00:00Z", flow.HolidayIs},
		{"office", "2027-03-26T10:00:00Z", flow.HolidayIs}, // Good Friday
		{"office", "2027-03-29T09:00:00Z", flow.HolidayIs}, // Easter Monday, summer time
		{"office", "2027-03-30T07:00:00Z", flow.OpenNow},   // 9 in summer
		{"office", "2027-03-30T06:59:00Z", flow.ClosedNow},
		{"bar", "2026-11-27T21:00:00Z", flow.OpenNow},
		{"bar", "2026-11-28T02:59:00Z", flow.OpenNow}, // Saturday morning belongs to Friday
		{"bar", "2026-11-28T03:00:00Z", flow.ClosedNow},
		{"bar", "2026-11-29T02:00:00Z", flow.OpenNow}, // Sunday morning to Saturday
		{"bar", "2026-11-30T02:00:00Z", flow.ClosedNow},
		{"ny", "2026-11-27T04:59:00Z", flow.HolidayIs},
		{"ny", "2026-11-27T05:00:00Z", flow.OpenNow},
	} {
		now, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Opening(c.calendar, now); got != c.want || err != nil {
			t.Errorf("%s at %s: %s, %v, want %s", c.calendar, c.at, got, err, c.want)
		}
	}
	if _, err := f.Opening("none", time.Now()); err == nil {
		t.Error("a calendar that is not there gave no error")
	}
}

func TestTemplates(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"plain", "plain"},
		{"${n + 1} and ${s}", "4 and a}b"},
		{"${ s contains \"}\" ? 'yes' : 'no' }", "yes"},
		{"$${n} costs $5", "${n} costs $5"},
		{"${f}", "2.5"},
		{"${6.0 / 2}", "3"},
		{"${missing ?? 'none'}", "none"},
		{"${missing}", ""},
		{"${list}", "[1,2]"},
		{"${m.deep.x} ${m.nothing}", "7 "},
		{"${upper(s)}", "A}B"},
	} {
		f := parse(t, "vars: {n: 3, s: 'a}b', f: 2.5, missing: null, list: [1, 2], m: {}}\nnodes: {a: {say: "+fmt.Sprintf("%q", c.text)+"}}")
		got, err := f.Nodes[0].Value.Say[0].Text.String(map[string]any{"n": 3, "s": "a}b", "f": 2.5, "missing": nil, "list": []any{1, 2}, "m": map[string]any{"deep": map[string]any{"x": 7}}})
		if got != c.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", c.text, got, err, c.want)
		}
	}
}

// TestHostileExpressions: what takes long or much memory is refused, or ends with an error.
func TestHostileExpressions(t *testing.T) {
	for _, src := range []string{"repeat('x', 1000000000)", "map(1..1000000, # * 2)", "count(1..100000, count(1..100000, true) > 0) > 0", "env('HOME')"} {
		_, err := flow.Parse("x", []byte("nodes: {a: {say: "+fmt.Sprintf("%q", "${"+src+"}")+"}}"))
		if err == nil {
			t.Errorf("%s is taken", src)
		}
	}
	f := parse(t, `nodes: {a: {say: "${1..1000000000}"}}`)
	if _, err := f.Nodes[0].Value.Say[0].Text.String(map[string]any{}); err == nil {
		t.Error("a list of a billion numbers was made")
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, keys string
		whole, partly bool
	}{
		{"1", "1", true, false}, {"1", "2", false, false}, {"3XX", "3", false, true}, {"3XX", "345", true, false}, {"3XX", "34*", false, false},
		{"[2-4]X", "2", false, true}, {"[2-46]", "6", true, false}, {"[2-4]", "5", false, false}, {"*9", "*", false, true}, {"12", "123", false, false}, {"1", "", false, true},
	} {
		if whole, partly := flow.Match(c.pattern, c.keys); whole != c.whole || partly != c.partly {
			t.Errorf("%s, %s: %v %v, want %v %v", c.pattern, c.keys, whole, partly, c.whole, c.partly)
		}
	}
}

// TestVarsInASnapshot: what comes back is what was there.
func TestVarsInASnapshot(t *testing.T) {
	in := flow.Vars{"n": 3, "f": 2.5, "s": "x", "b": true, "nil": nil, "list": []any{1, "a"}, "map": map[string]any{"k": 7}}
	data, err := in.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var out flow.Vars
	if err := out.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%#v", in) != fmt.Sprintf("%#v", out) {
		t.Errorf("%#v\n%#v", in, out)
	}
	if s, ok := flow.Bound(strings.Repeat("x", 1<<20)).(string); !ok || len(s) > flow.MaxText {
		t.Errorf("a text of %d bytes was kept", len(s))
	}
	if s := flow.Show(flow.Bound(strings.Split(strings.Repeat("x ", 1<<20), " "))); len(s) > flow.MaxText {
		t.Errorf("a list of %d bytes was kept", len(s))
	}
}

func FuzzParse(f *testing.F) {
	for _, glob := range []string{"testdata/*.yaml", "../../configs/ivr/*.yaml"} {
		files, _ := filepath.Glob(glob)
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		m, list := flow.Inspect("x.yaml", data, func(f *flow.Flow) flow.Prompts { return flow.Files{Folder: t.TempDir()} })
		if m == nil && len(list) == 0 {
			t.Fatal("neither a menu nor a mistake")
		}
		for _, p := range list {
			if p.At.Line < 1 || p.At.Column < 1 {
				t.Fatalf("a mistake without place: %s", p)
			}
		}
	})
}
