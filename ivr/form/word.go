package form

import (
	"strconv"
	"strings"
	"unicode"
)

// Tick puts a text of a file in backticks; what would break the line is escaped, what is long is cut.
func Tick(s string) string {
	const limit = 60
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit]) + "..."
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r == '`' || !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return "`" + s + "`"
}

// Suggest ends a message about an unknown word: with the nearest valid one when one is near, else with all of them.
func Suggest(word string, valid []string) string {
	best := Nearest(word, valid)
	switch {
	case best != "":
		return ", did you mean " + Tick(best) + "?"
	case len(valid) == 0:
		return "; there is none yet"
	case len(valid) > 20:
		return "; valid: " + strings.Join(valid[:20], ", ") + " ..."
	}
	return "; valid: " + strings.Join(valid, ", ")
}

// Nearest finds the valid word that is fewest edits away, "" when none is near.
func Nearest(word string, valid []string) string {
	plain := func(s string) string {
		return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
	}
	best, few := "", 2+len(word)/4
	for _, v := range valid {
		if d := distance(plain(word), plain(v)); d < few && d < len(word) {
			best, few = v, d
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements that turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
