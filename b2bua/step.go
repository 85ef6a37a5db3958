package b2bua

import (
	"context"
	"reflect"
	"runtime"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Step is what an App sees of its call during one Handle, and where it asks for effects. It dies when Handle returns or
// its time is over; what a dead Step is asked for is dropped and what it is asked about is empty.
type Step struct {
	call    *Call
	walk    *Walk
	app     uint8
	branch  uint8
	draft   *Draft
	started time.Duration

	mu      sync.Mutex // against the watchdog alone
	dead    bool
	effects []Effect
	lookup  func(context.Context) Event
	saved   any
	hasSave bool
}

// CallID returns Bifrons' own key of the call, 0 when the Step is dead.
func (s *Step) CallID() (id uint64) {
	s.live(func() { id = s.call.ID })
	return id
}

// Side returns the name of the side the call came in on.
func (s *Step) Side() (name string) {
	s.live(func() { name = s.call.Legs[0].Side })
	return name
}

// Attempt tells how often the event was offered to this App before, after takeovers.
func (s *Step) Attempt() (n int) {
	s.live(func() { n = s.walk.Attempt })
	return n
}

// Leg returns the number of a branch's leg, 0 when it has none yet.
func (s *Step) Leg(branch int) (leg int) {
	s.live(func() {
		if branch > 0 && branch < len(s.call.Branches) {
			leg = int(s.call.Branches[branch].Leg)
		}
	})
	return leg
}

// Branches returns how many branches the call has: the number of the one that the next Dial opens.
func (s *Step) Branches() (n int) {
	s.live(func() { n = len(s.call.Branches) })
	return n
}

// Draft returns the message that walks, also when a look-up's result has come for the held event: the request of an Invite, the
// response of Progress and Answer, where only headers can be set; nil for other events.
func (s *Step) Draft() (d *Draft) {
	s.live(func() { d = s.draft })
	return d
}

// Do collects an effect; effects are applied in order when Handle has returned.
func (s *Step) Do(e Effect) { s.live(func() { s.effects = append(s.effects, e) }) }

// Go runs a look-up off the call and brings its result back to this App as an event; return Hold with it. The function
// must end when its context does. A nil result, or a panic of the function, is the App's default handling.
func (s *Step) Go(f func(context.Context) Event) { s.live(func() { s.lookup = f }) }

// Save keeps v as the App's data in this branch of the call: small, immutable, with exported fields.
func (s *Step) Save(v any) { s.live(func() { s.saved, s.hasSave = v, true }) }

// Load sets *v to what Save kept in this branch or the ones above it; false when there is nothing of that type.
func (s *Step) Load(v any) (ok bool) {
	s.live(func() {
		if s.hasSave {
			ok = assign(v, s.saved)
			return
		}
		if d := s.call.data(s.app, s.branch); d != nil {
			ok = d.load(v)
		}
	})
	return ok
}

// live runs f unless the Step is dead.
func (s *Step) live(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dead {
		f()
	}
}

// kill ends the Step; false when it had ended before.
func (s *Step) kill() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return false
	}
	s.dead = true
	return true
}

// AppData is what an App saved in a branch. Value is what it gave; Raw is its form in a snapshot.
type AppData struct {
	App, Branch uint8
	Value       any `cbor:"-"`
	Raw         cbor.RawMessage
}

func (d *AppData) load(v any) bool {
	if d.Value == nil && len(d.Raw) > 0 {
		return decoder.Unmarshal(d.Raw, v) == nil
	}
	return assign(v, d.Value)
}

func assign(to, from any) bool {
	p := reflect.ValueOf(to)
	if p.Kind() != reflect.Pointer || from == nil || !reflect.TypeOf(from).AssignableTo(p.Type().Elem()) {
		return false
	}
	p.Elem().Set(reflect.ValueOf(from))
	return true
}

// data finds an App's data in a branch or the nearest one above it.
func (c *Call) data(app, branch uint8) *AppData {
	for b := branch; ; b = c.Branches[b].Parent {
		for i := range c.Data {
			if c.Data[i].App == app && c.Data[i].Branch == b {
				return &c.Data[i]
			}
		}
		if b == 0 {
			return nil
		}
	}
}

// home returns the branch an App's data is filed under: the one whose walk the App belongs to.
func (c *Call) home(app, branch uint8) uint8 {
	for int(branch) < len(c.Branches) && branch != 0 && c.Branches[branch].From > app {
		branch = c.Branches[branch].Parent
	}
	return branch
}

// run gives an event to the App at w.At and applies what it asked for; ok is false when the App panicked, or held an event
// without a look-up. It does not return when the watchdog has taken the call away.
func (c *Call) run(w *Walk, ev Event) (v Verdict, ok bool) {
	if int(w.At) >= len(c.links) {
		return Pass, true
	}
	app := c.links[w.At].App
	if c.srv.switchedOff(app.Name()) {
		return Pass, false
	}
	s := &Step{call: c, walk: w, app: uint8(w.At), branch: c.home(uint8(w.At), w.Branch), started: c.srv.now()}
	switch inv := w.Event.(type) { // a copy: what an App that fails has set is dropped
	case Invite:
		s.draft = inv.copy()
		if _, is := ev.(Invite); is {
			ev = Invite{Draft: s.draft, Branch: int(w.Branch), Attempt: w.Attempt}
		}
	case Progress, Answer:
		s.draft = (&Draft{Request: w.Msg, Headers: w.Set}).copy()
	}
	r := c.runner
	r.step.Store(s)
	v, ok = c.protect(app, s, ev)
	r.step.Store(nil)
	if c.detail != nil {
		c.detailed("event", "app", app.Name(), "event", eventTypes.name(ev), "verdict", [...]string{"pass", "stop", "hold"}[min(v, Hold)], "failed", !ok)
	}
	if !s.kill() {
		runtime.Goexit() // the call is another goroutine's now
	}
	if !ok {
		return Pass, false
	}
	if _, is := w.Event.(Invite); is {
		w.Event = Invite{Draft: s.draft, Branch: int(w.Branch), Attempt: w.Attempt}
	} else if s.draft != nil {
		w.Set = s.draft.Headers
	}
	if s.hasSave {
		c.save(s.app, s.branch, s.saved)
	}
	for _, e := range s.effects {
		c.apply(w, e)
	}
	switch {
	case c.Cause != nil:
		return Stop, true
	case v == Hold && (s.lookup == nil || c.Legs[w.Leg].Hold != nil):
		return Pass, false
	case v == Hold:
		c.hold(w, s.lookup)
	}
	return v, true
}

func (d *Draft) copy() *Draft {
	n := *d
	n.Headers = append([]Field(nil), d.Headers...)
	return &n
}

// protect is the fence around an App.
func (c *Call) protect(app App, s *Step, ev Event) (v Verdict, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			c.srv.log.Error("application panicked", "call", c.ID, "app", app.Name(), "panic", r)
			c.srv.misbehaved(app.Name(), "panicked")
			v, ok = Pass, false
		}
	}()
	return app.Handle(s, ev), true
}

func (c *Call) save(app, branch uint8, v any) {
	for i := range c.Data {
		if c.Data[i].App == app && c.Data[i].Branch == branch {
			c.Data[i] = AppData{App: app, Branch: branch, Value: v}
			return
		}
	}
	c.Data = append(c.Data, AppData{App: app, Branch: branch, Value: v})
}
