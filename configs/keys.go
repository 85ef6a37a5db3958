package configs

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Key is one key of the file, or an element of a list or of a group with names of your own, as the reader knows it.
type Key struct {
	Path    string   // such as sides.NAME.next_hop[].uri
	Types   []string // of the values it may have beside Keys, Any and Item: string, scalar (numbers need no quotes), integer, boolean, duration, size
	Words   []string // if only these are valid
	Want    string   // what to write
	Default any      // nil: none that could be written
	Secret  bool     // never shown
	Given   bool     // that it is there says something: it is not filled in
	Keys    []*Key   // in the order of the reader
	Any     *Key     // of a group with names of your own
	Item    *Key     // of a list
}

// anyName stands in a path for names that you choose.
const anyName = "NAME"

// Keys describes the whole file: the reader is asked, so it is what the reader reads.
func Keys() *Key {
	root := &Key{}
	d := &decoder{keys: map[string]*Key{"": root}, bad: map[string]bool{}}
	cfg := DefaultConfig()
	d.config(value{}, &cfg)
	return root
}

// All gives a key and all below it.
func (k *Key) All() []*Key {
	out := []*Key{k}
	for _, below := range slices.Concat(k.Keys, []*Key{k.Any, k.Item}) {
		if below != nil {
			out = append(out, below.All()...)
		}
	}
	return out
}

func (d *decoder) below(v value, name string) value {
	path := strings.TrimPrefix(v.path+"."+name, ".")
	if d.keys[path] == nil {
		k := &Key{Path: path}
		d.keys[path] = k
		parent := d.keys[v.path]
		parent.Keys = append(parent.Keys, k)
	}
	return value{path: path}
}

func (d *decoder) any(v value) value {
	path := v.path + "." + anyName
	if d.keys[path] == nil {
		d.keys[path] = &Key{Path: path}
		d.keys[v.path].Any = d.keys[path]
	}
	return value{path: path}
}

func (d *decoder) item(v value) value {
	path := v.path + "[]"
	if d.keys[path] == nil {
		d.keys[path] = &Key{Path: path}
		d.keys[v.path].Item = d.keys[path]
	}
	return value{path: path}
}

// is tells the type of a node; where keys are described there is none.
func (v value) is(types ...ast.NodeType) bool {
	return v.node != nil && slices.Contains(types, v.node.Type())
}

// either reads a value that may have two forms.
func (d *decoder) either(v value, first bool, a, b func(value)) {
	if first || d.keys != nil {
		a(v)
	}
	if !first {
		b(v)
	}
}

// given reads a setting that means something by being there.
func (d *decoder) given(f func(value)) func(value) {
	return func(v value) {
		if d.keys != nil {
			d.keys[v.path].Given = true
		}
		f(v)
	}
}

// word tells whether a value is a certain word.
func (d *decoder) word(v value, word string) bool {
	if d.keys != nil {
		d.keys[v.path].given("string", []string{word})
	}
	x, ok := v.node.(*ast.StringNode)
	return ok && x.Value == word
}

// scalar adds a form of a key that has a default.
func (k *Key) scalar(kind string, words []string, def any) {
	k.given(kind, words)
	k.Default = def
}

// given adds a form of a key that has none.
func (k *Key) given(kind string, words []string) {
	if !slices.Contains(k.Types, kind) {
		k.Types = append(k.Types, kind)
	}
	k.Words = append(k.Words, words...)
}

// describe tells what read would read.
func describe[T any](k *Key, is T, want string, parse func(string) (T, error)) {
	kind := "scalar"
	switch any(is).(type) {
	case int:
		kind = "integer"
	case int64:
		kind = "size"
	case time.Duration:
		kind = "duration"
	}
	k.Want = want
	k.given(kind, wordsOf(parse))
	k.Default = written(is, parse)
}

// wordsOf gives the words that are valid; none if others are, too.
func wordsOf[T any](parse func(string) (T, error)) []string {
	var u unknownWord
	if _, err := parse("\x00"); errors.As(err, &u) {
		return u.valid
	}
	return nil
}

// words gives a list as the file has it; nil if that is not known.
func words[T any](list []T, parse func(string) (T, error)) any {
	out := []any{}
	for _, x := range list {
		w := written(x, parse)
		if w == nil {
			return nil
		}
		out = append(out, w)
	}
	return out
}

// written gives a value as the file has it; nil if that is not known.
func written[T any](is T, parse func(string) (T, error)) any {
	if valid := wordsOf(parse); valid != nil {
		for _, w := range valid {
			if x, err := parse(w); err == nil && any(x) == any(is) {
				return w
			}
		}
		return nil
	}
	switch x := any(is).(type) {
	case int:
		return x
	case int64:
		return sizeText(x)
	case time.Duration:
		if x < 0 { // that of somewhere else
			return nil
		}
		return DurationText(x)
	case netip.AddrPort:
		if !x.IsValid() {
			return ""
		}
		return x.String()
	case netip.Addr:
		if !x.IsValid() {
			return ""
		}
		return x.String()
	case PortRange:
		return fmt.Sprintf("%d-%d", x.First, x.Last)
	case Hop:
		return x.URI
	case slog.Level:
		return strings.ToLower(x.String())
	}
	if v := reflect.ValueOf(is); v.Kind() == reflect.String {
		return v.String()
	}
	return nil
}

// DurationText writes a duration as people do: 30m instead of 30m0s.
func DurationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// sizeText writes a number of bytes with the largest unit that divides it.
func sizeText(n int64) string {
	for i, unit := range []string{"GB", "MB", "KB"} {
		if shift := 10 * (3 - i); n > 0 && n%(1<<shift) == 0 {
			return fmt.Sprintf("%d%s", n>>shift, unit)
		}
	}
	return fmt.Sprint(n)
}
