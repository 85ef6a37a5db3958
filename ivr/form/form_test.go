package form_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/form"
)

// samples are the menus of the project, and one with everything that is hard to write.
func samples(t testing.TB) map[string][]byte {
	out := map[string][]byte{"odd": []byte(odd)}
	files, err := filepath.Glob("../../configs/ivr/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("samples: %v, %v", files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = data
	}
	return out
}

const odd = `# above all
title: "a: b # c"   # beside the title
vars: {zero: "0", yes: "true", null_: null, f: 1.5, neg: -3, list: [1, [2, "3"], {a: b}], empty: "", map: {}, none: []}
nodes:
  # above one
  one:
    say:
      # above the first text
      - |
        several
          lines
      - " leading <and> & trailing "   # beside
      - {de: "Umlaut äöü", en-GB: "tab\there"}
    hook: http://127.0.0.1/?a=1&b=2
    body: {n: 1, s: "1", t: true, u: "true", deep: {x: [null, ""]}}
    headers: {X-Y: "z"}
    next: two
  two: {set: {a: "${ {'x': 1} }"}}   # beside two
# below all
# two lines -- of them
`

// TestLossless: each form of a menu gives the other, and back again the same, comments included.
func TestLossless(t *testing.T) {
	shape := flow.Shape()
	for name, data := range samples(t) {
		t.Run(name, func(t *testing.T) {
			a, err := form.ParseYAML(name, data)
			if err != nil {
				t.Fatal(err)
			}
			canonical := form.YAML(a, shape)
			x1, err := form.XML(a, flow.Root, shape)
			if err != nil {
				t.Fatal(err)
			}
			b, err := form.ParseXML(name, x1, flow.Root, shape)
			if err != nil {
				t.Fatalf("%v\n%s", err, x1)
			}
			y2 := form.YAML(b, shape)
			if d := cmp.Diff(string(canonical), string(y2)); d != "" {
				t.Errorf("YAML by way of XML:\n%s", d)
			}
			c, err := form.ParseYAML(name, y2)
			if err != nil {
				t.Fatalf("%v\n%s", err, y2)
			}
			x2, err := form.XML(c, flow.Root, shape)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(x1), string(x2)); d != "" {
				t.Errorf("XML by way of YAML:\n%s", d)
			}
			if got, want := strings.Count(string(x1), "<!--"), strings.Count(string(data), "# "); got < want-1 {
				t.Errorf("%d comments of %d", got, want)
			}
		})
	}
}

// TestValuesKeepTheirKinds: numbers stay numbers and texts stay texts where that matters.
func TestValuesKeepTheirKinds(t *testing.T) {
	shape := flow.Shape()
	a, err := form.ParseYAML("odd", []byte(odd))
	if err != nil {
		t.Fatal(err)
	}
	x, err := form.XML(a, flow.Root, shape)
	if err != nil {
		t.Fatal(err)
	}
	b, err := form.ParseXML("odd", x, flow.Root, shape)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range [][]string{{"vars"}, {"nodes", "one", "body"}} {
		p, q := a, b
		for _, k := range path {
			p, q = p.Get(k), q.Get(k)
		}
		if d := cmp.Diff(p.Value(), q.Value()); d != "" {
			t.Errorf("%v:\n%s", path, d)
		}
	}
}

func TestMistakesHaveTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"tab", "a: 1\n\tb: 2\n", "x:2:1: not valid YAML"},
		{"twice", "a: 1\nb: 2\na: 3\n", "x:3:1: key `a` is already set in line 1"},
		{"anchor", "a: &x 1\n", "x:1:4: anchors"},
		{"star", "nodes:\n  a: {menu: {*: b}}\n", "x:2:14: "},
		{"two documents", "a: 1\n---\nb: 2\n", "x:3:1: a second document"},
		{"no UTF-8", "a: \xff\n", "x:1:4: this is not UTF-8"},
		{"list as key", "? [a]\n: b\n", "found an invalid key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := form.ParseYAML("x", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	for _, c := range []struct{ name, text, want string }{
		{"not closed", "<ivr>\n<nodes>\n</ivr>", "x:3:"},
		{"another root", "<menu/>", "outermost element must be <ivr>"},
		{"text between", "<ivr>\n <nodes>hello<node name='a'/></nodes></ivr>", "x:2:2: <nodes> has elements or attributes and a text"},
		{"no name", "<ivr><nodes>\n<node say='x'/></nodes></ivr>", "x:2:1: <node> needs an attribute name"},
		{"wrong entry", "<ivr><nodes>\n<knot name='x'/></nodes></ivr>", "x:2:1: <knot> stands where <node>"},
		{"bad type", "<ivr><vars><var name='x' type='date'>1</var></vars></ivr>", "the type `date` is not known"},
		{"twice", "<ivr title='a'><title>b</title></ivr>", "`title` is already set"},
	} {
		t.Run("XML "+c.name, func(t *testing.T) {
			_, err := form.ParseXML("x", []byte(c.text), "ivr", flow.Shape())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// TestControlCharacters: what XML cannot hold is said, not lost.
func TestControlCharacters(t *testing.T) {
	a, err := form.ParseYAML("x", []byte(`title: "bell \u0007"`+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := form.XML(a, flow.Root, flow.Shape()); err == nil || !strings.Contains(err.Error(), "control characters") {
		t.Errorf("%v", err)
	}
}

func FuzzForms(f *testing.F) {
	for _, data := range samples(f) {
		f.Add(data)
	}
	f.Add([]byte("a: [1, {b: c}]\n"))
	shape := flow.Shape()
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return // the YAML parser's time grows with the square of the nesting
		}
		if tree, err := form.ParseXML("x", data, flow.Root, shape); err == nil {
			again(t, tree, shape)
		}
		if tree, err := form.ParseYAML("x", data); err == nil && tree.Kind == form.Map {
			again(t, tree, shape)
		}
	})
}

// again prints a tree in both forms and reads it back.
func again(t *testing.T, tree *form.Tree, shape *form.Shape) {
	text := form.YAML(tree, shape)
	y, err := form.ParseYAML("y", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if second := form.YAML(y, shape); string(second) != string(text) {
		t.Fatalf("printed differently the second time:\n%q\n%q", text, second)
	}
}
