package form_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/form"
)

// maker makes trees of a shape, with any of its keys, and with comments.
type maker struct{ *rapid.T }

// text makes texts that are hard to write in one of the forms.
func (m *maker) text() string {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", " ", "a", "a: b", "a #b", "#", "-", "- x", "true", "no", "null", "~", "3", "0x1f", "1e3", "007", "5s", "\"q\"", "'", "<a>&amp;", "]]>", "a\nb", "a\n\n  b\n", "\ttab",
			" before", "after ", "äöü€😀", "${x}", "%", "@", "`", "{", "}", "[", "*", "&", "!", "|", ">", "?", ",", "a, b", "--", "<!--", "---", "..."}),
		rapid.StringOfN(rapid.RuneFrom([]rune("ab :#-'\"<>&\n\t,[]{}*!|%@`~?")), 0, 12, -1),
	).Draw(m.T, "text")
}

func (m *maker) notes() (n form.Notes) {
	words := rapid.SampledFrom([]string{"", "", "", "a comment", "with -- two", "- - x", "---", `-\- x`, `-\\- \-`, "<b> & #", "ends -"})
	if w := words.Draw(m.T, "above"); w != "" {
		n.Above = []string{w}
	}
	if w := words.Draw(m.T, "beside"); w != "" {
		n.Beside = w
	}
	return n
}

func (m *maker) key() string {
	return rapid.SampledFrom([]string{"a", "b1", "c_d", "1", "0", "*", "#", "true", "null", "x: y", "mon-fri", "ä", "[2-4]", "2026-12-24", "X-Y", "12"}).Draw(m.T, "key")
}

// any makes plain data, whose kinds matter.
func (m *maker) any(depth int) *form.Tree {
	kind := rapid.IntRange(0, 6).Draw(m.T, "kind")
	if depth > 3 {
		kind %= 5
	}
	t := &form.Tree{Kind: form.Kind(kind)}
	switch t.Kind {
	case form.Bool:
		t.Text = rapid.SampledFrom([]string{"true", "false"}).Draw(m.T, "bool")
	case form.Int:
		t.Text = rapid.SampledFrom([]string{"0", "-3", "12345678901"}).Draw(m.T, "int")
	case form.Float:
		t.Text = rapid.SampledFrom([]string{"0.5", "-1.25"}).Draw(m.T, "float")
	case form.String:
		t.Text = m.text()
	case form.List:
		for range rapid.IntRange(0, 3).Draw(m.T, "items") {
			t.Items = append(t.Items, form.Item{Value: m.any(depth + 1)})
		}
	case form.Map:
		m.entries(t, func() *form.Tree { return m.any(depth + 1) })
	}
	return t
}

func (m *maker) entries(t *form.Tree, value func() *form.Tree) {
	for range rapid.IntRange(0, 3).Draw(m.T, "entries") {
		if k := m.key(); t.Get(k) == nil {
			t.Entries = append(t.Entries, form.Entry{Key: k, Value: value()})
		}
	}
}

// scalar makes a value of a type of scalars, as YAML reads it.
func (m *maker) scalar(s *form.Shape) *form.Tree {
	switch {
	case len(s.Words) > 0:
		return &form.Tree{Kind: form.String, Text: rapid.SampledFrom(s.Words).Draw(m.T, "word")}
	case s.Scalar == form.Whole:
		return &form.Tree{Kind: form.Int, Text: rapid.SampledFrom([]string{"0", "3", "-1"}).Draw(m.T, "whole")}
	case s.Scalar == form.Truth:
		return &form.Tree{Kind: form.Bool, Text: rapid.SampledFrom([]string{"true", "false"}).Draw(m.T, "truth")}
	case s.Scalar == form.Time:
		return &form.Tree{Kind: form.String, Text: rapid.SampledFrom([]string{"5s", "1m30s"}).Draw(m.T, "time")}
	}
	return &form.Tree{Kind: form.String, Text: m.text()}
}

