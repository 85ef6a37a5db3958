package walk

import (
	"time"

	"github.com/bifrons/bifrons/ivr/flow"
)

// Request is what a walk asks for: one of the structs below, by value. Those that are answered say by which input.
type Request any

// Answered tells whether a request is answered by an input.
func Answered(r Request) bool {
	switch r.(type) {
	case Play, Ask, Record, Dial, Bridge, Look, Hook, Enter, Notify, Move:
		return true
	}
	return false
}

// Connect says that the caller must be able to hear us from now on: by an answer, or by early media.
type Connect struct{ Early bool }

// Play plays to the caller, or to the callee who has answered; Played answers it. With Barge a key stops it and is kept.
type Play struct {
	Sounds []Sound
	Callee bool
	Barge  bool
	Repeat int // times more; -1 for ever
	Gap    time.Duration
	Limit  time.Duration // of all of it; 0 is none
}

// Ask plays and takes digits; Collected answers it.
type Ask struct {
	Sounds     []Sound
	Callee     bool
	Barge      bool // a key stops the prompt
	TypeAhead  bool // keys pressed before count
	Max        int
	Terminator string
	First      time.Duration
	Between    time.Duration
}

// Record records the caller; Recorded answers it.
type Record struct {
	To         string // "" is a file of a new name
	Max        time.Duration
	Silence    time.Duration
	Beep       bool
	Terminator string
}

// Dial calls somebody, several at once; Dialled answers it. The callee is not yet connected to the caller when Private.
type Dial struct {
	Targets []string
	Side    string
	NextHop string
	Timeout time.Duration
	Private bool
}

// Bridge connects the caller with the callee who has answered; Talked tells of the end.
type Bridge struct{}

// Drop hangs up the callee.
type Drop struct{}

// Look asks a source of data; Found answers it.
type Look struct {
	Source  string // sh, ldap, http, file, folder or recording
	What    string
	Key     string // in a file
	Headers [][2]string
	Timeout time.Duration
	Retries int
	Wait    time.Duration
}

// Hook makes an HTTP request; Found answers it.
type Hook struct {
	URL     string
	Method  string
	Headers [][2]string
	Body    any
	Timeout time.Duration
	Retries int
	Wait    time.Duration
}

// Enter puts the caller into a room; Exited tells of the end.
type Enter struct {
	Room string
	Exit string // the key that leaves
}

// Move moves a recording, or deletes it where To is empty; Found answers it, with where it is then.
type Move struct{ File, To string }

// Notify tells a phone of its messages (RFC 3842); Found answers it.
type Notify struct {
	To, Account string
	New, Old    int
	Urgent      [2]int // of the new and the old ones
}

// Hangup ends the call, with a final status if it is not answered. It is the last request.
type Hangup struct {
	Cause  flow.Cause
	Text   string // for the record
	Reason string // for the other end and the record, as the application has it
}

// Leave leaves the menu; the call goes on in its chain. It is the last request.
type Leave struct{ Results flow.Vars }

// Note tells what the walk does, for statistics, the log and coverage.
type Note struct {
	Sub, Node string
	What      What
	Text      string // the label of the branch, or the error
}

// What is the subject of a Note.
type What string

// What a walk does.
const (
	Entered  What = "entered"
	Branched What = "branch"
	NoInput  What = "no_input"
	NoMatch  What = "no_match"
	GaveUp   What = "gave_up"
	Broken   What = "error"
	HungUp   What = "hangup" // by the caller, here
)

// Sound is one thing to be heard.
type Sound struct {
	Kind     string // prompt, file, say, tone, silence, or what flow.Sound.Read tells
	Text     string
	Language string
	Voice    string
	Currency string        // of money
	Length   time.Duration // of a silence
}

// Input is what happened: one of the structs below, by value.
type Input any

// Played ends a Play. Failed says why nothing, or not all, was heard.
type Played struct {
	Stopped bool // by a key
	Failed  string
}

// Collected ends an Ask.
type Collected struct {
	Digits     string // without the terminator
	Terminated bool   // by the terminator
	TimedOut   bool
	Failed     string // why the prompt was not heard
}

// Recorded ends a Record.
type Recorded struct {
	File   string
	Length time.Duration
	Size   int
	Failed string
}

// Dialled ends a Dial: with 200 when a callee has answered, else with the best failure.
type Dialled struct{ Status int }

// Talked ends a Bridge: the callee has hung up, or was lost.
type Talked struct{ Length time.Duration }

// Exited ends an Enter.
type Exited struct{ Failed string }

// Found ends a Look, a Hook or a Notify. Missing: the source has nothing. Failed: it did not answer.
type Found struct {
	Data    any
	Missing bool
	Failed  string
}

// Gone says that the caller has hung up. Nothing can be played any more.
type Gone struct{}
