package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validate checks a configuration that was made by a program. What Load and Parse
// return has been checked.
func (c *Config) Validate() error {
	var es Errors
	c.check(Known{}, func(path, text string) {
		es = append(es, Error{Text: path + ": " + text})
	})
	return es.sorted()
}

// problem is told the path of a setting and what is wrong with it.
type problem func(path, text string)

// check looks at what the settings mean together.
func (c *Config) check(known Known, bad problem) {
	if len(c.Sides) == 0 {
		bad("sides", "there is no side; add `sides:` and under it at least one network with its `listen:`")
	}
	taken := map[Listener]string{}
	for i := range c.Sides {
		c.checkSide(&c.Sides[i], taken, known, bad)
	}
	for i := range c.Routes {
		c.checkRoute(i, bad)
	}
	for i := range c.Definitions {
		c.checkDefinition(i, known, bad)
	}
	for i := range c.Policies {
		c.checkPair(i, known, bad)
	}
	c.checkUsers(bad)
	c.checkNumbers(bad)
	c.checkCalls(bad)
	c.DNS.check(bad)
	c.checkDiameter(bad)
	c.checkSources(bad)
	c.checkIMS(known, bad)
	c.checkMenus(bad)
	c.Admin.check(bad)
}

// check says what an API lacks that others can reach.
func (a *Admin) check(bad problem) {
	t := a.TLS
	if l := a.Listen; l.IsValid() && !l.Addr().IsLoopback() && (t.Cert == "" || a.TokenFile == "" && !t.Mutual) {
		bad("admin.listen", fmt.Sprintf("%s can be reached by others; add admin.tls with cert and key, and admin.token_file or tls.mutual, or use a loopback address such as 127.0.0.1:%d",
			tick(l.String()), l.Port()))
	}
	if (t.Cert == "") != (t.Key == "") {
		bad("admin.tls", "a certificate and its key go together; write both, tls.cert and tls.key")
	}
	if t.Mutual && t.CA == "" {
		bad("admin.tls.mutual", "nobody is trusted to sign certificates of those who ask; write tls.ca, a file of authorities")
	}
}

func (c *Config) checkSide(s *Side, taken map[Listener]string, known Known, bad problem) {
	path := "sides." + s.Name
	if len(s.Listen) == 0 {
		bad(path+".listen", "side "+tick(s.Name)+" listens nowhere; add `listen: udp:address:port`")
	}
	for i, l := range s.Listen {
		at := path + ".listen[" + strconv.Itoa(i) + "]"
		if !l.Addr.IsValid() {
			bad(at, "this listener has no address; write udp:address:port")
			continue
		}
		if by, twice := taken[l]; twice && l.Addr.Port() != 0 {
			bad(at, fmt.Sprintf("%s is already used by side %s; give every listener an address or port of its own", tick(l.String()), tick(by)))
		}
		taken[l] = s.Name
		if p := l.Addr.Port(); l.Network == "udp" && c.Media.Anchor && l.Addr.Addr() == s.Media.Address && p >= c.Media.Ports.First && p <= c.Media.Ports.Last {
			bad(at, fmt.Sprintf("port %d lies within media.ports %d-%d; move one of the two", p, c.Media.Ports.First, c.Media.Ports.Last))
		}
	}
	s.checkTLS(path, bad)
	if s.Advertise.IsValid() && slices.ContainsFunc(s.Listen, func(l Listener) bool {
		return l.Addr != s.Listen[0].Addr && s.Advertise.Port() != 0 || l.Addr.Addr() != s.Listen[0].Addr.Addr()
	}) {
		bad(path+".advertise", fmt.Sprintf("stands for one listener, and this side has %d; make a side of each", len(s.Listen)))
	}
	if a, b := s.Media.Address, s.Media.Advertise; a.IsValid() && b.IsValid() && a.Is4() != b.Is4() {
		bad(path+".media.advertise", fmt.Sprintf("%s and the media address %s are not of one IP version; give an advertise of the same", tick(b.String()), tick(a.String())))
	}
	if d := s.Datagram; d != 0 && (d < 376 || d > 65507) {
		bad(path+".max_datagram", fmt.Sprintf("%d is out of range; write something from 376 to 65507, or 0 for what the MTU of the path allows", d))
	}
	if d := s.Media.DSCP; d < 0 || d > 63 {
		bad(path+".media.dscp", fmt.Sprintf("%d is out of range; write something from 0 to 63", d))
	}
	if len(s.Listen) > 0 && len(s.Targets) == 0 && !s.NextHop.IsZero() && !s.reaches(s.NextHop) {
		bad(path+".next_hop", unreachable(s, s.NextHop))
	}
	for i, t := range s.Targets {
		at := path + ".next_hop[" + strconv.Itoa(i) + "]"
		switch {
		case t.IsZero():
			bad(at, "this target has no address; add `uri: sip:address:port`")
		case len(s.Listen) > 0 && !s.reaches(t.Hop):
			bad(at, unreachable(s, t.Hop))
		case slices.ContainsFunc(s.Targets[:i], func(o Target) bool { return o.Addr == t.Addr && strings.EqualFold(o.Name, t.Name) }):
			bad(at, tick(t.URI)+" is in the list already; remove one of the two, or give it more weight")
		}
	}
	if len(s.Targets) > 64 {
		bad(path+".next_hop", fmt.Sprintf("has %d targets; a side has at most 64", len(s.Targets)))
	}
	s.checkLiveness(path, bad)
	c.checkIdentity(s, path, bad)
	for i, app := range s.Apps {
		if names := c.apps(known); names != nil && !slices.Contains(names, app) {
			at := path + ".apps[" + strconv.Itoa(i) + "]"
			bad(at, "no application is named "+tick(app)+suggest(app, names))
		}
		if slices.Contains(known.LookUp, app) && !c.knowsUsers() {
			bad(path+".apps["+strconv.Itoa(i)+"]", tick(app)+" looks subscribers up, and there is no source of them; add `subscribers:`")
		}
	}
}

