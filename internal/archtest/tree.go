package archtest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// tree is all text files of a module, and its Go files parsed.
type tree struct {
	module string
	fset   *token.FileSet
	files  map[string]string // text by path; no binary files
	paths  []string          // sorted
	gofs   []goFile          // sorted by path; nothing under testdata
}

// goFile is a parsed Go file.
type goFile struct {
	path   string
	dir    string // "." at the top
	test   bool   // *_test.go
	syntax *ast.File
}

// load reads a tree. What skipped names is not part of the project.
func load(fsys fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet(), files: map[string]string{}}
	err := fs.WalkDir(fsys, ".", func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && skipped(p):
			return fs.SkipDir
		case e.IsDir() || !e.Type().IsRegular() || skipped(p):
			return nil
		}
		text, err := fs.ReadFile(fsys, p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a test beside this one has removed it
		}
		if err != nil {
			return err
		}
		t.paths = append(t.paths, p)
		if utf8.Valid(text) && len(text) < 4<<20 {
			t.files[p] = string(text)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(t.paths)
	for line := range strings.Lines(t.files["go.mod"]) {
		if m, ok := strings.CutPrefix(line, "module "); ok {
			t.module = strings.TrimSpace(m)
		}
	}
	for _, p := range t.paths {
		if path.Ext(p) != ".go" || strings.Contains("/"+p, "/testdata/") {
			continue
		}
		f, err := parser.ParseFile(t.fset, p, t.files[p], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", p, err)
		}
		t.gofs = append(t.gofs, goFile{path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go"), syntax: f})
	}
	return t, nil
}

// at writes the place of a node as file:line.
func (t *tree) at(n ast.Node) string {
	p := t.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// lines counts the lines a node covers.
func (t *tree) lines(n ast.Node) int {
	return t.fset.Position(n.End()).Line - t.fset.Position(n.Pos()).Line + 1
}

// names resolves the name under which a file knows an import; "" when it has it not.
func (f goFile) names(importPath string) string {
	for _, imp := range f.syntax.Imports {
		if strings.Trim(imp.Path.Value, `"`) != importPath {
			continue
		}
		if imp.Name != nil {
			return imp.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

// uses calls found for every importPath.name in the file.
func (f goFile) uses(importPath, name string, found func(ast.Node)) {
	as := f.names(importPath)
	if as == "" {
		return
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == name {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == as {
				found(n)
			}
		}
		return true
	})
}

// under says whether p is dir or lies in it.
func under(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
