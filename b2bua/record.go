package b2bua

import (
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/media"
)

// Record writes what a leg's party says to a file, and ends in Recorded. A leg has one recorder; another Record meanwhile is
// refused. What is recorded when the call ends stands in Ended.
type Record struct {
	Leg     int
	Name    string        // comes back in Recorded
	Path    string        // of a new file; see media.Record
	Voices  media.Voices  // both mixed, both as left and right, or the party alone
	Beep    bool          // first
	Max     time.Duration // 0 is an hour
	Silence time.Duration // of the party that ends it; 0 does not
	End     string        // keys that end it, such as "#"
}

// Pause leaves out what is said while On from a leg's recording.
type Pause struct {
	Leg int
	On  bool
}

// Recorded is the end of a Record: "key" (a key of Record.End, in Key), "silence", "limit", "stopped" (by Halt), "hangup" or
// "failed", with the error. A recording that was taken over by another node goes on in a second file.
type Recorded struct {
	Leg    int
	Name   string
	Reason string
	Key    string
	Err    string
	Files  []string
	Long   time.Duration
}

// Recording is a recorder, as data.
type Recording struct {
	Owner
	ID     uint32
	What   Record
	Files  []string
	Key    string        // that ended it
	Long   time.Duration // of what other nodes have recorded
	Since  time.Duration // when this part began
	Paused bool
}

// applyRecord starts a recorder.
func (c *Call) applyRecord(w *Walk, e Record) bool {
	l, end, err := c.at(e.Leg)
	if err == nil && (end.Recorder != nil || e.Path == "" || e.Max < 0 || e.Silence < 0) {
		err = errUnnatural
	}
	if err != nil {
		c.tell(c.owner(w), c.legOr(e.Leg), Recorded{Leg: e.Leg, Name: e.Name, Reason: media.ReasonFailed.String(), Err: err.Error()})
		return false
	}
	if e.Max == 0 {
		e.Max = time.Hour
	}
	r := &Recording{Owner: c.owner(w), What: e}
	end.Recorder = r
	c.startRecorder(l, l.speech(), r)
	return true
}

// startRecorder tells the relay of a recorder.
func (c *Call) startRecorder(l *Leg, s *line, r *Recording) {
	l.End.Last++
	r.ID, r.Since = l.End.Last, c.srv.now()
	name := r.What.Path
	if n := len(r.Files); n > 0 {
		ext := path.Ext(name)
		name = strings.TrimSuffix(name, ext) + "-" + strconv.Itoa(n+1) + ext
	}
	r.Files = append(r.Files, name)
	c.do(media.Record{Port: s.port, ID: r.ID, Path: name, Voices: r.What.Voices, Beep: r.What.Beep && len(r.Files) == 1, Max: r.What.Max - r.Long,
		Silence: r.What.Silence})
	if r.Paused {
		c.do(media.Pause{Port: s.port, ID: r.ID, On: true})
	}
}

// continueRecorder goes on with a recording of another node in a new file.
func (c *Call) continueRecorder(l *Leg, s *line, r *Recording) {
	r.Long += max(c.srv.now()-r.Since, 0)
	if r.Long >= r.What.Max {
		l.End.Recorder = nil
		c.tell(r.Owner, l, r.ended(media.ReasonLimit.String(), "", 0))
		return
	}
	c.startRecorder(l, s, r)
}

// stopRecorder asks the relay for the end of a recording, which comes when the file is complete.
func (c *Call) stopRecorder(l *Leg) {
	if l.End == nil || l.End.Recorder == nil {
		return
	}
	if s := l.speech(); s != nil {
		c.do(media.StopRecord{Port: s.port, ID: l.End.Recorder.ID})
	}
}

// ended is the event of a recording that is over; of one that still runs, now tells how long it is.
func (r *Recording) ended(reason, text string, now time.Duration) Recorded {
	long := r.Long
	if r.Since != 0 {
		long += max(now-r.Since, 0)
	}
	if r.Key != "" && reason == media.ReasonStopped.String() {
		reason = keyed
	}
	return Recorded{Leg: r.What.Leg, Name: r.What.Name, Reason: reason, Key: r.Key, Err: text, Files: r.Files, Long: long}
}

// applyPause pauses or resumes a recording.
func (c *Call) applyPause(e Pause) bool {
	if e.Leg < 0 || e.Leg >= len(c.Legs) {
		return false
	}
	l := c.Legs[e.Leg]
	s := l.speech()
	if l.End == nil || l.End.Recorder == nil || s == nil {
		return false
	}
	l.End.Recorder.Paused = e.On
	c.do(media.Pause{Port: s.port, ID: l.End.Recorder.ID, On: e.On})
	return true
}

// unfinished returns what was being recorded when the call ended.
func (c *Call) unfinished() (out []Recorded) {
	for _, l := range c.Legs {
		if l.End != nil && l.End.Recorder != nil {
			out = append(out, l.End.Recorder.ended(media.ReasonHangup.String(), "", c.srv.now()))
		}
	}
	return out
}
