package flow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bifrons/bifrons/ivr/form"
)

// Prompts tells whether a recording is there: by its name in a language, or by its file.
type Prompts interface {
	HasPrompt(name, language string) bool
	HasFile(path string) bool
}

// Check finds what is most likely a mistake though the file can be used: nodes nobody reaches, loops that wait for nobody, prompts
// that are not there, variables that have no value. Prompts may be nil.
func Check(f *Flow, prompts Prompts) form.Problems {
	c := &checker{f: f}
	used := map[string]bool{}
	for _, g := range f.Graphs() {
		reached := c.reach(g)
		for i := range g.Nodes {
			n := &g.Nodes[i]
			if !reached[n.Name] {
				c.warn(n.At, "nobody reaches node %s%s; lead a branch to it or remove it", form.Tick(n.Name), where(g))
			} else if n.Value.Kind == SubKind {
				used[n.Value.Sub.Text] = true
			}
		}
		c.loops(g)
		c.unset(g)
		c.patterns(g)
		if prompts != nil {
			c.prompts(g, prompts)
		}
	}
	for _, s := range f.Subs {
		if !used[s.Name] {
			c.warn(s.At, "no node uses sub %s; remove it, or add a node `sub: %s`", form.Tick(s.Name), s.Name)
		}
	}
	c.recursion()
	c.subscribed()
	return c.out.Sort()
}

// subscribed sees that who subscribes to messages gets an answer.
func (c *checker) subscribed() {
	from := c.f.OnSubscribe
	g, _ := c.f.Graph("")
	if !from.Set() || g.Node(from.Name) == nil {
		return
	}
	for name := range c.from(g, []string{from.Name}) {
		switch n := g.Node(name); n.Kind {
		case MessageSummary, SubKind: // a sub may have one
			return
		}
	}
	c.fail(from.At, "nobody who subscribes is told anything: no way from %s leads to a message_waiting", form.Tick(from.Name))
}

type checker struct {
	f   *Flow
	out form.Problems
}

func (c *checker) warn(at form.Place, format string, args ...any) {
	c.out = append(c.out, form.Problem{File: c.f.File, At: at, Text: fmt.Sprintf(format, args...), Warning: true})
}

func (c *checker) fail(at form.Place, format string, args ...any) {
	c.out = append(c.out, form.Problem{File: c.f.File, At: at, Text: fmt.Sprintf(format, args...)})
}

// entries are the nodes a walk of a graph may begin with.
func (f *Flow) entries(g Graph) []string {
	out := []string{g.First()}
	if g.Sub == "" {
		for _, r := range []Ref{f.OnError, f.OnHangup, f.OnSubscribe} {
			if r.Set() {
				out = append(out, r.Name)
			}
		}
		for _, rs := range [][]Reaction{f.Defaults.NoInput, f.Defaults.NoMatch} {
			for _, r := range rs {
				out = append(out, r.Next.Name)
			}
		}
		if f.Defaults.Failed != nil {
			out = append(out, f.Defaults.Failed.Next.Name)
		}
	}
	return out
}

func (c *checker) reach(g Graph) map[string]bool { return c.from(g, c.f.entries(g)) }

// from gives the nodes that can be reached from some.
func (c *checker) from(g Graph, todo []string) map[string]bool {
	reached := map[string]bool{}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		n := g.Node(name)
		if n == nil { // a name that was written wrongly has been told; what it meant counts as reached
			name = form.Nearest(name, names(g.Nodes))
			n = g.Node(name)
		}
		if n == nil || reached[name] || name == End {
			continue
		}
		reached[name] = true
		for _, b := range n.Branches() {
			todo = append(todo, b.Target)
		}
	}
	return reached
}

