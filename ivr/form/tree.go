package form

import (
	"slices"
	"strconv"
	"strings"
)

// MaxSize bounds a file in bytes: the YAML parser's time grows with the square of the nesting.
const MaxSize = 256 << 10

// maxDepth bounds the nesting of an XML file; the YAML parser has a bound of its own.
const maxDepth = 64

// Place is a line and a column, both from 1; the zero Place is nowhere.
type Place struct{ Line, Column int }

// Kind is what a Tree is.
type Kind uint8

// The kinds of trees. Those before List are scalars.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List
	Map
)

var kindNames = [...]string{"null", "bool", "int", "float", "string", "list", "map"}

// String names the kind as the attribute type of the XML form does.
func (k Kind) String() string { return kindNames[k] }

// Tree is a value of a file.
type Tree struct {
	Kind    Kind
	Text    string // of a scalar, as written
	Entries []Entry
	Items   []Item
	At      Place
	Below   []string // comments at the end of the file; of the outermost tree alone
}

// Entry is a key of a Map with its value.
type Entry struct {
	Key   string
	Value *Tree
	At    Place // of the key
	Notes
}

// Item is a value of a List.
type Item struct {
	Value *Tree
	Notes
}

// Notes are the comments of an entry or item, without their marks.
type Notes struct {
	Above  []string // a line each
	Beside string
}

// Get returns the value of a key of a Map, nil if there is none.
func (t *Tree) Get(key string) *Tree {
	for _, e := range t.Entries {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// Scalar tells whether the tree is a single value.
func (t *Tree) Scalar() bool { return t.Kind < List }

// Value gives the tree as plain data: nil, bool, int, float64, string, []any or map[string]any.
func (t *Tree) Value() any {
	switch t.Kind {
	case Bool:
		return t.Text == "true"
	case Int:
		if n, err := strconv.ParseInt(strings.ReplaceAll(t.Text, "_", ""), 0, 64); err == nil {
			return int(n)
		}
		return t.Text
	case Float:
		if f, err := strconv.ParseFloat(strings.ReplaceAll(t.Text, "_", ""), 64); err == nil {
			return f
		}
		return t.Text
	case String:
		return t.Text
	case List:
		out := make([]any, len(t.Items))
		for i, it := range t.Items {
			out[i] = it.Value.Value()
		}
		return out
	case Map:
		out := make(map[string]any, len(t.Entries))
		for _, e := range t.Entries {
			out[e.Key] = e.Value.Value()
		}
		return out
	}
	return nil
}

// Equal tells whether two trees say the same; places and comments do not count, nor does the order of keys unless ordered.
func Equal(a, b *Tree, ordered bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.Text != b.Text || len(a.Items) != len(b.Items) || len(a.Entries) != len(b.Entries) {
		return false
	}
	for i := range a.Items {
		if !Equal(a.Items[i].Value, b.Items[i].Value, ordered) {
			return false
		}
	}
	for i, e := range a.Entries {
		if ordered && b.Entries[i].Key != e.Key || !Equal(e.Value, b.Get(e.Key), ordered) {
			return false
		}
	}
	return true
}

// Problem is a mistake in a file, or with Warning set something that works but was hardly meant.
type Problem struct {
	File    string
	At      Place
	Text    string
	Warning bool
}

// Error gives file:line:column: text.
func (p Problem) Error() string {
	s := p.File
	if p.At.Line > 0 {
		s += ":" + strconv.Itoa(p.At.Line) + ":" + strconv.Itoa(p.At.Column)
	}
	if p.Warning {
		s += ": warning"
	}
	return s + ": " + p.Text
}

// Problems are all mistakes of a file in their order.
type Problems []Problem

// Error gives a line for each.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Errors returns those that are no warnings.
func (ps Problems) Errors() (out Problems) {
	for _, p := range ps {
		if !p.Warning {
			out = append(out, p)
		}
	}
	return out
}

// Sort puts the problems in the order of the file, each once.
func (ps Problems) Sort() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if a.At.Line != b.At.Line {
			return a.At.Line - b.At.Line
		}
		return a.At.Column - b.At.Column
	})
	return slices.Compact(ps)
}
