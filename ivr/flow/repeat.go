package flow

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/ivr/form"
)

// MaxRepeats bounds how often a prompt is played again, and MaxSpan a time that a template gives.
const (
	MaxRepeats = 10_000
	MaxSpan    = 24 * time.Hour
)

// Repeats reads how often a prompt is played again: a number, -1 for ever. Nothing is 0.
func Repeats(s string) (int, error) {
	if s = strings.TrimSpace(s); s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	return n, unless(err == nil && n >= -1 && n <= MaxRepeats, "%s is no number of repeats; write one up to %d, or -1 for ever", form.Tick(s), MaxRepeats)
}

// Span reads a time such as 500ms or 2m. Nothing is 0.
func Span(s string) (time.Duration, error) {
	if s = strings.TrimSpace(s); s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	return d, unless(err == nil && d >= 0 && d <= MaxSpan, "%s is no time up to %s, such as 500ms, 10s or 2m", form.Tick(s), MaxSpan)
}

// Repetition evaluates how a prompt is repeated; its error names the line.
func (n *Node) Repetition(env map[string]any) (repeat int, gap, limit time.Duration, err error) {
	text := func(t Text, read func(string) error) {
		if err != nil || t.Empty() {
			return
		}
		var s string
		if s, err = t.String(env); err == nil {
			if err = read(s); err != nil {
				err = fmt.Errorf("line %d: %w", t.At.Line, err)
			}
		}
	}
	text(n.Repeat, func(s string) (err error) { repeat, err = Repeats(s); return err })
	text(n.Gap, func(s string) (err error) { gap, err = Span(s); return err })
	text(n.Limit, func(s string) (err error) { limit, err = Span(s); return err })
	return repeat, gap, limit, err
}

// plays checks repeats and times without templates when the file is read.
func (d *decoder) plays(n *Node) {
	check := func(t Text, err error) {
		if err != nil && !strings.Contains(t.Src, "${") {
			d.fail(t.At, "%s", err)
		}
	}
	_, err := Repeats(n.Repeat.Src)
	check(n.Repeat, err)
	for _, t := range []Text{n.Gap, n.Limit} {
		_, err := Span(t.Src)
		check(t, err)
	}
}
