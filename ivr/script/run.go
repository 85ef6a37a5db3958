package script

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/walk"
)

// usualTime is when walks begin that do not say: a working day.
const usualTime = "2026-11-25 10:00"

// Run walks one walk; the error tells the line at which it went another way.
func Run(f *flow.Flow, name string, w Walk, notes func(walk.Note)) error {
	r := &runner{f: f, call: walk.Call{ID: "test", Caller: "100", CallerURI: "sip:100@example.com", Called: "200", CalledURI: "sip:200@example.com",
		Domain: "example.com", Params: map[string]string{}}, params: map[string]any{}}
	r.s = &session{w: walk.Walker{Flow: f}, notes: notes, told: r.told}
	_ = r.clock(usualTime)
	for _, l := range w.Lines {
		if err := r.line(l); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", name, l.Number, l.Verb, err)
		}
	}
	if !r.started {
		r.start()
	}
	return nil
}

type runner struct {
	f       *flow.Flow
	s       *session
	call    walk.Call
	params  map[string]any
	started bool
	dialled []string
	asked   []string
	notices []string
	rooms   []string
	moved   []string // FILE TO
	deleted []string
	records int

	subscribes bool
}

func (r *runner) told(q walk.Request) {
	switch q := q.(type) {
	case walk.Dial:
		r.dialled = append(r.dialled, q.Targets...)
	case walk.Look:
		r.asked = append(r.asked, strings.TrimSpace(q.Source+" "+q.What+" "+q.Key))
	case walk.Hook:
		body, _ := json.Marshal(q.Body)
		r.asked = append(r.asked, q.Method+" "+q.URL+" "+string(body))
	case walk.Notify:
		r.notices = append(r.notices, fmt.Sprintf("%s %d/%d", q.To, q.New, q.Old))
	case walk.Move:
		if q.To == "" {
			r.deleted = append(r.deleted, q.File)
		} else {
			r.moved = append(r.moved, q.File+" "+q.To)
		}
	case walk.Enter:
		r.rooms = append(r.rooms, q.Room)
	case walk.Record:
		r.records++
	}
}

func (r *runner) clock(s string) error {
	loc := r.f.Local(time.Now()).Location()
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			r.s.now = t
			return nil
		}
	}
	return fmt.Errorf("%q is no time such as %s", s, usualTime)
}

func (r *runner) start() {
	r.started = true
	r.s.start(r.call, r.params, r.subscribes)
	r.s.settle()
}

// line does one line. Those that prepare the call come first; the first other one begins it.
func (r *runner) line(l Line) error {
	key, value, _ := strings.Cut(l.Arg, "=")
	switch l.Verb {
	case "caller":
		r.call.Caller, r.call.CallerURI = l.Arg, "sip:"+l.Arg+"@example.com"
	case "called":
		r.call.Called, r.call.CalledURI = l.Arg, "sip:"+l.Arg+"@example.com"
	case "name":
		r.call.CallerName = unquote(l.Arg)
	case "languages":
		r.call.Languages = strings.Fields(strings.ReplaceAll(l.Arg, ",", " "))
	case "uri-param":
		r.call.Params[key] = value
	case "param":
		r.params[key] = value
		var v any
		if json.Unmarshal([]byte(value), &v) == nil {
			r.params[key] = v
		}
	case "at":
		return r.clock(l.Arg)
	case "subscribes":
		if !r.f.OnSubscribe.Set() {
			return fmt.Errorf("the menu has no on_subscribe")
		}
		r.subscribes = true
	case "broken":
		r.s.broken = append(r.s.broken, unquote(l.Arg))
		return nil
	default:
		if !r.started {
			r.start()
		}
		if done, err := r.expect(l); done {
			return err
		}
		return r.act(l)
	}
	if r.started {
		return fmt.Errorf("this belongs before the call begins, right below `walk`")
	}
	return nil
}

// taken finds a text among what happened, and forgets it and all before.
func taken(list *[]string, want, what string) error {
	want = unquote(want)
	for i, h := range *list {
		if strings.Contains(strings.ToLower(h), strings.ToLower(want)) {
			*list = (*list)[i+1:]
			return nil
		}
	}
	if len(*list) == 0 {
		return fmt.Errorf("%q: nothing was %s", want, what)
	}
	return fmt.Errorf("%q was not %s, but %q", want, what, *list)
}

// expect compares a line with what happened; false when it is no such line.
func (r *runner) expect(l Line) (bool, error) {
	s := r.s
	switch l.Verb {
	case "hear":
		return true, taken(&s.heard, l.Arg, "heard")
	case "dials":
		return true, taken(&r.dialled, l.Arg, "called")
	case "asks":
		return true, taken(&r.asked, l.Arg, "asked")
	case "notifies":
		return true, taken(&r.notices, l.Arg, "told")
	case "moves":
		return true, taken(&r.moved, l.Arg, "moved")
	case "deletes":
		return true, taken(&r.deleted, l.Arg, "deleted")
	case "enters":
		return true, taken(&r.rooms, l.Arg, "entered")
	case "records":
		if _, ok := s.pending.(walk.Record); !ok {
			return true, fmt.Errorf("nothing is recorded, the walk waits for %s", s.waiting())
		}
	case "node":
		if s.at() != l.Arg {
			return true, fmt.Errorf("the walk is at node %s, not %s", s.at(), l.Arg)
		}
	case "check":
		ok, err := holds(r.f, s.state, s.now, l.Arg)
		if err == nil && !ok {
			err = fmt.Errorf("%s does not hold; variables: %s", l.Arg, flow.Show(map[string]any(s.state.Frames[len(s.state.Frames)-1].Vars)))
		}
		return true, err
	case "ends", "leaves":
		return true, r.ended(l)
	default:
		return false, nil
	}
	return true, nil
}

