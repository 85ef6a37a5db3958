package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/bifrons/bifrons/ivr/form"
)

// MaxText bounds in bytes what a template gives, and MaxValue what a variable holds: a caller must not fill our memory.
const (
	MaxText  = 4 << 10
	MaxValue = 64 << 10
)

// Builtins are the words every expression may use.
func Builtins() []string { return []string{"call", "language", "now", "digits", "dial", "error"} }

// Members are the fields of those of them that have some.
func Members(builtin string) []string {
	switch builtin {
	case "call":
		return []string{"id", "caller", "caller_uri", "caller_name", "called", "called_uri", "domain", "params", "languages"}
	case "now":
		return []string{"time", "date", "year", "month", "day", "hour", "minute", "weekday", "unix"}
	case "dial":
		return []string{"status", "seconds"}
	}
	return nil
}

// functions are those of expr-lang that cannot take long or much memory.
var functions = [...]string{"len", "type", "abs", "ceil", "floor", "round", "int", "float", "string", "trim", "trimPrefix", "trimSuffix", "upper",
	"lower", "split", "join", "indexOf", "lastIndexOf", "hasPrefix", "hasSuffix", "max", "min", "first", "last", "keys", "values", "get", "toJSON"}

// scope is the names that expressions of the application, or of one sub, may use.
type scope struct {
	names   map[string]form.Place // of variables, where first named
	options []expr.Option
}

// words lists all names of a scope.
func (s scope) words() []string { return append(Builtins(), slices.Sorted(maps.Keys(s.names))...) }

func (s *scope) prepare() {
	env := types.Map{}
	for _, n := range Builtins() {
		env[n] = types.Any
		if fields := Members(n); fields != nil {
			m := types.Map{}
			for _, f := range fields {
				m[f] = types.Any
			}
			env[n] = m
		}
	}
	for n := range s.names {
		env[n] = types.Any
	}
	s.options = []expr.Option{expr.Env(env), expr.DisableAllBuiltins(), expr.MaxNodes(1000)}
	for _, f := range functions {
		s.options = append(s.options, expr.EnableBuiltin(f))
	}
}

// compile compiles an expression of the scope; the error is for people.
func (s scope) compile(src string, more ...expr.Option) (p *vm.Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the expression %s cannot be read: %v", form.Tick(src), r)
		}
	}()
	p, err = expr.Compile(src, append(slices.Clip(s.options), more...)...)
	if err == nil {
		return p, nil
	}
	text := err.Error()
	if e, ok := errors.AsType[*file.Error](err); ok {
		text = e.Message
	}
	text = strings.TrimSpace(strings.SplitN(text, "\n", 2)[0])
	if name, ok := strings.CutPrefix(text, "unknown name "); ok {
		mend := form.Suggest(name, append(s.words(), functions[:]...))
		if !strings.HasPrefix(mend, ", did") {
			mend = "; give it a first value under vars, or name it under params"
		}
		return nil, fmt.Errorf("the variable %s is not defined%s", form.Tick(name), mend)
	}
	if _, field, ok := strings.Cut(text, "unknown field "); ok {
		for _, n := range Builtins() {
			if all := Members(n); strings.Contains(src, n+"."+field) {
				return nil, fmt.Errorf("%s has no %s%s", form.Tick(n), form.Tick(field), form.Suggest(field, all))
			}
		}
	}
	if strings.HasPrefix(text, "unexpected token EOF") {
		text = "it ends too early"
	}
	return nil, fmt.Errorf("the expression %s is wrong: %s", form.Tick(src), text)
}

// evaluate runs a program. It is fenced: what a program of somebody's file does must not end the process.
func evaluate(p *vm.Program, env map[string]any) (v any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	v, err = expr.Run(p, env)
	if err != nil {
		text := err.Error()
		if e, ok := errors.AsType[*file.Error](err); ok {
			text = e.Message
		}
		return nil, errors.New(strings.SplitN(text, "\n", 2)[0])
	}
	return v, nil
}

// Expr is an expression.
type Expr struct {
	Src     string
	At      form.Place
	program *vm.Program
}

// Holds evaluates a condition. What is neither true nor false is an error.
func (e Expr) Holds(env map[string]any) (bool, error) {
	v, err := evaluate(e.program, env)
	if err != nil {
		return false, fmt.Errorf("line %d: %s: %w", e.At.Line, form.Tick(e.Src), err)
	}
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("line %d: %s is %s, neither true nor false", e.At.Line, form.Tick(e.Src), form.Tick(Show(v)))
	}
	return b, nil
}

// Text is a text with templates ${...} in it.
type Text struct {
	Src   string
	At    form.Place
	parts []part
}

type part struct {
	text    string // or
	program *vm.Program
}

// Empty tells that there is no text.
func (t Text) Empty() bool { return t.Src == "" }

