package flow

import (
	"fmt"
	"time"
	_ "time/tzdata" // a menu's zone must be known wherever Bifrons runs

	"github.com/bifrons/bifrons/ivr/form"
)

func (d *decoder) zone(name string, t *form.Tree) {
	if name == "" || t == nil {
		return
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		d.fail(t.At, "there is no time zone %s; write one such as Europe/Berlin or America/New_York", form.Tick(name))
	}
}

// Local gives a time as clocks of the application show it.
func (f *Flow) Local(t time.Time) time.Time { return in(t, f.Zone) }

func in(t time.Time, zone string) time.Time {
	if zone == "" {
		return t.UTC()
	}
	l, err := time.LoadLocation(zone)
	if err != nil {
		return t.UTC()
	}
	return t.In(l)
}

// Opening is what a calendar says of a moment.
type Opening string

// The openings.
const (
	OpenNow   Opening = "open"
	ClosedNow Opening = "closed"
	HolidayIs Opening = "holiday"
)

// Opening tells whether somebody is there. Special days win over holidays, holidays over the days of the week; hours over
// midnight belong to the day they begin on.
func (f *Flow) Opening(calendar string, now time.Time) (Opening, error) {
	for i := range f.Calendars {
		if c := &f.Calendars[i].Value; f.Calendars[i].Name == calendar {
			zone := c.Zone
			if zone == "" {
				zone = f.Zone
			}
			return c.at(in(now, zone)), nil
		}
	}
	return ClosedNow, fmt.Errorf("there is no calendar %s", calendar)
}

func (c *Calendar) at(t time.Time) Opening {
	minute := t.Hour()*60 + t.Minute()
	today, what := c.day(t)
	for _, s := range today {
		if minute >= s[0] && (minute < s[1] || s[1] < s[0]) {
			return OpenNow
		}
	}
	// The days are stepped by the calendar: one of 23 hours is a day, too.
	before, _ := c.day(time.Date(t.Year(), t.Month(), t.Day()-1, 12, 0, 0, 0, t.Location()))
	for _, s := range before {
		if s[1] < s[0] && minute < s[1] {
			return OpenNow
		}
	}
	return what
}

// day gives the hours of a day, and what the rest of it is.
func (c *Calendar) day(t time.Time) ([][2]int, Opening) {
	for _, s := range c.Special {
		if d, ok := parseDate(s.Name); ok && d == (date{t.Year(), t.Month(), t.Day()}) {
			return s.Value.spans, ClosedNow
		}
	}
	for _, h := range c.Holidays {
		if h.covers(t) {
			return nil, HolidayIs
		}
	}
	var out [][2]int
	for _, o := range c.Open {
		if on, _ := days(o.Name); on[t.Weekday()] {
			out = append(out, o.Value.spans...)
		}
	}
	return out, ClosedNow
}
