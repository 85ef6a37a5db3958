package b2bua

// Cause is why a call ended: the SIP status that tells it best, who ended it and in which words.
type Cause struct {
	Status int    `json:"status"`
	By     string `json:"by"` // caller, callee, bifrons, operator
	Text   string `json:"text"`
	Reason string `json:"reason,omitempty"` // the Reason value that goes with it (RFC 3326), made by us

	Evidence string `json:"evidence,omitempty"` // what proved that a party is lost
}

// Who ended a call.
const (
	ByCaller   = "caller"
	ByCallee   = "callee"
	ByBifrons  = "bifrons"
	ByOperator = "operator" // by the admin API
)

// crossing is what the other party hears for a failure that must not cross as it is; all others cross with our phrase.
var crossing = map[int]int{
	401: 403, 407: 403, // a challenge is between that party and us (RFC 3261 22)
	300: 480, 301: 480, 302: 480, 305: 480, 380: 480, // a redirection that is not followed
	420: 500, 421: 500, 494: 500, // an extension negotiated with us
	481: 480, // their dialog, not the caller's
	482: 480, // the loop is behind us
	503: 500, // RFC 3261 16.7: 503 would make the caller avoid us
	505: 500, 513: 500,
}

// crossingStatus returns the status shown to the other leg.
func crossingStatus(status int) int {
	if s, ok := crossing[status]; ok {
		return s
	}
	return status
}

// better tells which of two failed branches speaks for all (RFC 3261 16.7 step 6): a 6xx wins, then the lower class, a
// challenge last within its class.
func better(a, b int) bool {
	rank := func(s int) int {
		switch {
		case s >= 600:
			return 0
		case s == 408 || s == 440 || s == 503 || s == 487:
			return s + 1000
		}
		return s
	}
	return rank(a) < rank(b)
}
