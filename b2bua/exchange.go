package b2bua

// turn is where the offers and answers of a dialog stand (RFC 3264, RFC 6337): one exchange at a time, and whose word it is.
type turn uint8

const (
	turnNone    turn = iota // nobody has offered yet
	turnOurs                // our offer waits for the party's answer
	turnTheirs              // the party's offer waits for ours
	turnSettled             // the last exchange is complete
)
