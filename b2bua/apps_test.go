package b2bua_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bifrons/bifrons/b2bua"
)

// app is an application of the tests: a name and a function.
type app struct {
	name   string
	handle func(*b2bua.Step, b2bua.Event) b2bua.Verdict
}

func (a app) Name() string { return a.name }

func (a app) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict { return a.handle(s, ev) }

// gate holds look-ups until it is opened.
type gate struct {
	mu sync.Mutex
	ch chan struct{}
}

func newGate() *gate { return &gate{ch: make(chan struct{})} }

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.ch)
	g.ch = make(chan struct{})
}

func (g *gate) wait(ctx context.Context) bool {
	g.mu.Lock()
	ch := g.ch
	g.mu.Unlock()
	select {
	case <-ch:
		return true
	case <-ctx.Done():
		return false
	}
}

// found is the result of the holder's look-up.
type found struct{ Number string }

// hunting is what the hunter keeps of a call.
type hunting struct{ Tried int }

// apps returns the applications that scenarios name in their config lines.
func apps(g *gate) map[string]b2bua.Link {
	out := map[string]b2bua.Link{}
	add := func(name string, onFailure b2bua.OnFailure, handle func(*b2bua.Step, b2bua.Event) b2bua.Verdict) {
		out[name] = b2bua.Link{App: app{name, handle}, Version: "1", OnFailure: onFailure}
	}
	holder := func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		switch ev := ev.(type) {
		case b2bua.Invite:
			s.Go(func(ctx context.Context) b2bua.Event {
				if !g.wait(ctx) {
					return nil
				}
				return found{"42"}
			})
			return b2bua.Hold
		case found:
			s.Draft().Set("Subject", "found "+ev.Number)
		}
		return b2bua.Pass
	}
	add("watches", b2bua.Continue, func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict { // of a callee to come, then of both
		switch ev := ev.(type) {
		case b2bua.Invite:
			s.Do(b2bua.Watch{Leg: 1, Liveness: b2bua.Liveness{Every: 10 * time.Second, Timeout: time.Second, Strikes: 1,
				Expires: 200 * time.Second, Refresher: b2bua.PreferLocal}})
		case b2bua.Answer:
			s.Do(b2bua.Watch{Leg: -1, Liveness: b2bua.Liveness{MaxDuration: 2 * time.Minute}})
		case b2bua.Limit:
			if ev.Kind == "duration" && ev.Leg == 1 {
				s.Do(b2bua.Watch{Leg: -1, Liveness: b2bua.Liveness{MaxDuration: 3 * time.Minute}})
			}
		case b2bua.Message: // the caller's star: longer sessions for the callee, by re-INVITE, and no probes
			s.Do(b2bua.Watch{Leg: 1, Liveness: b2bua.Liveness{Expires: 400 * time.Second, Refresh: b2bua.ByInvite, Every: -1}})
			return b2bua.Stop
		}
		return b2bua.Pass
	})
	add("warns", b2bua.Continue, func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict { // the caller of what will end the call
		if ev, ok := ev.(b2bua.Limit); ok {
			s.Do(b2bua.Send{Leg: 0, Method: "INFO", ContentType: "text/plain", Body: fmt.Appendf(nil, "%s of leg %d in %v", ev.Kind, ev.Leg, ev.Left)})
		}
		return b2bua.Pass
	})
	add("keypad", b2bua.Continue, func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict { // tells the callee of keys; 0 goes no further, 9 ends the call
		if n, ok := ev.(b2bua.MediaNews); ok {
			s.Do(b2bua.Send{Leg: 1, Method: "MESSAGE", ContentType: "text/plain", Body: fmt.Appendf(nil, "%s of leg %d", n.Kind, n.Leg)})
		}
		d, ok := ev.(b2bua.Digit)
		switch {
		case !ok:
		case d.Key == "0":
			return b2bua.Stop
		case d.Key == "9":
			s.Do(b2bua.End{Cause: b2bua.Cause{Status: 200, By: b2bua.ByBifrons, Text: "nine"}})
		default:
			s.Do(b2bua.Send{Leg: 1, Method: "MESSAGE", ContentType: "text/plain", Body: fmt.Appendf(nil, "%s of leg %d for %v by %s", d.Key, d.Leg, d.Duration, d.By)})
		}
		return b2bua.Pass
	})
	add("holder", b2bua.Continue, holder)
	add("strict", b2bua.Terminate, holder)
	add("answers-late", b2bua.Continue, func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		if _, ok := ev.(b2bua.Answer); ok {
			s.Go(func(ctx context.Context) b2bua.Event {
				if !g.wait(ctx) {
					return nil
				}
				return found{"1"}
			})
			return b2bua.Hold
		}
		return b2bua.Pass
	})
	add("panics", b2bua.Continue, func(*b2bua.Step, b2bua.Event) b2bua.Verdict { panic("on purpose") })
	add("panics-fatally", b2bua.Terminate, func(*b2bua.Step, b2bua.Event) b2bua.Verdict { panic("on purpose") })
	add("hunter", b2bua.Continue, hunt)
	add("forker", b2bua.Continue, func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		if _, ok := ev.(b2bua.Invite); ok {
			s.Do(b2bua.Dial{})
			s.Do(b2bua.Dial{URI: "sip:carol@carrier.example", NextHop: "203.0.113.30:5060"})
			return b2bua.Stop
		}
		return b2bua.Pass
	})
	add("answerer", b2bua.Terminate, func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		if _, ok := ev.(b2bua.Invite); ok {
			s.Do(b2bua.Ring{Status: 180})
			s.Do(b2bua.Accept{})
			return b2bua.Stop
		}
		return b2bua.Pass
	})
	add("queuer", b2bua.Continue, func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		if _, ok := ev.(b2bua.Invite); ok {
			s.Do(b2bua.Ring{Status: 181, Headers: []b2bua.Field{{Name: "History-Info", Value: "<sip:bob@home.example>;index=1"}}})
			s.Do(b2bua.Ring{Status: 182})
		}
		return b2bua.Pass
	})
	add("limiter", b2bua.Continue, func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		switch ev.(type) {
		case b2bua.Answer:
			s.Do(b2bua.Alarm{Name: "limit", After: 10 * time.Second})
		case b2bua.Timer:
			s.Do(b2bua.Send{Leg: 0, Method: "MESSAGE", ContentType: "text/plain", Body: []byte("time is up")})
			s.Do(b2bua.End{Cause: b2bua.Cause{Status: 480, By: b2bua.ByBifrons, Text: "limit", Reason: "Q.850;cause=31"}})
		}
		return b2bua.Pass
	})
	add("chooser", b2bua.Continue, func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		if inv, ok := ev.(b2bua.Invite); ok && inv.Header("X-Service") == "answer" {
			s.Do(b2bua.Follow{Apps: []string{"answerer"}})
		}
		return b2bua.Pass
	})
	add("marker", b2bua.Continue, func(_ *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		if inv, ok := ev.(b2bua.Invite); ok {
			inv.Set("X-Mark", inv.Header("X-Mark")+"m")
			inv.Set("Subject", "")
		}
		return b2bua.Pass
	})
	add("wrong", b2bua.Continue, func(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		s.Do(b2bua.Send{Leg: 9})
		s.Do(b2bua.Dial{Side: "nowhere"})
		s.Do("no effect at all")
		return b2bua.Pass
	})
	add("eats", b2bua.Continue, func(_ *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
		if _, ok := ev.(b2bua.Message); ok {
			return b2bua.Stop
		}
		if p, ok := ev.(b2bua.Progress); ok && p.Status == 183 {
			return b2bua.Stop
		}
		return b2bua.Pass
	})
	return out
}

// hunt dials the next hop, and Carol when that fails; a no-answer limit of 20 s.
func hunt(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	switch ev := ev.(type) {
	case b2bua.Invite:
		s.Save(hunting{Tried: 1})
		s.Do(b2bua.Dial{Timeout: 20 * time.Second})
		return b2bua.Stop
	case b2bua.Failure:
		var h hunting
		if s.Load(&h) && h.Tried == 1 && ev.Status < 600 {
			s.Save(hunting{Tried: 2})
			s.Do(b2bua.Dial{URI: "sip:carol@carrier.example", NextHop: "203.0.113.30:5060"})
			return b2bua.Stop
		}
	}
	return b2bua.Pass
}
