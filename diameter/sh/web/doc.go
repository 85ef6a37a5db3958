// Package web shows subscriber data over HTTP: reading through the cache, transparent data with its sequence number as
// ETag, and notifications as server-sent events.
//
// It owns the paths below /v1/subscribers and what they mean. It does not own the listener, authentication or the cache.
// A request for events has a goroutine per watched key; all end with the request, when the client leaves.
//
//	mux.Handle("/v1/subscribers/", web.Handler(client, c, web.Config{Policy: cache.Stale(10*time.Minute)}))
package web
