// Package diameter is the base protocol of RFC 6733 between us and our peers, on the codec of go-diameter.
//
// It owns connections (TCP and TLS), the capabilities exchange, the watchdog of RFC 3539, the peer table with its routes
// by realm and host, the correlation of answers, failover to another peer, and the guard that stands between the socket
// and the codec. It does not own any application: package sh speaks Sh through an Endpoint, package hss serves it.
//
// go-diameter gives the codec, the dictionary and the parsing of CER and CEA (smparser). Its own connection and state
// machine are not used: they drop a link at the first unknown command, believe any length, and answer a watchdog that is
// not the one of RFC 3539.
//
// Goroutines: one per configured peer dials and waits; one per connection reads, one writes, one is its watchdog. A
// Handler runs on the reader of its connection: it answers from memory or hands the request on, and never blocks.
// Endpoint.Close ends and awaits them all.
//
//	ep, err := diameter.New(cfg, handlers, log, metrics)
//	ep.Start()
//	defer ep.Close(context.Background(), diameter.Rebooting)
//	m := ep.NewRequest(dict.Sh, dict.UserDataCommand, diameter.Route{Realm: "ims.example"})
//	answer, err := ep.Do(ctx, m)
package diameter