// of makes a tree of a shape.
func (m *maker) of(s *form.Shape, depth int) *form.Tree {
	var ways []func() *form.Tree
	if s == nil || s.Scalar == form.Any {
		return m.any(0)
	}
	if s.Scalar != form.None {
		ways = append(ways, func() *form.Tree { return m.scalar(s) })
	}
	if s.Items != nil {
		ways = append(ways, func() *form.Tree {
			t := &form.Tree{Kind: form.List}
			for range rapid.IntRange(0, 3).Draw(m.T, "items") {
				t.Items = append(t.Items, form.Item{Value: m.of(s.Items, depth+1), Notes: m.notes()})
			}
			return t
		})
	}
	if len(s.Fields) > 0 {
		ways = append(ways, func() *form.Tree {
			t := &form.Tree{Kind: form.Map}
			for _, f := range s.Fields {
				if rapid.IntRange(0, 3+2*depth).Draw(m.T, f.Key) > 1 {
					continue
				}
				t.Entries = append(t.Entries, form.Entry{Key: f.Key, Value: m.of(f.Shape, depth+1), Notes: m.notes()})
			}
			return t
		})
	}
	if s.Each != nil {
		ways = append(ways, func() *form.Tree {
			t := &form.Tree{Kind: form.Map}
			m.entries(t, func() *form.Tree { return m.of(s.Each, depth+1) })
			return t
		})
	}
	return ways[rapid.IntRange(0, len(ways)-1).Draw(m.T, "way")]()
}

// comments lists the notes of a tree in their order.
func comments(t *form.Tree) (out []string) {
	note := func(n form.Notes) { out = append(append(out, n.Above...), n.Beside) }
	for _, e := range t.Entries {
		note(e.Notes)
		out = append(out, comments(e.Value)...)
	}
	for _, i := range t.Items {
		note(i.Notes)
		out = append(out, comments(i.Value)...)
	}
	return append(out, t.Below...)
}

// same tells whether two trees have the same texts in the same places.
func same(a, b *form.Tree) bool {
	if a.Scalar() != b.Scalar() || a.Text != b.Text || len(a.Items) != len(b.Items) || len(a.Entries) != len(b.Entries) {
		return false
	}
	for i := range a.Items {
		if !same(a.Items[i].Value, b.Items[i].Value) {
			return false
		}
	}
	for _, e := range a.Entries {
		if o := b.Get(e.Key); o == nil || !same(e.Value, o) {
			return false
		}
	}
	return true
}

// TestLosslessOfAll: menus with any keys of the schema, any texts and comments are the same after YAML, XML and YAML again, in content
// and in the order of what has an order; no comment is lost.
func TestLosslessOfAll(t *testing.T) {
	shape := flow.Shape()
	rapid.Check(t, func(r *rapid.T) {
		m := &maker{r}
		tree := m.of(shape, 0)
		if tree.Kind != form.Map {
			r.Skip()
		}
		written := form.YAML(tree, shape)
		a, err := form.ParseYAML("a.yaml", written)
		if err != nil {
			r.Fatalf("%v\n%s", err, written)
		}
		if !same(tree, a) {
			r.Fatalf("%s\nis read as\n%s", written, form.YAML(a, shape))
		}
		y := form.YAML(a, shape) // a comment beside the only key of an item is beside the item now
		x, err := form.XML(a, flow.Root, shape)
		if err != nil {
			r.Fatalf("%v\n%s", err, y)
		}
		b, err := form.ParseXML("a.xml", x, flow.Root, shape)
		if err != nil {
			r.Fatalf("%v\n%s\n%s", err, y, x)
		}
		if again := form.YAML(b, shape); string(again) != string(y) {
			r.Fatalf("by way of XML\n%s\nbecame\n%s\nXML\n%s", y, again, x)
		}
		for _, c := range comments(tree) {
			if c != "" && !strings.Contains(string(y), c) {
				r.Fatalf("the comment %q is lost:\n%s", c, y)
			}
		}
	})
}
