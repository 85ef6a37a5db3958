package ivr

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ivr/walk"
)

// turn is one event of one call: the session changes, and the Step collects what is asked for.
type turn struct {
	session
	app     *App
	edition *edition
	step    *b2bua.Step
	now     time.Time

	inputs []walk.Input // that are there at once
	asked  bool         // a look-up begins
	passes bool         // the Invite goes on in the chain
	over   bool         // nothing may be asked for any more
}

// verdict saves the session and tells what becomes of the event.
func (t *turn) verdict(v verdict) b2bua.Verdict {
	if t.asked {
		t.Held = v
		return t.look()
	}
	t.step.Save(t.session)
	if v == stops {
		return b2bua.Stop
	}
	return b2bua.Pass
}

// look asks beside the call.
func (t *turn) look() b2bua.Verdict {
	t.step.Save(t.session)
	t.step.Go(t.app.lookUp(*t.Ask, t.edition))
	return b2bua.Hold
}

// feed walks on with an input.
func (t *turn) feed(in walk.Input) {
	t.inputs = append(t.inputs, in)
	t.settle()
}

// settle walks on until somebody is waited for.
func (t *turn) settle() {
	for len(t.inputs) > 0 {
		in := t.inputs[0]
		t.inputs = t.inputs[1:]
		state, asked := walk.Walker{Flow: t.edition.flow}.Step(t.Walk, t.now, in)
		t.Walk = state
		t.do(asked)
	}
}

// isResult tells an answer to a look-up from events of the call.
func isResult(ev b2bua.Event) bool {
	_, ok := ev.(looked)
	return ok
}

// event makes an input of an event.
func (t *turn) event(ev b2bua.Event) verdict {
	switch ev := ev.(type) {
	case b2bua.Invite: // offered again after a takeover, with nothing to ask
		return stops
	case b2bua.Played:
		t.played(ev)
	case b2bua.Collected:
		if ev.Name == t.name() {
			t.feed(walk.Collected{Digits: ev.Digits, Terminated: ev.End != "", TimedOut: ev.Reason == "timeout", Failed: t.Unsaid})
		}
	case b2bua.Recorded:
		t.recorded(ev)
	case b2bua.Answer:
		t.answered(ev)
	case b2bua.Failure:
		return t.failed(ev)
	case b2bua.Connected:
		t.connected(ev)
	case b2bua.Hangup:
		return t.hungUp(ev)
	case b2bua.Digit:
		if ev.Leg == 0 && t.Room && ev.Key == t.Exit {
			t.step.Do(b2bua.Connect{Legs: []int{0}, Name: "out"})
			t.Room = false
			t.feed(walk.Exited{})
		}
	case b2bua.Timer:
		if ev.Name == "limit-"+t.name() {
			t.step.Do(b2bua.Halt{What: "play"})
			return passes
		}
		if t.Walk.Wait == walk.Ringing && t.Callee == 0 {
			t.hushAll(0)
			t.Best, t.Count = 408, 0
			t.feed(walk.Dialled{Status: 408})
		}
	case looked:
		if t.Ask != nil && t.Ask.Seq == ev.Seq {
			v := t.Held
			t.result(ev)
			if t.passes {
				return passes
			}
			return v
		}
	}
	return passes
}

// name is that of the effect whose end is waited for.
func (t *turn) name() string { return strconv.Itoa(t.Walk.Seq) }

func (t *turn) played(ev b2bua.Played) {
	t.Unfit = cmp.Or(t.Unfit, ev.Status)
	if ev.Name == "p"+t.name() && ev.Reason == "failed" { // the keys are still waited for
		t.Unsaid = ev.Err
	}
	if ev.Name != t.name() {
		return
	}
	in := walk.Played{Stopped: ev.Reason == "key", Failed: t.Unsaid}
	if ev.Reason == "failed" {
		in.Failed = ev.Err
	}
	t.feed(in)
}

