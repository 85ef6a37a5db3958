package walk

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bifrons/bifrons/ivr/flow"
)

// Limits of one call: nodes between two waits, and nodes in all. Whoever presses every key for hours is bid farewell.
const (
	maxVisits = 200
	maxTotal  = 5000
)

// Walker walks calls through one application. It may be used by many calls at once.
type Walker struct{ Flow *flow.Flow }

// walk is one step: what it changes, and what it asks for.
type walk struct {
	f   *flow.Flow
	now time.Time
	s   State
	out []Request
}

// Start begins a walk. Params are the values of the application's parameters; others are left out.
func (w Walker) Start(call Call, params map[string]any, now time.Time) (State, []Request) {
	k := w.begin(call, params, now)
	if g, _ := w.Flow.Graph(""); k.vars(g.Vars) {
		k.enter(g.First())
	}
	return k.s, k.out
}

// begin knows the call and the parameters, and has no variables yet.
func (w Walker) begin(call Call, params map[string]any, now time.Time) *walk {
	k := &walk{f: w.Flow, now: now, s: State{Flow: w.Flow.Name, Version: w.Flow.Version, Call: call}}
	g, _ := w.Flow.Graph("")
	k.s.Frames = []Frame{{Vars: flow.Vars{}}}
	k.language()
	for _, p := range g.Params {
		k.frame().Vars[p] = flow.Bound(params[p])
	}
	return k
}

// Subscribe begins a walk for a phone that subscribes to its messages: nothing can be played, and a Notify is what it is told.
func (w Walker) Subscribe(call Call, params map[string]any, now time.Time) (State, []Request) {
	k := w.begin(call, params, now)
	k.s.Gone = true
	if g, _ := w.Flow.Graph(""); k.vars(g.Vars) {
		k.enter(w.Flow.OnSubscribe.Name)
	}
	return k.s, k.out
}

// Step takes an input and gives the next state. An input that is not waited for changes nothing.
func (w Walker) Step(s State, now time.Time, in Input) (State, []Request) {
	if s.Ended || len(s.Frames) == 0 {
		return s, nil
	}
	k := &walk{f: w.Flow, now: now, s: s.clone()}
	if _, ok := in.(Gone); ok {
		k.gone()
		return k.s, k.out
	}
	k.take(in)
	return k.s, k.out
}

func (k *walk) do(r Request) {
	if Answered(r) {
		k.s.Seq++
	}
	k.out = append(k.out, r)
}

func (k *walk) frame() *Frame { return &k.s.Frames[len(k.s.Frames)-1] }

func (k *walk) note(what What, text string) {
	f := k.frame()
	k.do(Note{f.Sub, f.Node, what, text})
}

// node finds the node the walk is at; after a reload that lost it there is none.
func (k *walk) node() *flow.Node {
	f := k.frame()
	g, _ := k.f.Graph(f.Sub)
	return g.Node(f.Node)
}

// language chooses the caller's: what the application computes, else the first of his that it has, else its first.
func (k *walk) language() {
	spoken := k.f.Spoken()
	k.s.Language = spoken[0]
	if len(k.f.Languages) > 0 {
		for _, l := range k.s.Call.Languages {
			if i := slices.IndexFunc(spoken, func(s string) bool { return strings.EqualFold(s, l) || strings.HasPrefix(l, s+"-") }); i >= 0 {
				k.s.Language = spoken[i]
				break
			}
		}
	}
	if _, fixed := k.f.Language.Fixed(); !fixed {
		if l, err := k.f.Language.String(k.env()); err == nil && l != "" {
			k.s.Language = l
		}
	}
}

// env is what expressions see.
func (k *walk) env() map[string]any {
	env := maps.Clone(map[string]any(k.frame().Vars))
	if env == nil {
		env = map[string]any{}
	}
	env["call"], env["language"], env["now"] = k.s.Call.data(), k.s.Language, clock(k.f.Local(k.now))
	env["digits"], env["error"] = k.s.Last, k.s.Error
	env["dial"] = map[string]any{"status": k.s.Dialled, "seconds": k.s.Seconds}
	return env
}

// vars gives variables their values, in order; false after an error.
func (k *walk) vars(list []flow.Named[flow.Value]) bool {
	for _, v := range list {
		x, err := v.Value.Eval(k.env())
		if err != nil {
			k.broken(err.Error(), nil)
			return false
		}
		k.set(v.Name, x)
	}
	return true
}

func (k *walk) set(name string, v any) {
	switch name {
	case "":
	case "language":
		k.s.Language = flow.Show(v)
	default:
		k.frame().Vars[name] = flow.Bound(v)
	}
}

// text fills a template in; false after an error.
func (k *walk) text(t flow.Text) (string, bool) {
	s, err := t.String(k.env())
	if err != nil {
		k.broken(err.Error(), nil)
		return "", false
	}
	return s, true
}

// enter goes to a node.
func (k *walk) enter(name string) {
	if name == flow.End || name == "" {
		k.end()
		return
	}
	k.s.Visits++
	k.s.Total++
	f := k.frame()
	f.Node = name
	k.s.Wait, k.s.Attempt, k.s.NoInputs, k.s.NoMatches, k.s.Digits, k.s.Target, k.s.Next, k.s.Asked = Nothing, 0, 0, 0, "", 0, "", false
	n := k.node()
	switch {
	case n == nil:
		k.broken("there is no node "+name, nil)
		return
	case k.s.Visits > maxVisits || k.s.Total > maxTotal:
		k.s.Erring = true // on_error may be part of the loop
		k.broken(fmt.Sprintf("the call went through too many nodes, the last was %s", name), nil)
		return
	}
	k.note(Entered, "")
	if k.s.Gone && n.Kind.Heard() {
		k.end()
		return
	}
	prompt := flow.Heard(n.Play, n.Say)
	if len(prompt) == 0 || k.s.Gone || n.Kind == flow.Menu || n.Kind == flow.Collect {
		k.act(n)
		return
	}
	k.play(n, prompt)
}

