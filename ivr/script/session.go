package script

import (
	"fmt"
	"strings"
	"time"

	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/walk"
)

// session is one walk: the machine, and what the caller has heard and pressed.
type session struct {
	w       walk.Walker
	state   walk.State
	now     time.Time
	pending walk.Request // the one that is to be answered
	heard   []string     // since somebody asked
	typed   string       // keys that no question has taken
	broken  []string     // prompts with such a text cannot be played
	end     walk.Request // Hangup or Leave
	notes   func(walk.Note)
	told    func(walk.Request) // every request, in order
}

func (s *session) start(call walk.Call, params map[string]any, subscribes bool) {
	begin := s.w.Start
	if subscribes {
		begin = s.w.Subscribe
	}
	st, out := begin(call, params, s.now)
	s.take(st, out)
}

func (s *session) feed(in walk.Input) {
	s.pending = nil
	st, out := s.w.Step(s.state, s.now, in)
	s.take(st, out)
}

func (s *session) take(st walk.State, out []walk.Request) {
	s.state = st
	for _, r := range out {
		if s.told != nil {
			s.told(r)
		}
		switch r := r.(type) {
		case walk.Note:
			if s.notes != nil {
				s.notes(r)
			}
		case walk.Play:
			s.hear(r.Callee, r.Sounds)
			s.pending = r
		case walk.Ask:
			s.hear(r.Callee, r.Sounds)
			if !r.TypeAhead {
				s.typed = ""
			}
			s.pending = r
		case walk.Hangup, walk.Leave:
			s.end, s.pending = r, nil
		default:
			if walk.Answered(r) {
				s.pending = r
			}
		}
	}
}

func (s *session) hear(callee bool, sounds []walk.Sound) {
	for _, x := range sounds {
		text := show(x)
		if callee {
			text = "to the callee: " + text
		}
		s.heard = append(s.heard, text)
	}
}

// show gives a sound as a text.
func show(x walk.Sound) string {
	switch x.Kind {
	case "say":
		return x.Text
	case "silence":
		return "silence of " + x.Length.String()
	}
	return x.Kind + " " + x.Text
}

// fault tells which sound cannot be played; empty if all can.
func (s *session) fault(sounds []walk.Sound) string {
	for _, x := range sounds {
		for _, b := range s.broken {
			if text := show(x); strings.Contains(text, b) {
				return text + " cannot be played"
			}
		}
	}
	return ""
}

// settle answers what needs nobody: a prompt ends, and a question takes what was typed if that is an answer.
func (s *session) settle() {
	for range 10000 {
		switch r := s.pending.(type) {
		case walk.Play:
			s.now = s.now.Add(time.Second)
			s.feed(walk.Played{Stopped: r.Barge && s.typed != "" && !r.Callee, Failed: s.fault(r.Sounds)})
		case walk.Ask:
			c, done := s.collect(r)
			if !done {
				return
			}
			s.feed(c)
		default:
			return
		}
	}
}

// collect takes an answer from what was typed; false when it is not complete.
func (s *session) collect(r walk.Ask) (walk.Collected, bool) {
	for i := range len(s.typed) {
		if k := s.typed[i : i+1]; r.Terminator != "" && k == r.Terminator {
			c := walk.Collected{Digits: s.typed[:i], Terminated: true}
			s.typed = s.typed[i+1:]
			return c, true
		}
		if i+1 == r.Max {
			c := walk.Collected{Digits: s.typed[:i+1]}
			s.typed = s.typed[i+1:]
			return c, true
		}
	}
	return walk.Collected{}, false
}

// pass lets time go by until a question is given up.
func (s *session) pass() bool {
	s.settle()
	r, ok := s.pending.(walk.Ask)
	if !ok {
		return false
	}
	s.now = s.now.Add(r.First)
	c := walk.Collected{Digits: s.typed, TimedOut: true}
	s.typed = ""
	s.feed(c)
	s.settle()
	return true
}

// waiting says what the walk waits for, in words.
func (s *session) waiting() string {
	switch r := s.pending.(type) {
	case nil:
		return "the end: " + ending(s.end)
	case walk.Play:
		return "the end of a prompt"
	case walk.Ask:
		if r.Callee {
			return "a key of the callee (press)"
		}
		return "keys (press, wait)"
	case walk.Record:
		return "a recording (record 10s, record nothing)"
	case walk.Dial:
		return "a callee, " + strings.Join(r.Targets, " and ") + " (answered, busy, no answer, refused 603)"
	case walk.Bridge:
		return "the end of the talk (talked 1m)"
	case walk.Look:
		return fmt.Sprintf("an answer of %s %s (found DATA, missing, fails)", r.Source, r.What)
	case walk.Hook:
		return fmt.Sprintf("an answer of %s (found DATA, fails)", r.URL)
	case walk.Move:
		return fmt.Sprintf("recording %s to be moved or deleted (found, fails)", r.File)
	case walk.Notify:
		return "a phone to take the message summary (found, fails)"
	case walk.Enter:
		return "the caller to leave room " + r.Room + " (exited)"
	}
	return fmt.Sprintf("%T", s.pending)
}

func ending(r walk.Request) string {
	switch r := r.(type) {
	case walk.Leave:
		return "leave"
	case walk.Hangup:
		return r.Cause.Word
	}
	return "none"
}

// at names the node of the walk.
func (s *session) at() string {
	sub, node := s.state.At()
	if sub != "" {
		return sub + "." + node
	}
	return node
}

// holds evaluates a condition on the variables of the walk.
func holds(f *flow.Flow, s walk.State, now time.Time, src string) (bool, error) {
	sub, _ := s.At()
	e, err := f.Condition(sub, src)
	if err != nil {
		return false, err
	}
	return e.Holds(walk.Env(f, s, now))
}
