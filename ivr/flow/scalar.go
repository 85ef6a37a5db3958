package flow

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/ivr/form"
)

// End is the target of a branch that ends the application, or returns from a sub.
const End = "end"

// Ref names a node; the zero Ref names none.
type Ref struct {
	Name string
	At   form.Place
}

// Set tells that a node is named, or the end.
func (r Ref) Set() bool { return r.Name != "" }

// Name is a word: of a variable, a calendar, a side.
type Name struct {
	Text string
	At   form.Place
}

// Value is any data with templates in its texts.
type Value struct {
	tree  *form.Tree
	texts map[*form.Tree]*Text
}

// Given tells that there is a value.
func (v Value) Given() bool { return v.tree != nil }

// Eval gives the data with all templates filled in.
func (v Value) Eval(env map[string]any) (any, error) {
	if v.tree == nil {
		return nil, nil
	}
	return v.eval(v.tree, env)
}

func (v Value) eval(t *form.Tree, env map[string]any) (any, error) {
	switch t.Kind {
	case form.String:
		return v.texts[t].Value(env)
	case form.List:
		out := make([]any, len(t.Items))
		for i, it := range t.Items {
			x, err := v.eval(it.Value, env)
			if err != nil {
				return nil, err
			}
			out[i] = x
		}
		return out, nil
	case form.Map:
		out := make(map[string]any, len(t.Entries))
		for _, e := range t.Entries {
			x, err := v.eval(e.Value, env)
			if err != nil {
				return nil, err
			}
			out[e.Key] = x
		}
		return out, nil
	}
	return t.Value(), nil
}

// Order says how several callees ring.
type Order string

// The two orders.
const (
	InTurn   Order = "in turn"
	Together Order = "together"
)

// Cause says how a call ends: a SIP status for a call that is not answered, a Reason for one that is.
type Cause struct {
	Word   string // as written; "" is no cause
	Status int    // 200 is a normal end
}

// causes are the words of hangup; the Q.850 cause goes into the Reason header of a BYE.
var causes = [...]struct {
	Word         string
	Status, Q850 int
}{
	{"normal", 200, 16}, {"busy", 486, 17}, {"no_answer", 480, 19}, {"rejected", 603, 21}, {"not_found", 404, 1},
	{"changed", 410, 22}, {"forbidden", 403, 21}, {"unavailable", 503, 41}, {"congestion", 500, 42}, {"error", 500, 41}, {"payment_required", 402, 21},
}

// Causes lists the words of hangup.
func Causes() (out []string) {
	for _, c := range causes {
		out = append(out, c.Word)
	}
	return out
}

// Q850 is the cause of ITU-T Q.850 that fits, 31 if none does.
func (c Cause) Q850() int {
	for _, x := range causes {
		if x.Status == c.Status || x.Word == c.Word {
			return x.Q850
		}
	}
	return 31
}

func parseCause(s string) (Cause, bool) {
	for _, x := range causes {
		if x.Word == s {
			return Cause{s, x.Status}, true
		}
	}
	n, err := strconv.Atoi(s)
	return Cause{s, n}, err == nil && (n == 200 || n >= 300 && n <= 699)
}

// Day is a holiday, or several.
type Day struct {
	Text     string
	from, to date
	yearly   bool
	easter   bool
	offset   int
}

type date struct {
	year  int
	month time.Month
	day   int
}

