package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Settings are a configuration as one tree, in the order of the reader: what the file says, and every default that it leaves. Groups
// are yaml.MapSlice, lists []any, and what is never shown is Hidden.
type Settings struct {
	Tree   yaml.MapSlice
	name   string
	places map[string]place
}

// At is a word about what the file has at a path such as sides.core.listen, or around it, with its place.
func (s *Settings) At(path, text string) Error {
	for path != "" {
		if _, ok := s.places[path]; ok {
			break
		}
		path = parent(path)
	}
	return Error{File: s.name, Line: s.places[path].line, Column: s.places[path].column, Text: text}
}

// Hidden is a secret: it can be compared, and prints as what it is.
type Hidden string

// shown is what stands in the place of a secret.
const shown = "(secret)"

// String hides it.
func (h Hidden) String() string {
	if h == "" {
		return ""
	}
	return shown
}

// GoString hides it, too.
func (h Hidden) GoString() string { return h.String() }

// MarshalYAML hides it, too.
func (h Hidden) MarshalYAML() ([]byte, error) { return yaml.Marshal(h.String()) }

// LoadSettings reads a file as Load does, and gives both.
func LoadSettings(path string, known Known) (*Config, *Settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, unread(path, err)
	}
	return ParseSettingsIn(filepath.Dir(path), path, data, known)
}

// unread says what is to be done about a file that cannot be read.
func unread(path string, err error) error {
	remedy := "name the file of a configuration"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy = "name one that is there, or begin with a copy of configs/minimal.yaml"
	case errors.Is(err, fs.ErrPermission):
		remedy = "let this user read it"
	}
	return fmt.Errorf("%s: %w; %s", path, cause(err), remedy)
}

// ParseSettings reads a configuration from memory as Parse does, and gives both.
func ParseSettings(name string, data []byte, known Known) (*Config, *Settings, error) {
	return ParseSettingsIn("", name, data, known)
}

// ParseSettingsIn is ParseSettings of a text that will lie in a directory: the files that it names lie there.
func ParseSettingsIn(dir, name string, data []byte, known Known) (*Config, *Settings, error) {
	d := newDecoder(name).in(dir)
	cfg, body, err := d.parseConfig(data, known)
	if err != nil {
		return nil, nil, err
	}
	root := Keys()
	s, _ := d.settings(value{node: body}, root).(yaml.MapSlice)
	if body == nil {
		s, _ = root.filled().(yaml.MapSlice)
	}
	completed(cfg, s)
	return cfg, &Settings{s, name, d.places}, nil
}

// settings gives what a value of the file says, with the defaults of what it leaves.
func (d *decoder) settings(v value, k *Key) any {
	switch x := v.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return d.group(v, k)
	case *ast.SequenceNode:
		out := []any{}
		d.items(v, func(e value) { out = append(out, d.settings(e, k.element())) })
		return out
	case *ast.BoolNode:
		return x.Value
	}
	s, _ := d.raw(v, "")
	if k.Secret || d.secrets[v.path] {
		return Hidden(d.secretOf(k, v, s))
	}
	if n, err := strconv.Atoi(s); err == nil && strconv.Itoa(n) == s && has(k, "integer") {
		return n
	}
	if b, err := strconv.ParseBool(s); err == nil && has(k, "boolean") {
		return b
	}
	return s
}

// secretOf gives what a secret is, for comparison.
func (d *decoder) secretOf(k *Key, v value, s string) string {
	if path, file := strings.CutPrefix(s, "file:"); k.Secret && file {
		s, _ = d.firstLine(v, path)
	}
	return s
}

func (k *Key) element() *Key {
	if k.Item != nil {
		return k.Item
	}
	return &Key{}
}

func has(k *Key, kind string) bool {
	for _, t := range k.Types {
		if t == kind {
			return true
		}
	}
	return false
}

// group gives a group: what is there in the order of the reader, the rest with its defaults.
func (d *decoder) group(v value, k *Key) yaml.MapSlice {
	out, there := yaml.MapSlice{}, map[string]value{}
	var order []string
	d.entries(v, func(name string, _ place, e value) { there[name] = e; order = append(order, name) })
	for _, below := range k.Keys {
		name := below.name()
		if e, ok := there[name]; ok {
			out = append(out, yaml.MapItem{Key: name, Value: d.settings(e, below)})
		} else if f := below.filled(); f != nil {
			out = append(out, yaml.MapItem{Key: name, Value: f})
		}
	}
	if k.Any != nil {
		for _, name := range order {
			out = append(out, yaml.MapItem{Key: name, Value: d.settings(there[name], k.Any)})
		}
	}
	return out
}

func (k *Key) name() string { return k.Path[strings.LastIndexByte(k.Path, '.')+1:] }

// filled gives the default of a key that the file leaves; nil if there is none.
func (k *Key) filled() any {
	switch {
	case k.Given:
		return nil
	case len(k.Keys) > 0:
		out := yaml.MapSlice{}
		for _, below := range k.Keys {
			if f := below.filled(); f != nil {
				out = append(out, yaml.MapItem{Key: below.name(), Value: f})
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return k.Default
}

// completed puts in what follows from other settings.
func completed(c *Config, tree yaml.MapSlice) {
	for i := range c.Sides {
		s := &c.Sides[i]
		set(tree, s.Domain, "sides", s.Name, "domain")
		if s.Media.Address.IsValid() {
			set(tree, s.Media.Address.String(), "sides", s.Name, "media", "address")
			set(tree, s.Media.Advertise.String(), "sides", s.Name, "media", "advertise")
		}
	}
}

// set replaces a value of the tree that is there.
func set(tree yaml.MapSlice, to any, path ...string) {
	for i := range tree {
		if tree[i].Key != path[0] {
			continue
		}
		if below, ok := tree[i].Value.(yaml.MapSlice); ok && len(path) > 1 {
			set(below, to, path[1:]...)
		} else if len(path) == 1 {
			tree[i].Value = to
		}
	}
}

// Keep puts a section of other settings into the place of these.
func (s *Settings) Keep(from *Settings, section string) {
	s.Tree = keep(s.Tree, from.Tree, strings.Split(section, "."))
}

// keep returns a tree with what another one has at a path.
func keep(tree, from yaml.MapSlice, path []string) yaml.MapSlice {
	old, was := find(from, path[0])
	if len(path) > 1 {
		now, is := find(tree, path[0])
		below, _ := now.(yaml.MapSlice)
		above, _ := old.(yaml.MapSlice)
		old, was = keep(below, above, path[1:]), is || was
	}
	for i := range tree {
		if tree[i].Key == path[0] {
			if tree = slices.Clone(tree); was {
				tree[i].Value = old
				return tree
			}
			return slices.Delete(tree, i, i+1)
		}
	}
	if was {
		tree = append(slices.Clip(tree), yaml.MapItem{Key: path[0], Value: old})
	}
	return tree
}

// YAML prints the settings; the same reader reads them again, less the secrets.
func (s *Settings) YAML() []byte {
	var b bytes.Buffer
	if err := yaml.NewEncoder(&b, yaml.IndentSequence(true)).Encode(s.Tree); err != nil {
		panic(err) // there are only groups, lists and scalars in it
	}
	return b.Bytes()
}

// MarshalJSON prints the same as JSON, in the same order.
func (s *Settings) MarshalJSON() ([]byte, error) { return yaml.YAMLToJSON(s.YAML()) }
