package form

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// ParseYAML reads a file with one YAML document. Its error is of type Problems. An empty file gives an empty Map.
func ParseYAML(name string, data []byte) (*Tree, error) {
	y := &yamlReader{name: name}
	if p, bad := unreadable(name, data); bad {
		return nil, Problems{p}
	}
	// The parser is known to panic on some broken input, so it is fenced.
	body, err := y.document(data)
	if err != nil {
		return nil, Problems{y.syntax(err)}
	}
	t := &Tree{Kind: Map, At: Place{1, 1}}
	if body != nil && len(y.errs) == 0 {
		t = y.tree(body)
	}
	if len(y.errs) > 0 {
		return nil, y.errs.Sort()
	}
	t.attach(y.comments)
	return t, nil
}

// unreadable says what keeps a file from being read at all.
func unreadable(name string, data []byte) (Problem, bool) {
	if len(data) > MaxSize {
		return Problem{File: name, At: Place{1, 1}, Text: fmt.Sprintf("the file has %d bytes, more than %d: is it a menu?", len(data), MaxSize)}, true
	}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			before := string(data[:i])
			at := Place{strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:]) + 1}
			return Problem{File: name, At: at, Text: "this is not UTF-8 text; save the file as UTF-8"}, true
		}
		i += n
	}
	return Problem{}, false
}

type yamlReader struct {
	name     string
	errs     Problems
	comments []comment
}

func (y *yamlReader) fail(at Place, format string, args ...any) {
	y.errs = append(y.errs, Problem{File: y.name, At: at, Text: fmt.Sprintf(format, args...)})
}

func (y *yamlReader) document(data []byte) (body ast.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the YAML parser gave up: %v", p)
		}
	}()
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, err
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.DirectiveType || doc.Body.Type() == ast.CommentType:
		case body != nil:
			y.fail(start(doc.Body), "a second document begins here; one file has one application, remove the `---` before it")
		default:
			body = doc.Body
		}
	}
	for _, t := range lexer.Tokenize(string(data)) {
		if t.Type == token.CommentType {
			y.comments = append(y.comments, comment{t.Position.Line, strings.TrimSpace(t.Value)})
		}
	}
	return body, nil
}

func (y *yamlReader) syntax(err error) Problem {
	at, text := Place{1, 1}, err.Error()
	var se *yaml.SyntaxError
	if errors.As(err, &se) {
		text = se.Message
		if se.Token != nil && se.Token.Position != nil {
			at = position(se.Token)
		}
	}
	if strings.Contains(text, "'\t'") {
		return Problem{File: y.name, At: at, Text: "not valid YAML: a tab stands here; indent with spaces, two for each level"}
	}
	return Problem{File: y.name, At: at, Text: "not valid YAML: " + strings.Join(strings.Fields(text), " ") +
		"; check the indentation here and above, and put text with : # * [ ] { } in quotes"}
}

func position(t *token.Token) Place { return Place{max(1, t.Position.Line), max(1, t.Position.Column)} }

// start finds where a node begins. A block mapping calls its first colon its token.
func start(n ast.Node) Place {
	switch x := n.(type) {
	case *ast.MappingNode:
		if !x.IsFlowStyle && len(x.Values) > 0 {
			return start(x.Values[0])
		}
	case *ast.MappingValueNode:
		return start(x.Key)
	case *ast.LiteralNode:
		return position(x.Start)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return position(t)
	}
	return Place{1, 1}
}

func (y *yamlReader) tree(n ast.Node) *Tree {
	t := &Tree{At: start(n)}
	switch x := n.(type) {
	case *ast.NullNode:
	case *ast.BoolNode:
		t.Kind, t.Text = Bool, fmt.Sprint(x.Value)
	case *ast.IntegerNode:
		t.Kind, t.Text = Int, x.GetToken().Value
		if len(t.Text) > 1 && t.Text[0] == '0' && strings.Trim(t.Text, "0123456789") == "" {
			t.Kind = String // 0800 is a number that one dials
		}
	case *ast.FloatNode:
		t.Kind, t.Text = Float, x.GetToken().Value
	case *ast.StringNode:
		t.Kind, t.Text = String, x.Value
	case *ast.LiteralNode:
		t.Kind, t.Text = String, x.Value.Value
	case *ast.InfinityNode, *ast.NanNode:
		t.Kind, t.Text = String, x.GetToken().Value
	case *ast.SequenceNode:
		t.Kind = List
		for _, v := range x.Values {
			t.Items = append(t.Items, Item{Value: y.tree(v)})
		}
	case *ast.MappingNode:
		t.Kind = Map
		y.entries(t, x)
	case *ast.MappingValueNode:
		t.Kind = Map
		y.entries(t, x)
	default:
		y.fail(t.At, "anchors (&), aliases (*) and tags (!) are not used here; write the value out, and put a * that is text in quotes")
	}
	return t
}

func (y *yamlReader) entries(t *Tree, m ast.MapNode) {
	seen := map[string]Place{}
	for it := m.MapRange(); it.Next(); {
		at := start(it.Key())
		var key string
		switch k := it.Key().(type) {
		case *ast.StringNode:
			key = k.Value
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
			key = k.GetToken().Value
		default:
			y.fail(at, "a key must be a plain word or number; put others in quotes: \"*\"")
			continue
		}
		if key == "" {
			y.fail(at, "a key must not be empty")
			continue
		}
		if first, twice := seen[key]; twice {
			y.fail(at, "key %s is already set in line %d; remove one of the two", Tick(key), first.Line)
			continue
		}
		seen[key] = at
		v := y.tree(it.Value())
		if v.Kind == Null {
			v.At = at
		}
		t.Entries = append(t.Entries, Entry{Key: key, At: at, Value: v})
	}
}
