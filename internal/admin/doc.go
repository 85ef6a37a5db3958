// Package admin is the HTTP API of a running node: health, metrics, and the calls at hand. It asks the call core through
// small interfaces and touches no call itself. Each request runs on a goroutine of net/http; Close ends them.
//
//	srv, err := admin.Listen(addr, admin.Config{Calls: core, Metrics: registry, Version: "1.0"})
//	...
//	defer srv.Close()
package admin
