// Package registrar keeps bindings: which contacts an address of record has, as REGISTER says (RFC 3261 10.3, RFC 3327). It is for
// phones of a laboratory and of a small house: all is in memory, bounded, and gone with the process. It checks nobody's identity;
// who calls it has done that. Any goroutine may use it.
//
//	r := registrar.New(registrar.DefaultConfig())
//	reply := r.Register(m, "alice", registrar.Origin{Source: m.Source}, tx, time.Now())
//	...
//	for _, b := range r.Find("alice", time.Now()) { // the best first
package registrar
