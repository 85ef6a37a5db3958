package script

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bifrons/bifrons/ivr/form"
)

// File is a file of walks.
type File struct {
	Name  string
	Menu  string // path of the application
	Walks []Walk
}

// Walk is one walk through an application.
type Walk struct {
	Name  string
	Line  int
	Lines []Line
}

// Line is one thing that is done or expected.
type Line struct {
	Number int
	Verb   string
	Arg    string
}

// Parse reads a file of walks. Its error is of type form.Problems.
func Parse(name string, data []byte) (*File, error) {
	f := &File{Name: name}
	var errs form.Problems
	fail := func(line int, format string, args ...any) {
		errs = append(errs, form.Problem{File: name, At: form.Place{Line: line, Column: 1}, Text: fmt.Sprintf(format, args...)})
	}
	if len(data) > form.MaxSize {
		fail(1, "the file is larger than %d bytes", form.MaxSize)
		return nil, errs
	}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		number := i + 1
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		switch {
		case line == "" || line[0] == '#':
		case word == "menu" && len(f.Walks) == 0 && rest == "":
			fail(number, "`menu` needs the file of the menu behind it")
		case word == "menu" && len(f.Walks) == 0:
			f.Menu = filepath.Join(filepath.Dir(name), rest)
		case word == "walk":
			if rest == "" {
				fail(number, "a walk needs a name")
			}
			f.Walks = append(f.Walks, Walk{Name: rest, Line: number})
		case len(f.Walks) == 0:
			fail(number, "the first line of a walk is `walk` and its name, not %s", form.Tick(line))
		default:
			l, text := parseLine(line)
			if text != "" {
				fail(number, "%s", text)
			}
			l.Number = number
			w := &f.Walks[len(f.Walks)-1]
			w.Lines = append(w.Lines, l)
		}
	}
	if f.Menu == "" {
		f.Menu = strings.TrimSuffix(name, filepath.Ext(name)) + ".yaml"
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return f, nil
}

func parseLine(line string) (l Line, fault string) {
	var all []string
	for _, v := range Verbs() {
		all = append(all, v.Word)
		rest, ok := strings.CutPrefix(line, v.Word)
		if !ok || rest != "" && rest[0] != ' ' {
			continue
		}
		l = Line{Verb: v.Word, Arg: strings.TrimSpace(rest)}
		switch {
		case v.needs() && l.Arg == "":
			return l, form.Tick(v.Word) + " needs something behind it, such as " + form.Tick(v.Word+" "+v.Arg)
		case v.Arg == "" && l.Arg != "":
			return l, form.Tick(v.Word) + " stands alone, without " + form.Tick(l.Arg)
		}
		if l.Verb == "found" && l.Arg != "" && !json.Valid([]byte(l.Arg)) {
			return l, "the answer must be JSON, such as {\"balance\": 3} or \"text\""
		}
		return l, ""
	}
	word, _, _ := strings.Cut(line, " ")
	return Line{}, "unknown line " + form.Tick(line) + form.Suggest(word, slices.Clip(all))
}

// unquote takes quotes off an argument.
func unquote(s string) string {
	if u, err := strconv.Unquote(s); err == nil {
		return u
	}
	return s
}
