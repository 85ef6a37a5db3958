package walk

import (
	"time"

	"github.com/bifrons/bifrons/ivr/flow"
)

// take hands an input to what waits for it.
func (k *walk) take(in Input) {
	n := k.node()
	if n == nil {
		k.broken("node "+k.frame().Node+" is gone", nil)
		return
	}
	switch in := in.(type) {
	case Played:
		k.played(n, in)
	case Collected:
		switch k.s.Wait {
		case Digits:
			k.digits(n, in)
		case Taking:
			k.accepted(n, in)
		}
	case Recorded:
		if k.s.Wait == Taping {
			k.recorded(n, in)
		}
	case Dialled:
		if k.s.Wait == Ringing {
			k.dialled(n, in)
		}
	case Talked:
		if k.s.Wait == Talking {
			k.s.Seconds = int(in.Length / time.Second)
			k.next(n)
		}
	case Exited:
		if k.s.Wait == InRoom {
			if in.Failed != "" {
				k.broken(in.Failed, n.Failed)
				return
			}
			k.next(n)
		}
	case Found:
		if k.s.Wait == Looking {
			k.found(n, in)
		}
	}
}

func (k *walk) played(n *flow.Node, p Played) {
	if p.Failed != "" {
		k.s.Error = p.Failed
		if k.s.Wait != Playing {
			k.note(Broken, p.Failed) // what the prompt belongs to goes on without it
		}
	}
	switch k.s.Wait {
	case Playing:
		switch {
		case p.Failed != "" && n.Failed != nil:
			k.broken(p.Failed, n.Failed)
		case p.Failed != "":
			k.note(Broken, p.Failed)
			k.next(n)
		default:
			k.next(n)
		}
	case Prompt:
		k.s.Wait, k.s.Asked = Nothing, true
		k.act(n)
	case Reacting:
		k.enter(k.s.Next)
	case Whisper:
		k.takeCall(n)
	}
}

func (k *walk) recorded(n *flow.Node, r Recorded) {
	low := n.MinLength
	if low == 0 {
		low = time.Second
	}
	switch {
	case r.Failed != "":
		k.broken(r.Failed, n.Failed)
		return
	case r.Length < low && k.s.Gone:
		k.afterwards()
		return
	case r.Length < low:
		k.again(n, NoInput)
		return
	}
	k.set(n.Record.Text, map[string]any{"file": r.File, "seconds": int((r.Length + time.Second/2) / time.Second), "bytes": r.Size})
	if k.s.Gone {
		k.afterwards()
		return
	}
	k.next(n)
}

// dialled goes on with a callee who has answered, or with the next.
func (k *walk) dialled(n *flow.Node, d Dialled) {
	k.s.Dialled, k.s.Seconds = d.Status, 0
	if d.Status < 200 || d.Status > 299 {
		k.nobody(n)
		return
	}
	if len(n.Whisper) > 0 {
		sounds, ok := k.sounds(flow.Heard(nil, n.Whisper))
		if !ok {
			return
		}
		k.s.Wait = Whisper
		k.do(Play{Sounds: sounds, Callee: true})
		return
	}
	k.takeCall(n)
}

// nobody goes on to the next callee, or to where a dial leads that has reached nobody.
func (k *walk) nobody(n *flow.Node) {
	if n.Order != flow.Together && len(n.Dial) > 1 && k.s.Target < len(n.Dial) {
		k.dial(n)
		return
	}
	k.notReached(n)
}

// takeCall asks a callee for the key that takes the call, or connects him at once.
func (k *walk) takeCall(n *flow.Node) {
	a := n.Accept
	if a == nil {
		k.bridge()
		return
	}
	sounds, ok := k.sounds(flow.Heard(a.Play, a.Say))
	if !ok {
		return
	}
	k.s.Wait = Taking
	wait := pick(a.Timeout, 10*time.Second)
	k.do(Ask{Sounds: sounds, Callee: true, Barge: true, TypeAhead: true, Max: 1, First: wait, Between: wait})
}

func (k *walk) accepted(n *flow.Node, c Collected) {
	if n.Accept != nil && c.Digits == n.Accept.Key {
		k.bridge()
		return
	}
	k.do(Drop{})
	k.s.Dialled = 480
	k.nobody(n)
}

func (k *walk) bridge() {
	k.s.Heard, k.s.Answered = true, true
	k.wait(Talking)
	k.do(Bridge{})
}

func (k *walk) found(n *flow.Node, f Found) {
	switch {
	case f.Failed != "":
		k.broken(f.Failed, n.Failed)
	case f.Missing && n.Kind == flow.LookupKind && n.NotFound.Set():
		k.branch("not found", n.NotFound)
	case f.Missing && n.Kind == flow.LookupKind && n.Failed != nil && f.Data == nil:
		k.react("failed", n.Failed)
	default:
		k.set(n.Into.Text, f.Data)
		k.next(n)
	}
}
