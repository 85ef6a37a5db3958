package ivr

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ivr/walk"
	"github.com/bifrons/bifrons/media"
)

// maxDials is how often a call is dialled on; the engine allows no more.
const maxDials = 15

// do asks the call for what the walk asks for.
func (t *turn) do(list []walk.Request) {
	for _, r := range list {
		switch r := r.(type) {
		case walk.Note:
			t.note(r)
		case walk.Connect:
			if r.Early {
				t.step.Do(b2bua.Alarm{Name: "early", After: time.Hour}) // somebody is still at it
			} else {
				t.step.Do(b2bua.Accept{Mixed: t.edition.rooms})
			}
		case walk.Play:
			t.play(r)
		case walk.Ask:
			t.question(r)
		case walk.Record:
			t.record(r)
		case walk.Dial:
			t.dial(r)
		case walk.Bridge:
			t.bridge()
		case walk.Drop:
			t.drop()
		case walk.Enter:
			t.Room, t.Exit = true, r.Exit
			t.step.Do(b2bua.Connect{Legs: []int{0}, Room: r.Room, Name: t.name()})
		case walk.Look:
			t.ask(asking{Look: &r})
		case walk.Hook:
			t.ask(*hooking(r))
		case walk.Move:
			t.ask(asking{Move: &r})
		case walk.Notify:
			t.ask(asking{Notify: &r, Side: t.step.Side()})
		case walk.Hangup:
			t.hangup(r)
		case walk.Leave:
			t.leave()
		}
	}
}

// ask begins what runs beside the call.
func (t *turn) ask(a asking) {
	a.Seq = t.Walk.Seq
	t.Ask, t.asked = &a, true
}

// hooking is a request with its body as JSON.
func hooking(r walk.Hook) *asking {
	a := &asking{Hook: &r}
	if r.Body != nil {
		body, err := json.Marshal(r.Body)
		if a.Body = body; err != nil {
			a.Unfit = "what is to be sent is no JSON: " + err.Error()
		}
	}
	r.Body = nil
	return a
}

// count counts what happens at a node.
func (a *App) count(n walk.Note) (node string) {
	node = label(n.Sub, n.Node)
	if n.What == walk.Branched {
		a.deps.Metrics.branches.WithLabelValues(a.cfg.Name, node, n.Text).Inc()
	} else {
		a.deps.Metrics.nodes.WithLabelValues(a.cfg.Name, node, string(n.What)).Inc()
	}
	return node
}

func (t *turn) note(n walk.Note) {
	a := t.app
	node := a.count(n)
	if n.What == walk.Broken {
		a.deps.Log.Warn("menu in trouble", "app", a.Name(), "call", t.step.CallID(), "node", node, "err", n.Text)
		return
	}
	a.deps.Log.Debug("menu", "app", a.Name(), "call", t.step.CallID(), "node", node, "what", string(n.What), slog.String("branch", n.Text))
}

// play plays to the caller, or to the callee who has answered.
func (t *turn) play(r walk.Play) {
	items, fetches, missing := t.items(r.Sounds)
	switch {
	case len(fetches) > 0:
		t.ask(asking{Fetch: fetches, Then: &played{Play: &r}})
		return
	case len(items) == 0 || r.Callee && t.Callee == 0:
		t.inputs = append(t.inputs, walk.Played{Failed: missing})
		return
	}
	t.Unsaid = missing
	if r.Limit > 0 {
		stretch(items, r)
		t.step.Do(b2bua.Alarm{Name: "limit-" + t.name(), After: r.Limit})
	}
	t.step.Do(b2bua.Play{Leg: t.leg(r.Callee), Name: t.name(), Items: items, Repeat: r.Repeat, Gap: r.Gap, Barge: r.Barge})
}

func (t *turn) leg(callee bool) int {
	if callee {
		return t.Callee
	}
	return 0
}

// question plays and takes keys.
func (t *turn) question(r walk.Ask) {
	items, fetches, missing := t.items(r.Sounds)
	switch {
	case len(fetches) > 0:
		t.ask(asking{Fetch: fetches, Then: &played{Ask: &r}})
		return
	case r.Callee && t.Callee == 0:
		t.inputs = append(t.inputs, walk.Collected{TimedOut: true})
		return
	}
	t.Unsaid = missing
	leg := t.leg(r.Callee)
	c := b2bua.Collect{Leg: leg, Name: t.name(), Max: r.Max, End: r.Terminator, First: r.First, Between: r.Between, Flush: !r.TypeAhead}
	if len(items) > 0 {
		t.step.Do(b2bua.Play{Leg: leg, Name: "p" + t.name(), Items: items, Barge: r.Barge})
	}
	t.step.Do(c)
}

