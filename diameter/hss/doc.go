// Package hss is a home subscriber server to develop and test against: a Sh server with subscribers from YAML that can
// be changed, watched and made to fail while it runs.
//
// It owns the subscribers, their transparent data with the sequence rules, the permission list of the application
// servers, the subscriptions with their expiry, the notifications, scripted faults and an HTTP API. It speaks through
// package diameter and in the types of package sh. It is no product HSS: it forgets everything when it ends, and it
// serves no Cx.
//
// Goroutines: requests are answered on the reader of their connection, from memory. One goroutine per application server
// sends its notifications in order; a delayed answer has one of its own. Server.Close ends and awaits them.
//
//	cfg, err := hss.Load("hss.yaml")
//	err = hss.Run(ctx, cfg, log) // until ctx ends
package hss
