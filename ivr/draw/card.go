package draw

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/ivr/flow"
)

// Sizes in pixels.
const (
	cardWidth  = 236
	headHeight = 34
	lineHeight = 17
	rowHeight  = 24
	padding    = 12
	gapX       = 84
	gapY       = 26
	textSize   = 12.5
)

// card is a node as it is drawn.
type card struct {
	name  string
	kind  flow.Kind
	class string
	title string
	text  []string // what is heard, and what is done, in lines
	quote int      // how many of them are heard
	rows  []row
	tip   string
	from  []string // who leads here from above

	layer  int
	x, y   float64
	height float64
}

// row is a branch of a card: a line leads from it, or it tells where it goes.
type row struct {
	label string
	key   bool   // drawn as a key of a telephone
	jump  string // the node it leads to, when no line does
	ahead bool   // which is further below
	to    int    // index of a card, -1 for none
}

// classes give each kind its colour.
func class(k flow.Kind) string {
	switch k {
	case flow.Play, flow.SayKind, flow.Answer:
		return "voice"
	case flow.Menu:
		return "menu"
	case flow.Collect, flow.Record:
		return "input"
	case flow.Dial, flow.Conference:
		return "talk"
	case flow.LookupKind, flow.Hook, flow.MessageSummary, flow.Delete, flow.Move:
		return "world"
	case flow.Hangup, flow.Leave:
		return "end"
	}
	return "logic"
}

// cards makes a card of each node.
func cards(f *flow.Flow, g flow.Graph) []card {
	out := make([]card, len(g.Nodes))
	index := map[string]int{}
	for i := range g.Nodes {
		index[g.Nodes[i].Name] = i
	}
	for i := range g.Nodes {
		n := &g.Nodes[i].Value
		c := card{name: g.Nodes[i].Name, kind: n.Kind, class: class(n.Kind), title: n.Title}
		said := heard(f, flow.Heard(n.Play, n.Say))
		c.text = wrap(said, cardWidth-2*padding-4, 4)
		c.quote = len(c.text)
		for _, d := range details(f, n) {
			c.text = append(c.text, wrap(d, cardWidth-2*padding, 3)...)
		}
		c.tip = fmt.Sprintf("%s (line %d): %s", c.name, g.Nodes[i].At.Line, flow.DocOf(n.Kind))
		if said != "" {
			c.tip += "\n" + said
		}
		c.rows = rows(n, index)
		c.height = headHeight + float64(len(c.rows))*rowHeight + 6
		if c.title != "" {
			c.height += lineHeight
		}
		if len(c.text) > 0 {
			c.height += float64(len(c.text))*lineHeight + 14
		}
		out[i] = c
	}
	return out
}

// rows gives the branches of a node. Keys have rows of their own; words with one target share a row.
func rows(n *flow.Node, index map[string]int) (out []row) {
	seen := map[string]bool{}
	words := map[string]int{} // rows by target
	for _, b := range n.Branches() {
		if seen[b.Label+"\x00"+b.Target] {
			continue
		}
		seen[b.Label+"\x00"+b.Target] = true
		to, ok := index[b.Target]
		isKey := slices.ContainsFunc(n.Menu, func(k flow.Named[flow.Ref]) bool { return k.Name == b.Label })
		if i, shared := words[b.Target]; shared && !isKey && n.Kind != flow.If && width(out[i].label+", "+b.Label, textSize) < cardWidth-80 {
			out[i].label += ", " + b.Label
			continue
		}
		if !isKey {
			words[b.Target] = len(out)
		}
		r := row{label: b.Label, key: isKey, to: to}
		if !ok {
			r.to, r.jump = -1, "end"
			if !b.Said && b.Label != "next" {
				r.jump = "end of the call"
			}
		}
		if n.Kind == flow.If && len(n.If) > 1 {
			if i, err := strconv.Atoi(b.Label); err == nil && i <= len(n.If) {
				r.label = n.If[i-1].When.Src
			}
		}
		out = append(out, r)
	}
	return out
}

