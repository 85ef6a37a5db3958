package ladder

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Style says with which signs and colours a ladder is drawn.
type Style struct {
	// Terminal is colours and box-drawing characters, else it is plain ASCII text.
	Terminal bool
	// Width is that of the whole, in columns; 0 is 100.
	Width int
}

// Rung is a message, or a remark.
type Rung struct {
	At     time.Time
	Lane   int  // 0 is the caller's leg, 1 and up are those on the right
	Out    bool // from Bifrons to the party
	Title  string
	Again  bool // the same bytes as before
	Wrong  bool // a failure
	Remark bool // a remark across all lanes
}

// gutter is the column of times, with the two blanks behind it.
const gutter = 10

// Draw writes the ladder of a call; names are those of the parties, by lane.
func Draw(w io.Writer, s Style, names []string, rungs []Rung) error {
	if len(names) < 2 {
		names = append(names, strings.Repeat("-", 2-len(names)))
	}
	if s.Width == 0 {
		s.Width = 100
	}
	// The bars stand between the lanes: caller | Bifrons | party | party ...
	cell := max((s.Width-gutter-len(names)-1)/len(names), 18)
	d := drawing{Style: s, w: w, names: names, cell: cell}
	d.head()
	var zero time.Time
	for _, r := range rungs {
		if zero.IsZero() && !r.Remark {
			zero = r.At
		}
	}
	for i := range rungs {
		d.rung(&rungs[i], zero)
	}
	return d.err
}

type drawing struct {
	Style
	w     io.Writer
	names []string
	cell  int
	err   error
}

func (d *drawing) line(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format+"\n", args...)
	}
}

func (d *drawing) paint(code, text string) string {
	if !d.Terminal {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (d *drawing) glyph(plain, terminal string) string {
	if d.Terminal {
		return terminal
	}
	return plain
}

// head writes each party over its bar: the caller over the first, Bifrons over the second, the others over theirs.
func (d *drawing) head() {
	titles := append([]string{d.names[0], "Bifrons"}, d.names[1:]...)
	out := strings.Repeat(" ", gutter)
	for i, t := range titles {
		at := gutter + i*(d.cell+1)
		t = Cut(t, d.cell)
		n := len([]rune(t))
		switch i {
		case 0:
		case len(titles) - 1:
			at -= n - 1
		default:
			at -= n / 2
		}
		out += strings.Repeat(" ", max(at-len([]rune(out)), 1)) + t
	}
	d.line("%s", d.paint("1", strings.TrimRight(strings.Replace(out, strings.Repeat(" ", gutter), fmt.Sprintf("%8s  ", "ms"), 1), " ")))
}

func (d *drawing) rung(r *Rung, zero time.Time) {
	ms := fmt.Sprintf("%8.1f  ", float64(r.At.Sub(zero).Microseconds())/1000)
	bar := d.paint("2", d.glyph("|", "│"))
	if r.Remark {
		width := len(d.names)*(d.cell+1) + 1
		d.line("%s%s", ms, d.paint("33", centre(" "+Cut(r.Title, width-4)+" ", width, d.glyph(".", "·"))))
		return
	}
	var b strings.Builder
	b.WriteString(ms)
	// The arrow goes from Bifrons's bar to the party's, over the lanes between.
	lane := min(max(r.Lane, 0), len(d.names)-1)
	if lane == 0 {
		b.WriteString(bar + d.arrow(r, d.cell, !r.Out) + bar)
		for range d.names[1:] {
			b.WriteString(strings.Repeat(" ", d.cell) + bar)
		}
	} else {
		b.WriteString(bar + strings.Repeat(" ", d.cell) + bar)
		b.WriteString(d.arrow(r, lane*(d.cell+1)-1, r.Out) + bar)
		for i := lane + 1; i < len(d.names); i++ {
			b.WriteString(strings.Repeat(" ", d.cell) + bar)
		}
	}
	d.line("%s", b.String())
}

// arrow is the message on its shaft, so many columns long.
func (d *drawing) arrow(r *Rung, width int, right bool) string {
	title := r.Title
	if r.Again {
		title += "  (again)"
	}
	shaft := centre(" "+Cut(title, width-6)+" ", width-1, d.glyph("-", "─"))
	if right {
		shaft += d.glyph(">", "▶")
	} else {
		shaft = d.glyph("<", "◀") + shaft
	}
	switch {
	case r.Again:
		return d.paint("2", shaft)
	case r.Wrong:
		return d.paint("31", shaft)
	}
	return shaft
}

// centre puts a text in the middle of so many columns.
func centre(text string, width int, fill string) string {
	room := max(width-len([]rune(text)), 0)
	return strings.Repeat(fill, room/2) + text + strings.Repeat(fill, room-room/2)
}

// Cut shortens a text that is too long in its middle, where identifiers differ least.
func Cut(text string, width int) string {
	r := []rune(text)
	if len(r) <= width {
		return text
	}
	width = max(width, 4)
	head := (width - 2) / 2
	return string(r[:head]) + ".." + string(r[len(r)-(width-2-head):])
}