// checkTLS says what a side that speaks TLS lacks.
func (s *Side) checkTLS(path string, bad problem) {
	speaks := slices.ContainsFunc(s.Listen, func(l Listener) bool { return l.Network == "tls" })
	switch {
	case speaks && (s.TLS.Cert == "" || s.TLS.Key == ""):
		bad(path+".listen", "a tls: listener needs a certificate; add `tls: {cert: FILE, key: FILE}` to side "+tick(s.Name))
	case !speaks && s.TLS != TLS{}:
		bad(path+".tls", "side "+tick(s.Name)+" has no tls: listener; add one, such as tls:192.0.2.1:5061")
	}
}

// reaches says whether a listener of the side has the IP version and the transport of a next hop.
func (s *Side) reaches(h Hop) bool {
	if h.Name != "" { // of any IP version, and where no transport is named of any
		return !h.Told || slices.ContainsFunc(s.Listen, func(l Listener) bool { return l.Network == h.Network })
	}
	return slices.ContainsFunc(s.Listen, func(l Listener) bool {
		return l.Addr.Addr().Is4() == h.Addr.Addr().Is4() && l.Network == h.Network || !l.Addr.IsValid() // the mistake in that one is enough
	})
}

func unreachable(s *Side, h Hop) string {
	if h.Name != "" || slices.ContainsFunc(s.Listen, func(l Listener) bool { return l.Addr.Addr().Is4() == h.Addr.Addr().Is4() }) {
		return fmt.Sprintf("side %s has no %s listener, which is the transport of %s; add one, or change the next hop", tick(s.Name), h.Network, tick(h.URI))
	}
	return fmt.Sprintf("side %s has no listener of the IP version of %s; add one, or change the next hop", tick(s.Name), tick(h.URI))
}

func (c *Config) checkRoute(i int, bad problem) {
	r, path := c.Routes[i], "routes["+strconv.Itoa(i)+"]"
	if r.From != "" {
		c.checkName(path+".from", r.From, bad)
	}
	c.checkName(path+".to", r.To, bad)
	if to := c.Side(r.To); to != nil {
		switch {
		case r.NextHop.Registered() && !to.Registrar:
			bad(path+".next_hop", "nobody can register on side "+tick(r.To)+"; add `registrar: true` to it")
		case r.NextHop.Registered():
		case r.NextHop.IsZero() && to.NextHop.IsZero():
			bad(path, "this route ends nowhere; add `next_hop: sip:address:port` to it or to side "+tick(r.To))
		case !r.NextHop.IsZero() && len(to.Listen) > 0 && !to.reaches(r.NextHop):
			bad(path+".next_hop", unreachable(to, r.NextHop))
		}
	}
	if r.Match.Header.Name == "" && r.Match.Header.Value != nil {
		bad(path+".match.header", "has a value but no name; add `name:` with the header to look at")
	}
	for j, before := range c.Routes[:i] {
		if before.Match.everything() && !before.NextHop.Registered() && (before.From == "" || before.From == r.From) {
			bad(path, fmt.Sprintf("is never reached: route %d takes every call before it; move this one up, or give that one a `match:`", j+1))
			return
		}
	}
}

func (c *Config) checkPair(i int, known Known, bad problem) {
	p, path := c.Policies[i], "policies["+strconv.Itoa(i)+"]"
	c.checkName(path+".from", p.From, bad)
	c.checkName(path+".to", p.To, bad)
	switch {
	case p.Policy == "":
		bad(path+".policy", "no policy is given; add `policy:`"+suggest("", c.policyNames(known)))
	case known.Policies != nil && !c.knowsPolicy(p.Policy, known):
		bad(path+".policy", "no policy is named "+tick(p.Policy)+suggest(p.Policy, c.policyNames(known)))
	}
	for j, before := range c.Policies[:i] {
		if before.From == p.From && before.To == p.To {
			bad(path, fmt.Sprintf("entry %d is for the same two sides; remove one of the two", j+1))
		}
	}
}

// checkName checks the name of a side.
func (c *Config) checkName(path, name string, bad problem) {
	names := make([]string, len(c.Sides))
	for i, s := range c.Sides {
		names[i] = s.Name
	}
	switch {
	case slices.Contains(names, name):
	case name == "":
		bad(path, "no side is given; add `"+path[len(parent(path))+1:]+":`"+suggest("", names))
	default:
		bad(path, "no side is named "+tick(name)+suggest(name, names))
	}
}

