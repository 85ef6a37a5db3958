// Package b2bua is the call: legs, the transactions in them, the chain of applications, and what crosses from leg to leg.
//
// A Call is an actor. Its State is plain data, touched only while its mailbox is held: by the goroutine that read a message
// for an idle call (run to completion), by the one that turns the timer wheel, or by one made for
// media events, orders and look-up results; what comes meanwhile is handled by who holds the mailbox. An idle call is data and has no goroutine. A watchdog takes a call away from a
// goroutine whose application hangs. The package knows no IMS, no Diameter and no service.
//
//	srv, err := b2bua.New(b2bua.Config{Sides: sides, Routes: routes, Apps: catalogue})
//	...
//	listener.Serve(srv.Handler(local))
//	srv.Start()
//	defer srv.Close()
//
// docs/call.md tells the life of a call on one page, docs/apps.md the contract of an App.
package b2bua