// Fixed returns the text when it has no templates.
func (t Text) Fixed() (string, bool) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.program != nil {
			return "", false
		}
		b.WriteString(p.text)
	}
	return b.String(), true
}

// Value gives the text, or the value itself of a text that is one template.
func (t Text) Value(env map[string]any) (any, error) {
	if len(t.parts) == 1 && t.parts[0].program != nil {
		v, err := evaluate(t.parts[0].program, env)
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", t.At.Line, form.Tick(t.Src), err)
		}
		return Bound(v), nil
	}
	return t.String(env)
}

// String gives the text with every template filled in, cut at MaxText.
func (t Text) String(env map[string]any) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.program == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := evaluate(p.program, env)
		if err != nil {
			return "", fmt.Errorf("line %d: %s: %w", t.At.Line, form.Tick(t.Src), err)
		}
		b.WriteString(Show(v))
		if b.Len() > MaxText {
			break
		}
	}
	return cut(b.String(), MaxText), nil
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// split finds the templates of a text; $${ stands for ${ itself.
func (t *Text) split(s scope, fail func(form.Place, string, ...any)) {
	rest, lit := t.Src, ""
	t.parts = nil
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			break
		}
		if i > 0 && rest[i-1] == '$' {
			lit += rest[:i-1] + "${"
			rest = rest[i+2:]
			continue
		}
		lit += rest[:i]
		n := closing(rest[i+2:])
		if n < 0 {
			fail(t.At, "the template %s has no end; close it with }, or write $${ for the two characters themselves", form.Tick(rest[i:]))
			return
		}
		src := strings.TrimSpace(rest[i+2 : i+2+n])
		rest = rest[i+2+n+1:]
		if src == "" {
			fail(t.At, "the template ${} is empty; write the name of a variable into it")
			continue
		}
		p, err := s.compile(src)
		if err != nil {
			fail(t.At, "%s", err)
			continue
		}
		if lit != "" {
			t.parts = append(t.parts, part{text: lit})
			lit = ""
		}
		t.parts = append(t.parts, part{program: p})
	}
	if lit += rest; lit != "" {
		t.parts = append(t.parts, part{text: lit})
	}
}

// sources gives the expressions within a text.
func (t Text) sources() (out []string) {
	rest := t.Src
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			return out
		}
		n := closing(rest[i+2:])
		if n < 0 {
			return out
		}
		if i == 0 || rest[i-1] != '$' {
			out = append(out, rest[i+2:i+2+n])
		}
		rest = rest[i+2+n+1:]
	}
}

// closing finds the } that ends a template; braces and quotes within are passed over.
func closing(s string) int {
	depth, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth == 0:
			return i
		case c == '}':
			depth--
		}
	}
	return -1
}

// Show gives a value as a text for people: nothing for nil, 3 for 3.0, JSON for lists and mappings.
func Show(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return strconv.FormatInt(int64(v), 10)
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool, int:
		return fmt.Sprint(v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// Bound makes a value fit for a variable: plain data of MaxValue at most, whole numbers as int. What does not fit becomes its cut
// text.
func Bound(v any) any {
	switch x := v.(type) {
	case nil, bool, int:
		return v
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return int(x)
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		return x
	case string:
		return cut(x, MaxText)
	case []byte:
		return cut(string(x), MaxText)
	}
	b, err := json.Marshal(v)
	if err != nil || len(b) > MaxValue {
		return cut(string(b), MaxText)
	}
	return whole(b)
}

// whole reads JSON with whole numbers as int.
func whole(b []byte) any {
	var out any
	if json.Unmarshal(b, &out) != nil {
		return nil
	}
	return ints(out)
}

func ints(v any) any {
	switch v := v.(type) {
	case float64:
		return Bound(v)
	case []any:
		for i := range v {
			v[i] = ints(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = ints(v[k])
		}
	}
	return v
}

// Vars are the variables of a walk. In a snapshot they are JSON.
type Vars map[string]any

// MarshalBinary implements encoding.BinaryMarshaler.
func (v Vars) MarshalBinary() ([]byte, error) { return json.Marshal(map[string]any(v)) }

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (v *Vars) UnmarshalBinary(b []byte) error {
	m, ok := whole(b).(map[string]any)
	if !ok && string(b) != "null" {
		return errors.New("variables are no JSON object")
	}
	*v = m
	return nil
}

// Condition compiles a condition on the variables of the application or a sub, for tests.
func (f *Flow) Condition(sub, src string) (Expr, error) {
	s := f.main
	for i := range f.Subs {
		if f.Subs[i].Name == sub {
			s = f.Subs[i].Value.scope
		}
	}
	p, err := s.compile(src, expr.AsBool())
	return Expr{Src: src, program: p}, err
}
