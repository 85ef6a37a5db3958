package flow

import (
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/ivr/form"
)

// decoder fills the types of model.go from a tree and gathers mistakes. What needs the whole application to be checked waits in
// the lists, in the scope that was open when it was read.
type decoder struct {
	file  string
	errs  form.Problems
	scope int // index of the open scope: 0 is the application, then the subs
	texts []waiting[*Text]
	exprs []waiting[*Expr]
	refs  []waiting[*Ref]
}

type waiting[T any] struct {
	it    T
	scope int
}

func (d *decoder) fail(at form.Place, format string, args ...any) {
	d.errs = append(d.errs, form.Problem{File: d.file, At: at, Text: fmt.Sprintf(format, args...)})
}

// read fills v from a tree.
func (d *decoder) read(t *form.Tree, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		d.read(t, v.Elem())
		return
	}
	if f := special(v.Addr().Interface()); f != nil {
		f(d, t)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.object(t, v)
	case reflect.Slice:
		if isNamed(v.Type().Elem()) {
			d.named(t, v)
		} else {
			d.list(t, v)
		}
	default:
		panic("flow: no reader for " + v.Type().String())
	}
}

// special reads the types that are no plain structs or lists; nil for those that are.
func special(p any) func(d *decoder, t *form.Tree) {
	switch p := p.(type) {
	case *string:
		return func(d *decoder, t *form.Tree) { *p, _ = d.scalar(t, "a text") }
	case *int:
		return func(d *decoder, t *form.Tree) { *p = parsed(d, t, "a number", strconv.Atoi) }
	case *bool:
		return func(d *decoder, t *form.Tree) { *p = d.truth(t) }
	case *time.Duration:
		return func(d *decoder, t *form.Tree) { *p = d.duration(t) }
	case *Text:
		return func(d *decoder, t *form.Tree) {
			p.Src, _ = d.scalar(t, "a text")
			p.At = t.At
			d.texts = append(d.texts, waiting[*Text]{p, d.scope})
		}
	case *Expr:
		return func(d *decoder, t *form.Tree) {
			p.Src, _ = d.scalar(t, "an expression")
			p.Src, p.At = inner(p.Src), t.At
			d.exprs = append(d.exprs, waiting[*Expr]{p, d.scope})
		}
	case *Ref:
		return func(d *decoder, t *form.Tree) {
			p.Name, _ = d.scalar(t, "the name of a node")
			p.At = t.At
			d.refs = append(d.refs, waiting[*Ref]{p, d.scope})
		}
	case *Name:
		return func(d *decoder, t *form.Tree) { p.Text, _ = d.scalar(t, "a name"); p.At = t.At }
	case *Value:
		return func(d *decoder, t *form.Tree) { p.tree, p.texts = t, map[*form.Tree]*Text{}; d.value(p, t) }
	case *Say:
		return func(d *decoder, t *form.Tree) { d.say(p, t) }
	case *[]Case:
		return func(d *decoder, t *form.Tree) { d.cases(p, t) }
	case *Cause:
		return func(d *decoder, t *form.Tree) {
			*p = parsed(d, t, "a cause", func(s string) (Cause, error) {
				c, ok := parseCause(s)
				return c, unless(ok, "%s is no cause%s, or a SIP status from 300 to 699", form.Tick(s), form.Suggest(s, Causes()))
			})
		}
	case *Order:
		return func(d *decoder, t *form.Tree) {
			*p = parsed(d, t, "an order", func(s string) (Order, error) {
				return Order(s), unless(s == string(InTurn) || s == string(Together), "must be `in turn` or `together`, not %s", form.Tick(s))
			})
		}
	case *Day:
		return func(d *decoder, t *form.Tree) {
			*p = parsed(d, t, "a day", func(s string) (Day, error) {
				day, ok := parseDay(s)
				return day, unless(ok, "%s is no day; write 2026-12-25, 12-25 for every year, 2026-12-24..2026-12-31, easter or easter+1", form.Tick(s))
			})
		}
	case *Hours:
		return func(d *decoder, t *form.Tree) {
			*p = parsed(d, t, "hours", func(s string) (Hours, error) {
				h, ok := parseHours(s)
				return h, unless(ok, "%s are no hours; write 09:00-12:30, 13:30-18:00 or closed", form.Tick(s))
			})
		}
	}
	return nil
}

