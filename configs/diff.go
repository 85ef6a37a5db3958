package configs

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// Difference is one setting that two configurations do not share. Old is "" for what is new, New for what is gone.
type Difference struct {
	Path string `json:"path"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// String gives it as a line: + what is new, - what is gone, ~ what changes.
func (d Difference) String() string {
	switch {
	case d.Old == "":
		return "+ " + d.Path + ": " + d.New
	case d.New == "":
		return "- " + d.Path + ": " + d.Old
	}
	return "~ " + d.Path + ": " + d.Old + " -> " + d.New
}

// Diff tells what differs from a configuration to another one, defaults included.
func Diff(from, to *Settings) (out []Difference) {
	return diff("", from.Tree, to.Tree, out)
}

func diff(path string, a, b any, out []Difference) []Difference {
	if reflect.DeepEqual(a, b) {
		return out
	}
	switch x := a.(type) {
	case yaml.MapSlice:
		if y, ok := b.(yaml.MapSlice); ok {
			return diffGroups(path, x, y, out)
		}
	case []any:
		if y, ok := b.([]any); ok {
			return diffLists(path, x, y, out)
		}
	}
	d := Difference{Path: path, Old: line(a), New: line(b)}
	if _, secret := a.(Hidden); secret {
		d.Old, d.New = "(secret)", "(another secret)"
	}
	return append(out, d)
}

func diffGroups(path string, a, b yaml.MapSlice, out []Difference) []Difference {
	for _, x := range a {
		at := strings.TrimPrefix(path+"."+fmt.Sprint(x.Key), ".")
		if y, ok := find(b, x.Key); ok {
			out = diff(at, x.Value, y, out)
		} else {
			out = append(out, Difference{Path: at, Old: line(x.Value)})
		}
	}
	for _, y := range b {
		if _, ok := find(a, y.Key); !ok {
			out = append(out, Difference{Path: strings.TrimPrefix(path+"."+fmt.Sprint(y.Key), "."), New: line(y.Value)})
		}
	}
	return out
}

func find(m yaml.MapSlice, key any) (any, bool) {
	for _, x := range m {
		if x.Key == key {
			return x.Value, true
		}
	}
	return nil, false
}

// diffLists tells what elements differ; what both begin and end with is the same.
func diffLists(path string, a, b []any, out []Difference) []Difference {
	first := 0
	for first < len(a) && first < len(b) && reflect.DeepEqual(a[first], b[first]) {
		first++
	}
	endA, endB := len(a), len(b)
	for endA > first && endB > first && reflect.DeepEqual(a[endA-1], b[endB-1]) {
		endA, endB = endA-1, endB-1
	}
	for i := first; i < max(endA, endB); i++ {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case i >= endA:
			out = append(out, Difference{Path: at, New: line(b[i])})
		case i >= endB:
			out = append(out, Difference{Path: at, Old: line(a[i])})
		default:
			out = diff(at, a[i], b[i], out)
		}
	}
	return out
}

// line writes a setting in one line.
func line(v any) string {
	switch x := v.(type) {
	case yaml.MapSlice:
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = fmt.Sprint(e.Key) + ": " + line(e.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = line(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		if x == "" {
			return `""`
		}
		return strings.ReplaceAll(x, "\n", " ")
	case Hidden:
		return shown
	}
	return fmt.Sprint(v)
}