// loops finds circles of nodes of which none waits for the caller: components of the graph without the waiting nodes.
func (c *checker) loops(g Graph) {
	index := map[string]int{}
	next := make([][]int, len(g.Nodes))
	for i := range g.Nodes {
		index[g.Nodes[i].Name] = i
	}
	delete(index, End)
	for i := range g.Nodes {
		if n := &g.Nodes[i].Value; !n.Kind.Waits() {
			for _, b := range n.Branches() {
				if j, ok := index[b.Target]; ok && !g.Nodes[j].Value.Kind.Waits() {
					next[i] = append(next[i], j)
				}
			}
		}
	}
	for _, comp := range components(next) {
		if len(comp) == 1 && !slices.Contains(next[comp[0]], comp[0]) {
			continue
		}
		slices.Sort(comp)
		heard, out := false, false
		var ways []string
		for _, i := range comp {
			n := &g.Nodes[i]
			ways = append(ways, n.Name)
			heard = heard || len(Heard(n.Value.Play, n.Value.Say)) > 0
			for _, b := range n.Value.Branches() {
				j, ok := index[b.Target]
				out = out || !ok || !slices.Contains(comp, j)
			}
		}
		at, path := g.Nodes[comp[0]].At, strings.Join(append(ways, ways[0]), " -> ")
		switch {
		case out:
			c.warn(at, "loop without input: %s; no node of it waits for the caller, see that it ends", path)
		case heard:
			c.warn(at, "loop without input and without end: %s; the caller can only hang up, use `repeat: -1` if that is meant", path)
		default:
			c.fail(at, "loop without input and without end: %s; a call would spin here, put a menu or a collect into it", path)
		}
	}
}

// recursion finds subs that call themselves.
func (c *checker) recursion() {
	next := make([][]int, len(c.f.Subs))
	for i := range c.f.Subs {
		for j := range c.f.Subs[i].Value.Nodes {
			if k := slices.Index(names(c.f.Subs), c.f.Subs[i].Value.Nodes[j].Value.Sub.Text); k >= 0 {
				next[i] = append(next[i], k)
			}
		}
	}
	for _, comp := range components(next) {
		if len(comp) > 1 || slices.Contains(next[comp[0]], comp[0]) {
			s := c.f.Subs[slices.Min(comp)]
			c.warn(s.At, "sub %s calls itself; a call may be %d subs deep", form.Tick(s.Name), MaxDepth)
		}
	}
}

// MaxDepth is how deep subs may call subs.
const MaxDepth = 16

// components gives the strongly connected components of a graph (Tarjan's algorithm).
func components(next [][]int) (out [][]int) {
	num, low := make([]int, len(next)), make([]int, len(next))
	on := make([]bool, len(next))
	var stack []int
	count := 0
	var visit func(int)
	visit = func(v int) {
		count++
		num[v], low[v] = count, count
		stack, on[v] = append(stack, v), true
		for _, w := range next[v] {
			switch {
			case num[w] == 0:
				visit(w)
				low[v] = min(low[v], low[w])
			case on[w]:
				low[v] = min(low[v], num[w])
			}
		}
		if low[v] == num[v] {
			var comp []int
			for {
				w := stack[len(stack)-1]
				stack, on[w] = stack[:len(stack)-1], false
				comp = append(comp, w)
				if w == v {
					break
				}
			}
			out = append(out, comp)
		}
	}
	for v := range next {
		if num[v] == 0 {
			visit(v)
		}
	}
	return out
}

// patterns finds keys of a menu that can never be pressed to the end.
func (c *checker) patterns(g Graph) {
	for i := range g.Nodes {
		for _, k := range g.Nodes[i].Value.Menu {
			for _, o := range g.Nodes[i].Value.Menu {
				if o.Name == k.Name || strings.ContainsAny(k.Name, "Xx[") {
					continue
				}
				if whole, _ := Match(o.Name, k.Name); whole && o.At.Line < k.At.Line {
					c.warn(k.At, "key %s comes after %s, which takes it; put it first", form.Tick(k.Name), form.Tick(o.Name))
				}
			}
		}
	}
}
