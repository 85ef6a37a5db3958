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
	// Pressed: the party holds a key down (RFC 4733). It is posted at the first packet of each key whose Digit is to come.
	Pressed
	// Digit: the party has pressed a key (RFC 4733). It is posted once per key, at its end.
	// It may have come as a tone, too, if the port listens for them.
	Digit
	// Played: a player has ended. Every Play ends in exactly one, unless its port is closed.
	Played
	// Recorded: a recorder has ended and its file is complete. Every Record ends in exactly one, also when its port is
	// closed.
	Recorded
	// Left: the port is in no room although it was told to Enter one; Err tells why.
	Left
)

var eventNames = [...]string{Latched: "latched", Silence: "silence", Resumed: "resumed", Pressed: "pressed", Digit: "digit", Played: "played",
	Recorded: "recorded", Left: "left"}

// Reason is why a player or recorder has ended.
type Reason uint8

// The reasons. A player ends as done, stopped or failed; a recorder as stopped, or because of its limit, silence, a hang-up
// (its port was closed) or a failure.
const (
	ReasonDone Reason = iota + 1
	ReasonStopped
	ReasonFailed
	ReasonSilence
	ReasonLimit
	ReasonHangup
)

var reasonNames = [...]string{ReasonDone: "done", ReasonStopped: "stopped", ReasonFailed: "failed", ReasonSilence: "silence",
	ReasonLimit: "limit", ReasonHangup: "hangup"}

// String returns the reason in lower case.
func (r Reason) String() string {
	if r == 0 || int(r) >= len(reasonNames) {
		return "unknown"
	}
	return reasonNames[r]
}

// String returns the kind in lower case.
func (k EventKind) String() string {
	if k == 0 || int(k) >= len(eventNames) {
		return "unknown"
	}
	return eventNames[k]
}

// Event is posted by a relay thread or by a goroutine beside them; the function that gets it must not block.
type Event struct {
	Call uint64
	Port PortID
	Kind EventKind
	// Key is that of a Pressed and a Digit, Duration that of a Digit: 0 to 9, *, #, A to D, or ! for a flash.
	Key byte
	// Duration is also how much a Recorded has in its file, and how far a Played got: from the start of the first item, what
	// Offset left out included, and repetitions.
	Duration time.Duration
	// InBand tells that a Digit was heard as a tone. A party may send a key both ways.
	InBand bool
	// ID and Reason are those of Played and Recorded.
	ID     uint32
	Reason Reason
	// Path is the file of a Recorded.
	Path string
	// Err tells what went wrong, for a log and the operator; it is also set on a player that is done if a fallback was played.
	Err string
}
