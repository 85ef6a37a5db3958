package media

import "time"

// EventKind is what happened on a port.
type EventKind uint8

const (
	// Latched: the port has learnt, or learnt anew, where its party sends from.
	Latched EventKind = iota + 1
	// Silence: nothing was received for the configured time although the party may send. It is posted once, and again
	// only after packets have come.
	Silence
	// Resumed: packets have come again after a Silence.
	Resumed
	// Digit: the party has pressed a key (RFC 4733). It is posted once per key, at its end.
	Digit
)

var eventNames = [...]string{Latched: "latched", Silence: "silence", Resumed: "resumed", Digit: "digit"}

// String returns the kind in lower case.
func (k EventKind) String() string {
	if k == 0 || int(k) >= len(eventNames) {
		return "unknown"
	}
	return eventNames[k]
}

// Event is posted by a relay thread; the function that gets it must not block.
type Event struct {
	Call uint64
	Port PortID
	Kind EventKind
	// Key and Duration are those of a Digit: 0 to 9, *, #, A to D, or ! for a flash.
	Key      byte
	Duration time.Duration
}
