package cdr

import (
	"time"

	"github.com/bifrons/bifrons/media"
)

// Kind tells what a record is about. A call that was answered has a Start and a Stop, any other an Attempt alone.
type Kind string

// The kinds of records.
const (
	Start   Kind = "start"
	Stop    Kind = "stop"
	Attempt Kind = "attempt"
)

// Record is a call that was answered, or that has ended. Ringing, Answer and End are absent if it did not get so far; Status is
// the SIP status that tells the cause best, By who ended it: caller, callee, bifrons or operator. Evidence is there for a party that was
// lost: it is the one in By. Duration is from answer to end.
type Record struct {
	Kind     Kind      `json:"record"`
	Call     uint64    `json:"call"`
	Node     uint16    `json:"node"`
	Method   string    `json:"method,omitempty"` // of a stand-alone request or a subscription; "" is a session
	ICID     string    `json:"icid,omitempty"`   // RFC 7315 4.6
	From     string    `json:"from"`
	To       string    `json:"to"`
	Start    time.Time `json:"start"`
	Ringing  time.Time `json:"ringing,omitzero"`
	Answer   time.Time `json:"answer,omitzero"`
	End      time.Time `json:"end,omitzero"`
	Duration float64   `json:"duration"` // seconds
	Status   int       `json:"status"`
	By       string    `json:"by,omitempty"`
	Cause    string    `json:"cause,omitempty"`
	Evidence string    `json:"evidence,omitempty"`
	Legs     []Leg     `json:"legs"`
}

// Leg is one leg of a call, the caller's first; Media has the statistics of each of its m-lines, when it is over.
type Leg struct {
	Side   string        `json:"side"`
	CallID string        `json:"callid"`
	Media  []media.Stats `json:"media,omitempty"`
}

// NodeFailure is the cause of a call that ended with its node.
const NodeFailure = "node-failure"

// Orphan turns the start of a call whose node is gone into its stop: it was seen alive last at a time.
func Orphan(start Record, seen time.Time) Record {
	r := start
	r.Kind, r.End, r.Status, r.By, r.Cause = Stop, seen, 500, "bifrons", NodeFailure
	if r.End.Before(r.Answer) {
		r.End = r.Answer
	}
	r.Evidence = "the node that had it did not write its end"
	r.Duration = r.End.Sub(r.Answer).Seconds()
	return r
}

// Sink takes records; it must not block.
type Sink interface{ Write(Record) }

// Discard drops every record.
type Discard struct{}

// Write does nothing.
func (Discard) Write(Record) {}

// Sinks writes a record to each of several.
type Sinks []Sink

// Write hands the record to each.
func (s Sinks) Write(r Record) {
	for _, to := range s {
		to.Write(r)
	}
}
