package form

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ParseXML reads the XML form of a file; root is the outermost element. Its error is of type Problems.
func ParseXML(name string, data []byte, root string, s *Shape) (*Tree, error) {
	if p, bad := unreadable(name, data); bad {
		return nil, Problems{p}
	}
	x := &xmlReader{name: name, data: data, dec: xml.NewDecoder(bytes.NewReader(data))}
	e, below, err := x.document()
	if err != nil {
		return nil, Problems{x.syntax(err)}
	}
	if e == nil || e.name != root {
		return nil, Problems{{File: name, At: Place{1, 1}, Text: "the outermost element must be <" + root + ">"}}
	}
	t := x.tree(e, s.single(), false)
	t.Below = below
	if t.Kind == String && t.Text == "" {
		t = &Tree{Kind: Map, At: t.At, Below: below}
	}
	if len(x.errs) > 0 {
		return nil, x.errs.Sort()
	}
	return t, nil
}

// element is an element as read.
type element struct {
	name     string
	attrs    []xml.Attr
	text     string
	children []*element
	at       Place
	places   map[string]Place // of its attributes
	Notes
}

type xmlReader struct {
	name string
	data []byte
	dec  *xml.Decoder
	errs Problems
}

func (x *xmlReader) fail(at Place, format string, args ...any) {
	x.errs = append(x.errs, Problem{File: x.name, At: at, Text: fmt.Sprintf(format, args...)})
}

func (x *xmlReader) place() Place {
	line, column := x.dec.InputPos()
	return Place{line, column}
}

func (x *xmlReader) syntax(err error) Problem {
	at, text := x.place(), err.Error()
	var se *xml.SyntaxError
	if errors.As(err, &se) {
		text = se.Msg
	}
	if strings.Contains(text, "CharsetReader") {
		return Problem{File: x.name, At: at, Text: "only UTF-8 is read here; save the file as UTF-8, and say so in its first line"}
	}
	return Problem{File: x.name, At: at, Text: "not valid XML: " + text + "; check that every element is closed, and write & as &amp; and < as &lt;"}
}

// document reads the outermost element and the comments below it.
func (x *xmlReader) document() (root *element, below []string, err error) {
	var open []*element
	var above []string // comments that wait for their element
	var last *element  // the element whose end or beginning is on this line
	for {
		at, begin := x.place(), x.dec.InputOffset()
		token, err := x.dec.Token()
		if errors.Is(err, io.EOF) {
			return root, append(below, above...), nil
		}
		if err != nil {
			return nil, nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(open) == maxDepth {
				return nil, nil, errors.New("elements are nested too deeply")
			}
			e := &element{name: t.Name.Local, attrs: t.Attr, at: at, places: attributePlaces(x.data[begin:x.dec.InputOffset()], at), Notes: Notes{Above: above}}
			above, last = nil, nil
			switch {
			case len(open) > 0:
				p := open[len(open)-1]
				p.children = append(p.children, e)
			case root != nil:
				return nil, nil, errors.New("there is more than one outermost element")
			default:
				root = e
			}
			open = append(open, e)
		case xml.EndElement:
			last = open[len(open)-1]
			open = open[:len(open)-1]
			below, above = append(below, above...), nil
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(t)
			}
			if bytes.ContainsRune(t, '\n') {
				last = nil
			}
		case xml.Comment:
			for _, line := range strings.Split(strings.TrimSpace(string(t)), "\n") {
				line = together(strings.TrimSpace(line))
				if last != nil && last.Beside == "" && !bytes.ContainsRune(t, '\n') {
					last.Beside, last = line, nil
					continue
				}
				above = append(above, line)
			}
		}
	}
}

// tree makes the value an element stands for. Named: its attribute name is the key.
func (x *xmlReader) tree(e *element, s *Shape, named bool) *Tree {
	t := &Tree{At: e.at}
	kind := ""
	attrs := make([]xml.Attr, 0, len(e.attrs))
	for _, a := range e.attrs {
		switch {
		case a.Name.Local == "type" && s.field("type") == nil:
			kind = a.Value
		case named && a.Name.Local == "name", a.Name.Space == "xmlns", a.Name.Local == "xmlns", a.Name.Space != "":
		default:
			attrs = append(attrs, a)
		}
	}
	switch {
	case kind == "list":
		t.Kind = List
		x.items(t, e, s)
	case kind == "map" || kind == "" && (len(e.children) > 0 || len(attrs) > 0):
		t.Kind = Map
		x.attributes(t, e, attrs)
		x.children(t, e, s)
	default:
		x.scalar(t, e, kind)
	}
	if t.Kind >= List && strings.TrimSpace(e.text) != "" {
		x.fail(e.at, "<%s> has elements or attributes and a text as well: %s; put the text into an element of its own", e.name, Tick(strings.TrimSpace(e.text)))
	}
	return t
}

