package tone

import (
	_ "embed" // the table of tones
	"fmt"
	"strings"
	"sync"
)

//go:embed tones.txt
var tonesText string

// names are the tones that every country has.
var names = []string{"dial", "ring", "busy", "congestion", "waiting"}

// table is the country table: country and name to tone.
var table = sync.OnceValues(func() (map[string]map[string]Spec, error) { return parseTable(tonesText) })

// general are tones that are the same everywhere, here.
const general = "*"

// parseTable reads lines COUNTRY NAME TONE; # begins a comment.
func parseTable(text string) (map[string]map[string]Spec, error) {
	out := map[string]map[string]Spec{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 3 {
			return nil, fmt.Errorf("tones, line %d: want a country, a name and a tone", number)
		}
		spec, err := Parse(f[2])
		if err != nil {
			return nil, fmt.Errorf("tones, line %d: %w", number, err)
		}
		if out[f[0]] == nil {
			out[f[0]] = map[string]Spec{}
		}
		out[f[0]][f[1]] = spec
	}
	for country, tones := range out {
		for _, n := range names {
			if _, ok := tones[n]; !ok && country != general {
				return nil, fmt.Errorf("tones: country %s has no %s", country, n)
			}
		}
	}
	return out, nil
}

// Known tells whether there are tones of a country (ISO 3166 code, in any case).
func Known(country string) bool {
	t, err := table()
	return err == nil && len(t[strings.ToLower(country)]) > 0 && country != general
}

// Find returns a tone: a name of the table in a country, "dtmf:" and keys, or what Parse reads.
func Find(text, country string) (Spec, error) {
	if keys, ok := strings.CutPrefix(text, "dtmf:"); ok {
		return Keys(keys, 0, 0)
	}
	if strings.ContainsAny(text, "0123456789") {
		return Parse(text)
	}
	t, err := table()
	if err != nil {
		return Spec{}, err
	}
	for _, c := range []string{strings.ToLower(country), general} {
		if s, ok := t[c][text]; ok {
			return s, nil
		}
	}
	if !Known(country) {
		return Spec{}, fmt.Errorf("tone: no tones of country %.20q", country)
	}
	return Spec{}, fmt.Errorf("tone: no tone %.40q; want one of %s, sit, beep", text, strings.Join(names, ", "))
}
