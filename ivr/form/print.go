package form

import (
	"strconv"
	"strings"
	"unicode"
)

// YAML prints a tree with its comments. The keys of mappings with fixed keys come in the order of the shape.
func YAML(t *Tree, s *Shape) []byte {
	p := &yamlPrinter{}
	switch {
	case t.Kind == Map && len(t.Entries) > 0:
		p.entries(t, s.single(), 0)
	default:
		p.b.WriteString(scalarYAML(t, s, false) + "\n")
	}
	p.comments(t.Below, 0)
	return []byte(p.b.String())
}

type yamlPrinter struct{ b strings.Builder }

func (p *yamlPrinter) indent(n int) { p.b.WriteString(strings.Repeat(" ", n)) }

func (p *yamlPrinter) comments(lines []string, in int) {
	for _, l := range lines {
		p.indent(in)
		p.b.WriteString(strings.TrimRight("# "+l, " ") + "\n")
	}
}

func (p *yamlPrinter) entries(t *Tree, s *Shape, in int) {
	for i, e := range s.order(t.Entries) {
		if in <= 2 && i > 0 && !e.Value.Scalar() && e.Value.size() > 3 {
			p.b.WriteString("\n") // air between nodes
		}
		p.comments(e.Above, in)
		p.indent(in)
		p.b.WriteString(keyYAML(e.Key) + ":")
		p.value(e.Value, s.under(e.Key), e.Beside, in)
	}
}

// under is the shape below a key.
func (s *Shape) under(key string) *Shape {
	if f := s.field(key); f != nil {
		return f.Shape
	}
	if s == nil {
		return nil
	}
	return s.Each
}

// value prints what follows a colon: on the same line, or indented below.
func (p *yamlPrinter) value(t *Tree, s *Shape, beside string, in int) {
	end := "\n"
	if beside != "" {
		end = "  # " + beside + "\n"
	}
	switch {
	case t.Scalar() && literal(t):
		p.b.WriteString(" |-" + end)
		for _, l := range strings.Split(t.Text, "\n") {
			if l != "" {
				p.indent(in + 2)
			}
			p.b.WriteString(l + "\n")
		}
	case t.Scalar():
		p.b.WriteString(" " + scalarYAML(t, s, false) + end)
	case t.size() == 0 || t.flow() && (in != 2 || t.width() <= 56):
		p.b.WriteString(" " + flowYAML(t, s) + end)
	case t.Kind == Map:
		p.b.WriteString(end)
		p.entries(t, s.single(), in+2)
	default:
		p.b.WriteString(end)
		for _, it := range t.Items {
			p.comments(it.Above, in+2)
			p.indent(in + 2)
			p.b.WriteString("-")
			switch v := it.Value; {
			case v.Kind == Map && !v.flow() && len(v.Entries) > 0 && it.Beside == "" && len(v.Entries[0].Above) == 0:
				p.item(v, s.item(), in+2)
			default:
				p.value(v, s.item(), it.Beside, in+2)
			}
		}
	}
}

// item prints a mapping behind the dash of its item.
func (p *yamlPrinter) item(t *Tree, s *Shape, in int) {
	var sub yamlPrinter
	sub.entries(t, s.single(), in+2)
	p.b.WriteString(" " + strings.TrimLeft(sub.b.String(), " "))
}

// size counts the values in a tree.
func (t *Tree) size() int {
	n := len(t.Items) + len(t.Entries)
	for _, it := range t.Items {
		n += it.Value.size()
	}
	for _, e := range t.Entries {
		n += e.Value.size()
	}
	return n
}

// flow tells whether a list or mapping is short enough for one line.
func (t *Tree) flow() bool { return t.width() <= 72 }

// width is how many characters a tree takes on one line; much when it cannot stand there.
func (t *Tree) width() int {
	const never = 1 << 16
	n := 2
	if t.Scalar() {
		if strings.Contains(t.Text, "\n") {
			return never
		}
		return n + len(t.Text)
	}
	for _, it := range t.Items {
		if len(it.Above) > 0 || it.Beside != "" || it.Value.Kind == Map && len(t.Items) > 1 {
			return never
		}
		n += it.Value.width()
	}
	for _, e := range t.Entries {
		if len(e.Above) > 0 || e.Beside != "" || e.Value.Kind == Map {
			return never
		}
		n += len(e.Key) + e.Value.width()
	}
	return n
}

func flowYAML(t *Tree, s *Shape) string {
	var parts []string
	switch t.Kind {
	case List:
		for _, it := range t.Items {
			parts = append(parts, flowYAML(it.Value, s.item()))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case Map:
		s = s.single()
		for _, e := range s.order(t.Entries) {
			parts = append(parts, keyYAML(e.Key)+": "+flowYAML(e.Value, s.under(e.Key)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return scalarYAML(t, s, true)
}

// literal tells whether a text is printed as a block of lines.
func literal(t *Tree) bool {
	if t.Kind != String || !strings.Contains(t.Text, "\n") || strings.HasSuffix(t.Text, "\n") || strings.ContainsAny(t.Text[:1], " \t\n") {
		return false
	}
	for l := range strings.SplitSeq(t.Text, "\n") {
		if strings.TrimSpace(l) != strings.TrimRight(l, " \t") && l == "" || l != strings.TrimRight(l, " \t") {
			return false
		}
	}
	return !strings.ContainsFunc(t.Text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) })
}

func keyYAML(k string) string {
	if plain(k) && resolve(k) != Null && !strings.ContainsAny(k, "[]{},:") {
		return k
	}
	return strconv.Quote(k)
}

func scalarYAML(t *Tree, s *Shape, flow bool) string {
	switch {
	case t.Kind == Map:
		return "{}"
	case t.Kind == List:
		return "[]"
	case t.Kind == Null:
		return "null"
	case t.Kind != String && (s.single() == nil || s.single().Scalar != Text): // where all is text, it is written as text
		return t.Text
	case plain(t.Text) && (!flow || !strings.ContainsAny(t.Text, "[]{},")) && (resolve(t.Text) == String || s != nil && !s.anything() && resolve(t.Text) == Int && canonical(t.Text)):
		return t.Text
	}
	return quoteYAML(t.Text)
}

func canonical(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && strconv.Itoa(n) == s
}

// plain tells whether a text may stand without quotes, also within brackets.
func plain(s string) bool {
	if s == "" || strings.TrimSpace(s) != s || strings.ContainsAny(s[:1], "-?:,[]{}#&*!|>'\"%@`=<+.~") && !signed(s) {
		return false
	}
	if strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.HasSuffix(s, ":") || strings.ContainsAny(s, "\"<#") {
		return false
	}
	for i := range len(s) - 1 { // the parser takes a:* for a key and an alias
		if s[i] == ':' && strings.IndexByte("[]{},&*!|>'%@`?:-~", s[i+1]) >= 0 {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "yes", "no", "on", "off", "y", "n", "true", "false", "null":
		return s == "true" || s == "false" || s == "no" || s == "yes" || s == "on" || s == "off"
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == '\ufeff' })
}

// signed tells whether a text is a number with a sign.
func signed(s string) bool { return resolve(s) == Int || resolve(s) == Float }

// quoteYAML quotes a text with the escapes of JSON, which YAML has as well.
func quoteYAML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			b.WriteString(`\U` + hex(uint32(r), 8))
		default:
			b.WriteString(`\u` + hex(uint32(r), 4))
		}
	}
	b.WriteByte('"')
	return b.String()
}

func hex(n uint32, width int) string {
	s := strconv.FormatUint(uint64(n), 16)
	return strings.Repeat("0", max(0, width-len(s))) + s
}
