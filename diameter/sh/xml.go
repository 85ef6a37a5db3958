package sh

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
)

// Limits of a document that is read.
const (
	maxDocument = 1 << 20
	maxNesting  = 48
)

// field is one element of a type: where its value goes and how deep in Extensions it is written.
type field struct {
	index int
	name  string
	level int
}

// plan is a type with its elements by name, other names included.
type plan struct {
	fields []field
	byName map[string]int
	depth  int
}

// plans is made once, from the types themselves, and only read afterwards.
var plans = planAll(reflect.TypeFor[Data](), make(map[reflect.Type]*plan))

func planAll(t reflect.Type, all map[reflect.Type]*plan) map[reflect.Type]*plan {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || all[t] != nil {
		return all
	}
	p := &plan{byName: make(map[string]int)}
	all[t] = p
	for i := range t.NumField() {
		names, level, _ := strings.Cut(t.Field(i).Tag.Get("sh"), ",")
		f := field{index: i}
		f.level, _ = strconv.Atoi(level)
		for j, n := range strings.Split(names, "|") {
			if j == 0 {
				f.name = n
			}
			p.byName[n] = i
		}
		p.fields = append(p.fields, f)
		p.depth = max(p.depth, f.level)
		planAll(t.Field(i).Type, all)
	}
	return all
}

// ParseData reads a Sh-Data document tolerantly: by local name whatever the namespace, in any order, at any depth of
// Extension, over unknown elements. It refuses a DTD, an unknown entity, and what is too large or too deep.
func ParseData(b []byte) (*Data, error) {
	if len(b) > maxDocument {
		return nil, fmt.Errorf("read Sh-Data: %d bytes are too many", len(b))
	}
	r := &reader{scanner: scanner{in: b}}
	d := new(Data)
	if err := r.document(reflect.ValueOf(d).Elem()); err != nil {
		return nil, fmt.Errorf("read Sh-Data: %w", err)
	}
	return d, nil
}

// reader reads one document.
type reader struct {
	scanner
	// prefixes are the namespaces declared around the current element; raw data takes them along.
	prefixes []prefix
}

func (r *reader) document(v reflect.Value) error {
	for read := false; ; {
		t, err := r.token()
		switch {
		case errors.Is(err, io.EOF) && read:
			return nil
		case err != nil:
			return err
		case t.kind != tokenStart:
			continue
		case read:
			return errors.New("more than one root element")
		case t.name != "Sh-Data":
			return fmt.Errorf("root element is %q", t.name)
		}
		r.prefixes = append(r.prefixes, t.prefixes...)
		if err := r.children(v, plans[v.Type()]); err != nil {
			return err
		}
		read = true
	}
}

func (r *reader) token() (token, error) {
	t, err := r.next()
	if err == nil && len(r.names) > maxNesting {
		err = errors.New("nested too deep")
	}
	return t, err
}

// children reads the elements inside one, up to its end. What stands in an Extension belongs to the element around it.
func (r *reader) children(v reflect.Value, p *plan) error {
	for {
		t, err := r.token()
		if err != nil {
			return err
		}
		switch t.kind {
		case tokenEnd:
			return nil
		case tokenStart:
			outer := len(r.prefixes)
			r.prefixes = append(r.prefixes, t.prefixes...)
			if err := r.child(v, p, t); err != nil {
				return err
			}
			r.prefixes = r.prefixes[:outer]
		}
	}
}

