package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
)

// checkPlaces wants every package of the tree in the table of layers, and no other
// folder at the top.
func checkPlaces(t *tree) []string {
	var bad []string
	seen := map[string]bool{}
	for _, p := range t.paths {
		top, _, folder := strings.Cut(p, "/")
		if !folder || strings.HasPrefix(top, ".") || seen[top] {
			continue
		}
		seen[top] = true
		if top != "internal" && !slices.ContainsFunc(layers, func(l layer) bool { return l.dir == top }) {
			bad = append(bad, top+": no other folder at the top; put it into one that is there")
		}
	}
	for _, f := range t.gofs {
		if _, ok := layerOf(f.dir); !ok && !seen["package "+f.dir] {
			seen["package "+f.dir] = true
			bad = append(bad, f.dir+": package is in no layer; see layers in rules.go")
		}
		if slices.Contains(badPackages, f.syntax.Name.Name) && !seen["name "+f.dir] {
			seen["name "+f.dir] = true
			bad = append(bad, f.dir+": package "+f.syntax.Name.Name+" says nothing about what is in it")
		}
	}
	return bad
}

func layerOf(dir string) (layer, bool) {
	i := slices.IndexFunc(layers, func(l layer) bool { return under(dir, l.dir) })
	if i < 0 {
		return layer{}, false
	}
	return layers[i], true
}

// checkImports keeps the order of the layers. Tests may import what they like.
func checkImports(t *tree) []string {
	var bad []string
	for _, f := range t.gofs {
		if f.test {
			continue
		}
		for _, imp := range f.syntax.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			to, ours := strings.CutPrefix(name, t.module+"/")
			if err != nil || !ours {
				continue
			}
			if why := importFault(f.dir, to); why != "" {
				bad = append(bad, fmt.Sprintf("%s: %s must not import %s: %s", t.at(imp), f.dir, to, why))
			}
		}
	}
	return bad
}

// importFault says why one package must not import another.
func importFault(from, to string) string {
	a, okA := layerOf(from)
	b, okB := layerOf(to)
	for _, f := range forbiddenImports {
		if under(from, f.from) && under(to, f.to) {
			return f.reason
		}
	}
	switch {
	case !okA || !okB:
		return "one of them is in no layer"
	case a.dir == "services" && b.dir == "services":
		mine, _, _ := strings.Cut(strings.TrimPrefix(from, "services/"), "/")
		its, _, _ := strings.Cut(strings.TrimPrefix(to, "services/"), "/")
		if from != "services" && to != "services" && mine != its {
			return "services do not import one another"
		}
	case a.dir != b.dir && a.rank == b.rank:
		return "they are of one layer"
	case a.rank < b.rank:
		return fmt.Sprintf("%s (layer %d) is above %s (layer %d)", b.dir, b.rank, a.dir, a.rank)
	}
	return ""
}

// checkComments wants exactly one package comment per package. Folders that have
// only tests need none.
func checkComments(t *tree) []string {
	var bad, dirs []string
	docs, code := map[string][]string{}, map[string]bool{}
	for _, f := range t.gofs {
		if !slices.Contains(dirs, f.dir) {
			dirs = append(dirs, f.dir)
		}
		code[f.dir] = code[f.dir] || !f.test
		if f.syntax.Doc == nil || strings.TrimSpace(f.syntax.Doc.Text()) == "" {
			continue
		}
		docs[f.dir] = append(docs[f.dir], path.Base(f.path))
		want := "Package " + f.syntax.Name.Name + " "
		if f.syntax.Name.Name == "main" {
			want = "Command "
		}
		if !strings.HasPrefix(f.syntax.Doc.Text(), want) {
			bad = append(bad, fmt.Sprintf("%s: package comment does not begin with %q", f.path, want))
		}
	}
	for _, dir := range dirs {
		switch n := len(docs[dir]); {
		case n == 0 && code[dir]:
			bad = append(bad, dir+": no package comment; write one in doc.go")
		case n > 1:
			bad = append(bad, fmt.Sprintf("%s: %d package comments (%s); keep one", dir, n, strings.Join(docs[dir], ", ")))
		}
	}
	return bad
}

// checkInit forbids init functions: what runs at start is called from main.
func checkInit(t *tree) []string {
	var bad []string
	for _, f := range t.gofs {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				bad = append(bad, t.at(fn)+": no init(); call it where it is needed")
			}
		}
	}
	return bad
}
