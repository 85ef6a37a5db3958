package flow

import (
	"maps"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"github.com/bifrons/bifrons/ivr/form"
)

// use is a variable that an expression reads. Asks: the expression is ready for it to have no value.
type use struct {
	name string
	at   form.Place
	asks bool
}

// unset finds variables that are read where they have no value: on no way to the node (a mistake), or on some ways.
func (c *checker) unset(g Graph) {
	given := map[string]bool{"language": true}
	for _, v := range g.Vars {
		given[v.Name] = true
	}
	for _, p := range g.Params {
		given[p] = true
	}
	sure, maybe := c.assigned(g, given)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		here, ever := maps.Clone(sure[n.Name]), maybe[n.Name]
		if here == nil {
			continue // nobody comes here, which is told elsewhere
		}
		for _, w := range n.Value.Writes() {
			if n.Value.Kind != Set {
				here[w.Text] = true
			}
		}
		told := map[string]bool{}
		for _, u := range uses(&n.Value) {
			if slices.Contains(Builtins(), u.name) || here[u.name] || told[u.name] || u.asks {
				continue
			}
			if _, ok := c.scope(g).names[u.name]; !ok {
				continue
			}
			told[u.name] = true
			if !ever[u.name] {
				c.fail(u.at, "the variable %s has no value here: no node before this one sets it; give it a first value under vars", form.Tick(u.name))
			} else {
				c.warn(u.at, "the variable %s has a value only on some of the ways to node %s; give it a first value under vars", form.Tick(u.name), form.Tick(n.Name))
			}
		}
	}
}

func (c *checker) scope(g Graph) scope {
	for i := range c.f.Subs {
		if c.f.Subs[i].Name == g.Sub {
			return c.f.Subs[i].Value.scope
		}
	}
	return c.f.main
}

// assigned gives for each node which variables have a value on all ways to it, and on some.
func (c *checker) assigned(g Graph, given map[string]bool) (sure, maybe map[string]map[string]bool) {
	sure, maybe = map[string]map[string]bool{}, map[string]map[string]bool{}
	var todo []string
	arrive := func(name string, s, m map[string]bool) {
		if g.Node(name) == nil {
			return
		}
		changed := sure[name] == nil
		if changed {
			sure[name], maybe[name] = maps.Clone(s), maps.Clone(m)
		} else {
			for v := range sure[name] {
				if !s[v] {
					delete(sure[name], v)
					changed = true
				}
			}
			for v := range m {
				changed = changed || !maybe[name][v]
				maybe[name][v] = true
			}
		}
		if changed {
			todo = append(todo, name)
		}
	}
	all := maps.Clone(given)
	for i := range g.Nodes {
		for _, w := range g.Nodes[i].Value.Writes() {
			all[w.Text] = true
		}
	}
	for i, e := range c.f.entries(g) {
		if i == 0 {
			arrive(e, given, given)
		} else {
			arrive(e, given, all) // from anywhere
		}
	}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		n := g.Node(name)
		s, m := maps.Clone(sure[name]), maps.Clone(maybe[name])
		for _, w := range n.Writes() {
			s[w.Text], m[w.Text] = true, true
		}
		for _, b := range n.Branches() {
			switch b.Label {
			case "failed", "not found", "no input", "no match":
				arrive(b.Target, sure[name], maybe[name])
			default:
				arrive(b.Target, s, m)
			}
		}
	}
	return sure, maybe
}

// uses lists the variables the expressions of a node read.
func uses(n *Node) (out []use) {
	written := map[string]bool{}
	for i := range n.Set {
		gather(reflect.ValueOf(n.Set[i].Value), func(src string, at form.Place) {
			for _, u := range variables(src, at) {
				if !written[u.name] {
					out = append(out, u)
				}
			}
		})
		written[n.Set[i].Name] = true
	}
	rest := *n
	rest.Set = nil
	gather(reflect.ValueOf(rest), func(src string, at form.Place) { out = append(out, variables(src, at)...) })
	return out
}

// gather calls with every expression below a value.
func gather(v reflect.Value, each func(src string, at form.Place)) {
	switch x := v.Interface().(type) {
	case Text:
		for _, s := range x.sources() {
			each(s, x.At)
		}
		return
	case Expr:
		if x.Src != "" {
			each(x.Src, x.At)
		}
		return
	case Value:
		for _, t := range x.texts {
			for _, s := range t.sources() {
				each(s, t.At)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			gather(v.Elem(), each)
		}
	case reflect.Slice:
		for i := range v.Len() {
			gather(v.Index(i), each)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				gather(v.Field(i), each)
			}
		}
	}
}

type identifiers struct {
	names []string
	asks  bool
}

// Visit implements ast.Visitor.
func (i *identifiers) Visit(n *ast.Node) {
	switch x := (*n).(type) {
	case *ast.IdentifierNode:
		i.names = append(i.names, x.Value)
	case *ast.NilNode:
		i.asks = true
	case *ast.BinaryNode:
		i.asks = i.asks || x.Operator == "??"
	}
}

// variables lists the names an expression reads.
func variables(src string, at form.Place) (out []use) {
	defer func() { _ = recover() }() // an expression that cannot be parsed was refused before
	tree, err := parser.Parse(src)
	if err != nil {
		return nil
	}
	var v identifiers
	ast.Walk(&tree.Node, &v)
	for _, n := range v.names {
		out = append(out, use{n, at, v.asks})
	}
	return out
}
