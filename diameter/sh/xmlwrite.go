package sh

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// XML returns the document strictly as the schema has it: elements in order, each release in its Extension.
func (d *Data) XML() ([]byte, error) {
	out := append(make([]byte, 0, 512), `<?xml version="1.0" encoding="UTF-8"?>`...)
	out, err := appendElement(out, "Sh-Data", reflect.ValueOf(d).Elem())
	if err != nil {
		return nil, fmt.Errorf("write Sh-Data: %w", err)
	}
	return out, nil
}

func appendElement(out []byte, name string, v reflect.Value) ([]byte, error) {
	out = open(out, name)
	out, err := appendValue(out, v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return shut(out, name), nil
}

func appendValue(out []byte, v reflect.Value) ([]byte, error) {
	switch v.Kind() {
	case reflect.Struct:
		return appendFields(out, v)
	case reflect.String:
		if !writable(v.String()) {
			return nil, fmt.Errorf("%q cannot stand in XML", v.String())
		}
		return appendEscaped(out, v.String()), nil
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[RawXML]() {
			if err := wellFormed(v.Bytes()); err != nil {
				return nil, err
			}
			return append(out, v.Bytes()...), nil
		}
		return base64.StdEncoding.AppendEncode(out, v.Bytes()), nil
	case reflect.Bool:
		return strconv.AppendBool(out, v.Bool()), nil
	case reflect.Uint16:
		return strconv.AppendUint(out, v.Uint(), 10), nil
	default:
		return strconv.AppendInt(out, v.Int(), 10), nil
	}
}

// appendFields writes a struct's elements; each level of Extension stands inside the one before, after its elements.
func appendFields(out []byte, v reflect.Value) ([]byte, error) {
	p := plans[v.Type()]
	deepest := -1
	for _, f := range p.fields {
		if present(v.Field(f.index)) {
			deepest = max(deepest, f.level)
		}
	}
	var err error
	for level := 0; level <= deepest; level++ {
		if level > 0 {
			out = open(out, "Extension")
		}
		for _, f := range p.fields {
			if f.level == level {
				if out, err = appendField(out, f.name, v.Field(f.index)); err != nil {
					return nil, err
				}
			}
		}
	}
	for range deepest {
		out = shut(out, "Extension")
	}
	return out, nil
}

func appendField(out []byte, name string, v reflect.Value) (_ []byte, err error) {
	switch {
	case !present(v):
		return out, nil
	case v.Kind() == reflect.Pointer:
		return appendElement(out, name, v.Elem())
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		for i := range v.Len() {
			if out, err = appendElement(out, name, v.Index(i)); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return appendElement(out, name, v)
}

// present: pointers and lists that hold something; a value that is no pointer is mandatory.
func present(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return !v.IsNil()
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return !v.IsNil()
		}
		return v.Len() > 0
	}
	return true
}

func open(out []byte, name string) []byte {
	out = append(out, '<')
	out = append(out, name...)
	return append(out, '>')
}

func shut(out []byte, name string) []byte {
	out = append(out, '<', '/')
	out = append(out, name...)
	return append(out, '>')
}

func appendEscaped(out []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '<':
			out = append(out, "&lt;"...)
		case '>':
			out = append(out, "&gt;"...)
		case '&':
			out = append(out, "&amp;"...)
		case '"':
			out = append(out, "&quot;"...)
		case '\r':
			out = append(out, "&#13;"...)
		default:
			out = append(out, c)
		}
	}
	return out
}

// writable tells whether the text is made of characters that XML 1.0 allows.
func writable(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return true
}

// wellFormed checks data that is written as it is: it must not be able to leave its element.
func wellFormed(b []byte) error {
	if len(b) > maxDocument {
		return fmt.Errorf("%d bytes of service data are too many", len(b))
	}
	s := scanner{in: b, names: []string{""}}
	for {
		t, err := s.next()
		switch {
		case err != nil && s.pos == len(b) && len(s.names) == 1:
			return nil // only the element around it is still open
		case err != nil:
			return fmt.Errorf("service data: %w", err)
		case t.kind == tokenEnd && len(s.names) == 0:
			return errors.New("service data leaves its element")
		case len(s.names) > maxNesting/2:
			return errors.New("service data is nested too deep")
		}
	}
}