// play plays the prompt of a node that asks for no digits.
func (k *walk) play(n *flow.Node, prompt []flow.Sound) {
	sounds, ok := k.sounds(prompt)
	if !ok {
		return
	}
	p := Play{Sounds: sounds, Barge: k.barge(n)}
	for _, s := range prompt {
		p.Barge = p.Barge && (s.BargeIn == nil || *s.BargeIn)
	}
	var err error
	if p.Repeat, p.Gap, p.Limit, err = n.Repetition(k.env()); err != nil {
		k.broken(err.Error(), n.Failed)
		return
	}
	k.s.Wait = Prompt
	if n.Kind == flow.Play || n.Kind == flow.SayKind {
		k.s.Wait = Playing
	}
	k.connect()
	k.do(p)
}

// barge tells whether a key stops the prompt of a node.
func (k *walk) barge(n *flow.Node) bool {
	switch {
	case n.BargeIn != nil:
		return *n.BargeIn
	case n.Kind == flow.Hangup || n.Kind == flow.Dial:
		return false
	case k.f.Defaults.BargeIn != nil:
		return *k.f.Defaults.BargeIn
	}
	return true
}

// connect makes the caller hear us.
func (k *walk) connect() {
	if !k.s.Heard {
		k.s.Heard = true
		k.s.Answered = !k.f.Early
		k.do(Connect{Early: k.f.Early})
	}
}

// answer answers the call, if it is not yet.
func (k *walk) answer() {
	if !k.s.Answered {
		k.s.Heard, k.s.Answered = true, true
		k.do(Connect{})
	}
}

// branch leaves a node by a branch.
func (k *walk) branch(label string, r flow.Ref) {
	k.note(Branched, label)
	k.enter(r.Name)
}

// next leaves a node by its plain way on.
func (k *walk) next(n *flow.Node) { k.branch("next", n.Next) }

// end is where a node without next leads: back from a sub, or to the end of the call.
func (k *walk) end() {
	if len(k.s.Frames) == 1 {
		k.hangup(flow.Cause{Word: "normal", Status: 200}, "")
		return
	}
	sub := *k.frame()
	k.s.Frames = k.s.Frames[:len(k.s.Frames)-1]
	n := k.node()
	if n == nil {
		k.broken("the node that called sub "+sub.Sub+" is gone", nil)
		return
	}
	for _, t := range n.Take {
		k.set(t.Name, sub.Vars[t.Value.Text])
	}
	k.next(n)
}

func (k *walk) hangup(c flow.Cause, text string) {
	k.s.Ended, k.s.Wait = true, Nothing
	k.do(Hangup{Cause: c, Text: text})
}

// gone goes on where the application wants to after a hangup. A recording is waited for, so that it is not lost.
func (k *walk) gone() {
	if k.s.Gone {
		return
	}
	k.s.Gone = true
	k.note(HungUp, "")
	if k.s.Wait == Taping {
		return
	}
	k.afterwards()
}

func (k *walk) afterwards() {
	if !k.f.OnHangup.Set() {
		k.hangup(flow.Cause{Word: "normal", Status: 200}, "")
		return
	}
	k.s.Frames, k.s.Visits = k.s.Frames[:1], 0
	k.enter(k.f.OnHangup.Name)
}

// broken is what happens when a node cannot do its work: its own failed, else the application's on_error, else a hangup.
func (k *walk) broken(text string, failed *flow.Reaction) {
	k.s.Error = text
	k.note(Broken, text)
	switch {
	case failed != nil:
		k.react("failed", failed)
	case k.f.OnError.Set() && !k.s.Erring:
		k.s.Erring = true
		k.s.Frames, k.s.Visits = k.s.Frames[:1], 0
		k.enter(k.f.OnError.Name)
	default:
		k.hangup(flow.Cause{Word: "error", Status: 500}, text)
	}
}

// react plays a reaction and goes where it says.
func (k *walk) react(label string, r *flow.Reaction) {
	k.note(Branched, label)
	prompt := flow.Heard(r.Play, r.Say)
	if len(prompt) == 0 || k.s.Gone {
		k.enter(r.Next.Name)
		return
	}
	sounds, ok := k.sounds(prompt)
	if !ok {
		return
	}
	k.s.Wait, k.s.Next = Reacting, r.Next.Name
	k.connect()
	k.do(Play{Sounds: sounds})
}

// sounds fills prompts in; false after an error.
func (k *walk) sounds(prompt []flow.Sound) (out []Sound, ok bool) {
	for _, p := range prompt {
		s := Sound{Language: k.s.Language, Voice: k.f.Voice, Length: p.Silence}
		if p.Voice != "" {
			s.Voice = p.Voice
		}
		if !p.Language.Empty() {
			if s.Language, ok = k.text(p.Language); !ok {
				return nil, false
			}
		}
		if s.Currency, ok = k.text(p.Currency); !ok {
			return nil, false
		}
		as, t := p.Read()
		switch s.Kind = as; {
		case as != "":
		case !p.File.Empty():
			s.Kind, t = "file", p.File
		case !p.Tone.Empty():
			s.Kind, t = "tone", p.Tone
		case p.Say.Given():
			s.Kind, t = "say", p.Say.For(s.Language)
		case p.Silence > 0:
			s.Kind = "silence"
		default:
			s.Kind, t = "prompt", p.Prompt
		}
		if s.Text, ok = k.text(t); !ok {
			return nil, false
		}
		if s.Text != "" || s.Kind == "silence" {
			out = append(out, s)
		}
	}
	return out, true
}
