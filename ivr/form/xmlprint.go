package form

import (
	"bytes"
	"fmt"
	"strings"
)

type xmlPrinter struct {
	b   bytes.Buffer
	err error
}

func (p *xmlPrinter) indent(n int) { p.b.WriteString(strings.Repeat("  ", n)) }

func (p *xmlPrinter) comments(lines []string, in int) {
	for _, l := range lines {
		p.indent(in)
		p.b.WriteString(note(l) + "\n")
	}
}

func note(l string) string { return "<!-- " + apart(l) + " -->" }

// apart keeps two hyphens apart, which no comment of XML may have: by a backslash, or one more where there are some. together takes
// them out again.
func apart(l string) string { return hyphens(l, 1) }

func together(l string) string { return hyphens(l, -1) }

func hyphens(l string, more int) string {
	var b strings.Builder
	for i := 0; i < len(l); i++ {
		b.WriteByte(l[i])
		end := i + 1
		for end < len(l) && l[end] == '\\' {
			end++
		}
		if n := end - i - 1 + more; l[i] == '-' && end < len(l) && l[end] == '-' && n >= 0 {
			b.WriteString(strings.Repeat("\\", n))
			i = end - 1
		}
	}
	return b.String()
}

// element prints a tree as an element; a key is its attribute name.
func (p *xmlPrinter) element(name, key string, t *Tree, s *Shape, n Notes, in int) {
	p.comments(n.Above, in)
	p.indent(in)
	p.b.WriteString("<" + name)
	if key != "" {
		p.attribute("name", key)
	}
	switch {
	case t.Scalar():
		p.scalar(name, t, s)
	case t.Kind == List:
		p.attribute("type", "list")
		p.b.WriteString(">\n")
		for _, it := range t.Items {
			p.element("item", "", it.Value, s.item().single(), it.Notes, in+1)
		}
		p.indent(in)
		p.b.WriteString("</" + name + ">")
	default:
		p.mapping(name, t, s, in)
	}
	if n.Beside != "" {
		p.b.WriteString(" " + note(n.Beside))
	}
	p.b.WriteString("\n")
}

func (p *xmlPrinter) scalar(name string, t *Tree, s *Shape) {
	kind := resolve(t.Text)
	if kind == Null {
		kind = String
	}
	switch {
	case t.Kind == Null:
		p.b.WriteString(` type="null"/>`)
		return
	case t.Kind != kind && s.anything():
		p.attribute("type", t.Kind.String())
	}
	if t.Text == "" {
		p.b.WriteString("/>")
		return
	}
	p.b.WriteString(">")
	p.text(t.Text, false)
	p.b.WriteString("</" + name + ">")
}

func (p *xmlPrinter) mapping(name string, t *Tree, s *Shape, in int) {
	free := s == nil || len(s.Fields) == 0
	if free && s.anything() || len(t.Entries) == 0 {
		p.attribute("type", "map")
	}
	var rest []Entry
	for _, e := range s.order(t.Entries) {
		if f := s.field(e.Key); !free && f != nil && !f.Element && e.Value.attribute(f.Shape) && len(e.Above) == 0 && e.Beside == "" {
			p.attribute(e.Key, e.Value.Text)
		} else {
			rest = append(rest, e)
		}
	}
	if len(rest) == 0 {
		p.b.WriteString("/>")
		return
	}
	p.b.WriteString(">\n")
	for _, e := range rest {
		fs := s.under(e.Key)
		switch {
		case free:
			p.element(s.entryName(), e.Key, e.Value, fs.single(), e.Notes, in+1)
		case e.Value.Kind == List && len(e.Value.Items) > 1 && e.Beside == "" && len(e.Value.Items[0].Above) == 0 && !e.Value.nested():
			for i, it := range e.Value.Items {
				n := it.Notes
				if i == 0 {
					n.Above = append(append([]string(nil), e.Above...), n.Above...)
				}
				p.element(e.Key, "", it.Value, fs.item().single(), n, in+1)
			}
		case e.Value.Kind == List:
			p.element(e.Key, "", e.Value, fs, e.Notes, in+1)
		default:
			p.element(e.Key, "", e.Value, fs.single(), e.Notes, in+1)
		}
	}
	p.indent(in)
	p.b.WriteString("</" + name + ">")
}

// nested tells whether a list has a list in it, which repeated elements cannot show.
func (t *Tree) nested() bool {
	for _, it := range t.Items {
		if it.Value.Kind == List {
			return true
		}
	}
	return false
}

// attribute tells whether a value may be one.
func (t *Tree) attribute(s *Shape) bool {
	return t.Scalar() && t.Kind != Null && len(t.Text) <= 80 && !strings.ContainsAny(t.Text, "\n\r\t") && (!s.anything() || t.Kind == resolve(t.Text))
}

func (p *xmlPrinter) attribute(name, value string) {
	p.b.WriteString(" " + name + `="`)
	p.text(value, true)
	p.b.WriteString(`"`)
}

func (p *xmlPrinter) text(s string, quoted bool) {
	if !legal(s) && p.err == nil {
		p.err = fmt.Errorf("XML cannot hold the text %q: remove its control characters", s)
	}
	for _, r := range s {
		switch {
		case r == '&':
			p.b.WriteString("&amp;")
		case r == '<':
			p.b.WriteString("&lt;")
		case r == '>':
			p.b.WriteString("&gt;")
		case r == '"' && quoted:
			p.b.WriteString("&quot;")
		case r == '\r' || quoted && (r == '\n' || r == '\t'):
			fmt.Fprintf(&p.b, "&#%d;", r)
		default:
			p.b.WriteRune(r)
		}
	}
}
