package leak

// Mode is what is done with a message that would tell one party a secret of another.
type Mode uint8

// The modes: nothing is searched; the message goes out and is counted; it is counted and not sent.
const (
	Off Mode = iota
	Count
	Block
)
