package form

import (
	"bytes"
	"strings"
)

// attributePlaces finds where the attributes of a tag stand: raw is the tag as written, which begins at a place. The first of a name
// counts; that it comes twice is told elsewhere.
func attributePlaces(raw []byte, at Place) map[string]Place {
	out := map[string]Place{}
	quote, name := byte(0), -1
	for i, c := range raw {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case strings.IndexByte(" \t\r\n</>=", c) < 0:
			if name < 0 {
				name = i
			}
			continue
		case c == '=' && name >= 0:
			key := string(raw[name:i])
			if _, local, ok := strings.Cut(key, ":"); ok {
				key = local
			}
			if _, known := out[key]; !known {
				out[key] = after(raw[:name], at)
			}
		case c != '=' && bytes.HasPrefix(bytes.TrimLeft(raw[i:], " \t\r\n"), []byte("=")): // a space before the =
			continue
		}
		name = -1
	}
	return out
}

// after is the place behind a text that begins at one.
func after(text []byte, at Place) Place {
	if n := bytes.Count(text, []byte("\n")); n > 0 {
		return Place{at.Line + n, len(text) - bytes.LastIndexByte(text, '\n')}
	}
	return Place{at.Line, at.Column + len(text)}
}
