package walk

import (
	"maps"
	"slices"
	"time"

	"github.com/bifrons/bifrons/ivr/flow"
)

// State is where a walk is: plain data.
type State struct {
	Flow, Version string
	Call          Call
	Language      string
	Frames        []Frame // the application, then the subs it is in; the last counts

	Heard    bool // the caller can hear us
	Answered bool // his call is answered
	Gone     bool // he has hung up
	Ended    bool // nothing is asked for any more
	Erring   bool // on_error was gone to

	Wait      Wait
	Seq       int    // of the last request that is answered: an answer to an older one comes too late
	Attempt   int    // failed ones at this node
	NoInputs  int    // of them
	NoMatches int    // of them
	Digits    string // at this node so far
	Target    int    // of a dial in turn
	Next      string // where to go after a last prompt
	Status    int    // of the hangup after a last prompt
	Asked     bool   // the part of the prompt that no key stops has been heard

	Last    string // digits of the last question
	Dialled int    // status of the last dial
	Seconds int    // of the last talk
	Error   string // the last that was broken
	Visits  int    // nodes since somebody was waited for
	Total   int
}

// Frame is a place in the application or in a sub.
type Frame struct {
	Sub, Node string
	Vars      flow.Vars
}

// Call is what a walk knows of its call.
type Call struct {
	ID         string
	Caller     string // user part of the caller's identity
	CallerURI  string
	CallerName string
	Called     string // user part of the Request-URI
	CalledURI  string
	Domain     string            // host of the Request-URI
	Params     map[string]string // of the Request-URI
	Languages  []string          // of Accept-Language, best first
}

// Wait is what a walk waits for.
type Wait string

// What a walk can wait for.
const (
	Nothing  Wait = ""
	Prompt   Wait = "prompt"   // the prompt before the node's work
	Playing  Wait = "play"     // the prompt of a play
	Digits   Wait = "digits"   // an answer
	Reacting Wait = "reaction" // the prompt before going on to Next
	Taping   Wait = "record"
	Ringing  Wait = "dial"
	Whisper  Wait = "whisper"
	Taking   Wait = "accept"
	Talking  Wait = "talk"
	Looking  Wait = "lookup"
	InRoom   Wait = "conference"
)

// clone copies what a step may change.
func (s State) clone() State {
	s.Frames = slices.Clone(s.Frames)
	for i := range s.Frames {
		s.Frames[i].Vars = maps.Clone(s.Frames[i].Vars)
	}
	return s
}

// At returns the node a walk is at.
func (s State) At() (sub, node string) {
	if len(s.Frames) == 0 {
		return "", ""
	}
	f := s.Frames[len(s.Frames)-1]
	return f.Sub, f.Node
}

// clock gives a time as expressions see it.
func clock(t time.Time) map[string]any {
	return map[string]any{
		"time": t.Format("15:04"), "date": t.Format("2006-01-02"), "year": t.Year(), "month": int(t.Month()), "day": t.Day(),
		"hour": t.Hour(), "minute": t.Minute(), "weekday": [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}[t.Weekday()],
		"unix": int(t.Unix()),
	}
}

// data gives a call as expressions and hooks see it.
func (c Call) data() map[string]any {
	params := map[string]any{}
	for k, v := range c.Params {
		params[k] = v
	}
	languages := make([]any, len(c.Languages))
	for i, l := range c.Languages {
		languages[i] = l
	}
	return map[string]any{"id": c.ID, "caller": c.Caller, "caller_uri": c.CallerURI, "caller_name": c.CallerName, "called": c.Called,
		"called_uri": c.CalledURI, "domain": c.Domain, "params": params, "languages": languages}
}

// Env gives what expressions see in a state.
func Env(f *flow.Flow, s State, now time.Time) map[string]any {
	return (&walk{f: f, now: now, s: s}).env()
}
