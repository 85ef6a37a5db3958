// Package archtest keeps the rules of the house: which package may import which,
// who may start a goroutine, how long a file may be, that no sample lies about
// unused. Each rule is a pure function from a tree of files to the places that
// break it; the test runs every rule on a small bad tree, where it must
// complain, and on the whole module, where it must not.
//
// It knows nothing of what the code does. What a rule allows is data, in rules.go,
// with the reason beside it. To run it alone:
//
//	go test ./internal/archtest
package archtest
