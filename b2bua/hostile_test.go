package b2bua

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// whim is an App that asks for anything at any time, as its dice say.
type whim struct {
	name string
	l    *lab
	gate chan struct{} // look-ups end when it is closed
}

func (w *whim) Name() string { return w.name }

// notes is what a whim saves, thought is what its look-ups find.
type notes struct{ N int }

type thought struct{ N int }

func (w *whim) Handle(s *Step, ev Event) Verdict {
	dice := func(n uint64) int { return int(w.l.random() >> 33 % n) }
	var n notes
	s.Load(&n)
	if dice(4) == 0 {
		s.Save(notes{n.N + 1})
	}
	if inv, ok := ev.(Invite); ok && dice(3) == 0 {
		inv.Set([]string{"Subject", "From", "To", "X-Any", "Via", "Contact"}[dice(6)], []string{"", "x", "<sip:new@home.example>"}[dice(3)])
	}
	if dice(5) == 0 {
		w.do(s, dice)
	}
	switch dice(12) {
	case 0:
		return Stop
	case 1:
		return Hold // without a look-up
	case 2, 3:
		s.Go(w.think)
		return Hold
	case 4:
		panic("on a whim")
	}
	return Pass
}

func (w *whim) do(s *Step, dice func(uint64) int) {
	switch dice(12) {
	case 0, 1:
		s.Do(Dial{Timeout: time.Duration(dice(3)) * 20 * time.Second})
	case 2:
		s.Do(Dial{URI: []string{"sip:carol@far.example", "tel:1", "nonsense"}[dice(3)], Side: []string{"", "a", "b", "c"}[dice(4)]})
	case 3:
		s.Do(Ring{Status: 180 + dice(25)})
	case 4:
		s.Do(Accept{})
	case 5:
		s.Do(Reject{Status: 290 + dice(500)})
	case 6:
		s.Do(End{Cause{Status: dice(800)}})
	case 7:
		s.Do(Send{Leg: dice(4) - 1, Method: []string{"INFO", "MESSAGE", "BYE"}[dice(3)], ContentType: "text/plain", Body: []byte("hello")})
	case 8, 9:
		s.Do(Alarm{Name: []string{"a", "b"}[dice(2)], After: time.Duration(dice(4)) * 3 * time.Second})
	case 10:
		s.Do(Follow{Apps: [][]string{nil, {"x"}, {"y", "z", "x"}, {"none"}}[dice(4)]})
	}
}

// think ends when the gate opens and not before, whatever its context says: so the test knows when steps of other
// goroutines may run.
func (w *whim) think(context.Context) Event {
	<-w.gate
	return thought{1}
}

// settle waits until nothing runs beside the test: while the gate is open, until all look-ups are over.
func (l *lab) settle() {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); runtime.Gosched() {
		if lookUps, posts := l.srv.Busy(); posts == 0 && (lookUps == 0 || !l.open) {
			return
		}
	}
	l.t.Fatal("look-ups do not end")
}

// TestWhimsicalApps plays random programs with three Apps that do anything: the engine stands it, and every call ends.
func TestWhimsicalApps(t *testing.T) {
	call := []byte{0, 0, 0, 0, 0, 1, 11, 0, 0, 0, 1, 13, 0, 0, 0, 0, 1, 0, 0, 0}
	n := 300
	if v, err := strconv.Atoi(os.Getenv("BIFRONS_PROGRAMS")); err == nil {
		n = v
	}
	for i := range n {
		r := rand.New(rand.NewPCG(uint64(i), 8))
		program := bytes.Clone(call[:5*r.IntN(5)])
		for range r.IntN(25) {
			op := []byte{0, 1, 0, 1, 0, 1, 2, 5, 5, 6, 7, 8, 8}[r.IntN(13)]
			program = append(program, op, byte(r.Uint32()), []byte{0, 0, 0, 0, 5}[r.IntN(5)], byte(r.Uint32()), byte(r.Uint32()))
		}
		t.Run(strconv.Itoa(i), func(t *testing.T) { playWhims(t, uint64(i), program) })
		if t.Failed() {
			return
		}
	}
}

func playWhims(t *testing.T, seed uint64, program []byte) {
	gate := make(chan struct{})
	var l *lab
	whims := map[string]Link{}
	l = newLab(t, func(c *Config) {
		for i, name := range []string{"x", "y", "z"} {
			whims[name] = Link{App: &whim{name: name, gate: gate}, OnFailure: OnFailure(i % 2)}
		}
		c.Apps, c.Sides[0].Apps = whims, []string{"x", "y", "z"}
	})
	l.seed = seed
	l.quiet = true
	for _, w := range whims {
		w.App.(*whim).l = l
	}
	open := func(again bool) {
		close(gate)
		l.open = true
		l.settle()
		if again {
			gate, l.open = make(chan struct{}), false
			for _, w := range whims {
				w.App.(*whim).gate = gate
			}
		}
	}
	for i := 0; i+5 <= len(program); i += 5 {
		if op := program[i]; op == 8 || op == 6 { // a server that is closed waits for its look-ups
			open(true)
		}
		if program[i] != 8 {
			l.step(program[i], program[i+1], program[i+2], program[i+3], program[i+4])
		}
		l.settle()
	}
	open(false)
	l.finish()
}