func unless(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// inner takes the template marks off an expression: where an expression is expected, ${x} and x are the same.
func inner(s string) string {
	if t := strings.TrimSpace(s); strings.HasPrefix(t, "${") && closing(t[2:]) == len(t)-3 {
		return strings.TrimSpace(t[2 : len(t)-1])
	}
	return s
}

func (d *decoder) scalar(t *form.Tree, want string) (string, bool) {
	switch t.Kind {
	case form.Null:
		d.fail(t.At, "there is nothing here; give it a value or remove the key")
	case form.List:
		d.fail(t.At, "must be %s, not a list", want)
	case form.Map:
		d.fail(t.At, "must be %s, not a group of keys; put a text with : or { in quotes", want)
	default:
		return t.Text, true
	}
	return "", false
}

func parsed[T any](d *decoder, t *form.Tree, want string, parse func(string) (T, error)) (out T) {
	s, ok := d.scalar(t, want)
	if !ok {
		return out
	}
	v, err := parse(s)
	if err != nil {
		text := err.Error()
		if strings.HasPrefix(text, "strconv.") {
			text = "must be " + want + ", not " + form.Tick(s)
		}
		d.fail(t.At, "%s", text)
		return out
	}
	return v
}

func (d *decoder) truth(t *form.Tree) bool {
	if t.Kind != form.Bool {
		d.fail(t.At, "must be true or false, not %s", form.Tick(t.Text))
	}
	return t.Text == "true"
}

func (d *decoder) duration(t *form.Tree) time.Duration {
	return parsed(d, t, "a time such as 5s", func(s string) (time.Duration, error) {
		v, err := time.ParseDuration(s)
		return v, unless(err == nil && v >= 0 && v <= 24*time.Hour, "must be a time such as 500ms, 5s or 2m, of a day at most, not %s", form.Tick(s))
	})
}

var language = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// say reads a text, or a text for each language.
func (d *decoder) say(p *Say, t *form.Tree) {
	if t.Kind != form.Map {
		d.read(t, reflect.ValueOf(&p.Text).Elem())
		return
	}
	d.read(t, reflect.ValueOf(&p.In).Elem())
	for _, l := range p.In {
		if !language.MatchString(l.Name) {
			d.fail(l.At, "%s is no language such as en or de", form.Tick(l.Name))
		}
	}
	if len(p.In) == 0 {
		d.fail(t.At, "there is no text in any language here")
	}
}

// cases reads one condition, or a list of them.
func (d *decoder) cases(p *[]Case, t *form.Tree) {
	if t.Kind != form.List {
		t = &form.Tree{Kind: form.List, At: t.At, Items: []form.Item{{Value: t}}}
	}
	*p = make([]Case, len(t.Items))
	for i, it := range t.Items {
		d.read(it.Value, reflect.ValueOf(&(*p)[i]).Elem())
	}
}

// value finds the texts of any data.
func (d *decoder) value(v *Value, t *form.Tree) {
	if t.Kind == form.String {
		x := &Text{Src: t.Text, At: t.At}
		v.texts[t] = x
		d.texts = append(d.texts, waiting[*Text]{x, d.scope})
	}
	for _, it := range t.Items {
		d.value(v, it.Value)
	}
	for _, e := range t.Entries {
		d.value(v, e.Value)
	}
}

func isNamed(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && strings.HasPrefix(t.Name(), "Named[")
}

func (d *decoder) list(t *form.Tree, v reflect.Value) {
	if t.Kind == form.Null {
		d.scalar(t, "")
		return
	}
	items := t.Items
	if t.Kind != form.List {
		items = []form.Item{{Value: t}}
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, it := range items {
		d.read(it.Value, v.Index(i))
	}
}

func (d *decoder) named(t *form.Tree, v reflect.Value) {
	if t.Kind != form.Map {
		d.fail(t.At, "must be a group of `name: value` lines")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(t.Entries), len(t.Entries)))
	_, sub := v.Interface().([]Named[Sub])
	for i, e := range t.Entries {
		n := v.Index(i)
		n.FieldByName("Name").SetString(e.Key)
		n.FieldByName("At").Set(reflect.ValueOf(e.At))
		if sub {
			d.scope = i + 1
		}
		d.read(e.Value, n.FieldByName("Value"))
	}
	if sub {
		d.scope = 0
	}
}

func (d *decoder) object(t *form.Tree, v reflect.Value) {
	fields := fieldsOf(v.Type())
	if t.Kind != form.Map {
		if i := slices.IndexFunc(fields, func(f fieldTag) bool { return f.short }); i >= 0 && t.Scalar() {
			d.read(t, v.Field(fields[i].index))
			d.place(v, t.At)
			return
		}
		text := "must be a group of `key: value` lines"
		if strings.EqualFold(filepath.Ext(d.file), ".xml") {
			text = "must have attributes or elements"
		}
		d.fail(t.At, "%s%s", text, form.Suggest("", keysOf(fields)))
		return
	}
	d.place(v, t.At)
	cut := false // the entry before is told already: it is part of a text
	for k, e := range t.Entries {
		i := slices.IndexFunc(fields, func(f fieldTag) bool { return f.key == e.Key })
		switch {
		case i < 0 && e.Value.Kind == form.Null && k > 0 && (cut || t.Entries[k-1].Value.Scalar() && t.Entries[k-1].Value.Kind != form.Null):
			if !cut { // {reason: A, B} is two keys for YAML
				d.fail(e.At, "unknown key %s; if it belongs to the text before it, put that in quotes: %s", form.Tick(e.Key), meant(t.Entries[k-1:]))
			}
			cut = true
			continue
		case i < 0:
			d.fail(e.At, "unknown key %s%s", form.Tick(e.Key), form.Suggest(e.Key, keysOf(fields)))
		case e.Value.Kind == form.Null && v.Field(fields[i].index).Type() != reflect.TypeFor[Value]():
			d.fail(e.At, "%s has no value; give it one or remove the key", form.Tick(e.Key))
		default:
			d.read(e.Value, v.Field(fields[i].index))
		}
		cut = false
	}
	for _, f := range fields {
		if f.required && t.Get(f.key) == nil {
			d.fail(t.At, "the key %s is missing: %s", form.Tick(f.key), f.doc)
		}
	}
}

// meant writes a text that its commas have cut, as it was meant.
func meant(cut []form.Entry) string {
	text := cut[0].Value.Text
	for _, e := range cut[1:] {
		if e.Value.Kind != form.Null {
			break
		}
		text += ", " + e.Key
	}
	return form.Tick(cut[0].Key + ": " + strconv.Quote(text))
}

// place remembers where a value stands, in types that have a field for it.
func (d *decoder) place(v reflect.Value, at form.Place) {
	if f := v.FieldByName("At"); f.IsValid() && f.Type() == reflect.TypeFor[form.Place]() {
		f.Set(reflect.ValueOf(at))
	}
}

// fieldTag is the schema of a field, from its tag.
type fieldTag struct {
	index           int
	key, doc, entry string
	short, required bool
}

func fieldsOf(t reflect.Type) (out []fieldTag) {
	for i := range t.NumField() {
		g := t.Field(i).Tag
		if key := g.Get("key"); key != "" && key != "-" {
			out = append(out, fieldTag{i, key, g.Get("doc"), g.Get("each"), g.Get("short") != "", g.Get("required") != ""})
		}
	}
	return out
}

func keysOf(fields []fieldTag) (out []string) {
	for _, f := range fields {
		out = append(out, f.key)
	}
	return out
}
