package form

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// JSONSchema prints a shape as a JSON schema (draft 2020-12), by which editors complete and check YAML files.
func JSONSchema(s *Shape, title string) []byte {
	j := &jsonSchema{defs: map[string]any{}}
	root := j.of(s)
	for k, v := range j.defs[s.Name].(map[string]any) {
		root[k] = v
	}
	delete(root, "$ref")
	delete(j.defs, s.Name)
	root["$schema"], root["title"], root["$defs"] = "https://json-schema.org/draft/2020-12/schema", title, j.defs
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps, strings and lists alone
	}
	return append(out, '\n')
}

type jsonSchema struct{ defs map[string]any }

// of gives the schema of a shape; mappings with fixed keys are definitions of their own.
func (j *jsonSchema) of(s *Shape) map[string]any {
	var ways []any
	add := func(m map[string]any) { ways = append(ways, m) }
	switch {
	case s.anything():
		return map[string]any{}
	case s.Words != nil:
		add(map[string]any{"enum": s.Words})
	case s.Scalar == Text:
		add(map[string]any{"type": []string{"string", "number", "boolean"}})
	case s.Scalar == Whole:
		add(map[string]any{"type": "integer"})
	case s.Scalar == Truth:
		add(map[string]any{"type": "boolean"})
	case s.Scalar == Time:
		add(map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`})
	}
	if s.Items != nil {
		item := j.of(s.Items)
		add(item)
		add(map[string]any{"type": "array", "items": item})
	}
	if s.Each != nil {
		add(map[string]any{"type": "object", "additionalProperties": j.of(s.Each)})
	}
	if s.Fields != nil {
		j.define(s)
		add(map[string]any{"$ref": "#/$defs/" + s.Name})
	}
	if len(ways) == 1 {
		return ways[0].(map[string]any)
	}
	return map[string]any{"anyOf": ways}
}

func (j *jsonSchema) define(s *Shape) {
	if j.defs[s.Name] != nil {
		return
	}
	def := map[string]any{"type": "object", "additionalProperties": false}
	j.defs[s.Name] = def // before its fields, which may name it
	properties, required := map[string]any{}, []string{}
	for _, f := range s.Fields {
		p := j.of(f.Shape)
		properties[f.Key] = map[string]any{"description": f.Doc, "allOf": []any{p}}
		if f.Required {
			required = append(required, f.Key)
		}
	}
	def["properties"] = properties
	if len(required) > 0 {
		def["required"] = required
	}
}

// XSD prints a shape as an XML schema, by which editors complete and check XML files.
func XSD(s *Shape, root string) []byte {
	x := &xsd{done: map[string]bool{}}
	x.line(0, `<?xml version="1.0" encoding="UTF-8"?>`)
	x.line(0, `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">`)
	x.line(1, `<xs:element name="%s" type="%s"/>`, root, x.typ(s, false))
	// Anything: the values of variables, which say themselves what they are.
	x.types = append(x.types, `  <xs:complexType name="Value" mixed="true">
    <xs:sequence>
      <xs:any processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
    </xs:sequence>
    <xs:anyAttribute processContents="lax"/>
  </xs:complexType>
`)
	for _, named := range []bool{false, true} {
		x.text(named)
	}
	slices.Sort(x.types)
	return []byte(x.b.String() + strings.Join(x.types, "") + "</xs:schema>\n")
}

type xsd struct {
	b     strings.Builder
	types []string
	done  map[string]bool
}

func (x *xsd) line(in int, format string, args ...any) {
	x.b.WriteString(strings.Repeat("  ", in) + fmt.Sprintf(format, args...) + "\n")
}

// typ names the type of an element, and defines it when it is new. Named: it has an attribute name.
func (x *xsd) typ(s *Shape, named bool) string {
	s = s.single()
	switch {
	case s.anything():
		return "Value"
	case s.Fields == nil && s.Each == nil:
		return x.simple(s, named)
	}
	name := s.Name
	if name == "" {
		name = "By" + strings.ToUpper(s.entryName()[:1]) + s.entryName()[1:] + x.suffix(s)
	}
	if named {
		name += "Named"
	}
	if !x.done[name] {
		x.done[name] = true
		x.define(name, s, named)
	}
	return name
}

// suffix tells apart mappings with the same entries but other values.
func (x *xsd) suffix(s *Shape) string {
	if t := s.Each.single(); t.Name != "" {
		return "Of" + t.Name
	} else if t.anything() {
		return "OfValue"
	}
	if s.Scalar != None {
		return "OrText"
	}
	return ""
}

func (x *xsd) simple(_ *Shape, named bool) string {
	if !named {
		return "Text"
	}
	return "TextNamed"
}

// text defines the type of an element with a text in it, which may be a list as well.
func (x *xsd) text(named bool) {
	name, attribute := x.simple(nil, named), ""
	if named {
		attribute = "    <xs:attribute name=\"name\" type=\"xs:string\" use=\"required\"/>\n"
	}
	x.types = append(x.types, fmt.Sprintf("  <xs:complexType name=%q mixed=\"true\">\n    <xs:sequence>\n      <xs:element name=\"item\" type=\"Value\" minOccurs=\"0\" maxOccurs=\"unbounded\"/>\n"+
		"    </xs:sequence>\n%s    <xs:attribute name=\"type\" type=\"xs:string\"/>\n  </xs:complexType>\n", name, attribute))
}

func (x *xsd) define(name string, s *Shape, named bool) {
	var b strings.Builder
	mixed := ""
	if s.Scalar != None {
		mixed = ` mixed="true"`
	}
	fmt.Fprintf(&b, "  <xs:complexType name=%q%s>\n    <xs:choice minOccurs=\"0\" maxOccurs=\"unbounded\">\n", name, mixed)
	for _, f := range s.Fields {
		fmt.Fprintf(&b, "      <xs:element name=%q type=%q>%s</xs:element>\n", f.Key, x.typ(f.Shape, false), documentation(f.Doc))
	}
	if s.Each != nil {
		fmt.Fprintf(&b, "      <xs:element name=%q type=%q/>\n", s.entryName(), x.typ(s.Each, true))
	}
	fmt.Fprintf(&b, "      <xs:element name=\"item\" type=\"Value\"/>\n    </xs:choice>\n")
	for _, f := range s.Fields {
		if t := f.Shape.single(); t.Scalar != None && !f.Element {
			fmt.Fprintf(&b, "    <xs:attribute name=%q type=\"xs:string\">%s</xs:attribute>\n", f.Key, documentation(f.Doc))
		}
	}
	if named {
		b.WriteString("    <xs:attribute name=\"name\" type=\"xs:string\" use=\"required\"/>\n")
	}
	if s.field("type") == nil {
		b.WriteString("    <xs:attribute name=\"type\" type=\"xs:string\"/>\n")
	}
	b.WriteString("  </xs:complexType>\n")
	x.types = append(x.types, b.String())
}

func documentation(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return "<xs:annotation><xs:documentation>" + b.String() + "</xs:documentation></xs:annotation>"
}
