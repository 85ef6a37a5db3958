package demo

import (
	"fmt"
	"io"
	"os"
	"time"
)

// paper is what the show is written on: a terminal in colour, or plain text.
type paper struct {
	w      io.Writer
	colour bool
	err    error // the first write that failed
}

// newPaper looks whether w is a terminal that wants colour (no-color.org).
func newPaper(w io.Writer) *paper {
	p := &paper{w: w}
	if f, ok := w.(*os.File); ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		info, err := f.Stat()
		p.colour = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

func (p *paper) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *paper) title(text string) {
	p.line("")
	p.line("%s", p.bold(text))
}

func (p *paper) paint(code, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p *paper) bold(text string) string   { return p.paint("1", text) }
func (p *paper) dim(text string) string    { return p.paint("2", text) }
func (p *paper) red(text string) string    { return p.paint("31;1", text) }
func (p *paper) green(text string) string  { return p.paint("32", text) }
func (p *paper) yellow(text string) string { return p.paint("33", text) }

// glyph chooses between the plain and the terminal's form of a sign.
func (p *paper) glyph(plain, terminal string) string {
	if p.colour {
		return terminal
	}
	return plain
}

// face prints what one phone could learn of the other.
func (p *paper) face(f Face) {
	p.line("%s", p.bold(fmt.Sprintf("%-12s %-35s %-35s verdict", "", f.Owner+"'s own", "as "+f.By+"'s phone has it")))
	for _, r := range f.Rows {
		seen := r.Seen
		if seen == "" {
			seen = "-"
		}
		p.line("%-12s %-35s %-35s %s", r.Field, cut(r.Own, 35), cut(seen, 35), p.verdict(r.Verdict))
	}
	found := p.green("none found")
	if len(f.Scan.Found) > 0 {
		found = p.red(fmt.Sprintf("FOUND %v", f.Scan.Found))
	}
	p.line("%s", p.dim(fmt.Sprintf("%d private values of %s's leg searched in all %d messages that %s received: ",
		f.Scan.Values, f.Owner, f.Scan.Messages, f.By))+found)
}

func (p *paper) verdict(v Verdict) string {
	switch v {
	case Hidden:
		return p.green(string(v))
	case Same, NotThere:
		return p.red(string(v))
	case Meant, NoTell:
	}
	return p.yellow(string(v))
}

// stream is the audio of one direction, for the table of statistics.
type stream struct {
	from, to  string
	sent      int
	reception Reception
	frequency float64
	before    float64 // level of the tone in dB, before the hold
	held      float64 // loudness on hold
	after     float64
}

func (p *paper) streams(all ...stream) {
	p.line("%s", p.bold(fmt.Sprintf("%-16s %6s %9s %6s %10s   %7s  %10s  %10s  %10s",
		"", "sent", "received", "lost", "jitter", "tone", "talking", "on hold", "resumed")))
	for _, s := range all {
		p.line("%-16s %6d %9d %6d %7.2f ms   %4.0f Hz  %s  %s  %s", s.from+" to "+s.to, s.sent, s.reception.Packets, s.reception.Lost,
			float64(s.reception.Jitter)/float64(time.Millisecond), s.frequency, decibel(s.before), decibel(s.held), decibel(s.after))
	}
}

func decibel(level float64) string {
	if level <= silence {
		return "   silence"
	}
	return fmt.Sprintf("%7.1f dB", level)
}
