package demo

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// cell is the width of one leg of the ladder; two of them, the times and the
// three bars make a line of 97 columns.
const cell = 42

// note is a remark between the messages of the ladder.
type note struct {
	at   time.Time
	text string
}

// rung is one line of the ladder.
type rung struct {
	at      time.Time
	caller  bool // on the caller's leg
	toRight bool
	title   string
	again   bool // a retransmission
	remark  bool
}

// rungs merges what the two phones recorded with the remarks, in order of time.
func rungs(caller, callee []Message, notes []note) []rung {
	var all []rung
	leg := func(messages []Message, isCaller bool) {
		for i, m := range messages {
			title := m.Title()
			if dir := bodyDirection(m); dir != "" {
				title += "  " + dir
			}
			all = append(all, rung{
				at: m.At, caller: isCaller, toRight: m.Sent == isCaller, title: title,
				again: slices.ContainsFunc(messages[:i], func(o Message) bool {
					return o.Sent == m.Sent && bytes.Equal(o.Raw, m.Raw)
				}),
			})
		}
	}
	leg(caller, true)
	leg(callee, false)
	for _, n := range notes {
		all = append(all, rung{at: n.at, title: n.text, remark: true})
	}
	slices.SortStableFunc(all, func(a, b rung) int { return a.at.Compare(b.at) })
	return all
}

func bodyDirection(m Message) string {
	_, _, body := m.split()
	return direction(body)
}

// ladder draws what passed the one in the middle: the caller's leg on the left, the callee's on the right.
func (p *paper) ladder(caller, middle, callee string, all []rung) {
	p.line("%8s  %s%s%s", "ms", p.bold(caller), p.bold(centre(middle, 2*cell+3-len(caller)-len(callee))), p.bold(callee))
	bar := p.dim(p.glyph("|", "│"))
	var zero time.Time
	for _, r := range all {
		if zero.IsZero() && !r.remark {
			zero = r.at
		}
	}
	for _, r := range all {
		ms := fmt.Sprintf("%8.1f", float64(r.at.Sub(zero).Microseconds())/1000)
		if r.remark {
			p.line("%s  %s", ms, p.yellow(centre(" "+r.title+" ", 2*cell+3, p.glyph(".", "·"))))
			continue
		}
		left, right := p.arrow(r), strings.Repeat(" ", cell)
		if !r.caller {
			left, right = right, left
		}
		p.line("%s  %s%s%s%s%s", ms, bar, left, bar, right, bar)
	}
}

// arrow is one cell with the message on its shaft.
func (p *paper) arrow(r rung) string {
	title := r.title
	if r.again {
		title += "  (again)"
	}
	title = " " + cut(title, cell-8) + " "
	shaft := centre(title, cell-1, p.glyph("-", "─"))
	if r.toRight {
		shaft += p.glyph(">", "▶")
	} else {
		shaft = p.glyph("<", "◀") + shaft
	}
	if r.again {
		return p.dim(shaft)
	}
	return shaft
}

// centre puts the text in the middle of so many columns, filled with blanks or
// with the fill given.
func centre(text string, width int, fill ...string) string {
	f := " "
	if len(fill) > 0 {
		f = fill[0]
	}
	room := max(width-len([]rune(text)), 0)
	return strings.Repeat(f, room/2) + text + strings.Repeat(f, room-room/2)
}

// cut shortens a text that is too long in its middle, where identifiers differ least.
func cut(text string, width int) string {
	r := []rune(text)
	if len(r) <= width {
		return text
	}
	head := (width - 2) / 2
	return string(r[:head]) + ".." + string(r[len(r)-(width-2-head):])
}
