package prompt

import (
	"context"
	"embed"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/codec"
)

// The grammars that are built in; one in the prompts directory comes before them.
//
//go:embed languages/*.say
var languages embed.FS

// sayers are what can be said, by Item.As.
var sayers = map[string]func(*phrase, string) error{
	"number": (*phrase).decimal, "digits": (*phrase).digits, "money": (*phrase).money, "date": (*phrase).date, "time": (*phrase).time,
	"spell": (*phrase).spell,
}

// words returns the prompts that say a text in a language.
func words(g grammar, as, text, currency string) ([]string, error) {
	say, ok := sayers[as]
	if !ok {
		return nil, fmt.Errorf("as %.20q, want number, digits, money, date, time or spell: %w", as, ErrSay)
	}
	if currency == "" {
		currency = "EUR"
	}
	p := &phrase{g: g, fields: map[string]int64{}, units: strings.ToUpper(currency)}
	if err := say(p, strings.TrimSpace(text)); err != nil {
		return nil, err
	}
	return p.words, nil
}

// decimal says a number such as -12.5.
func (p *phrase) decimal(text string) error {
	whole, part, point := strings.Cut(text, ".")
	whole, minus := strings.CutPrefix(whole, "-")
	n, err := strconv.ParseUint(whole, 10, 40)
	if err != nil || point && (part == "" || len(part) > 9 || strings.Trim(part, "0123456789") != "") {
		return fmt.Errorf("a number: %w", ErrSay)
	}
	say := func(rest func() error, key string) error { // "minus >>", ". << point >digit>"
		r := p.g.sign("number", key)
		if r == nil {
			return fmt.Errorf("%q by the rules of \"number\": %w", key, ErrSay)
		}
		for _, w := range r.words {
			switch {
			case w == "<<", w == ">>" && key == "-":
				err = rest()
			case w == ">digit>":
				err = p.digits(part)
			default:
				p.words = append(p.words, w)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	positive := func() error { return p.number("number", int64(n)) }
	all := positive
	if point {
		all = func() error { return say(positive, ".") }
	}
	if minus {
		return say(all, "-")
	}
	return all()
}

// digits says one digit after the other; spaces and hyphens are left out.
func (p *phrase) digits(text string) error {
	if len(text) > maxWords {
		return fmt.Errorf("%d digits: %w", len(text), ErrSay)
	}
	for _, c := range text {
		var err error
		switch {
		case c >= '0' && c <= '9':
			err = p.number("digit", int64(c-'0'))
		case c == ' ' || c == '-':
		default:
			err = p.rule("sign", string(c))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// accented and bare are letters with marks and, at the same place, those they are spelled as where a language has no word for them.
const (
	accented = "àáâãäåçèéêëìíîïñòóôõöøùúûüýÿß"
	bare     = "aaaaaaceeeeiiiinoooooouuuuyys"
)

// spell says letters, digits and signs; a sign that the language has no word for is left out.
func (p *phrase) spell(text string) error {
	if len(text) > maxWords {
		return fmt.Errorf("%d letters: %w", len(text), ErrSay)
	}
	for _, c := range strings.ToLower(text) {
		said := p.g.sign("sign", string(c)) != nil
		if before, _, ok := strings.Cut(accented, string(c)); ok && !said {
			c = rune(bare[utf8.RuneCountInString(before)])
		}
		var err error
		switch {
		case c >= 'a' && c <= 'z':
			p.words = append(p.words, string(c))
		case c >= '0' && c <= '9':
			err = p.number("digit", int64(c-'0'))
		case !said && (unicode.IsPunct(c) || unicode.IsSymbol(c) || unicode.IsSpace(c)):
		default:
			err = p.rule("sign", string(c))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// money says an amount such as 12.50 in the item's currency.
func (p *phrase) money(text string) error {
	whole, part, _ := strings.Cut(text, ".")
	whole, minus := strings.CutPrefix(whole, "-")
	major, err := strconv.ParseUint(whole, 10, 40)
	part += "00"[min(len(part), 2):]
	minor, err2 := strconv.ParseUint(part, 10, 7)
	if err != nil || err2 != nil || len(part) != 2 {
		return fmt.Errorf("an amount of money: %w", ErrSay)
	}
	if minus {
		if r := p.g.sign("number", "-"); r != nil {
			p.words = append(p.words, r.words[0])
		}
	}
	p.fields["major"], p.fields["minor"] = int64(major), int64(minor)
	if major == 0 {
		return p.number("cents", int64(minor))
	}
	return p.number("money", int64(minor))
}

// date says a date such as 2026-01-31, or 01-31 of every year.
func (p *phrase) date(text string) error {
	if t, err := time.Parse(time.DateOnly, "2000-"+text); err == nil { // a leap year: it has all days
		p.fields = map[string]int64{"day": int64(t.Day()), "month": int64(t.Month())}
		return p.number("date", 1)
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return fmt.Errorf("a date such as 2026-01-31 or 01-31: %w", ErrSay)
	}
	p.fields = map[string]int64{"day": int64(t.Day()), "month": int64(t.Month()), "year": int64(t.Year()), "weekday": int64(t.Weekday())}
	return p.number("date", 0)
}

// time says a time of day such as 15:04.
func (p *phrase) time(text string) error {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return fmt.Errorf("a time such as 15:04: %w", ErrSay)
	}
	h := int64(t.Hour())
	p.fields = map[string]int64{"hour": h, "hour12": (h+11)%12 + 1, "half": h / 12, "minute": int64(t.Minute())}
	return p.number("time", int64(t.Minute()))
}

// grammarOf returns the rules of a language, or of the one it is a kind of.
func (l *Library) grammarOf(language string) (grammar, error) {
	for _, tag := range parents(language) {
		for _, g := range l.grammars {
			if strings.EqualFold(g.language, tag) {
				return g.rules, nil
			}
		}
	}
	return nil, fmt.Errorf("in %s, for which there is no grammar: %w", language, ErrSay)
}

// spoken rules of a language.
type spokenRules struct {
	language string
	rules    grammar
}

// openGrammars reads the grammars of the prompts directory (LANGUAGE.say) and those that are built in.
func openGrammars(directory string) (out []spokenRules, err error) {
	own, err := filesOf(directory, ".say")
	if err != nil {
		return nil, err
	}
	built, err := languages.ReadDir("languages")
	if err != nil {
		return nil, err
	}
	for _, f := range built {
		data, err := languages.ReadFile("languages/" + f.Name())
		if err != nil {
			return nil, err
		}
		own = append(own, named{strings.TrimSuffix(f.Name(), ".say"), data})
	}
	for _, f := range own {
		g, err := parseGrammar(string(f.data))
		if err != nil {
			return nil, fmt.Errorf("grammar of %s: %w", f.name, err)
		}
		out = append(out, spokenRules{f.name, g})
	}
	return out, nil
}

// say returns the clip of a text that is put together from prompts.
func (l *Library) say(ctx context.Context, item media.Item, f codec.Format, volume int8) (*codec.Clip, error) {
	g, err := l.grammarOf(item.Language)
	if err != nil {
		return nil, err
	}
	names, err := words(g, item.As, item.Text, item.Currency)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("nothing: %w", ErrSay)
	}
	parts := make([]*codec.Clip, len(names))
	for i, n := range names {
		if parts[i], err = l.prompt(ctx, n, item.Language, f, volume); err != nil {
			return nil, fmt.Errorf("%q: %w", n, err)
		}
	}
	return f.Concat(parts), nil
}
