package form

// Shape says what a tree may be: a scalar, a list, a mapping with fixed or with free keys, or one of several of these.
type Shape struct {
	Name   string // of the type, where schemas refer to it
	Doc    string
	Scalar Scalar   // None: it may be no scalar
	Words  []string // of a scalar that is one of a few words
	Items  *Shape   // of a list; a scalar or mapping in its place is a list of one
	Fields []Field  // of a mapping with fixed keys
	Each   *Shape   // of a mapping with free keys
	Entry  string   // the element an entry with a free key is in XML
}

// Field is a fixed key.
type Field struct {
	Key      string
	Doc      string
	Shape    *Shape
	Required bool
	Element  bool // in XML always an element, never an attribute
}

// Scalar is the type of a scalar.
type Scalar uint8

// The types of scalars. Text takes every scalar as it is written; Any is every tree, and its kind matters.
const (
	None Scalar = iota
	Text
	Whole
	Truth
	Time // such as 5s or 2m
	Any
)

// field finds a fixed key; nil if there is none.
func (s *Shape) field(key string) *Field {
	if s == nil {
		return nil
	}
	for i := range s.Fields {
		if s.Fields[i].Key == key {
			return &s.Fields[i]
		}
	}
	return nil
}

// anything is the shape of what has none, such as the value of a variable.
func (s *Shape) anything() bool { return s == nil || s.Scalar == Any }

// item is the shape of a list's items.
func (s *Shape) item() *Shape {
	if s == nil || s.Items == nil {
		return nil
	}
	return s.Items
}

// single is the shape of what stands where a list might, too.
func (s *Shape) single() *Shape {
	if s != nil && s.Items != nil && s.Scalar == None && s.Fields == nil && s.Each == nil {
		return s.Items
	}
	return s
}

// order sorts the entries of a mapping with fixed keys as the shape names them; unknown keys stay last.
func (s *Shape) order(entries []Entry) []Entry {
	if s == nil || len(s.Fields) == 0 {
		return entries
	}
	out := make([]Entry, 0, len(entries))
	for _, f := range s.Fields {
		for _, e := range entries {
			if e.Key == f.Key {
				out = append(out, e)
			}
		}
	}
	for _, e := range entries {
		if s.field(e.Key) == nil {
			out = append(out, e)
		}
	}
	return out
}

// resolve gives the kind YAML sees in a plain text.
func resolve(s string) Kind {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return Null
	case "true", "false":
		return Bool
	case "True", "TRUE", "False", "FALSE":
		return Bool
	}
	digits, rest := 0, s
	if rest[0] == '-' || rest[0] == '+' {
		rest = rest[1:]
	}
	dots := 0
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			dots++
		default:
			return String
		}
	}
	switch {
	case digits == 0 || dots > 1:
		return String
	case dots == 1:
		return Float
	case len(rest) > 1 && rest[0] == '0':
		return String // 0800 is a number that one dials
	}
	return Int
}
