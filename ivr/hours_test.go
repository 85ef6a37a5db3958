package ivr_test

import (
	"testing"
	"time"

	"github.com/bifrons/bifrons/ivr"
)

// TestHours: a call at a time of the clock hears whether it is open there: by zone, minute, holiday and special day.
func TestHours(t *testing.T) {
	t.Parallel()
	const menu = `
zone: Europe/Berlin
calendars:
  office: {open: {mon-fri: 09:00-17:00}, holidays: [12-25, easter+1], special: {2026-12-24: 09:00-12:00}}
nodes:
  look: {hours: office, open: open, closed: closed, holiday: holiday}
  open: {say: Open, next: end}
  closed: {say: Closed, next: end}
  holiday: {say: Holiday, next: end}
`
	for at, said := range map[string]string{ // times of UTC
		"2026-11-23T07:59:30Z": "Closed", // a Monday
		"2026-11-23T08:00:00Z": "Open",
		"2026-11-23T15:59:30Z": "Open",
		"2026-11-23T16:00:00Z": "Closed",
		"2026-07-06T07:00:00Z": "Open", // in summer an hour earlier
		"2026-11-28T10:00:00Z": "Closed",
		"2026-12-25T10:00:00Z": "Holiday",
		"2027-03-29T10:00:00Z": "Holiday", // the Monday after Easter
		"2026-12-24T10:59:30Z": "Open",
		"2026-12-24T11:00:00Z": "Closed",
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			play(t, menu, "alice > INVITE sdp\nalice < 100\nalice < 200 sdp\nalice > ACK\nplays alice text:"+said+"\nplayed alice done\nalice < BYE\nalice > 200",
				func(_ *ivr.Config, d *ivr.Deps) { d.Now = func() time.Time { return now } })
		})
	}
}
