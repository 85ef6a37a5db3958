package flow

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bifrons/bifrons/ivr/form"
)

// nodeName has no count in it: 63 copies of all letters of all alphabets cost more than the rest of a start.
var nodeName = regexp.MustCompile(`^[\pL\pN_][\pL\pN_.-]*$`)

// longestName of a node in letters.
const longestName = 64

// node finds the kind of a node and checks that its keys go together.
func (d *decoder) node(f *Flow, name string, at form.Place, n *Node) {
	t := f.tree(at)
	if !nodeName.MatchString(name) || utf8.RuneCountInString(name) > longestName || name == End {
		d.fail(at, "%s is no name of a node; use up to 64 letters, digits, - and _, and not `end`", form.Tick(name))
	}
	if t == nil || t.Kind != form.Map {
		return
	}
	var kinds []Kind
	for _, r := range kindRules() {
		if t.Get(string(r.kind)) != nil {
			kinds = append(kinds, r.kind)
		}
	}
	if len(kinds) == 0 {
		if len(d.errs) == 0 || len(t.Entries) == 0 {
			d.fail(at, "node %s does nothing; give it a key that says what it does: %s", form.Tick(name), strings.Join(Kinds(), ", "))
		}
		return
	}
	n.Kind = kinds[0]
	if len(kinds) > 1 && kinds[1] != Play && kinds[1] != SayKind {
		e := entry(t, string(kinds[1]))
		d.fail(e.At, "node %s has %s already and cannot have %s as well; make two nodes of it", form.Tick(name), form.Tick(string(kinds[0])), form.Tick(string(kinds[1])))
		return
	}
	allowed := KeysOf(n.Kind)
	for _, e := range t.Entries {
		if !slices.Contains(allowed, e.Key) && Shape().Fields != nil && known(e.Key) {
			d.fail(e.At, "%s has no meaning in a node with %s%s", form.Tick(e.Key), form.Tick(string(n.Kind)), form.Suggest(e.Key, allowed))
		}
	}
	d.rules(f, t, n)
}

// known tells whether a key is one of some node; unknown ones are told by the reader.
func known(key string) bool {
	for _, r := range kindRules() {
		if slices.Contains(KeysOf(r.kind), key) {
			return true
		}
	}
	return false
}

func entry(t *form.Tree, key string) form.Entry {
	for _, e := range t.Entries {
		if e.Key == key {
			return e
		}
	}
	return form.Entry{}
}

// tree finds the value of the node whose name stands at a place.
func (f *Flow) tree(at form.Place) *form.Tree {
	if t := find(f.Tree.Get("nodes"), at); t != nil {
		return t
	}
	if subs := f.Tree.Get("subs"); subs != nil {
		for _, s := range subs.Entries {
			if t := find(s.Value.Get("nodes"), at); t != nil {
				return t
			}
		}
	}
	return nil
}

func find(nodes *form.Tree, at form.Place) *form.Tree {
	if nodes == nil {
		return nil
	}
	for _, e := range nodes.Entries {
		if e.At == at {
			return e.Value
		}
	}
	return nil
}

