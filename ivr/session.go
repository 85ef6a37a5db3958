package ivr

import (
	"time"

	"github.com/bifrons/bifrons/ivr/walk"
)

// session is a call's place in the menu, and what is going on for it: the data of the App in the call.
type session struct {
	Walk   walk.State
	Ask    *asking   // what runs beside the call
	Held   verdict   // what becomes of the event that waits for it
	Unsaid string    // why the prompt of the question was not heard
	Unfit  int       // the status for a caller whose offer is why nothing was heard before the answer
	Tape   string    // the file that is written
	Since  time.Time // the beginning of a recording, or of a talk
	Room   bool      // the caller is in one,
	Exit   string    // and leaves it with this key
	Left   bool      // the menu; the call goes on without it

	// The dial at hand.
	Private bool  // the callee hears Bifrons first
	First   int   // branch
	Count   int   // of branches
	Failed  []int // branches
	Best    int   // failure
	Callee  int   // the leg of who has answered, 0 nobody
	Ringing bool  // the caller hears a ringing tone from us
}

// asking is what is asked for beside the call, as data: another node can ask again.
type asking struct {
	Seq    int // of the request
	Look   *walk.Look
	Hook   *walk.Hook
	Body   []byte // of the hook, as JSON
	Unfit  string // why it is not asked at all
	Notify *walk.Notify
	Move   *walk.Move
	Side   string  // that the caller is on
	Fetch  []fetch // recordings, and then what is to be played
	Then   *played
	Tape   *tape        // a folder to make, or a finished file to look at
	Record *walk.Record // what it is for
}

// fetch is a recording that has to be fetched: the sound of that number.
type fetch struct {
	Sound int
	URL   string
}

// played is a Play or an Ask that waits for recordings to be fetched.
type played struct {
	Play *walk.Play
	Ask  *walk.Ask
}

// tape is a file that was recorded.
type tape struct {
	File  string
	Long  time.Duration
	Waits bool // the recorder may still write it
}

// verdict is what becomes of an event once the walk has gone on.
type verdict uint8

const (
	passes verdict = iota
	stops
)
