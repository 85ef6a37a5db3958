// Package audit proves topology hiding: it collects what one party tells of itself and its network, and looks for it in what
// goes to another party.
//
// An Ear belongs to one leg (or, in a capture, to one side) and hears every message that comes from there: addresses, hosts,
// Call-IDs, tags, branches, software names, o= fields, canonical names and charging identities. Find looks for what one Ear
// heard in a message that goes elsewhere, and says in which field it stands. What is no secret there is left to the caller:
// the policy of the pair, our own names, what the receiver knows already. The package knows SIP and SDP as text, no calls and
// no policies; judging a capture of another product needs nothing more (see Capture). An Ear is for one goroutine at a time.
package audit
