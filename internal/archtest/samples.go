package archtest

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// checkSamples wants every sample and scenario to be used by a test: named by one, by
// its path or by its name without ending; matched by a glob or an embed; in a folder
// that a test walks; or named by a script that a test, the Makefile or CI calls. A seed
// of a fuzz test belongs to its target.
func checkSamples(t *tree) []string {
	var bad []string
	u := t.gatherUsers()
	for _, p := range t.paths {
		if isSample(p) && !u.use(p) {
			bad = append(bad, p+": no test uses it; name it in one, or remove it")
		}
	}
	return bad
}

func isSample(p string) bool {
	return strings.Contains("/"+p, "/testdata/") ||
		path.Dir(p) == "configs" && path.Ext(p) == ".yaml" ||
		under(p, "test") && path.Ext(p) == ".xml"
}

// users is all that may use a sample.
type users struct {
	tests   []testWords
	globs   []string        // embed patterns of packages that have tests
	scripts []string        // texts of the scripts that are called
	fuzz    map[string]bool // folder/FuzzTarget
}

// testWords are the string literals of one test file.
type testWords struct {
	dir   string
	walks bool // reads folders
	words []string
}

func (t *tree) gatherUsers() *users {
	u := &users{fuzz: map[string]bool{}}
	tested := map[string]bool{}
	called := t.files["Makefile"] + t.files[".ci/run"]
	for _, f := range t.gofs {
		if !f.test {
			continue
		}
		tested[f.dir] = true
		w := wordsOf(f)
		called += "\n" + strings.Join(w.words, "\n")
		u.tests = append(u.tests, w)
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Fuzz") {
				u.fuzz[path.Join(f.dir, fn.Name.Name)] = true
			}
		}
	}
	for _, f := range t.gofs {
		if tested[f.dir] {
			u.globs = append(u.globs, embeds(f)...)
		}
	}
	u.scripts = t.calledScripts(called)
	return u
}

func wordsOf(f goFile) testWords {
	w := testWords{dir: f.dir}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(x.Value); err == nil && x.Kind == token.STRING {
				w.words = append(w.words, s)
			}
		case *ast.SelectorExpr:
			w.walks = w.walks || slices.Contains([]string{"ReadDir", "WalkDir", "Walk", "Glob", "DirFS"}, x.Sel.Name)
		}
		return true
	})
	return w
}

func embeds(f goFile) []string {
	var globs []string
	for _, g := range f.syntax.Comments {
		for _, c := range g.List {
			if patterns, ok := strings.CutPrefix(c.Text, "//go:embed "); ok {
				for _, p := range strings.Fields(patterns) {
					globs = append(globs, path.Join(f.dir, strings.Trim(strings.TrimPrefix(p, "all:"), "\"`")))
				}
			}
		}
	}
	return globs
}

// calledScripts collects the scripts whose file names the text has, and those that they name.
func (t *tree) calledScripts(text string) []string {
	var scripts []string
	taken := map[string]bool{}
	for again := true; again; {
		again = false
		for _, p := range t.paths {
			script := slices.Contains([]string{".sh", ".py"}, path.Ext(p)) || strings.HasPrefix(t.files[p], "#!")
			if script && !taken[p] && strings.Contains(text, path.Base(p)) {
				taken[p], again = true, true
				scripts = append(scripts, t.files[p])
				text += "\n" + t.files[p]
			}
		}
	}
	return scripts
}

func (u *users) use(p string) bool {
	if before, seed, ok := strings.Cut(p, "/testdata/fuzz/"); ok {
		return u.fuzz[path.Join(before, strings.Split(seed, "/")[0])]
	}
	for _, g := range u.globs {
		if ok, _ := path.Match(g, p); ok || under(p, g) {
			return true
		}
	}
	for _, w := range u.tests {
		if w.use(p) {
			return true
		}
	}
	return slices.ContainsFunc(u.scripts, func(s string) bool {
		return slices.ContainsFunc(strings.FieldsFunc(s, notInPath), func(word string) bool { return names(word, p) })
	})
}

func (w testWords) use(p string) bool {
	ext := path.Ext(p)
	stem := strings.TrimSuffix(path.Base(p), ext)
	hasExt := slices.ContainsFunc(w.words, func(s string) bool { return strings.HasSuffix(s, ext) })
	return slices.ContainsFunc(w.words, func(s string) bool {
		return names(s, p) || s == stem && hasExt || w.walks && s != "" && under(p, path.Join(w.dir, s))
	})
}

// names says whether a word is the end of a path, as it is or as a glob.
func names(word, p string) bool {
	word = strings.TrimPrefix(path.Clean(word), "/")
	parts := strings.Split(p, "/")
	n := strings.Count(word, "/") + 1
	if n > len(parts) || strings.Trim(word, "*./") == "" {
		return false
	}
	ok, err := path.Match(word, path.Join(parts[len(parts)-n:]...))
	return err == nil && ok
}

func notInPath(r rune) bool { return strings.ContainsRune(" \t\n\"'`=;:,()<>|&$", r) }
