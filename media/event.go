package media

// EventKind is what happened on a port.
type EventKind uint8

const (
	// Latched: the port has learnt, or learnt anew, where its party sends from.
	Latched EventKind = iota + 1
	// Silence: nothing was received for the configured time although the party may send. It is posted once, and again
	// only after packets have come.
	Silence
)

// String returns the kind in lower case.
func (k EventKind) String() string {
	switch k {
	case Latched:
		return "latched"
	case Silence:
		return "silence"
	}
	return "unknown"
}

// Event is posted by a relay thread; the function that gets it must not block.
type Event struct {
	Call uint64
	Port PortID
	Kind EventKind
}
