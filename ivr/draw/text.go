package draw

import (
	"strings"
	"unicode"
)

// width is about how wide a text is in a usual sans serif, in pixels.
func width(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("ijlI|.,:;'!`", r):
			w += 0.3
		case strings.ContainsRune("ftr()[]{}-/ \"", r):
			w += 0.4
		case strings.ContainsRune("mwMW@%♪☎→", r):
			w += 0.88
		case unicode.IsUpper(r):
			w += 0.68
		case r > 0x2e80:
			w++
		default:
			w += 0.6
		}
	}
	return w * size
}

// wrap breaks a text into lines of a width; what is more than so many lines ends with an ellipsis.
func wrap(s string, wide float64, most int) (out []string) {
	line := ""
	for _, word := range strings.Fields(s) {
		for width(word, textSize) > wide { // a word longer than a line
			word = clip(word, wide)
		}
		next := strings.TrimSpace(line + " " + word)
		if line != "" && width(next, textSize) > wide {
			out = append(out, line)
			next = word
		}
		line = next
	}
	if line != "" {
		out = append(out, line)
	}
	if len(out) > most {
		out = out[:most]
		out[most-1] = clip(out[most-1]+" …………", wide)
	}
	return out
}

// clip cuts a text to a width.
func clip(s string, wide float64) string {
	if width(s, textSize) <= wide {
		return s
	}
	r := []rune(strings.TrimRight(s, " …"))
	for len(r) > 1 && width(string(r)+"…", textSize) > wide {
		r = r[:len(r)-1]
	}
	return strings.TrimRight(string(r), " ,.") + "…"
}