func (r *reader) child(v reflect.Value, p *plan, t token) error {
	name := t.name
	// FHoSS calls it Sh-Data-Extension and the like.
	if name == "Extension" || strings.HasSuffix(name, "-Extension") {
		return r.children(v, p)
	}
	i, ok := p.byName[name]
	if !ok {
		return r.skip()
	}
	if err := r.value(v.Field(i)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// value reads the inside of an element into a field.
func (r *reader) value(f reflect.Value) error {
	t := f.Type()
	switch {
	case t == reflect.TypeFor[RawXML]():
		raw, err := r.raw()
		f.SetBytes(raw)
		return err
	case t == reflect.TypeFor[Octets]():
	case t.Kind() == reflect.Slice:
		e := reflect.New(t.Elem()).Elem()
		set, err := r.scalarOrStruct(e)
		if err == nil && set {
			f.Set(reflect.Append(f, e))
		}
		return err
	case t.Kind() == reflect.Pointer:
		e := reflect.New(t.Elem())
		set, err := r.scalarOrStruct(e.Elem())
		if err == nil && set {
			f.Set(e)
		}
		return err
	}
	_, err := r.scalarOrStruct(f)
	return err
}

// scalarOrStruct tells whether there was a value: "None" for nothing has been seen, and an empty number is none either.
func (r *reader) scalarOrStruct(v reflect.Value) (set bool, err error) {
	if v.Kind() == reflect.Struct {
		return true, r.children(v, plans[v.Type()])
	}
	s, err := r.text()
	if err != nil || s == "None" {
		return false, err
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
		return true, nil
	case reflect.Slice:
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
		v.SetBytes(b)
		return true, err
	}
	if s == "" {
		return false, nil
	}
	return true, setNumber(v, s)
}

func setNumber(v reflect.Value, s string) error {
	switch v.Kind() {
	case reflect.Bool:
		switch s {
		case "1", "true":
			v.SetBool(true)
		case "0", "false":
			v.SetBool(false)
		default:
			return fmt.Errorf("%q is no boolean", s)
		}
	case reflect.Uint16:
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no number from 0 to 65535", s)
		}
		v.SetUint(n)
	default:
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is no number", s)
		}
		v.SetInt(n)
	}
	return nil
}

// text reads the text of an element up to its end; elements in it are skipped.
func (r *reader) text() (string, error) {
	var out []byte
	for {
		t, err := r.token()
		if err != nil {
			return "", err
		}
		switch t.kind {
		case tokenText:
			if out == nil {
				out = t.text
			} else {
				out = append(out[:len(out):len(out)], t.text...)
			}
		case tokenStart:
			if err := r.skip(); err != nil {
				return "", err
			}
		case tokenEnd:
			return string(bytes.TrimSpace(out)), nil
		}
	}
}

// skip goes over the inside of an element and its end.
func (r *reader) skip() error {
	_, _, err := r.over()
	return err
}

// over goes over the inside of an element and its end; it returns the first element in it and where the inside ends.
func (r *reader) over() (first token, to int, err error) {
	depth := len(r.names)
	first.from = -1
	for {
		t, err := r.token()
		if err != nil {
			return first, 0, err
		}
		if t.kind == tokenStart && first.from < 0 {
			first = t
		}
		if len(r.names) < depth {
			return first, t.from, nil
		}
	}
}

// raw returns the bytes inside an element, with the namespaces that they use and that were declared around them.
func (r *reader) raw() ([]byte, error) {
	from := r.pos
	first, to, err := r.over()
	if err != nil {
		return nil, err
	}
	inside := r.in[from:to]
	if first.from < 0 || len(r.prefixes) == 0 {
		return append(RawXML{}, inside...), nil
	}
	name := first.from + 1 + nameLength(r.in[first.from+1:])
	out := append(RawXML{}, r.in[from:name]...)
	for i, p := range r.prefixes {
		if !bytes.Contains(inside, []byte(p.name+":")) || declares(first.prefixes, p.name) || declares(r.prefixes[i+1:], p.name) {
			continue
		}
		out = append(out, " xmlns:"+p.name+`="`...)
		out = append(out, strings.ReplaceAll(p.value, `"`, "&quot;")...)
		out = append(out, '"')
	}
	return append(out, r.in[name:to]...), nil
}

func declares(list []prefix, name string) bool {
	for _, p := range list {
		if p.name == name {
			return true
		}
	}
	return false
}
