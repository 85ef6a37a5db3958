package configs

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"github.com/bifrons/bifrons/sip/numbers"
)

// Rewrite is what a route makes of numbers.
type Rewrite struct {
	Callee   numbers.Rules // of the Request-URI
	Caller   numbers.Rules // of From
	To       bool          // the callee's rules are for To, too,
	Identity bool          // and the caller's for P-Asserted-Identity
	Form     numbers.Form  // of the Request-URI
}

// IsZero says that numbers stay as they are.
func (r *Rewrite) IsZero() bool {
	return len(r.Callee) == 0 && len(r.Caller) == 0 && r.Form == numbers.AsCame
}

func (d *decoder) rewrite(v value, r *Rewrite) {
	var also []string
	changes := false
	change := func(f func(value)) func(value) { return d.given(func(v value) { changes = true; f(v) }) }
	d.fields(v, []field{
		{"callee", change(func(v value) { d.rules(v, &r.Callee) })},
		{"caller", change(func(v value) { d.rules(v, &r.Caller) })},
		{"also", readList(d, &also, "to, identity, or both in a list", choice(named("to", "to"), named("identity", "identity")))},
		{"as", change(read(d, &r.Form, "a word", choice(named("tel", numbers.Tel), named("sip", numbers.SIP))))},
	})
	for _, what := range also {
		r.To, r.Identity = r.To || what == "to", r.Identity || what == "identity"
	}
	if !changes {
		d.then(v, errors.New("changes nothing; add `callee:`, `caller:` or `as:`"))
	}
}

// rules reads one rule or a list of them.
func (d *decoder) rules(v value, rules *numbers.Rules) {
	one := func(v value) {
		var r numbers.Rule
		d.rule(v, &r)
		*rules = append(*rules, r)
	}
	d.either(v, v.is(ast.SequenceType), func(v value) { d.items(v, one) }, one)
}

func (d *decoder) rule(v value, r *numbers.Rule) {
	steps := 0
	step := func(f func(value)) func(value) { return d.given(func(v value) { steps++; f(v) }) }
	template := value{}
	d.fields(v, []field{
		{"match", d.expression(&r.Match)},
		{"replace", step(func(v value) { template, r.Replaces = v, true; d.text(&r.Replace)(v) })},
		{"e164", step(func(v value) {
			d.fields(v, []field{{"region", func(v value) { d.text(&r.Region)(v); d.then(v, region(r.Region)) }}})
			if r.Region == "" {
				d.then(v, errors.New("needs the region whose way of dialling the numbers are in, such as {region: DE}"))
			}
		})},
		{"strip", step(func(v value) { d.strip(v, r) })},
		{"prefix", step(func(v value) { d.text(&r.Prefix)(v); d.then(v, userText(r.Prefix)) })},
	})
	switch {
	case r.Replaces && r.Match == nil:
		d.then(template, errors.New("stands for what `match` finds; add `match:` with an expression"))
	case r.Replaces:
		if err := numbers.Template(r.Match, r.Replace); err != nil {
			d.then(template, fmt.Errorf("%s: %w", tick(r.Replace), err))
		}
	case steps == 0:
		d.then(v, errors.New("changes nothing; add `replace:`, `e164:`, `strip:` or `prefix:`"))
	}
}

// strip reads how many digits go, or which ones.
func (d *decoder) strip(v value, r *numbers.Rule) {
	d.either(v, v.is(ast.IntegerType), read(d, &r.Strip, "a number of digits, or a text such as '+49'", number10), func(v value) {
		d.text(&r.StripText)(v)
		d.then(v, userText(r.StripText))
	})
}

// number10 reads how many digits go.
func number10(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || strconv.Itoa(n) != s || n < 1 || n > 30 {
		return 0, fmt.Errorf("%s is not how many digits go; write 1 to 30, or the digits in quotes, such as '0049'", tick(s))
	}
	return n, nil
}

// userText checks digits and signs of a number.
func userText(s string) error {
	if s == "" || !numbers.User(s) {
		return fmt.Errorf("%s cannot stand in a number; write digits, such as '0049'", tick(s))
	}
	return nil
}

func region(s string) error {
	if err := numbers.Region(s); err != nil {
		return fmt.Errorf("%s is no region: %w", tick(s), err)
	}
	return nil
}
