package script

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/walk"
)

// Settings say how a call that is tried looks.
type Settings struct {
	At             string // "2006-01-02 15:04"; "" is now
	Caller, Called string
	Languages      []string
	Params         map[string]string
}

const usage = `  keys         press them: 1, 345, 1234#
  Enter        let time pass
  h            hang up
  v            show the variables
  q            leave
`

// Try walks a person through a menu. It ends with the walk, or with the input.
func Try(in io.Reader, out io.Writer, f *flow.Flow, set Settings) error {
	t := &trier{in: bufio.NewScanner(in), out: out}
	t.r = &runner{f: f, call: walk.Call{ID: "try", Caller: set.Caller, CallerURI: "sip:" + set.Caller + "@example.com", Called: set.Called,
		CalledURI: "sip:" + set.Called + "@example.com", Domain: "example.com", Params: map[string]string{}, Languages: set.Languages}, params: map[string]any{}}
	t.s = &session{w: walk.Walker{Flow: f}, now: time.Now(), notes: t.note, told: t.told}
	t.r.s = t.s
	if set.At != "" {
		if err := t.r.clock(set.At); err != nil {
			return err
		}
	}
	for k, v := range set.Params {
		t.r.params[k] = v
		var x any
		if json.Unmarshal([]byte(v), &x) == nil {
			t.r.params[k] = x
		}
	}
	fmt.Fprintf(out, "%s  %s\n", strings.TrimSpace(f.Name+" "+f.Title), f.Local(t.s.now).Format("Mon 2006-01-02 15:04 MST"))
	t.r.start()
	for t.s.pending != nil {
		if !t.once() {
			fmt.Fprintln(out)
			return t.in.Err()
		}
		t.s.settle()
	}
	return nil
}

type trier struct {
	in  *bufio.Scanner
	out io.Writer
	r   *runner
	s   *session
}

func (t *trier) note(n walk.Note) {
	name := n.Node
	if n.Sub != "" {
		name = n.Sub + "." + n.Node
	}
	switch n.What {
	case walk.Entered:
		fmt.Fprintf(t.out, "%16s |\n", name)
	case walk.Branched:
		if n.Text != "next" && n.Text != "goto" {
			fmt.Fprintf(t.out, "%16s | -> %s\n", "", n.Text)
		}
	case walk.NoInput:
		t.say("(nothing was pressed)")
	case walk.NoMatch:
		t.say("(that is not among the choices)")
	case walk.GaveUp:
		t.say("(all attempts are used up)")
	case walk.Broken:
		t.say("! " + n.Text)
	}
}

func (t *trier) say(s string) { fmt.Fprintf(t.out, "%16s |    %s\n", "", s) }

func (t *trier) told(q walk.Request) {
	hear := func(callee bool, sounds []walk.Sound) {
		for _, x := range sounds {
			text := "« " + show(x) + " »"
			if x.Kind != "say" {
				text = "[ " + show(x) + " ]"
			}
			if callee {
				text = "callee: " + text
			}
			t.say(text)
		}
	}
	switch q := q.(type) {
	case walk.Connect:
		if q.Early {
			t.say("(in early media)")
		} else {
			t.say("(answered)")
		}
	case walk.Play:
		hear(q.Callee, q.Sounds)
		if q.Repeat != 0 {
			t.say(fmt.Sprintf("(played again %d times; -1 is for ever)", q.Repeat))
		}
		if q.Limit > 0 {
			t.say(fmt.Sprintf("(for %s at most)", q.Limit))
		}
	case walk.Ask:
		hear(q.Callee, q.Sounds)
	case walk.Record:
		t.say(fmt.Sprintf("(records, at most %s, until %q or %s of silence)", q.Max, q.Terminator, q.Silence))
	case walk.Dial:
		t.say(fmt.Sprintf("calls %s, for %s", strings.Join(q.Targets, " and "), q.Timeout))
	case walk.Bridge:
		t.say("(connected)")
	case walk.Drop:
		t.say("(the callee is hung up)")
	case walk.Look:
		t.say(strings.TrimSpace(fmt.Sprintf("looks up %s %s %s", q.Source, q.What, q.Key)))
	case walk.Hook:
		body, _ := json.Marshal(q.Body)
		t.say(fmt.Sprintf("%s %s %s", q.Method, q.URL, body))
	case walk.Notify:
		t.say(fmt.Sprintf("tells %s: %d new messages, %d old", q.To, q.New, q.Old))
	case walk.Move:
		t.say(strings.TrimSuffix(fmt.Sprintf("moves %s to %s", q.File, q.To), " to "))
	case walk.Enter:
		t.say("enters room " + q.Room)
	case walk.Hangup:
		t.say(fmt.Sprintf("the call ends: %s %s", q.Cause.Word, q.Text))
	case walk.Leave:
		t.say("the call goes on in its chain")
	}
}

// prompts are what is asked at each wait, and the line of a walk that an answer stands for.
func (t *trier) prompt() (text string, choices map[string]string) {
	switch t.s.pending.(type) {
	case walk.Ask:
		return "keys, or Enter to let time pass", nil
	case walk.Dial:
		return "a answers, b busy, n no answer, or a status", map[string]string{"a": "answered", "": "answered", "b": "busy", "n": "no answer"}
	case walk.Bridge:
		return "Enter: the callee hangs up", map[string]string{"": "talked 1m"}
	case walk.Record:
		return "seconds that are spoken", map[string]string{"": "record 5s", "0": "record nothing"}
	case walk.Enter:
		return "Enter: the caller leaves the room", map[string]string{"": "exited"}
	}
	return "JSON, - nothing there, ! no answer", map[string]string{"": "found", "-": "missing", "!": "fails"}
}

// once asks a person for what happens next; false when there is no more input.
func (t *trier) once() bool {
	text, choices := t.prompt()
	fmt.Fprintf(t.out, "%16s > ", text)
	if !t.in.Scan() {
		return false
	}
	answer := strings.TrimSpace(t.in.Text())
	line := ""
	switch answer {
	case "q":
		return false
	case "?":
		fmt.Fprint(t.out, usage)
		return true
	case "v":
		t.say(flow.Show(map[string]any(t.s.state.Frames[len(t.s.state.Frames)-1].Vars)))
		return true
	case "h":
		line = "hangup"
	default:
		line = t.line(answer, choices)
	}
	l, fault := parseLine(line)
	if fault == "" {
		if err := t.r.act(l); err != nil {
			fault = err.Error()
		}
	}
	if fault != "" {
		t.say(fault + "; ? tells what can be typed")
	}
	return true
}

// line makes a line of a walk of what was typed.
func (t *trier) line(answer string, choices map[string]string) string {
	if l, ok := choices[answer]; ok {
		return l
	}
	switch t.s.pending.(type) {
	case walk.Ask:
		if answer == "" {
			return "wait"
		}
		return "press " + answer
	case walk.Dial:
		return "refused " + answer
	case walk.Record:
		return "record " + strings.TrimSuffix(answer, "s") + "s"
	}
	return "found " + answer
}
