package sh

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
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
	r := &reader{in: b, dec: xml.NewDecoder(bytes.NewReader(b))}
	d := new(Data)
	if err := r.document(reflect.ValueOf(d).Elem()); err != nil {
		return nil, fmt.Errorf("read Sh-Data: %w", err)
	}
	return d, nil
}

// reader reads one document.
type reader struct {
	in    []byte
	dec   *xml.Decoder
	depth int
	// prefixes are the namespaces declared around the current element; raw data takes them along.
	prefixes []xml.Attr
}

func (r *reader) document(v reflect.Value) error {
	for {
		tok, err := r.token()
		if err != nil {
			return err
		}
		if start, ok := tok.(xml.StartElement); ok {
			if start.Name.Local != "Sh-Data" {
				return fmt.Errorf("root element is %q", start.Name.Local)
			}
			r.declare(start)
			if err := r.children(v, plans[v.Type()]); err != nil {
				return err
			}
			break
		}
	}
	for {
		tok, err := r.token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, ok := tok.(xml.StartElement); ok {
			return errors.New("more than one root element")
		}
	}
}

func (r *reader) token() (xml.Token, error) {
	tok, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok.(type) {
	case xml.Directive:
		return nil, errors.New("a document type is not allowed")
	case xml.StartElement:
		if r.depth++; r.depth > maxNesting {
			return nil, errors.New("nested too deep")
		}
	case xml.EndElement:
		r.depth--
	}
	return tok, nil
}

func (r *reader) declare(start xml.StartElement) {
	for _, a := range start.Attr {
		if a.Name.Space == "xmlns" {
			r.prefixes = append(r.prefixes, a)
		}
	}
}

// children reads the elements inside one, up to its end. What stands in an Extension belongs to the element around it.
func (r *reader) children(v reflect.Value, p *plan) error {
	for {
		tok, err := r.token()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			outer := len(r.prefixes)
			r.declare(t)
			if err := r.child(v, p, t.Name.Local); err != nil {
				return err
			}
			r.prefixes = r.prefixes[:outer]
		}
	}
}

func (r *reader) child(v reflect.Value, p *plan, name string) error {
	// FHoSS calls it Sh-Data-Extension and the like.
	if name == "Extension" || strings.HasSuffix(name, "-Extension") {
		return r.children(v, p)
	}
	i, ok := p.byName[name]
	if !ok {
		return r.skip()
	}
	if err := r.value(v.Field(i), name); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// value reads the inside of an element into a field.
func (r *reader) value(f reflect.Value, name string) error {
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
		tok, err := r.token()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.CharData:
			out = append(out, t...)
		case xml.StartElement:
			if err := r.skip(); err != nil {
				return "", err
			}
		case xml.EndElement:
			return string(bytes.TrimSpace(out)), nil
		}
	}
}

func (r *reader) skip() error {
	for depth := r.depth; r.depth >= depth; {
		if _, err := r.token(); err != nil {
			return err
		}
	}
	return nil
}

// raw returns the bytes inside an element, with the namespaces that they use and that were declared around them.
func (r *reader) raw() ([]byte, error) {
	from := r.dec.InputOffset()
	first := int64(-1) // where the first start tag's name ends
	to := from
	for depth := r.depth; ; {
		before := r.dec.InputOffset()
		tok, err := r.token()
		if err != nil {
			return nil, err
		}
		if _, ok := tok.(xml.StartElement); ok && first < 0 {
			first = before + int64(nameEnd(r.in[before:]))
		}
		if r.depth < depth {
			to = before
			break
		}
	}
	inside := r.in[from:max(from, to)]
	if first < 0 || len(r.prefixes) == 0 {
		return append(RawXML{}, inside...), nil
	}
	out := append(RawXML{}, r.in[from:first]...)
	tag := r.in[first:to]
	if i := bytes.IndexByte(tag, '>'); i >= 0 {
		tag = tag[:i]
	}
	for i, a := range r.prefixes {
		used := bytes.Contains(inside, []byte(a.Name.Local+":"))
		if !used || bytes.Contains(tag, []byte("xmlns:"+a.Name.Local)) || declaredLater(r.prefixes[i+1:], a) {
			continue
		}
		out = append(out, " xmlns:"+a.Name.Local+`="`...)
		out = appendEscaped(out, a.Value)
		out = append(out, '"')
	}
	return append(out, r.in[first:to]...), nil
}

func declaredLater(later []xml.Attr, a xml.Attr) bool {
	for _, l := range later {
		if l.Name.Local == a.Name.Local {
			return true
		}
	}
	return false
}

// nameEnd returns where the name in a start tag ends.
func nameEnd(b []byte) int {
	i := bytes.IndexAny(b, " \t\r\n/>")
	return max(i, 0)
}
