package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bound limits the calls that pass somewhere; 0 is no limit.
type Bound struct {
	Max  int // at once
	Rate int // new ones in any second
}

// Overload says when new calls are refused because the server is behind its work.
type Overload struct {
	Target time.Duration // how long messages may wait to be read; 0: nothing is refused for it
	Floor  int           // calls per second that are taken all the same
}

// SideCalls are the limits of a side: of calls that come from it, and of those that go there.
type SideCalls struct{ In, Out Bound }

func (d *decoder) bound(b *Bound) func(value) {
	return func(v value) {
		d.fields(v, []field{
			{"max", read(d, &b.Max, "a number", number)},
			{"rate", read(d, &b.Rate, "a number of calls per second", number)},
		})
	}
}

func (d *decoder) calls(v value, c *Calls) {
	d.fields(v, []field{
		{"max", read(d, &c.Max, "a number", number)},
		{"rate", read(d, &c.Rate, "a number of calls per second", number)},
		{"emergency", readList(d, &c.Emergency, "a number such as 112, or a list of them", emergencyNumber)},
		{"priority", readList(d, &c.Priority, "a value such as wps.0 or a namespace such as ets, or a list of them", resource)},
		{"overload", func(v value) {
			d.fields(v, []field{
				{"target", read(d, &c.Overload.Target, "a duration such as 10ms", duration)},
				{"floor", read(d, &c.Overload.Floor, "a number of calls per second", number)},
			})
		}},
		{"max_forwards", read(d, &c.MaxForwards, "a number", number)},
		{"drain", read(d, &c.Drain, "a duration such as 30s", duration)},
	})
}

// emergencyNumber reads the user part of a URI: digits with or without a plus.
func emergencyNumber(s string) (string, error) {
	digits := strings.TrimPrefix(s, "+")
	if digits == "" || strings.Trim(digits, "0123456789*#") != "" {
		return "", fmt.Errorf("%s is not a number that is dialled; write one such as 112, or '+15551234'", tick(s))
	}
	return s, nil
}

// resource reads a value of Resource-Priority (RFC 4412 3.1): namespace.priority, or the namespace alone.
func resource(s string) (string, error) {
	namespace, priority, dot := strings.Cut(s, ".")
	if headerName(namespace) != nil || headerName(priority) != nil || namespace == "" || dot && priority == "" || strings.Contains(priority, ".") {
		return "", fmt.Errorf("%s is no value of Resource-Priority; write one such as wps.0, or a namespace such as ets", tick(s))
	}
	return s, nil
}

// checkCalls looks at the limits of calls.
func (c *Config) checkCalls(bad problem) {
	bound := func(path string, b Bound) {
		if b.Max < 0 || b.Max > 10_000_000 {
			bad(path+".max", fmt.Sprintf("%d is out of range; write something from 0 to 10000000", b.Max))
		}
		if b.Rate < 0 || b.Rate > 50_000 {
			bad(path+".rate", fmt.Sprintf("%d is out of range; write something from 0 to 50000", b.Rate))
		}
	}
	bound("calls", Bound{c.Calls.Max, c.Calls.Rate})
	for i := range c.Sides {
		s := &c.Sides[i]
		bound("sides."+s.Name+".calls.in", s.Calls.In)
		bound("sides."+s.Name+".calls.out", s.Calls.Out)
	}
	for i, r := range c.Routes {
		bound("routes["+strconv.Itoa(i)+"].calls", r.Calls)
	}
	o := c.Calls.Overload
	if o.Target != 0 && (o.Target < time.Millisecond || o.Target > time.Second) {
		bad("calls.overload.target", fmt.Sprintf("%s is out of range; write something from 1ms to 1s, or 0s for no overload control", tick(o.Target.String())))
	}
	if o.Floor < 1 || o.Floor > 50_000 {
		bad("calls.overload.floor", fmt.Sprintf("%d is out of range; write something from 1 to 50000", o.Floor))
	}
	if len(c.Calls.Priority) > 0 && !slices.ContainsFunc(c.Sides, func(s Side) bool { return s.Trust == Home }) {
		bad("calls.priority", "no side is trusted to ask for priority; write `trust: home` at the one that is")
	}
}
