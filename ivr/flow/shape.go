package flow

import (
	"reflect"
	"time"

	"github.com/bifrons/bifrons/ivr/form"
)

// Root is the outermost element of the XML form.
const Root = "ivr"

// Shape gives the schema of an application, from the types of model.go.
func Shape() *form.Shape { return shapes{}.of(reflect.TypeFor[Flow](), "") }

// shapes remembers what was made, so that each type has one Shape.
type shapes map[reflect.Type]*form.Shape

func (m shapes) of(t reflect.Type, entry string) *form.Shape {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if s := m[t]; s != nil {
		return s
	}
	s := &form.Shape{}
	if t.Kind() == reflect.Struct && !isNamed(t) {
		m[t] = s
	}
	switch reflect.New(t).Interface().(type) {
	case *string, *Text, *Expr, *Ref, *Name, *Cause, *Day, *Hours:
		s.Scalar = form.Text
	case *Order:
		s.Scalar, s.Words = form.Text, []string{string(InTurn), string(Together)}
	case *int:
		s.Scalar = form.Whole
	case *bool:
		s.Scalar = form.Truth
	case *time.Duration:
		s.Scalar = form.Time
	case *Value:
		s.Scalar = form.Any
	case *Say:
		s.Scalar, s.Each, s.Entry = form.Text, m.of(reflect.TypeFor[Text](), ""), "in"
	default:
		m.composite(s, t, entry)
	}
	return s
}

func (m shapes) composite(s *form.Shape, t reflect.Type, entry string) {
	switch {
	case t.Kind() == reflect.Slice && isNamed(t.Elem()):
		v, _ := t.Elem().FieldByName("Value")
		s.Each, s.Entry = m.of(v.Type, ""), entry
	case t.Kind() == reflect.Slice:
		s.Items = m.of(t.Elem(), "")
	default:
		s.Name = t.Name()
		for _, f := range fieldsOf(t) {
			ft := t.Field(f.index).Type
			s.Fields = append(s.Fields, form.Field{Key: f.key, Doc: f.doc, Shape: m.of(ft, f.entry), Required: f.required, Element: prompts(ft)})
			if f.short {
				s.Scalar = form.Text
			}
		}
	}
}

// prompts tells of what reads better as an element than as an attribute.
func prompts(t reflect.Type) bool {
	return t == reflect.TypeFor[[]Say]() || t == reflect.TypeFor[Say]() || t == reflect.TypeFor[[]Sound]()
}
