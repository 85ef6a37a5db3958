package flow

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr"

	"github.com/bifrons/bifrons/ivr/form"
)

// Load reads an application; a file that ends in .xml has the XML form. A file that cannot be read gives an ordinary error, mistakes
// in it give form.Problems.
func Load(path string) (*Flow, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read menu: %w", err)
	}
	return Parse(path, data)
}

// ParseTree reads a file as a tree, in the form its name tells.
func ParseTree(name string, data []byte) (*form.Tree, error) {
	if strings.EqualFold(filepath.Ext(name), ".xml") {
		return form.ParseXML(name, data, Root, Shape())
	}
	return form.ParseYAML(name, data)
}

// Parse reads an application from memory; name stands for the file.
func Parse(name string, data []byte) (*Flow, error) {
	f, err := read(name, data)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Inspect tells everything that is wrong with a file: its mistakes, and what Check finds as far as it can be read.
func Inspect(name string, data []byte, prompts func(*Flow) Prompts) (*Flow, form.Problems) {
	f, err := read(name, data)
	out, _ := errors.AsType[form.Problems](err)
	if f != nil {
		out = append(out, Check(f, prompts(f))...)
	}
	return f, out.Sort()
}

// read reads a file. With mistakes in it there may be a Flow as well, as far as it could be read.
func read(name string, data []byte) (*Flow, error) {
	tree, err := ParseTree(name, data)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	base := filepath.Base(name)
	f := &Flow{File: name, Name: strings.TrimSuffix(base, filepath.Ext(base)), Version: hex.EncodeToString(sum[:6]), Tree: tree}
	d := &decoder{file: name}
	d.object(tree, reflect.ValueOf(f).Elem())
	d.finish(f)
	if len(d.errs) > 0 {
		return f, d.errs.Sort()
	}
	return f, nil
}

// Graph is the nodes of the application, or of one of its subs, with what they may name.
type Graph struct {
	Sub     string // "" is the application itself
	Start   Ref
	Nodes   []Named[Node]
	Params  []string
	Results []string
	Vars    []Named[Value]
}

// Graphs gives the application's own nodes, then those of its subs.
func (f *Flow) Graphs() []Graph {
	out := []Graph{{"", f.Start, f.Nodes, f.Params, nil, f.Vars}}
	for i := range f.Subs {
		s := &f.Subs[i].Value
		out = append(out, Graph{f.Subs[i].Name, s.Start, s.Nodes, s.Params, s.Results, s.Vars})
	}
	return out
}

// Graph finds the nodes of a sub, of the application itself for "".
func (f *Flow) Graph(sub string) (Graph, bool) {
	if sub == "" {
		return f.Graphs()[0], true
	}
	for i := range f.Subs {
		if f.Subs[i].Name == sub {
			return f.Graphs()[i+1], true
		}
	}
	return Graph{}, false
}

// Node finds a node by name.
func (g Graph) Node(name string) *Node {
	for i := range g.Nodes {
		if g.Nodes[i].Name == name {
			return &g.Nodes[i].Value
		}
	}
	return nil
}

// First is the name of the node a walk begins with.
func (g Graph) First() string {
	if g.Start.Set() || len(g.Nodes) == 0 {
		return g.Start.Name
	}
	return g.Nodes[0].Name
}

func names[T any](list []Named[T]) (out []string) {
	for _, n := range list {
		out = append(out, n.Name)
	}
	return out
}

var word = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// finish checks what needs the whole application, and compiles its expressions.
func (d *decoder) finish(f *Flow) {
	for i := range f.Nodes {
		d.node(f, f.Nodes[i].Name, f.Nodes[i].At, &f.Nodes[i].Value)
	}
	for i := range f.Subs {
		for j := range f.Subs[i].Value.Nodes {
			n := &f.Subs[i].Value.Nodes[j]
			d.node(f, n.Name, n.At, &n.Value)
		}
	}
	graphs := f.Graphs()
	scopes := make([]*scope, len(graphs))
	for i := range graphs {
		scopes[i] = &f.main
		if i > 0 {
			scopes[i] = &f.Subs[i-1].Value.scope
		}
		*scopes[i] = d.variables(graphs[i])
		scopes[i].prepare()
		if len(graphs[i].Nodes) == 0 && len(d.errs) == 0 {
			d.fail(form.Place{Line: 1, Column: 1}, "there are no nodes; the smallest application is `nodes: {hello: {say: Hello.}}`")
		}
	}
	d.general(f)
	for _, w := range d.texts {
		w.it.split(*scopes[w.scope], d.fail)
	}
	for _, w := range d.exprs {
		p, err := scopes[w.scope].compile(w.it.Src, expr.AsBool())
		if err != nil {
			d.fail(w.it.At, "%s", err)
		}
		w.it.program = p
	}
	for _, w := range d.refs {
		g := graphs[w.scope]
		if name := w.it.Name; name != "" && name != End && g.Node(name) == nil {
			d.fail(w.it.At, "there is no node %s%s%s", form.Tick(name), where(g), form.Suggest(name, names(g.Nodes)))
		}
	}
}

func where(g Graph) string {
	if g.Sub == "" {
		return ""
	}
	return " in sub " + form.Tick(g.Sub)
}

// variables gathers the names a graph sets.
func (d *decoder) variables(g Graph) scope {
	s := scope{names: map[string]form.Place{}}
	add := func(name string, at form.Place) {
		switch {
		case name == "":
		case !word.MatchString(name):
			d.fail(at, "%s is no name of a variable; use letters, digits and _", form.Tick(name))
		case slices.Contains(Builtins(), name) && name != "language":
			d.fail(at, "%s is a name of the menu's own and cannot be set; choose another", form.Tick(name))
		default:
			if _, ok := s.names[name]; !ok {
				s.names[name] = at
			}
		}
	}
	for _, p := range g.Params {
		add(p, form.Place{Line: 1, Column: 1})
	}
	for _, v := range g.Vars {
		add(v.Name, v.At)
	}
	for i := range g.Nodes {
		for _, w := range g.Nodes[i].Value.Writes() {
			add(w.Text, w.At)
		}
	}
	return s
}

// Writes lists the variables a node gives a value.
func (n *Node) Writes() (out []Name) {
	for _, w := range []Name{n.Collect, n.Record, n.Into} {
		if w.Text != "" {
			out = append(out, w)
		}
	}
	for _, v := range n.Set {
		out = append(out, Name{v.Name, v.At})
	}
	for _, v := range n.Take {
		out = append(out, Name{v.Name, v.At})
	}
	return out
}

// general checks what stands outside nodes.
func (d *decoder) general(f *Flow) {
	for _, l := range f.Languages {
		if !language.MatchString(l) {
			d.fail(f.Tree.Get("languages").At, "%s is no language such as en or de", form.Tick(l))
		}
	}
	d.zone(f.Zone, f.Tree.Get("zone"))
	for _, c := range f.Calendars {
		t := f.Tree.Get("calendars").Get(c.Name)
		d.zone(c.Value.Zone, t.Get("zone"))
		for _, o := range c.Value.Open {
			if _, ok := days(o.Name); !ok {
				d.fail(o.At, "%s is no day; write mon, mon-fri, \"sat, sun\" or daily", form.Tick(o.Name))
			}
		}
		for _, s := range c.Value.Special {
			if _, ok := parseDate(s.Name); !ok {
				d.fail(s.At, "%s is no date such as 2026-12-24", form.Tick(s.Name))
			}
		}
	}
	if t := f.Defaults.Terminator; t != nil {
		d.terminator(*t, f.Tree.Get("defaults").Get("terminator").At)
	}
	for _, s := range f.Subs {
		for _, r := range s.Value.Results {
			if _, ok := s.Value.scope.names[r]; !ok {
				d.fail(s.At, "sub %s has the result %s, but no node of it sets that variable", form.Tick(s.Name), form.Tick(r))
			}
		}
	}
}

func (d *decoder) terminator(s string, at form.Place) {
	if len(s) > 1 || s != "" && !strings.Contains("0123456789*#ABCD", s) {
		d.fail(at, "the terminator must be one key, such as \"#\", or \"\" for none, not %s", form.Tick(s))
	}
}
