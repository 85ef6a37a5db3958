package sip

import (
	"bytes"
	"time"
)

// MaxDelta is the largest delta-seconds, the end of Expires (RFC 3261 20.19).
const MaxDelta = (1<<32 - 1) * time.Second

// Seconds reads delta-seconds (RFC 3261 25.1: digits, nothing else), the number of seconds in Expires, Session-Expires, Min-SE, Min-Expires,
// Retry-After and the parameters expires and retry-after. A larger number than 2**32-1 counts as that one. Blanks around are passed
// over. ok is false for what is no such number; what that means is for the header's own standard to say:
//
//	Contact;expires, Expires of REGISTER   3600 or the registrar's own default (RFC 3261 10.3, 20.10)
//	Expires of SUBSCRIBE                   400, as for any malformed request; without the header the package's default (RFC 6665 4.2.1.1)
//	Expires of a 2xx to SUBSCRIBE          what was asked for
//	expires of Subscription-State, reginfo as if it were not there (RFC 6665 4.1.3, RFC 3680 5)
//	Session-Expires, Min-SE                as if it were not there
//	Retry-After                            as if it were not there
func Seconds[T string | []byte](v T) (d time.Duration, ok bool) {
	b := bytes.TrimSpace([]byte(v))
	n := uint64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+uint64(c-'0'), uint64(MaxDelta/time.Second))
	}
	return time.Duration(n) * time.Second, len(b) > 0
}

// RetryAfter reads the Retry-After of a message, less its comment and parameters (RFC 3261 20.33); 0 if it says nothing.
func (m *Message) RetryAfter() time.Duration {
	v := m.Get(HdrRetryAfter)
	if i := bytes.IndexAny(v, "(;"); i >= 0 {
		v = v[:i]
	}
	d, _ := Seconds(v)
	return d
}
