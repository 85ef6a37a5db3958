// Package form reads and prints what a person writes as data: a tree of mappings, lists and scalars with the place and the
// comments of each, from YAML or from XML. Both forms of a file give the same tree, and each prints the other without loss;
// what a tree may contain says a Shape. The package knows nothing of menus.
//
// Everything here is a pure function; nothing runs a goroutine.
//
//	tree, err := form.ParseYAML("company.yaml", data)
//	text := form.XML(tree, shape)
package form
