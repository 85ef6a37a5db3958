package walk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/ivr/flow"
)

// act does the work of a node whose prompt has been heard.
func (k *walk) act(n *flow.Node) {
	switch n.Kind {
	case flow.Menu, flow.Collect:
		k.ask(n, nil)
	case flow.Record:
		k.record(n)
	case flow.Dial:
		k.dial(n)
	case flow.OpeningHours:
		k.hours(n)
	case flow.LookupKind:
		k.lookup(n)
	case flow.Hook:
		k.hook(n)
	case flow.Set:
		if k.vars(n.Set) {
			k.next(n)
		}
	case flow.If:
		k.choose(n)
	case flow.Goto:
		k.branch("goto", n.Goto)
	case flow.SubKind:
		k.sub(n)
	case flow.Conference:
		if room, ok := k.text(n.Conference); ok {
			k.answer()
			k.wait(InRoom)
			k.do(Enter{Room: room, Exit: n.Exit})
		}
	case flow.MessageSummary:
		k.summary(n)
	case flow.Delete:
		k.move(n, n.Delete, flow.Text{})
	case flow.Move:
		k.move(n, n.Move, n.To)
	case flow.Answer:
		k.answer()
		k.next(n)
	case flow.Leave:
		k.s.Ended = true
		k.do(Leave{Results: k.s.Frames[0].Vars})
	case flow.Hangup:
		if reason, ok := k.text(n.Reason); ok {
			k.s.Ended, k.s.Wait = true, Nothing
			k.do(Hangup{Cause: n.Hangup, Reason: reason})
		}
	case flow.Play, flow.SayKind:
		k.next(n)
	default:
		k.broken("node "+k.frame().Node+" does nothing", nil)
	}
}

// wait says what is waited for; the guard against loops begins anew when it is somebody outside.
func (k *walk) wait(w Wait) {
	k.s.Wait = w
	if w != Playing && w != Prompt && w != Looking {
		k.s.Visits = 0
	}
}

func (k *walk) hours(n *flow.Node) {
	o, err := k.f.Opening(n.Hours.Text, k.now)
	switch {
	case err != nil:
		k.broken(err.Error(), nil)
	case o == flow.OpenNow:
		k.branch("open", n.Open)
	case o == flow.HolidayIs && n.Holiday.Set():
		k.branch("holiday", n.Holiday)
	default:
		k.branch("closed", n.Closed)
	}
}

func (k *walk) choose(n *flow.Node) {
	for i, c := range n.If {
		yes, err := c.When.Holds(k.env())
		if err != nil {
			k.broken(err.Error(), nil)
			return
		}
		if !yes {
			continue
		}
		label, to := "then", n.Then
		if c.Next.Set() {
			to = c.Next
		}
		if len(n.If) > 1 {
			label = strconv.Itoa(i + 1)
		}
		k.branch(label, to)
		return
	}
	k.branch("else", n.Else)
}

func (k *walk) sub(n *flow.Node) {
	g, ok := k.f.Graph(n.Sub.Text)
	if !ok || len(k.s.Frames) > flow.MaxDepth {
		k.broken(fmt.Sprintf("line %d: the sub %s cannot be walked through: subs are too deep", n.Sub.At.Line, n.Sub.Text), nil)
		return
	}
	vars := flow.Vars{}
	for _, p := range g.Params {
		vars[p] = nil
	}
	for _, w := range n.With {
		v, err := w.Value.Eval(k.env())
		if err != nil {
			k.broken(err.Error(), nil)
			return
		}
		vars[w.Name] = flow.Bound(v)
	}
	k.s.Frames = append(k.s.Frames, Frame{Sub: g.Sub, Vars: vars})
	if k.vars(g.Vars) {
		k.enter(g.First())
	}
}

func (k *walk) record(n *flow.Node) {
	to, ok := k.text(n.To)
	if !ok {
		return
	}
	r := Record{To: to, Max: n.MaxLength, Silence: n.Silence, Beep: n.Beep == nil || *n.Beep, Terminator: "#"}
	if r.Max == 0 {
		r.Max = 2 * time.Minute
	}
	if r.Silence == 0 {
		r.Silence = 5 * time.Second
	}
	if t := first(n.Terminator, k.f.Defaults.Terminator); t != nil {
		r.Terminator = *t
	}
	k.connect()
	k.wait(Taping)
	k.do(r)
}

func (k *walk) lookup(n *flow.Node) {
	l := n.Lookup
	r := Look{Timeout: n.Timeout, Retries: retries(n, 0), Wait: n.Wait}
	for _, s := range []struct {
		source string
		what   flow.Text
	}{{"sh", l.Sh}, {"ldap", l.LDAP}, {"http", l.HTTP}, {"file", l.File}, {"folder", l.Folder}, {"recording", l.Recording}} {
		if !s.what.Empty() {
			r.Source = s.source
			var ok bool
			if r.What, ok = k.text(s.what); !ok {
				return
			}
		}
	}
	var ok1, ok2 bool
	r.Key, ok1 = k.text(l.Key)
	if !ok1 {
		return
	}
	if r.Headers, ok2 = k.headers(l.Headers); !ok2 {
		return
	}
	if r.Timeout == 0 {
		r.Timeout = 3 * time.Second
	}
	k.wait(Looking)
	k.do(r)
}

