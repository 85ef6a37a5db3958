package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"strings"
)

// checkMaturity wants a test behind every row of docs/maturity.md that claims something:
// a link to a file of tests or a script, and every Test, Fuzz or Benchmark that the
// row names must be in that file. A row that says "not yet" claims nothing.
func checkMaturity(t *tree) []string {
	const page = "docs/maturity.md"
	var bad []string
	link, name := regexp.MustCompile(`\]\(([^)\s]+)\)`), regexp.MustCompile(`\b(Test|Fuzz|Benchmark)[A-Z]\w*`)
	for n, line := range tableRows(t.files[page]) {
		if strings.Contains(line, "not yet") {
			continue
		}
		have, proof := "", false
		for _, l := range link.FindAllStringSubmatch(line, -1) {
			target, _, _ := strings.Cut(l[1], "#")
			p := path.Join("docs", target)
			switch _, there := t.files[p]; {
			case strings.Contains(target, "://"):
			case !there:
				bad = append(bad, fmt.Sprintf("%s:%d: links %s, which is not there", page, n, target))
			case strings.HasSuffix(p, "_test.go") || under(p, "test"):
				proof = true
				have += t.testsIn(p)
			}
		}
		if !proof {
			bad = append(bad, fmt.Sprintf("%s:%d: row without a link to its test", page, n))
			continue
		}
		for _, test := range name.FindAllString(line, -1) {
			if !strings.Contains(have, " "+test+" ") {
				bad = append(bad, fmt.Sprintf("%s:%d: %s is not in the file it links", page, n, test))
			}
		}
	}
	return bad
}

// tableRows gives the rows of all tables of a page by line number, without their heads.
func tableRows(page string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		n, inTable := 0, 0
		for line := range strings.Lines(page) {
			n++
			if !strings.HasPrefix(line, "|") {
				inTable = 0
				continue
			}
			inTable++ // 1 is the head, 2 the rule below it
			if inTable > 2 && !yield(n, line) {
				return
			}
		}
	}
}

func (t *tree) testsIn(p string) string {
	s := " "
	for _, f := range t.gofs {
		if f.path != p {
			continue
		}
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				s += fn.Name.Name + " "
			}
		}
	}
	return s
}
