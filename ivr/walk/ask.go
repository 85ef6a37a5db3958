package walk

import (
	"strings"
	"time"

	"github.com/bifrons/bifrons/ivr/flow"
)

// maxDigits is the longest input where a node does not say.
const maxDigits = 32

// ask plays the prompt of a menu or collect, after that of a reaction, and takes digits. What no key may stop is played alone
// before.
func (k *walk) ask(n *flow.Node, reaction []flow.Sound) {
	prompt := append(append([]flow.Sound(nil), reaction...), flow.Heard(n.Play, n.Say)...)
	whole, rest := 0, prompt
	for i, s := range prompt {
		if s.BargeIn != nil && !*s.BargeIn {
			whole = i + 1
		}
	}
	if whole > 0 && k.barge(n) && !k.s.Asked {
		sounds, ok := k.sounds(prompt[:whole])
		if !ok {
			return
		}
		k.connect()
		k.s.Wait = Prompt
		k.do(Play{Sounds: sounds})
		return
	}
	if k.s.Asked {
		rest = prompt[whole:]
	}
	sounds, ok := k.sounds(rest)
	if !ok {
		return
	}
	k.s.Asked = false
	a := Ask{Sounds: sounds, Barge: k.barge(n), TypeAhead: n.TypeAhead == nil || *n.TypeAhead,
		First: pick(n.Timeout, k.f.Defaults.Timeout, 5*time.Second), Between: pick(n.Between, k.f.Defaults.Between, 3*time.Second)}
	if n.Kind == flow.Menu {
		a.Max = 1
	} else {
		a.Max, a.Terminator = n.Max, k.terminator(n)
		if a.Max == 0 {
			a.Max = maxDigits
		}
	}
	k.connect()
	k.wait(Digits)
	k.do(a)
}

func pick(list ...time.Duration) time.Duration {
	for _, d := range list {
		if d > 0 {
			return d
		}
	}
	return 0
}

func (k *walk) terminator(n *flow.Node) string {
	if t := first(n.Terminator, k.f.Defaults.Terminator); t != nil {
		return *t
	}
	return "#"
}

// digits takes what was pressed at a menu or collect.
func (k *walk) digits(n *flow.Node, c Collected) {
	if c.Failed != "" {
		k.s.Error = c.Failed
		k.note(Broken, c.Failed)
	}
	if n.Kind == flow.Menu {
		k.key(n, c)
		return
	}
	low := 1
	if n.Min != nil {
		low = *n.Min
	}
	switch {
	case c.Digits == "" && (low > 0 || !c.Terminated && c.TimedOut && low > 0):
		k.again(n, NoInput)
		return
	case len(c.Digits) < low:
		k.s.Last = c.Digits
		k.again(n, NoMatch)
		return
	}
	k.s.Last = c.Digits
	before := k.frame().Vars[n.Collect.Text]
	k.set(n.Collect.Text, c.Digits)
	if n.Validate.Src != "" {
		valid, err := n.Validate.Holds(k.env())
		if err != nil || !valid {
			k.set(n.Collect.Text, before)
			if err != nil {
				k.note(Broken, err.Error())
			}
			k.again(n, NoMatch)
			return
		}
	}
	k.next(n)
}

// key takes one more key of a menu. While the keys so far may be the beginning of a longer one, it waits for the next.
func (k *walk) key(n *flow.Node, c Collected) {
	k.s.Digits += c.Digits
	k.s.Last = k.s.Digits
	if k.s.Digits == "" {
		k.again(n, NoInput)
		return
	}
	var hit *flow.Named[flow.Ref]
	more := false
	for i := range n.Menu {
		whole, partly := flow.Match(n.Menu[i].Name, k.s.Digits)
		if whole && hit == nil {
			hit = &n.Menu[i]
		}
		more = more || partly
	}
	switch {
	case more && c.Digits != "":
		between := pick(n.Between, k.f.Defaults.Between, 3*time.Second)
		k.wait(Digits)
		k.do(Ask{TypeAhead: true, Max: 1, First: between, Between: between})
	case hit != nil:
		k.branch(hit.Name, hit.Value)
	default:
		k.again(n, NoMatch)
	}
}

// again counts an attempt that failed and asks once more, or gives up.
func (k *walk) again(n *flow.Node, what What) {
	k.note(what, k.s.Digits)
	k.s.Attempt++
	k.s.Digits, k.s.Asked = "", false
	list, count := &n.NoInput, &k.s.NoInputs
	usual := k.f.Defaults.NoInput
	if what == NoMatch {
		list, count, usual = &n.NoMatch, &k.s.NoMatches, k.f.Defaults.NoMatch
	}
	if len(*list) == 0 {
		list = &usual
	}
	if len(k.s.Frames) > 1 && list == &usual {
		list = local(usual)
	}
	*count++
	tries := 2
	if r := first(n.Retries, k.f.Defaults.Retries); r != nil {
		tries = *r
	}
	if k.s.Attempt > tries {
		k.giveUp(n)
		return
	}
	var r flow.Reaction
	if len(*list) > 0 {
		r = (*list)[min(*count, len(*list))-1]
	}
	label := strings.ReplaceAll(string(what), "_", " ")
	switch {
	case r.Next.Set():
		k.react(label, &r)
	case n.Kind == flow.Record:
		k.play(n, append(flow.Heard(r.Play, r.Say), flow.Heard(n.Play, n.Say)...))
	default:
		k.ask(n, flow.Heard(r.Play, r.Say))
	}
}

// local takes the targets off reactions: a sub cannot go to a node of the application.
func local(list []flow.Reaction) *[]flow.Reaction {
	out := make([]flow.Reaction, len(list))
	for i, r := range list {
		r.Next = flow.Ref{}
		out[i] = r
	}
	return &out
}

// giveUp goes on when all attempts are used up.
func (k *walk) giveUp(n *flow.Node) {
	k.note(GaveUp, "")
	failed := n.Failed
	if failed == nil && k.f.Defaults.Failed != nil {
		failed = k.f.Defaults.Failed
		k.s.Frames = k.s.Frames[:1]
	}
	if failed == nil {
		k.note(Branched, "failed")
		k.hangup(flow.Cause{Word: "normal", Status: 200}, "the caller gave no answer that fits")
		return
	}
	k.react("failed", failed)
}
