package configs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxSize bounds a file: the YAML parser's time grows with the square of the nesting.
const maxSize = 256 << 10

// Known are the names a configuration may use that other packages own. A nil list
// is not checked.
type Known struct {
	Policies, Apps      []string
	LookUp              []string // applications that need a source of subscribers
	Pinned              []string // the same policies as name@version
	Headers, Attributes []string // names that a definition may have meant

	Change func(section string, c Change) error // what is wrong with a change of a policy
}

// Load reads a configuration file. A file that cannot be read gives an ordinary
// error, mistakes in it give Errors.
func Load(path string, known Known) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unread(path, err)
	}
	cfg, _, err := newDecoder(path).in(filepath.Dir(path)).parseConfig(data, known)
	return cfg, err
}

// Parse reads a configuration from memory; name stands for the file in Errors.
func Parse(name string, data []byte, known Known) (*Config, error) {
	cfg, _, err := newDecoder(name).parseConfig(data, known)
	return cfg, err
}

func newDecoder(name string) *decoder {
	return &decoder{name: name, places: map[string]place{"": {1, 1}}, bad: map[string]bool{}}
}

func (d *decoder) in(dir string) *decoder {
	d.dir = dir
	return d
}

// parseConfig reads and checks a file; body is its tree, nil if there is nothing in it.
func (d *decoder) parseConfig(data []byte, known Known) (cfg *Config, body ast.Node, err error) {
	if len(data) > maxSize {
		d.fail(place{1, 1}, fmt.Sprintf("the file has %d bytes, more than %d: is it a configuration?", len(data), maxSize))
		return nil, nil, d.errs.sorted()
	}
	body = d.document(data)
	if len(d.errs) > 0 {
		return nil, nil, d.errs.sorted()
	}
	c := DefaultConfig()
	if body != nil {
		d.config(value{body, ""}, &c)
	}
	c.Complete()
	c.check(known, d.problem)
	if err := d.errs.sorted(); err != nil {
		return nil, nil, err
	}
	return &c, body, nil
}

// place is a line and a column, both from 1.
type place struct{ line, column int }

// value is a node of the file and its path in it, such as sides.core.listen.
type value struct {
	node ast.Node
	path string
}

// field is one key a mapping may have, and what reads its value.
type field struct {
	key  string
	read func(value)
}

// decoder walks the tree of a file and gathers mistakes.
type decoder struct {
	name    string
	dir     string // where the files lie that the configuration names; "": as seen from the working directory
	errs    Errors
	places  map[string]place // by path
	bad     map[string]bool  // paths with a mistake: checks keep quiet about them
	secrets map[string]bool  // paths with a variable; true: it is never shown
	keys    map[string]*Key  // by path, where the keys are described instead of read; there is no text then
}

func (d *decoder) fail(at place, text string) {
	if d.keys != nil {
		return
	}
	d.errs = append(d.errs, Error{File: d.name, Line: at.line, Column: at.column, Text: text})
}

// reject reports a mistake in a value.
func (d *decoder) reject(v value, format string, args ...any) {
	d.bad[v.path] = true
	d.fail(d.places[v.path], d.discreet(v.path, fmt.Sprintf(format, args...)))
}

// problem reports what a check found at a path, unless reading already found a mistake there.
func (d *decoder) problem(path, text string) {
	_, written := d.places[path]
	if !written && d.bad[parent(path)] {
		return // perhaps it stands there under the unknown key
	}
	for p := range d.bad {
		if p == path || strings.HasPrefix(p, path+".") || strings.HasPrefix(p, path+"[") {
			return
		}
	}
	for !written {
		path = parent(path)
		_, written = d.places[path]
	}
	d.fail(d.places[path], d.discreet(path, text))
}

// discreet is a text about a value, or another one if that is secret.
func (d *decoder) discreet(path, text string) string {
	if d.secrets[path] {
		return "the value of a variable that stands here does not fit; it is secret, so it is not shown"
	}
	return text
}

