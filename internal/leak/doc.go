// Package leak finds secrets in bytes: tokens that one party of a call told us, in a message that goes to another.
//
// It owns the search and knows no protocol: who hears what, and what may be said, is decided by package b2bua/audit for SIP
// and by package media for RTCP. A Set belongs to one goroutine at a time. The search looks at one place in every few bytes
// of a message and not at each, so that it costs less than writing the message did.
//
//	var heard leak.Set
//	heard.Add(leak.CallID, []byte("a84b4c76e66710"))
//	for at := 0; ; {
//		hit, ok := heard.Next(message, at)
//		if !ok {
//			break
//		}
//		at = hit.End
//	}
package leak
