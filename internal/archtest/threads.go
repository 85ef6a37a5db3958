package archtest

import (
	"go/ast"
	"strings"
)

// checkGo forbids goroutines outside the owners of threads: the go statement, and
// sync.WaitGroup and errgroup, which start them too.
func checkGo(t *tree) []string {
	var bad []string
	for _, f := range t.gofs {
		if f.test || owner(f.path) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				bad = append(bad, t.at(g)+": go: this package owns no threads; see mayStart in rules.go")
			}
			return true
		})
		f.uses("sync", "WaitGroup", func(n ast.Node) {
			bad = append(bad, t.at(n)+": sync.WaitGroup: this package owns no threads; see mayStart in rules.go")
		})
		if f.names("golang.org/x/sync/errgroup") != "" {
			bad = append(bad, f.path+": errgroup: this package owns no threads; see mayStart in rules.go")
		}
	}
	return bad
}

func owner(p string) bool {
	for _, m := range mayStart {
		if under(p, m.path) {
			return true
		}
	}
	return false
}

// checkAfterFunc forbids time.AfterFunc everywhere: its function runs on a thread
// nobody owns. A call has timers, everything else a loop with a time.Timer.
func checkAfterFunc(t *tree) []string {
	var bad []string
	for _, f := range t.gofs {
		f.uses("time", "AfterFunc", func(n ast.Node) {
			bad = append(bad, t.at(n)+": time.AfterFunc: use a timer of the call, or a loop of your own")
		})
	}
	return bad
}

// checkSleep forbids time.Sleep in unit tests, unless the clock is that of
// testing/synctest. Tests against real processes poll with a deadline.
func checkSleep(t *tree) []string {
	var bad []string
	for _, f := range t.gofs {
		if !f.test || under(f.path, "test") || f.names("testing/synctest") != "" {
			continue
		}
		if strings.HasPrefix(f.path, "cmd/") {
			continue // its tests start the program
		}
		f.uses("time", "Sleep", func(n ast.Node) {
			bad = append(bad, t.at(n)+": time.Sleep in a unit test: wait for the event, or use testing/synctest")
		})
	}
	return bad
}
