// Package sip is SIP itself: messages, transaction tables and transports. It knows no calls.
//
// It owns the lean message model (received bytes plus an index of header slices, typed views on demand), the pure
// transaction tables of RFC 3261 17 and RFC 6026, and the listeners: UDP, TCP and TLS. It does not own dialogs, header policies or
// identifiers: those are matters of a call (package b2bua).
//
// One goroutine reads each UDP listener and each connection, and hands every message to the Handler it was opened with; nothing else runs here.
// A Message is a view of the read buffer: it is valid until the handler returns; what must live longer is cloned. A clone
// that nobody changes may be read by several goroutines.
//
// Parse takes every legal form and refuses what the torture messages of RFC 4475 and RFC 5118 want refused; the error names
// the status of the answer. Methods, URI schemes, options and bodies are the core's matter (501, 416, 420, 415).
//
//	var m sip.Message
//	if err := m.Parse(datagram); err != nil { ... }
//	to, _ := sip.ParseAddress(m.Get(sip.HdrTo))
//	tag, _ := to.Params.Get("tag")
package sip