// record makes the folder of a recording first; tape begins it.
func (t *turn) record(r walk.Record) {
	name := r.To
	if name == "" || strings.HasSuffix(name, "/") {
		name += t.now.UTC().Format("20060102-150405.000") + "-" + t.Walk.Call.ID
	}
	file, ok := within(t.app.recordings(t.edition), name)
	if !ok {
		t.inputs = append(t.inputs, walk.Recorded{Failed: fmt.Sprintf("the recording %s would be outside the folder of recordings", name)})
		return
	}
	t.Tape = file
	t.ask(asking{Tape: &tape{File: file}, Record: &r})
}

func (t *turn) tape(r walk.Record) {
	t.Since = t.now
	t.step.Do(b2bua.Record{Name: t.name(), Path: t.Tape, Voices: media.VoicesParty, Beep: r.Beep, Max: r.Max, Silence: r.Silence, End: r.Terminator})
}

// dial calls the callees of a dial.
func (t *turn) dial(r walk.Dial) {
	t.Private, t.Callee, t.Failed, t.Best = r.Private, 0, nil, 0
	t.First, t.Count = t.step.Branches(), len(r.Targets)
	if t.First+t.Count > maxDials+1 {
		t.Count = 0
		t.inputs = append(t.inputs, walk.Dialled{Status: 503})
		return
	}
	t.step.Do(b2bua.Alarm{Name: "dial", After: r.Timeout + 5*time.Second})
	if t.Walk.Answered {
		t.step.Do(b2bua.Play{Name: "ring", Items: []media.Item{{Tone: "ring"}}, Repeat: -1})
	}
	for _, to := range r.Targets {
		t.step.Do(b2bua.Dial{URI: target(to, t.Walk.Call.Domain), Side: r.Side, NextHop: r.NextHop, Timeout: r.Timeout, Park: r.Private})
	}
}

// target makes a URI of a number.
func target(to, domain string) string {
	if strings.Contains(to, ":") {
		return to
	}
	if strings.Contains(to, "@") {
		return "sip:" + to
	}
	return "sip:" + escape(to) + "@" + domain
}

// escape keeps a user part to what may stand there (RFC 3261 25.1).
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("-_.!~*'()&=+$,?/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// bridge lets caller and callee talk. Who was not spoken to by us is joined already.
func (t *turn) bridge() {
	t.Since = t.now
	if t.Private {
		t.step.Do(b2bua.Connect{Legs: []int{0, t.Callee}, Name: t.name()})
	}
}

// hangup ends the call.
func (t *turn) hangup(r walk.Hangup) {
	t.over = true
	if t.Walk.Gone {
		return
	}
	text := cmp.Or(r.Reason, r.Text, "the menu ended: "+r.Cause.Word)
	reason := "Q.850;cause=" + strconv.Itoa(r.Cause.Q850())
	var warning []b2bua.Field
	if said := quoted(r.Reason); said != "" {
		reason += `;text="` + said + `"`
		warning = []b2bua.Field{{Name: "Warning", Value: `399 menu "` + said + `"`}} // RFC 3261 20.43
	}
	if !t.Walk.Answered {
		status := r.Cause.Status
		if status < 300 {
			status = cmp.Or(t.Unfit, 480)
		}
		t.step.Do(b2bua.Reject{Status: status, Reason: text, Headers: append(warning, b2bua.Field{Name: "Reason", Value: reason})})
		return
	}
	t.step.Do(b2bua.End{Cause: b2bua.Cause{Status: max(200, r.Cause.Status), By: b2bua.ByBifrons, Text: t.app.Name() + ": " + text, Reason: reason}})
}

// quoted makes a text fit for a quoted string (RFC 3261 25.1).
func quoted(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\\':
			return '\''
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, s[:min(len(s), maxReason)])
}

// maxReason bounds a text for the other end.
const maxReason = 200

// leave lets the call go on in its chain. An Invite that nothing was done for simply passes.
func (t *turn) leave() {
	t.Left, t.over = true, true
	if !t.Walk.Heard && t.step.Draft() != nil {
		t.passes, t.Held = true, passes
		return
	}
	t.step.Do(b2bua.Dial{})
}

// within gives the path of a name below a folder; false for one that leads out of it.
func within(folder, name string) (string, bool) {
	if filepath.IsAbs(name) {
		rel, err := filepath.Rel(folder, filepath.Clean(name))
		return filepath.Clean(name), err == nil && filepath.IsLocal(rel)
	}
	return filepath.Join(folder, name), filepath.IsLocal(name)
}

// recordings is the folder of what callers say.
func (a *App) recordings(e *edition) string {
	folder := a.cfg.Recordings
	if folder == "" {
		folder = filepath.Join(filepath.Dir(e.flow.File), "recordings")
	}
	abs, err := filepath.Abs(folder)
	if err != nil {
		return folder
	}
	return abs
}