func (d date) days(year int) int {
	if year != 0 {
		d.year = year
	}
	return int(time.Date(d.year, d.month, d.day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

var (
	fullDate   = regexp.MustCompile(`^(\d{4})-(\d{2})-(\d{2})$`)
	yearlyDate = regexp.MustCompile(`^(\d{2})-(\d{2})$`)
	easterDay  = regexp.MustCompile(`^easter(?:\s*([+-])\s*(\d{1,3}))?$`)
)

func parseDate(s string) (date, bool) {
	m := fullDate.FindStringSubmatch(s)
	if m == nil {
		return date{}, false
	}
	t, err := time.Parse("2006-01-02", s)
	return date{t.Year(), t.Month(), t.Day()}, err == nil
}

func parseDay(s string) (Day, bool) {
	d := Day{Text: s}
	if m := easterDay.FindStringSubmatch(s); m != nil {
		d.easter = true
		d.offset, _ = strconv.Atoi(m[1] + m[2])
		return d, true
	}
	if yearlyDate.MatchString(s) {
		t, err := time.Parse("2006-01-02", "2024-"+s)
		d.yearly, d.from = true, date{2024, t.Month(), t.Day()}
		return d, err == nil
	}
	from, to, ranged := strings.Cut(s, "..")
	var ok1, ok2 bool
	d.from, ok1 = parseDate(strings.TrimSpace(from))
	d.to, ok2 = d.from, ok1
	if ranged {
		d.to, ok2 = parseDate(strings.TrimSpace(to))
	}
	return d, ok1 && ok2 && d.from.days(0) <= d.to.days(0)
}

// covers tells whether a day is this holiday.
func (d Day) covers(t time.Time) bool {
	today := date{t.Year(), t.Month(), t.Day()}
	switch {
	case d.easter:
		return today.days(0) == easter(t.Year()).days(0)+d.offset
	case d.yearly:
		return today.month == d.from.month && today.day == d.from.day
	}
	return today.days(0) >= d.from.days(0) && today.days(0) <= d.to.days(0)
}

// easter gives Easter Sunday of the Gregorian calendar.
func easter(year int) date {
	a, b, c := year%19, year/100, year%100
	h := (19*a + b - b/4 - (b-(b+8)/25+1)/3 + 15) % 30
	l := (32 + 2*(b%4) + 2*(c/4) - h - c%4) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return date{year, time.Month(n / 31), n%31 + 1}
}

// Hours are spans of a day, in minutes; none is closed.
type Hours struct {
	Text  string
	spans [][2]int
}

func parseHours(s string) (Hours, bool) {
	h := Hours{Text: s}
	if s = strings.TrimSpace(s); s == "closed" {
		return h, true
	}
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		from, to, ok := strings.Cut(f, "-")
		a, ok1 := clock(from)
		b, ok2 := clock(to)
		if !ok || !ok1 || !ok2 || a == b || a == 24*60 {
			return h, false
		}
		h.spans = append(h.spans, [2]int{a, b})
	}
	return h, len(h.spans) > 0
}

func clock(s string) (int, bool) {
	hour, minute, ok := strings.Cut(s, ":")
	a, err1 := strconv.Atoi(hour)
	b, err2 := strconv.Atoi(minute)
	n := a*60 + b
	return n, ok && err1 == nil && err2 == nil && len(minute) == 2 && a >= 0 && b >= 0 && b < 60 && n <= 24*60
}

var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// days gives the days of the week that a text such as mon-fri names.
func days(s string) (out [7]bool, ok bool) {
	if s == "daily" {
		return [7]bool{true, true, true, true, true, true, true}, true
	}
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		from, to, ranged := strings.Cut(f, "-")
		a, b := weekday(from), weekday(to)
		if !ranged {
			b = a
		}
		if a < 0 || b < 0 {
			return out, false
		}
		for d := a; ; d = (d + 1) % 7 {
			out[d], ok = true, true
			if d == b {
				break
			}
		}
	}
	return out, ok
}

func weekday(s string) int {
	for i, w := range weekdays {
		if strings.EqualFold(s, w) {
			return i
		}
	}
	return -1
}

// key patterns: digits, * and #, X for any digit, [2-4] for some.
var keyPattern = regexp.MustCompile(`^(?:[0-9*#A-DXx]|\[[0-9](?:-?[0-9])*\])+$`)

// Match compares pressed keys with a pattern: whole when they are all of it, partly when they are its beginning.
func Match(pattern, keys string) (whole, partly bool) {
	for {
		switch {
		case keys == "":
			return pattern == "", pattern != ""
		case pattern == "":
			return false, false
		}
		k := keys[0]
		switch pattern[0] {
		case 'X', 'x':
			if k < '0' || k > '9' {
				return false, false
			}
			pattern = pattern[1:]
		case '[':
			end := strings.IndexByte(pattern, ']')
			if end < 0 || !among(pattern[1:end], k) {
				return false, false
			}
			pattern = pattern[end+1:]
		default:
			if pattern[0] != k {
				return false, false
			}
			pattern = pattern[1:]
		}
		keys = keys[1:]
	}
}

func among(set string, k byte) bool {
	for i := 0; i < len(set); i++ {
		if i+2 < len(set) && set[i+1] == '-' {
			if set[i] <= k && k <= set[i+2] {
				return true
			}
			i += 2
			continue
		}
		if set[i] == k {
			return true
		}
	}
	return false
}

// Source gives the value as it is written.
func (v Value) Source() string {
	if v.tree == nil {
		return ""
	}
	if v.tree.Scalar() {
		return v.tree.Text
	}
	return Show(v.tree.Value())
}