func (t *turn) recorded(ev b2bua.Recorded) {
	if ev.Name != t.name() || t.Walk.Gone {
		return
	}
	if ev.Reason == "failed" || len(ev.Files) == 0 {
		t.feed(walk.Recorded{Failed: "nothing was recorded: " + ev.Err})
		return
	}
	t.Tape = ""
	t.ask(asking{Tape: &tape{File: ev.Files[0], Long: ev.Long}})
}

// answered takes the first callee; others are hung up.
func (t *turn) answered(ev b2bua.Answer) {
	if ev.Branch < t.First || ev.Branch >= t.First+t.Count || t.Count == 0 {
		return
	}
	leg := t.step.Leg(ev.Branch)
	if t.Walk.Wait != walk.Ringing || t.Callee != 0 {
		if t.Private && leg > 0 {
			t.step.Do(b2bua.Release{Leg: leg})
		}
		return
	}
	t.Callee = leg
	t.step.Do(b2bua.Alarm{Name: "dial"})
	if t.Private {
		t.hushAll(ev.Branch)
	}
	t.feed(walk.Dialled{Status: ev.Status})
}

// hushAll hangs up all that ring but one branch.
func (t *turn) hushAll(but int) {
	for b := t.First; b < t.First+t.Count; b++ {
		if leg := t.step.Leg(b); b != but && leg > 0 && !slices.Contains(t.Failed, b) {
			t.step.Do(b2bua.Release{Leg: leg})
		}
	}
}

// failed counts who did not answer; the last one speaks for all.
func (t *turn) failed(ev b2bua.Failure) verdict {
	if ev.Branch < t.First || ev.Branch >= t.First+t.Count || slices.Contains(t.Failed, ev.Branch) {
		return stops
	}
	t.Failed = append(slices.Clone(t.Failed), ev.Branch)
	if t.Best == 0 || rank(ev.Status) < rank(t.Best) {
		t.Best = ev.Status
	}
	if t.Walk.Wait == walk.Ringing && t.Callee == 0 && len(t.Failed) >= t.Count {
		t.step.Do(b2bua.Alarm{Name: "dial"})
		t.feed(walk.Dialled{Status: t.Best})
	}
	return stops
}

// rank orders failures: a 6xx speaks for all, then whoever was there and refused.
func rank(status int) int {
	switch {
	case status >= 600:
		return 0
	case status == 408 || status == 487 || status == 503:
		return status + 1000
	}
	return status
}

func (t *turn) connected(ev b2bua.Connected) {
	if ev.Reason != "failed" {
		return
	}
	switch {
	case t.Walk.Wait == walk.InRoom && ev.Name == t.name():
		t.Room = false
		t.feed(walk.Exited{Failed: "the room cannot be entered: " + ev.Err})
	case t.Walk.Wait == walk.Talking && (ev.Name == t.name() || ev.Name == "" && !t.Private):
		t.drop()
		t.feed(walk.Talked{})
	}
}

// drop hangs up the callee.
func (t *turn) drop() {
	if t.Callee > 0 {
		t.step.Do(b2bua.Release{Leg: t.Callee})
		t.Callee = 0
	}
}

// hungUp takes the end of the caller or the callee.
func (t *turn) hungUp(ev b2bua.Hangup) verdict {
	if ev.Leg == 0 {
		if t.Walk.Gone {
			return passes
		}
		t.Ask = nil
		if t.Walk.Wait == walk.Talking {
			t.drop()
		}
		taping := t.Walk.Wait == walk.Taping && t.Tape != ""
		t.feed(walk.Gone{})
		if taping {
			t.step.Do(b2bua.Halt{What: "record"})
			t.ask(asking{Tape: &tape{File: t.Tape, Long: t.now.Sub(t.Since), Waits: true}})
		} else if t.Walk.Wait == walk.Taping {
			t.feed(walk.Recorded{})
		}
		return passes
	}
	if ev.Leg != t.Callee {
		return passes
	}
	t.Callee = 0
	switch t.Walk.Wait {
	case walk.Talking:
		t.feed(walk.Talked{Length: t.now.Sub(t.Since)})
	case walk.Taking:
		t.feed(walk.Collected{})
	case walk.Whisper:
		t.feed(walk.Played{})
	}
	return stops
}
