// Package waiting tells phones of messages that wait for them (RFC 3842): those that subscribe to it, and by a NOTIFY that nobody has
// asked for those that only are registered.
//
// A SUBSCRIBE is for a mailbox: a menu that has on_subscribe. Who asks must be known, by digest, by what a trusted network asserts,
// or by where he is registered. The menu is then walked for him without a voice, as after a hangup, and what its message_waiting
// would tell a phone is the answer, if that phone is his own. So a menu decides who may hear of which messages, and counts them
// in one place.
//
// Whenever a menu tells of messages, the subscribers to that address are counted anew and told what has changed. Subscriptions are
// kept in memory, and bounded; a phone whose subscription is lost hears so by 481 and subscribes again.
//
// Nothing here starts a goroutine: the server runs what takes time beside itself, and Tick and Recount are to be called now and then.
package waiting