// heard gives a prompt as a text.
func heard(f *flow.Flow, sounds []flow.Sound) string {
	var out []string
	for _, s := range sounds {
		as, text := s.Read()
		switch {
		case as != "":
			out = append(out, text.Src)
		case s.Say.Given():
			out = append(out, strings.TrimSpace(s.Say.For(f.Spoken()[0]).Src))
		case !s.Prompt.Empty():
			out = append(out, "♪ "+s.Prompt.Src)
		case !s.File.Empty():
			out = append(out, "♪ "+s.File.Src)
		case !s.Tone.Empty():
			out = append(out, "♪ tone "+s.Tone.Src)
		case s.Silence > 0:
			out = append(out, "silence "+s.Silence.String())
		}
	}
	return strings.Join(out, " ")
}

func short(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "m0s")
	if s != d.String() {
		s += "m"
	}
	return strings.Replace(s, "h0m", "h", 1)
}

// details says what a node does besides its prompt.
func details(f *flow.Flow, n *flow.Node) (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch n.Kind {
	case flow.Collect:
		low, high := "1", "32"
		if n.Min != nil {
			low = strconv.Itoa(*n.Min)
		}
		if n.Max > 0 {
			high = strconv.Itoa(n.Max)
		}
		if low == high {
			add("%s digits → %s", low, n.Collect.Text)
		} else {
			add("%s–%s digits → %s", low, high, n.Collect.Text)
		}
		if n.Validate.Src != "" {
			add("valid: %s", n.Validate.Src)
		}
	case flow.Record:
		add("recording → %s", n.Record.Text)
		if n.MaxLength > 0 {
			add("at most %s", short(n.MaxLength))
		}
	case flow.Dial:
		out = append(out, dials(n)...)
	case flow.OpeningHours:
		add("calendar %s", n.Hours.Text)
		for _, c := range f.Calendars {
			if c.Name == n.Hours.Text {
				for _, o := range c.Value.Open {
					add("%s %s", o.Name, o.Value.Text)
				}
			}
		}
	case flow.LookupKind:
		l := n.Lookup
		for _, s := range []struct {
			name string
			text flow.Text
		}{{"sh", l.Sh}, {"ldap", l.LDAP}, {"http", l.HTTP}, {"file", l.File}, {"folder", l.Folder}, {"recording", l.Recording}} {
			if !s.text.Empty() {
				add("%s %s → %s", s.name, strings.TrimSpace(s.text.Src+" "+l.Key.Src), n.Into.Text)
			}
		}
	case flow.Hook:
		add("%s", n.Hook.Src)
		if n.Into.Text != "" {
			add("answer → %s", n.Into.Text)
		}
	case flow.Set:
		for _, v := range n.Set {
			add("%s = %s", v.Name, v.Value.Source())
		}
	case flow.If:
		if len(n.If) == 1 {
			add("%s ?", n.If[0].When.Src)
		}
	case flow.SubKind:
		add("sub %s", n.Sub.Text)
	case flow.Conference:
		add("room %s", n.Conference.Src)
	case flow.MessageSummary:
		add("to %s: %s new", n.MessageWaiting.To.Src, n.MessageWaiting.New.Src)
	case flow.Delete:
		add("%s", n.Delete.Src)
	case flow.Move:
		add("%s → %s", n.Move.Src, n.To.Src)
	case flow.Hangup:
		add("%s", n.Hangup.Word)
		if !n.Reason.Empty() {
			add("%s", n.Reason.Src)
		}
	}
	return out
}

func dials(n *flow.Node) (out []string) {
	var who []string
	for _, t := range n.Dial {
		who = append(who, t.Src)
	}
	how := ", then "
	if n.Order == flow.Together {
		how = " and "
	}
	out = append(out, "☎ "+strings.Join(who, how))
	var more []string
	if n.Timeout > 0 {
		more = append(more, "for "+short(n.Timeout))
	}
	if len(n.Whisper) > 0 {
		more = append(more, "whispers")
	}
	if n.Accept != nil {
		more = append(more, "key "+n.Accept.Key+" takes the call")
	}
	if len(more) > 0 {
		out = append(out, strings.Join(more, ", "))
	}
	return out
}
