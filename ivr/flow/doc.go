// Package flow is a menu as data: what a person writes in YAML or XML, read into a Flow, with every mistake told by its line and
// its mend. A Flow never changes after Load, so all calls share it.
//
// The Go types of model.go are the one schema: the reader, both forms, and the schemas for editors follow them. What belongs to
// which kind of node says kinds.go. Check finds what Load cannot see: nodes nobody reaches, loops that wait for nobody, prompts
// that are not there, variables that nobody has set.
//
// Everything here is a pure function of the file, except that Check looks for prompts where it is told to; nothing runs a
// goroutine.
//
//	f, err := flow.Load("company.yaml")
//	for _, p := range flow.Check(f, prompts) { fmt.Println(p) }
package flow
