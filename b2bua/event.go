package b2bua

import (
	"encoding"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// Event is what happened to a call: one of the structs of eventTypes, by value. Result types of look-ups are Events too.
type Event any

// Invite is the caller's request on its way to the next hop; Apps may change its draft, which the next App sees. Attempt
// counts how often it was offered before: after a takeover the held event is offered again.
type Invite struct {
	*Draft
	Branch  int
	Attempt int
}

// Progress is a provisional response of a branch, above 100.
type Progress struct {
	Branch int
	Status int
}

// Answer is a branch's 2xx.
type Answer struct {
	Branch int
	Status int
}

// Failure is a branch's final refusal, with the callee's own status; Contacts are those of a 3xx.
type Failure struct {
	Branch   int
	Status   int
	Contacts []string
}

// Reinvite is a new offer, or the question for one, inside the call.
type Reinvite struct {
	Leg int
	SDP bool
}

// Message is a request inside the call that carries a body: INFO or MESSAGE.
type Message struct {
	Leg         int
	Method      string
	ContentType string
	Body        []byte
}

// Refer is the wish of a leg's party that the far one talk with somebody else (RFC 3515), with whom it may be in a call already.
type Refer struct {
	Leg      int
	Target   string // URI
	Attended bool
}

// Hangup is a BYE or a CANCEL.
type Hangup struct {
	Leg   int
	Cause Cause
}

// Timer is an App's own timer that ran out.
type Timer struct{ Name string }

// Digit is a key that a leg's party has pressed: 0 to 9, *, #, A to D, or ! for a flash. It came as a telephone event, "rfc4733",
// as INFO, "info", which is a Message as well, or as a "tone" in speech. A key that comes in two ways is one Digit.
type Digit struct {
	Leg      int
	Key      string
	Duration time.Duration
	By       string
}

// MediaNews is news of a leg's speech: "latched", "silence" or "resumed".
type MediaNews struct {
	Leg  int
	Kind string
}

// Limit warns that a leg will be ended by a limit: "duration" or "silence", in Left. A Watch may move the limit.
type Limit struct {
	Leg  int
	Kind string
	Left time.Duration
}

// Ended comes to every App exactly once. All that Apps had asked for ends with it, without events of its own; Recordings
// are those that were going on.
type Ended struct {
	Cause      Cause
	Recordings []Recorded
}

// eventTypes is the one table of names: snapshots, JSON, scripts and remote programs use it alike.
var eventTypes = named{
	"invite":   func() any { return &Invite{} },
	"progress": func() any { return &Progress{} },
	"answer":   func() any { return &Answer{} },
	"failure":  func() any { return &Failure{} },
	"reinvite": func() any { return &Reinvite{} },
	"message":  func() any { return &Message{} },
	"refer":    func() any { return &Refer{} },
	"hangup":   func() any { return &Hangup{} },
	"timer":    func() any { return &Timer{} },
	"digit":    func() any { return &Digit{} },
	"media":    func() any { return &MediaNews{} },
	"limit":    func() any { return &Limit{} },
	"ended":    func() any { return &Ended{} },

	"played":    func() any { return &Played{} },
	"collected": func() any { return &Collected{} },
	"recorded":  func() any { return &Recorded{} },
	"sent":      func() any { return &Sent{} },
	"connected": func() any { return &Connected{} },
}

// Draft is the request a leg will send: what came, and what Apps set over it. What is here goes out as the pair's policy
// says; what an App set passes the policy, for it was set on purpose.
type Draft struct {
	Request    Text // read-only
	RequestURI string
	Headers    []Field // set by Apps, in order; an empty value removes a header
	Next       Dial    // where to; zero: as the routes say
}

// Field is a header field by name.
type Field struct{ Name, Value string }

// Header returns the first value of a header as the draft says now, "" if there is none.
func (d *Draft) Header(name string) string {
	for _, f := range d.Headers {
		if sameHeader(f.Name, name) {
			return f.Value
		}
	}
	return d.Request.Header(name)
}

// Values returns all lines of a header as the draft says now.
func (d *Draft) Values(name string) (out []string) {
	for _, f := range d.Headers {
		if sameHeader(f.Name, name) {
			if f.Value == "" {
				return nil
			}
			return []string{f.Value}
		}
	}
	id := sip.HeaderIDOf([]byte(name))
	for i := range d.Request.Headers {
		if h := &d.Request.Headers[i]; h.ID == id && (id != sip.HdrOther || sip.EqualFold(h.Name, name)) {
			out = append(out, string(h.Value))
		}
	}
	return out
}

// Set replaces all values of a header; "" removes it. From, To and the Request-URI go out as set, less tags.
// What the engine writes itself cannot be set: Via, Call-ID, CSeq, Contact, Route, Max-Forwards, Allow, Supported, Require,
// Reason and the fields of the body.
func (d *Draft) Set(name, value string) {
	for i := range d.Headers {
		if sameHeader(d.Headers[i].Name, name) {
			d.Headers[i].Value = value
			return
		}
	}
	d.Headers = append(d.Headers, Field{name, value})
}

func (d *Draft) overrides(h *sip.Header) bool {
	for _, f := range d.Headers {
		if id := sip.HeaderIDOf([]byte(f.Name)); id == h.ID && (id != sip.HdrOther || sip.EqualFold(h.Name, f.Name)) {
			return true
		}
	}
	return false
}

func sameHeader(a, b string) bool {
	id := sip.HeaderIDOf([]byte(a))
	return id == sip.HeaderIDOf([]byte(b)) && (id != sip.HdrOther || sip.EqualFold([]byte(a), b))
}

// Text is a message as data: in a snapshot it is its bytes.
type Text struct{ *sip.Message }

var (
	_ encoding.BinaryMarshaler   = Text{}
	_ encoding.BinaryUnmarshaler = (*Text)(nil)
)

// MarshalBinary prints the message.
func (t Text) MarshalBinary() ([]byte, error) {
	if t.Message == nil {
		return []byte{}, nil
	}
	return t.Append(nil), nil
}

// UnmarshalBinary parses it again.
func (t *Text) UnmarshalBinary(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	t.Message = new(sip.Message)
	return t.Parse(append([]byte(nil), b...))
}