// checkLiveness checks the durations and numbers of a side.
func (s *Side) checkLiveness(path string, bad problem) {
	l, h := &s.Liveness, &s.Health
	for _, d := range []struct {
		path     string
		is       time.Duration
		min, max time.Duration
		zero     bool // switches it off
	}{
		{"liveness.probe.every", l.Probe.Every, 20 * time.Millisecond, 24 * time.Hour, true},
		{"liveness.probe.timeout", l.Probe.Timeout, 20 * time.Millisecond, 32 * time.Second, false},
		{"liveness.session_timer.expires", l.Session.Expires, l.Session.Min, 24 * time.Hour, true},
		{"liveness.session_timer.min", l.Session.Min, 90 * time.Second, 24 * time.Hour, false}, // RFC 4028 5
		{"liveness.media.silence", l.Silence, 100 * time.Millisecond, 24 * time.Hour, true},
		{"liveness.media.hold_silence", l.HoldSilence, 100 * time.Millisecond, 7 * 24 * time.Hour, true},
		{"liveness.max_duration", l.MaxDuration, 100 * time.Millisecond, 365 * 24 * time.Hour, true},
		{"health.try", h.Try, 20 * time.Millisecond, 32 * time.Second, true},
		{"health.ping", h.Ping, 100 * time.Millisecond, time.Hour, true},
		{"health.timeout", h.Timeout, 20 * time.Millisecond, 32 * time.Second, false},
		{"health.recover", h.Recover, 100 * time.Millisecond, time.Hour, false},
	} {
		if (d.is < d.min || d.is > d.max) && (!d.zero || d.is != 0) {
			off := ""
			if d.zero {
				off = ", or 0s to switch it off"
			}
			bad(path+"."+d.path, fmt.Sprintf("%s is out of range; write something from %s to %s%s", tick(d.is.String()), d.min, d.max, off))
		}
	}
	for _, n := range []struct {
		path string
		is   int
	}{{"liveness.probe.strikes", l.Probe.Strikes}, {"health.strikes", h.Strikes}} {
		if n.is < 1 || n.is > 100 {
			bad(path+"."+n.path, fmt.Sprintf("%d is out of range; write something from 1 to 100", n.is))
		}
	}
	if l.Probe.Every > 0 && l.Probe.Timeout > l.Probe.Every {
		bad(path+".liveness.probe.timeout", fmt.Sprintf("%s is longer than `every`, %s; make it shorter", tick(l.Probe.Timeout.String()), l.Probe.Every))
	}
	if h.Ping > 0 && h.Timeout > h.Ping {
		bad(path+".health.timeout", fmt.Sprintf("%s is longer than `ping`, %s; make it shorter", tick(h.Timeout.String()), h.Ping))
	}
}

// checkNumbers checks that numbers and durations make sense.
func (c *Config) checkNumbers(bad problem) {
	for _, d := range []struct {
		path     string
		is       time.Duration
		min, max time.Duration
	}{
		{"timers.t1", c.Timers.T1, 10 * time.Millisecond, 10 * time.Second},
		{"timers.t2", c.Timers.T2, c.Timers.T1, time.Minute},
		{"timers.t4", c.Timers.T4, c.Timers.T1, time.Minute},
		{"timers.no_answer", c.Timers.NoAnswer, time.Second, time.Hour},
		{"calls.drain", c.Calls.Drain, 0, 24 * time.Hour},
		{"media.silence", c.Media.Silence, 0, time.Hour},
		{"media.quarantine", c.Media.Quarantine, 0, 5 * time.Minute},
	} {
		if d.is < d.min || d.is > d.max {
			bad(d.path, fmt.Sprintf("%s is out of range; write something from %s to %s", tick(d.is.String()), d.min, d.max))
		}
	}
	for _, n := range []struct {
		path         string
		is, min, max int
	}{
		{"calls.max_forwards", c.Calls.MaxForwards, 1, 255},
		{"media.threads", c.Media.Threads, 1, 64},
	} {
		if n.is < n.min || n.is > n.max {
			bad(n.path, fmt.Sprintf("%d is out of range; write something from %d to %d", n.is, n.min, n.max))
		}
	}
	if err := c.Prompts.Validate(); err != nil {
		bad("prompts", strings.TrimPrefix(err.Error(), "prompts: "))
	}
	if d := c.Media.Silence; d > 0 && d < 10*time.Millisecond {
		bad("media.silence", fmt.Sprintf("%s is out of range; write 0s, or 10ms and more", tick(d.String())))
	}
	// RFC 3550 11: RTP takes an even port and RTCP the odd one above it.
	if p := c.Media.Ports; p.First < 1024 || p.Last < p.First || p.First%2 != 0 || p.Last%2 != 1 {
		bad("media.ports", fmt.Sprintf("%s begins with an odd port, ends with an even one, or is not a rising range above 1023; write one such as 20000-39999", tick(fmt.Sprintf("%d-%d", p.First, p.Last))))
	}
}