func (r *runner) ended(l Line) error {
	want := l.Arg
	if l.Verb == "leaves" {
		want = "leave"
	}
	for r.s.pending != nil {
		if _, ok := r.s.pending.(walk.Ask); !ok || r.s.typed == "" {
			return fmt.Errorf("the walk has not ended, it waits for %s", r.s.waiting())
		}
		r.s.pass()
	}
	if h, ok := r.s.end.(walk.Hangup); ok && want != "" && want != h.Cause.Word && want != strconv.Itoa(h.Cause.Status) {
		return fmt.Errorf("the walk ended with %s (%d) %s", h.Cause.Word, h.Cause.Status, h.Text)
	} else if _, left := r.s.end.(walk.Leave); left != (l.Verb == "leaves") {
		return fmt.Errorf("the walk ended with %s", ending(r.s.end))
	} else if !ok && !left {
		return fmt.Errorf("the walk has not ended")
	}
	return nil
}

// act does what the caller or the world does.
func (r *runner) act(l Line) error {
	s := r.s
	wrong := func() error { return fmt.Errorf("the walk waits for %s", s.waiting()) }
	if s.pending == nil {
		return wrong()
	}
	if _, ok := s.pending.(walk.Ask); ok && s.typed != "" && l.Verb != "press" && l.Verb != "hangup" {
		s.pass()
	}
	var in walk.Input
	switch l.Verb {
	case "press":
		keys := strings.ReplaceAll(unquote(l.Arg), " ", "")
		if strings.Trim(keys, "0123456789*#ABCD") != "" {
			return fmt.Errorf("%q are no keys", keys)
		}
		s.typed += keys
		s.settle()
		return nil
	case "wait":
		if !s.pass() {
			return wrong()
		}
		return nil
	case "hangup":
		in = walk.Gone{}
		if _, ok := s.pending.(walk.Record); ok {
			s.feedGone()
			return nil
		}
	default:
		var err error
		if in, err = r.world(l); err != nil {
			return err
		}
		if !answers(s.pending, in) {
			return wrong()
		}
	}
	s.feed(in)
	s.settle()
	return nil
}

// feedGone hangs up in a recording, whose end comes then.
func (s *session) feedGone() {
	pending := s.pending
	s.feed(walk.Gone{})
	if s.pending == nil && s.end == nil {
		s.pending = pending
	}
}

// world gives the input a line stands for.
func (r *runner) world(l Line) (walk.Input, error) {
	length := func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("%q is no time such as 10s", s)
		}
		r.s.now = r.s.now.Add(d)
		return d, nil
	}
	switch l.Verb {
	case "answered":
		return walk.Dialled{Status: 200}, nil
	case "busy":
		return walk.Dialled{Status: 486}, nil
	case "no answer":
		return walk.Dialled{Status: 408}, nil
	case "refused":
		n, err := strconv.Atoi(l.Arg)
		if err != nil || n < 300 || n > 699 {
			return nil, fmt.Errorf("%q is no status from 300 to 699", l.Arg)
		}
		return walk.Dialled{Status: n}, nil
	case "talked":
		if l.Arg == "" {
			return walk.Talked{}, nil
		}
		d, err := length(l.Arg)
		return walk.Talked{Length: d}, err
	case "record":
		if l.Arg == "nothing" {
			return walk.Recorded{}, nil
		}
		d, err := length(l.Arg)
		return walk.Recorded{File: "message.wav", Length: d, Size: int(d/time.Second) * 8000}, err
	case "found":
		var v any
		_ = json.Unmarshal([]byte(l.Arg), &v)
		return walk.Found{Data: v}, nil
	case "missing":
		if q, ok := r.s.pending.(walk.Look); ok && q.Source == "folder" { // a list without anything in it
			return walk.Found{Missing: true, Data: []any{}}, nil
		}
		return walk.Found{Missing: true}, nil
	case "fails":
		text := l.Arg
		if text == "" {
			text = "no answer"
		}
		switch r.s.pending.(type) {
		case walk.Record:
			return walk.Recorded{Failed: text}, nil
		case walk.Enter:
			return walk.Exited{Failed: text}, nil
		}
		return walk.Found{Failed: text}, nil
	case "exited":
		return walk.Exited{}, nil
	}
	return nil, fmt.Errorf("nothing happens by this line")
}

// answers tells whether an input is an answer to a request.
func answers(q walk.Request, in walk.Input) (ok bool) {
	switch in.(type) {
	case walk.Dialled:
		_, ok = q.(walk.Dial)
	case walk.Talked:
		_, ok = q.(walk.Bridge)
	case walk.Recorded:
		_, ok = q.(walk.Record)
	case walk.Exited:
		_, ok = q.(walk.Enter)
	case walk.Found:
		switch q.(type) {
		case walk.Look, walk.Hook, walk.Notify, walk.Move:
			ok = true
		}
	}
	return ok
}
