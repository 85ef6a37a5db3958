package configs

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// DNS says how names of next hops, Routes and Contacts are looked up (RFC 3263).
type DNS struct {
	Servers  []netip.AddrPort // empty: those of /etc/resolv.conf
	Hosts    string           // file of names that need no name server; "": none
	Timeout  time.Duration    // until the next query; a later answer still counts
	Attempts int              // rounds through the servers

	MinTTL, MaxTTL, NegativeTTL time.Duration
	Stale                       time.Duration // how long an expired answer is used while it is asked for again, or nobody answers
	Cache                       int           // names
}

// DefaultDNS has every default.
func DefaultDNS() DNS {
	return DNS{Hosts: "/etc/hosts", Timeout: time.Second, Attempts: 2, MinTTL: time.Second, MaxTTL: time.Hour, NegativeTTL: 30 * time.Second,
		Stale: time.Hour, Cache: 10000}
}

func (d *decoder) dns(v value, c *DNS) {
	d.fields(v, []field{
		{"servers", readList(d, &c.Servers, "an address such as 192.0.2.53, or a list of them", nameServer)},
		{"hosts", d.path(&c.Hosts)},
		{"timeout", read(d, &c.Timeout, "a duration such as 1s", duration)},
		{"attempts", read(d, &c.Attempts, "a number", number)},
		{"min_ttl", read(d, &c.MinTTL, "a duration such as 1s", duration)},
		{"max_ttl", read(d, &c.MaxTTL, "a duration such as 1h", duration)},
		{"negative_ttl", read(d, &c.NegativeTTL, "a duration such as 30s", duration)},
		{"stale", read(d, &c.Stale, "a duration such as 1h", duration)},
		{"cache", read(d, &c.Cache, "a number", number)},
	})
}

// nameServer reads an address with or without its port.
func nameServer(s string) (netip.AddrPort, error) {
	a, err := addrMaybePort(s)
	switch {
	case err != nil:
		return netip.AddrPort{}, err
	case !a.IsValid():
		return netip.AddrPort{}, fmt.Errorf("%s is empty; write the address of a name server, such as 192.0.2.53", tick(s))
	case a.Port() == 0:
		a = netip.AddrPortFrom(a.Addr(), 53)
	}
	return a, nil
}

func (c *DNS) check(bad problem) {
	for _, d := range []struct {
		path         string
		is, min, max time.Duration
	}{
		{"timeout", c.Timeout, 10 * time.Millisecond, 5 * time.Second},
		{"min_ttl", c.MinTTL, 0, c.MaxTTL},
		{"max_ttl", c.MaxTTL, time.Second, 7 * 24 * time.Hour},
		{"negative_ttl", c.NegativeTTL, 0, time.Hour},
		{"stale", c.Stale, 0, 7 * 24 * time.Hour},
	} {
		if d.is < d.min || d.is > d.max {
			bad("dns."+d.path, fmt.Sprintf("%s is out of range; write something from %s to %s", tick(d.is.String()), d.min, d.max))
		}
	}
	if c.Attempts < 1 || c.Attempts > 10 {
		bad("dns.attempts", fmt.Sprintf("%d is out of range; write something from 1 to 10", c.Attempts))
	}
	if c.Cache < 1 || c.Cache > 1_000_000 {
		bad("dns.cache", strconv.Itoa(c.Cache)+" is out of range; write something from 1 to 1000000")
	}
}