func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// document parses the text into one tree; nil when there is nothing in it.
func (d *decoder) document(data []byte) ast.Node {
	if i := invalidUTF8(data); i >= 0 {
		before := data[:i]
		line := strings.Count(string(before), "\n") + 1
		d.fail(place{line, utf8.RuneCount(before[strings.LastIndex(string(before), "\n")+1:]) + 1}, "this is not UTF-8 text; save the file as UTF-8")
		return nil
	}
	file, err := d.parse(data)
	if err != nil {
		d.syntax(err)
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.DirectiveType || doc.Body.Type() == ast.CommentType:
		case body != nil:
			d.fail(start(doc.Body), "a second document begins here; one file has one configuration, remove the `---` before it")
		default:
			body = doc.Body
		}
	}
	return body
}

// parse calls the YAML parser, which is known to panic on some broken input.
func (d *decoder) parse(data []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the YAML parser gave up: %v", p)
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

func (d *decoder) syntax(err error) {
	at, text := place{1, 1}, err.Error()
	var se *yaml.SyntaxError
	if errors.As(err, &se) {
		text = se.Message
		if se.Token != nil && se.Token.Position != nil {
			at = position(se.Token)
		}
	}
	text = strings.Join(strings.Fields(text), " ")
	d.fail(at, "not valid YAML: "+text+"; check the indentation here and above, and put text with : # [ ] { } in quotes")
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func position(t *token.Token) place {
	return place{max(1, t.Position.Line), max(1, t.Position.Column)}
}

// start finds where a node begins. A block mapping calls its first colon its token.
func start(n ast.Node) place {
	switch x := n.(type) {
	case *ast.MappingNode:
		if !x.IsFlowStyle && len(x.Values) > 0 {
			return start(x.Values[0])
		}
	case *ast.MappingValueNode:
		return start(x.Key)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return position(t)
	}
	return place{1, 1}
}

// fields reads a mapping with these keys and no other.
func (d *decoder) fields(v value, fields []field) {
	if d.keys != nil {
		for _, f := range fields {
			f.read(d.below(v, f.key))
		}
		return
	}
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	d.entries(v, func(key string, at place, e value) {
		i := slices.Index(keys, key)
		if i < 0 {
			d.bad[v.path] = true
			d.fail(at, "unknown key "+tick(key)+suggest(key, keys))
			return
		}
		if e.node.Type() == ast.NullType {
			d.reject(e, "%s has no value; give it one or remove the key", tick(key))
			return
		}
		fields[i].read(e)
	})
}

// entries walks a mapping; a key that comes twice is walked once.
func (d *decoder) entries(v value, each func(key string, at place, e value)) {
	if d.keys != nil {
		each(anyName, place{}, d.any(v))
		return
	}
	var m ast.MapNode
	switch x := v.node.(type) {
	case *ast.MappingNode:
		m = x
	case *ast.MappingValueNode:
		m = x
	default:
		d.wrong(v, "a group of `key: value` lines")
		return
	}
	seen := map[string]place{}
	for it := m.MapRange(); it.Next(); {
		at := start(it.Key())
		text, ok := it.Key().(*ast.StringNode)
		if !ok {
			d.fail(at, "a key must be a plain word")
			d.bad[v.path] = true
			continue
		}
		key := text.Value
		if first, twice := seen[key]; twice {
			d.fail(at, fmt.Sprintf("key %s is already set in line %d; remove one of the two", tick(key), first.line))
			continue
		}
		seen[key] = at
		e := value{it.Value(), strings.TrimPrefix(v.path+"."+key, ".")}
		d.places[e.path] = start(e.node)
		if e.node.Type() == ast.NullType {
			d.places[e.path] = at
		}
		each(key, at, e)
	}
}

// items walks a list.
func (d *decoder) items(v value, each func(value)) {
	if d.keys != nil {
		each(d.item(v))
		return
	}
	list, ok := v.node.(*ast.SequenceNode)
	if !ok {
		d.wrong(v, "a list, such as [a, b]")
		return
	}
	for i, n := range list.Values {
		e := value{n, v.path + "[" + strconv.Itoa(i) + "]"}
		d.places[e.path] = start(n)
		each(e)
	}
}

// wrong reports a value of the wrong kind.
func (d *decoder) wrong(v value, want string) {
	switch v.node.Type() {
	case ast.AnchorType, ast.AliasType, ast.MergeKeyType, ast.TagType:
		d.reject(v, "anchors (&), aliases (*) and tags (!) are not used here; write the value out")
	default:
		d.reject(v, "must be %s, not %s", want, kind(v.node))
	}
}

func kind(n ast.Node) string {
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "a group of keys"
	case ast.SequenceType:
		return "a list"
	case ast.NullType:
		return "empty"
	}
	return tick(n.GetToken().Value)
}

// raw gives a scalar as it is written; false after reporting anything else.
func (d *decoder) raw(v value, want string) (string, bool) {
	switch x := v.node.(type) {
	case *ast.StringNode:
		return d.expand(v, x.Value)
	case *ast.LiteralNode:
		return d.expand(v, x.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return x.GetToken().Value, true
	}
	if t := v.node.Type(); t == ast.MappingType || t == ast.MappingValueType {
		// Within { } the YAML parser takes the a:b of [a:b] for a key and its value.
		want += " (in quotes, if it has a colon)"
	}
	d.wrong(v, want)
	return "", false
}

// read sets a setting from a scalar.
func read[T any](d *decoder, to *T, want string, parse func(string) (T, error)) func(value) {
	return func(v value) {
		if d.keys != nil {
			describe(d.keys[v.path], *to, want, parse)
			return
		}
		s, ok := d.raw(v, want)
		if !ok {
			return
		}
		x, err := parse(s)
		if err != nil {
			d.reject(v, "%s", err)
			return
		}
		*to = x
	}
}

// readList sets a list from a list, or from the one scalar in its place.
func readList[T any](d *decoder, to *[]T, want string, parse func(string) (T, error)) func(value) {
	return func(v value) {
		one := func(e value) {
			var x T
			read(d, &x, want, parse)(e)
			*to = append(*to, x)
		}
		if d.keys != nil {
			var x T
			describe(d.keys[v.path], x, want, parse)
			describe(d.keys[d.item(v).path], x, want, parse)
			d.keys[v.path].Default = words(*to, parse)
			return
		}
		if v.node.Type() == ast.SequenceType {
			d.items(v, one)
			return
		}
		one(v)
	}
}

// replaceList is readList for a list that has a default, which goes.
func replaceList[T any](d *decoder, to *[]T, want string, parse func(string) (T, error)) func(value) {
	return func(v value) {
		if d.keys == nil {
			*to = nil
		}
		readList(d, to, want, parse)(v)
	}
}

// text sets a setting that must be text in the file, too: 007 and yes lose their
// quotes too easily.
func (d *decoder) text(to *string) func(value) {
	return func(v value) {
		if d.keys != nil {
			d.keys[v.path].scalar("string", nil, *to)
			return
		}
		switch v.node.Type() {
		case ast.IntegerType, ast.FloatType, ast.BoolType, ast.InfinityType, ast.NanType:
			d.reject(v, "must be text; put it in quotes: '%s'", v.node.GetToken().Value)
			return
		}
		read(d, to, "text", func(s string) (string, error) { return s, nil })(v)
	}
}

// path sets a setting that names a file to be read: a relative name is one beside the configuration.
func (d *decoder) path(to *string) func(value) {
	return func(v value) {
		if d.text(to)(v); d.keys == nil && !d.bad[v.path] {
			*to = d.beside(*to)
		}
	}
}

func (d *decoder) beside(name string) string {
	if name == "" || d.dir == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.dir, name)
}

// flag sets a setting that is true or false.
func (d *decoder) flag(to *bool) func(value) {
	return func(v value) {
		if d.keys != nil {
			d.keys[v.path].scalar("boolean", nil, *to)
			return
		}
		switch x := v.node.(type) {
		case *ast.BoolNode:
			*to = x.Value
			return
		case *ast.StringNode:
			if s, ok := d.raw(v, "true or false"); !ok || s != x.Value && (s == "true" || s == "false") { // of a variable
				*to = s == "true"
				return
			}
		}
		d.wrong(v, "true or false")
	}
}
