// Package locate finds where a request for a SIP URI goes when its host is a name: RFC 3263 by NAPTR, SRV, A and AAAA records. It
// owns the cache of what name servers said and knows neither messages nor calls.
//
// A Question that was asked before is answered at once from memory (Resolver.Cached), also for a while after its records have expired:
// it is then asked again beside. A new one takes as long as the name servers do (Resolver.Find), so a reader of messages or the step of
// a call only ever uses Cached, and has Find run elsewhere. Each query runs on a goroutine of its own, one for all who ask the same, and
// ends with its time limit; Close waits for them.
//
//	r, err := locate.New(locate.DefaultConfig())
//	q := locate.Question{Host: "carrier.example", Served: locate.Serve(sip.UDP, false)}
//	places, err := r.Find(ctx, q, seed) // the first one gets the request, the others when it fails (RFC 3263 4.3)
package locate
