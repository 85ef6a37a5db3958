package prompt

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// grammar is how a language puts what is said together from prompts: sets of rules, each for numbers from its base on.
// languages/en.say tells the signs.
type grammar map[string][]rule

type rule struct {
	key    string // of a set that is no numbers: a sign
	base   int64
	divide int64
	words  []string
}

// Bounds of a grammar file and of what a rule may do.
const (
	maxRules = 2000
	maxDepth = 20
	maxWords = 200
)

// ErrSay is what cannot be said: no number, no date, or no rule for it in the language.
var ErrSay = errors.New("cannot be said")

// parseGrammar reads the rules of a language.
func parseGrammar(text string) (grammar, error) {
	g, set, n := grammar{}, "", 0
	for line := range strings.Lines(text) {
		n++
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] == "#" && (set != "sign" || len(f) > 2):
		case n > maxRules:
			return nil, fmt.Errorf("more than %d lines", maxRules)
		case len(f) == 1 && len(f[0]) > 1 && strings.HasSuffix(f[0], ":"):
			set = strings.TrimSuffix(f[0], ":")
		case set == "" || len(f) < 2:
			return nil, fmt.Errorf("line %d: want a set with a colon, or a number and words in one", n)
		default:
			r := rule{key: f[0], base: -1, words: f[1:]}
			number, by, divided := strings.Cut(f[0], "/")
			if v, err := strconv.ParseInt(number, 10, 64); err == nil && v >= 0 {
				r.base, r.divide = v, 1
				for v/r.divide >= 10 {
					r.divide *= 10
				}
				if divided {
					if r.divide, err = strconv.ParseInt(by, 10, 64); err != nil || r.divide < 1 {
						return nil, fmt.Errorf("line %d: %q is no number to divide by", n, by)
					}
				}
			}
			if d := brackets(r.words); d != 0 {
				return nil, fmt.Errorf("line %d: brackets that do not match", n)
			}
			g[set] = append(g[set], r)
		}
	}
	return g, nil
}

// brackets is 0 if they match.
func brackets(words []string) (depth int) {
	for _, w := range words {
		depth += strings.Count(w, "[") - strings.Count(w, "]")
		if depth < 0 || depth > 1 {
			return 1
		}
	}
	return depth
}

// find returns the rule for a number, nil if there is none.
func (g grammar) find(set string, n int64) *rule {
	var best *rule
	for i := range g[set] {
		if r := &g[set][i]; r.base >= 0 && r.base <= n && (best == nil || r.base >= best.base) {
			best = r
		}
	}
	return best
}

// sign returns what is said for a key that is no number.
func (g grammar) sign(set, key string) *rule {
	for i := range g[set] {
		if g[set][i].key == key {
			return &g[set][i]
		}
	}
	return nil
}

// phrase is a list of prompts that is being put together.
type phrase struct {
	g      grammar
	fields map[string]int64
	units  string // the currency
	words  []string
	depth  int
	steps  int
}

// number appends what a set says of a number.
func (p *phrase) number(set string, n int64) error {
	r := p.g.find(set, n)
	if r == nil {
		return fmt.Errorf("%d by the rules of %q: %w", n, set, ErrSay)
	}
	p.depth++
	if p.steps++; p.depth > maxDepth || p.steps > maxWords {
		return fmt.Errorf("%d by the rules of %q, which do not come to an end: %w", n, set, ErrSay)
	}
	defer func() { p.depth-- }()
	rest, skip := n%r.divide, false
	for _, w := range r.words {
		w, open := strings.CutPrefix(w, "[")
		w, shut := strings.CutSuffix(w, "]")
		if open {
			skip = rest == 0
		}
		if !skip && w != "" {
			if err := p.word(w, set, n, r.divide); err != nil {
				return err
			}
		}
		if shut {
			skip = false
		}
	}
	return nil
}

// word appends a word of a rule: a prompt, or what it stands for.
func (p *phrase) word(w, set string, n, divide int64) error {
	last := len(w) - 1
	inner := func() string {
		if last < 2 {
			return set
		}
		return w[1:last]
	}
	switch {
	case last >= 1 && w[0] == '<' && w[last] == '<':
		return p.number(inner(), n/divide)
	case last >= 1 && w[0] == '>' && w[last] == '>':
		return p.number(inner(), n%divide)
	case last >= 2 && w[0] == '=' && w[last] == '=':
		return p.number(inner(), n)
	case w[0] == '%':
		field, set, _ := strings.Cut(w[1:], ":")
		v, ok := p.fields[field]
		if !ok {
			return fmt.Errorf("field %q: %w", field, ErrSay)
		}
		if set == "unit" || set == "subunit" {
			set += "-" + p.units
		}
		return p.number(set, v)
	}
	p.words = append(p.words, w)
	return nil
}

// rule appends the words of a rule with a sign for a key.
func (p *phrase) rule(set, key string) error {
	r := p.g.sign(set, key)
	if r == nil {
		return fmt.Errorf("%q by the rules of %q: %w", key, set, ErrSay)
	}
	p.words = append(p.words, r.words...)
	return nil
}