// rules checks what single kinds ask for.
func (d *decoder) rules(f *Flow, t *form.Tree, n *Node) {
	if n.Terminator != nil {
		d.terminator(*n.Terminator, t.Get("terminator").At)
	}
	if n.Retries != nil && (*n.Retries < 0 || *n.Retries > 10) {
		d.fail(t.Get("retries").At, "retries must be from 0 to 10, not %d", *n.Retries)
	}
	switch n.Kind {
	case Menu:
		d.menu(t, n)
	case Collect:
		low := 1
		if n.Min != nil {
			low = *n.Min
		}
		if n.Max < 0 || n.Max > 64 || low < 0 || n.Max > 0 && low > n.Max {
			d.fail(t.Get("collect").At, "min and max do not go together: min %d, max %d; a max is from 1 to 64 and not below min", low, n.Max)
		}
	case OpeningHours:
		if !slices.Contains(names(f.Calendars), n.Hours.Text) {
			d.fail(n.Hours.At, "there is no calendar %s%s", form.Tick(n.Hours.Text), form.Suggest(n.Hours.Text, names(f.Calendars)))
		}
	case LookupKind:
		d.lookup(t, n)
	case If:
		for _, c := range n.If {
			if c.Next.Set() == n.Then.Set() && len(n.If) == 1 || len(n.If) > 1 && !c.Next.Set() {
				d.fail(c.When.At, "say where to go if %s: one condition has `then`, each of several has `next`", form.Tick(c.When.Src))
			}
		}
	case SubKind:
		d.sub(f, n)
	case Answer, Leave:
		if !n.Answer && !n.Leave {
			d.fail(t.Get(string(n.Kind)).At, "write %s: true", n.Kind)
		}
	case Move:
		if n.To.Empty() {
			d.fail(t.Get("move").At, "say where the recording goes: `to`, such as old/")
		}
	case Play, SayKind:
		d.plays(n)
	case Conference:
		if n.Exit != "" {
			d.terminator(n.Exit, t.Get("exit").At)
		}
	case Dial:
		if n.Accept != nil {
			d.terminator(n.Accept.Key, t.Get("accept").At)
		}
	}
	d.sounds(n)
}

func (d *decoder) menu(t *form.Tree, n *Node) {
	if len(n.Menu) == 0 {
		d.fail(t.Get("menu").At, "the menu has no keys; write 1: and the name of a node")
	}
	for i, k := range n.Menu {
		if !keyPattern.MatchString(k.Name) || len(k.Name) > 40 {
			d.fail(k.At, "%s is no key; write digits, \"*\" or \"#\", with X for any digit and [2-4] for some", form.Tick(k.Name))
			continue
		}
		for _, o := range n.Menu[:i] {
			if strings.EqualFold(o.Name, k.Name) {
				d.fail(k.At, "key %s is in line %d already", form.Tick(k.Name), o.At.Line)
			}
		}
	}
}

func (d *decoder) lookup(t *form.Tree, n *Node) {
	l := n.Lookup
	if l == nil {
		return
	}
	count := 0
	for _, s := range []Text{l.Sh, l.LDAP, l.HTTP, l.File, l.Folder, l.Recording} {
		if !s.Empty() {
			count++
		}
	}
	at := t.Get("lookup").At
	switch {
	case count != 1:
		d.fail(at, "a lookup asks one source: sh, ldap, http, file, folder or recording")
	case !l.File.Empty() && l.Key.Empty():
		d.fail(at, "a lookup in a file needs the key")
	case n.Into.Text == "":
		d.fail(at, "say into which variable the answer goes: into")
	}
}

func (d *decoder) sub(f *Flow, n *Node) {
	for _, s := range f.Subs {
		if s.Name != n.Sub.Text {
			continue
		}
		for _, w := range n.With {
			if !slices.Contains(s.Value.Params, w.Name) {
				d.fail(w.At, "sub %s has no parameter %s%s", form.Tick(s.Name), form.Tick(w.Name), form.Suggest(w.Name, s.Value.Params))
			}
		}
		for _, w := range n.Take {
			if !slices.Contains(s.Value.Results, w.Value.Text) {
				d.fail(w.Value.At, "sub %s has no result %s%s", form.Tick(s.Name), form.Tick(w.Value.Text), form.Suggest(w.Value.Text, s.Value.Results))
			}
		}
		return
	}
	d.fail(n.Sub.At, "there is no sub %s%s", form.Tick(n.Sub.Text), form.Suggest(n.Sub.Text, names(f.Subs)))
}

// sounds checks that each sound is one thing.
func (d *decoder) sounds(n *Node) {
	for _, s := range n.Sounds() {
		count := 0
		for _, x := range []Text{s.Prompt, s.File, s.Tone, s.Digits, s.Number, s.Money, s.Date, s.Time, s.Spell} {
			if !x.Empty() {
				count++
			}
		}
		if s.Say.Given() {
			count++
		}
		if s.Silence > 0 {
			count++
		}
		if count != 1 {
			d.fail(s.At, "a sound is one thing: prompt, file, say, tone, digits, number, money, date, time, spell or silence")
		}
		if !s.Currency.Empty() && s.Money.Empty() {
			d.fail(s.At, "only money has a currency")
		}
	}
}
