package archtest

import (
	"errors"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// checkVariables forbids package variables that change. It follows names with the type
// checker, package by package and without the imports, so it sees assignments
// (also to an element or a field), ++ and --, delete and clear, and variables whose type
// exists to be changed; it does not see changes through a pointer.
func checkVariables(t *tree) []string {
	var bad []string
	packages := map[string][]goFile{}
	var dirs []string
	for _, f := range t.gofs {
		if f.test {
			continue
		}
		if packages[f.dir] == nil {
			dirs = append(dirs, f.dir)
		}
		packages[f.dir] = append(packages[f.dir], f)
	}
	for _, dir := range dirs {
		bad = append(bad, t.changes(dir, packages[dir])...)
	}
	return bad
}

// noImports makes every import an error, which the type checker then works around.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not followed") }

// changes finds what changes the package variables of one folder.
func (t *tree) changes(dir string, files []goFile) []string {
	var bad []string
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Error: func(error) {}, Importer: noImports{}}
	syntax := make([]*ast.File, len(files))
	for i, f := range files {
		syntax[i] = f.syntax
	}
	// The error says that imports are missing, which is meant.
	pkg, _ := conf.Check(dir, t.fset, syntax, info)
	report := func(n ast.Node, lhs ast.Expr) {
		id := root(lhs)
		if id == nil {
			return
		}
		if v, ok := info.Uses[id].(*types.Var); ok && pkg != nil && v.Parent() == pkg.Scope() {
			bad = append(bad, t.at(n)+": changes package variable "+id.Name+"; pass it in, or make it a field")
		}
	}
	for _, f := range files {
		bad = append(bad, t.changeable(f)...)
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.AssignStmt:
				if x.Tok != token.DEFINE {
					for _, lhs := range x.Lhs {
						report(x, lhs)
					}
				}
			case *ast.IncDecStmt:
				report(x, x.X)
			case *ast.CallExpr:
				if fn, ok := x.Fun.(*ast.Ident); ok && len(x.Args) > 0 && (fn.Name == "delete" || fn.Name == "clear") {
					report(x, x.Args[0])
				}
			}
			return true
		})
	}
	return bad
}

// root finds the variable at the left end of a.b[c].d.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// changeable finds package variables of a type that exists to be changed. sync.Pool
// may stay: what it holds has no meaning.
func (t *tree) changeable(f goFile) []string {
	var bad []string
	kinds := map[string][]string{
		"sync":        {"Mutex", "RWMutex", "Map", "Once", "WaitGroup", "Cond"},
		"sync/atomic": {"Bool", "Int32", "Int64", "Uint32", "Uint64", "Uintptr", "Pointer", "Value"},
	}
	for _, d := range f.syntax.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			for path, names := range kinds {
				pkg, name := qualified(v.Type)
				if pkg != "" && pkg == f.names(path) && slices.Contains(names, name) {
					bad = append(bad, t.at(v)+": package variable "+v.Names[0].Name+" exists to be changed; make it a field")
				}
			}
		}
	}
	return bad
}

// qualified splits the type pkg.Name or pkg.Name[T].
func qualified(e ast.Expr) (pkg, name string) {
	if x, ok := e.(*ast.IndexExpr); ok {
		e = x.X
	}
	if s, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name, s.Sel.Name
		}
	}
	return "", ""
}
