// Package b2buatest is a world for calls: an in-memory network with scripted phones around a b2bua.Server, with injected
// clock, randomness and relay, so that hours pass at once and every run is the same. A scenario is a text that reads like
// the call:
//
//	alice > INVITE sdp
//	alice < 100
//	bob < INVITE sdp
//	bob > 200 sdp
//	...
//
// Run plays it three times over: as it is; with the server replaced after every step by one that restored all calls from
// snapshots (the same bytes must go out); and with the snapshot before the step, as after the loss of a node, where both
// parties' dialogs must stay valid. Every message is checked on its way: nothing private of one party may reach the other,
// and it must fit the dialog of who gets it. Everything runs on the test's goroutine.
package b2buatest
