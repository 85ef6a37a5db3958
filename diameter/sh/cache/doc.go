// Package cache keeps subscriber data read over Sh, and keeps them fresh by notifications.
//
// It owns the entries with their age, one fetch at a time per entry, the memory of unknown users, the subscriptions at
// the HSS, and what a caller gets when the HSS is silent: old data, default data or an error, as the caller's Policy
// says. It does not own connections or the meaning of the data. Losing it all costs only misses.
//
// Goroutines: one per fetch under way, which waits a little for the next, and one that renews subscriptions; Close ends
// and awaits them. Notify runs on the reader of the connection and never blocks.
//
//	c := cache.New(cache.DefaultConfig(), client, log, metrics)
//	defer c.Close()
//	v, err := c.Get(ctx, cache.Key{Identity: sh.Public("sip:alice@ims.example"), Ref: sh.RefIMSUserState}, cache.Stale(10*time.Minute))
package cache
