package archtest

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// checkLength keeps Go files to a length one can read.
func checkLength(t *tree) []string {
	var bad []string
	for _, f := range t.gofs {
		limit := fileLines
		if f.test {
			limit = testFileLines
		}
		exempt := slices.ContainsFunc(longFiles, func(l struct{ path, reason string }) bool { return l.path == f.path })
		if n := strings.Count(t.files[f.path], "\n"); n > limit && !exempt && !ast.IsGenerated(f.syntax) {
			bad = append(bad, fmt.Sprintf("%s: %d lines, limit %d; split it by matter", f.path, n, limit))
		}
	}
	return bad
}

// checkFunctions keeps functions to a screen. The tables of tests may be longer.
func checkFunctions(t *tree) []string { return t.functions(funcLines) }

func (t *tree) functions(limit int) []string {
	var bad []string
	for _, f := range t.gofs {
		if f.test || ast.IsGenerated(f.syntax) {
			continue
		}
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && t.lines(fn) > limit {
				bad = append(bad, fmt.Sprintf("%s: %s has %d lines, limit %d", t.at(fn), fn.Name.Name, t.lines(fn), limit))
			}
		}
	}
	return bad
}

// checkWords forbids words that tell of one machine.
func checkWords(t *tree) []string {
	var bad []string
	for _, p := range t.paths {
		n := 0
		for line := range strings.Lines(t.files[p]) {
			n++
			for _, w := range words {
				if strings.Contains(line, w) {
					bad = append(bad, fmt.Sprintf("%s:%d: contains %s", p, n, w))
				}
			}
		}
	}
	return bad
}