func retries(n *flow.Node, usual int) int {
	if n.Retries != nil {
		return *n.Retries
	}
	return usual
}

func (k *walk) headers(list []flow.Named[flow.Text]) (out [][2]string, ok bool) {
	for _, h := range list {
		v, ok := k.text(h.Value)
		if !ok {
			return nil, false
		}
		out = append(out, [2]string{h.Name, v})
	}
	return out, true
}

func (k *walk) hook(n *flow.Node) {
	url, ok := k.text(n.Hook)
	if !ok {
		return
	}
	r := Hook{URL: url, Method: strings.ToUpper(n.Method.Text), Timeout: n.Timeout, Retries: retries(n, 0), Wait: n.Wait}
	if r.Method == "" {
		r.Method = "POST"
	}
	if r.Timeout == 0 {
		r.Timeout = 3 * time.Second
	}
	if r.Headers, ok = k.headers(n.Headers); !ok {
		return
	}
	switch {
	case n.Body.Given():
		body, err := n.Body.Eval(k.env())
		if err != nil {
			k.broken(err.Error(), nil)
			return
		}
		r.Body = body
	case r.Method != "GET" && r.Method != "HEAD" && r.Method != "DELETE":
		r.Body = map[string]any{"application": k.f.Name, "node": k.frame().Node, "call": k.s.Call.data(), "language": k.s.Language, "variables": map[string]any(k.frame().Vars)}
	}
	k.wait(Looking)
	k.do(r)
}

func (k *walk) summary(n *flow.Node) {
	m := n.MessageWaiting
	var r Notify
	for _, x := range []struct {
		to   *string
		text flow.Text
	}{{&r.To, m.To}, {&r.Account, m.Account}} {
		s, ok := k.text(x.text)
		if !ok {
			return
		}
		*x.to = s
	}
	for _, x := range []struct {
		to   *int
		text flow.Text
	}{{&r.New, m.New}, {&r.Old, m.Old}, {&r.Urgent[0], m.Urgent}, {&r.Urgent[1], m.OldUrgent}} {
		s, ok := k.text(x.text)
		if !ok {
			return
		}
		if s != "" {
			c, err := strconv.Atoi(s)
			if err != nil || c < 0 {
				k.broken(fmt.Sprintf("line %d: %q is no number of messages", x.text.At.Line, s), n.Failed)
				return
			}
			*x.to = c
		}
	}
	k.wait(Looking)
	k.do(r)
}

// move moves a recording, or deletes it.
func (k *walk) move(n *flow.Node, file, to flow.Text) {
	from, ok1 := k.text(file)
	if !ok1 {
		return
	}
	target, ok2 := k.text(to)
	switch {
	case !ok2:
	case from == "" || n.Kind == flow.Move && target == "":
		k.broken(fmt.Sprintf("line %d: there is no name of a recording", file.At.Line), n.Failed)
	default:
		k.wait(Looking)
		k.do(Move{File: from, To: target})
	}
}

// dial calls the next callee, or all of them.
func (k *walk) dial(n *flow.Node) {
	var targets []string
	for _, t := range n.Dial {
		s, ok := k.text(t)
		if !ok {
			return
		}
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(targets, s) {
			targets = append(targets, s)
		}
	}
	if len(targets) == 0 {
		k.broken(fmt.Sprintf("line %d: there is nobody to call", n.Dial[0].At.Line), n.Failed)
		return
	}
	if n.Order != flow.Together && len(targets) > 1 {
		if k.s.Target >= len(targets) {
			k.notReached(n)
			return
		}
		targets = targets[k.s.Target : k.s.Target+1]
	}
	k.s.Target += len(targets)
	hop, ok := k.text(n.NextHop)
	if !ok {
		return
	}
	r := Dial{Targets: targets, Side: n.Side.Text, NextHop: hop, Timeout: n.Timeout, Private: len(n.Whisper) > 0 || n.Accept != nil}
	if r.Timeout == 0 {
		r.Timeout = 30 * time.Second
	}
	k.wait(Ringing)
	k.do(r)
}

// notReached goes where a dial leads that has reached nobody. A caller whose call is not answered yet gets the callee's status.
func (k *walk) notReached(n *flow.Node) {
	status := k.s.Dialled
	switch {
	case (status == 486 || status == 600) && n.Busy.Set():
		k.branch("busy", n.Busy)
	case (status == 408 || status == 480 || status == 487) && n.NoAnswer.Set():
		k.branch("no answer", n.NoAnswer)
	case n.Failed != nil:
		k.react("failed", n.Failed)
	case n.NoAnswer.Set():
		k.branch("no answer", n.NoAnswer)
	case n.Busy.Set():
		k.branch("busy", n.Busy)
	default:
		k.note(Broken, fmt.Sprintf("nobody was reached: %d", status))
		k.hangup(flow.Cause{Word: strconv.Itoa(status), Status: max(300, status)}, "nobody was reached")
	}
}

func first[T any](list ...*T) *T {
	for _, x := range list {
		if x != nil {
			return x
		}
	}
	return nil
}
