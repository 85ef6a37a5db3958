package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Error is one mistake in a configuration.
type Error struct {
	File   string
	Line   int // from 1; 0 when the mistake has no place in a file
	Column int // from 1, in characters
	Text   string
}

// Error gives file:line:column: text.
func (e Error) Error() string {
	switch {
	case e.Line > 0:
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
	case e.File != "":
		return e.File + ": " + e.Text
	}
	return e.Text
}

// Errors are all mistakes of a configuration in the order of the file.
type Errors []Error

// Error gives one line per mistake.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted puts the mistakes in the order of the file; nil when there is none.
func (es Errors) sorted() error {
	if len(es) == 0 {
		return nil
	}
	slices.SortStableFunc(es, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return es
}

// tick puts a text of the file in backticks; what would break the line is escaped.
func tick(s string) string {
	const limit = 60
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit]) + "..."
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r == '`' || !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return "`" + s + "`"
}

// suggest ends a message about an unknown word: with the nearest valid one when one is
// near, else with all of them.
func suggest(word string, valid []string) string {
	if near, ok := nearest(word, valid); ok {
		return ", did you mean " + tick(near) + "?"
	}
	if len(valid) == 0 {
		return "; there is none yet"
	}
	return "; valid: " + strings.Join(valid, ", ")
}

// nearest finds the valid word that is fewest edits away, if that is few.
func nearest(word string, valid []string) (string, bool) {
	if word == "" {
		return "", false
	}
	plain := func(s string) string {
		return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
	}
	best, few := "", 1+len(word)/4
	for _, v := range valid {
		if d := edits(plain(word), plain(v), few); d <= few && (best == "" || d < few) {
			best, few = v, d
		}
	}
	return best, best != ""
}

// edits counts the insertions, deletions, replacements and swaps of neighbours that
// turn a into b (optimal string alignment); anything above limit is limit+1.
func edits(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) > limit || len(y)-len(x) > limit {
		return limit + 1
	}
	before, last := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row := make([]int, len(y)+1)
		row[0] = i + 1
		for j := range y {
			change := last[j]
			if x[i] != y[j] {
				change++
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, change)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(y)]
}