func (x *xmlReader) scalar(t *Tree, e *element, kind string) {
	t.Text, t.Kind = e.text, resolve(e.text)
	if t.Kind == Null {
		t.Kind = String
	}
	switch kind {
	case "":
	case "string":
		t.Kind = String
	case "int", "float", "bool":
		for k := Bool; k <= Float; k++ {
			if k.String() == kind {
				t.Kind = k
			}
		}
	case "null":
		t.Kind, t.Text = Null, ""
	default:
		x.fail(e.at, "the type %s is not known; valid: string, int, float, bool, null, list, map", Tick(kind))
	}
	if len(e.children) > 0 {
		x.fail(e.at, "<%s> is a %s and has elements", e.name, kind)
	}
}

func (x *xmlReader) items(t *Tree, e *element, s *Shape) {
	for _, c := range e.children {
		if c.name != "item" {
			x.fail(c.at, "a list has elements <item>, not <%s>", c.name)
			continue
		}
		t.Items = append(t.Items, Item{x.tree(c, s.item().single(), false), c.Notes})
	}
}

func (x *xmlReader) attributes(t *Tree, e *element, attrs []xml.Attr) {
	for _, a := range attrs {
		at, known := e.places[a.Name.Local]
		if !known {
			at = e.at
		}
		v := &Tree{Kind: resolve(a.Value), Text: a.Value, At: at}
		if v.Kind == Null {
			v.Kind = String
		}
		x.add(t, Entry{Key: a.Name.Local, Value: v, At: at})
	}
}

func (x *xmlReader) children(t *Tree, e *element, s *Shape) {
	free := s == nil || len(s.Fields) == 0
	for i := 0; i < len(e.children); {
		c := e.children[i]
		i++
		if free {
			key, ok := attribute(c, "name")
			if !ok {
				x.fail(c.at, "<%s> needs an attribute name", c.name)
				continue
			}
			if want := s.entryName(); c.name != want {
				x.fail(c.at, "<%s> stands where <%s> is expected", c.name, want)
				continue
			}
			x.add(t, Entry{key, x.tree(c, s.under(key).single(), true), c.at, c.Notes})
			continue
		}
		run := []*element{c}
		for i < len(e.children) && e.children[i].name == c.name {
			run = append(run, e.children[i])
			i++
		}
		fs := s.under(c.name)
		if len(run) == 1 {
			kind, _ := attribute(c, "type")
			if kind != "list" {
				fs = fs.single()
			}
			x.add(t, Entry{c.name, x.tree(c, fs, false), c.at, c.Notes})
			continue
		}
		list := &Tree{Kind: List, At: c.at}
		for j, r := range run {
			n := r.Notes
			if j == 0 {
				n.Above = nil
			}
			list.Items = append(list.Items, Item{x.tree(r, fs.item().single(), false), n})
		}
		x.add(t, Entry{c.name, list, c.at, Notes{Above: c.Above}})
	}
}

func (s *Shape) entryName() string {
	if s == nil || s.Entry == "" {
		return "entry"
	}
	return s.Entry
}

func (x *xmlReader) add(t *Tree, e Entry) {
	for _, o := range t.Entries {
		if o.Key == e.Key {
			x.fail(e.At, "%s is already set in line %d; remove one of the two", Tick(e.Key), o.At.Line)
			return
		}
	}
	t.Entries = append(t.Entries, e)
}

func attribute(e *element, name string) (string, bool) {
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

// XML prints a tree as a document whose outermost element is root. What XML cannot hold, such as most control characters, is
// an error.
func XML(t *Tree, root string, s *Shape) ([]byte, error) {
	p := &xmlPrinter{}
	p.b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
	p.element(root, "", t, s.single(), Notes{}, 0)
	p.comments(t.Below, 0)
	return p.b.Bytes(), p.err
}

// legal tells whether XML 1.0 can hold a text.
func legal(s string) bool {
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == utf8.RuneError || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return true
}
