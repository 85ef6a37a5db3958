package configs

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/sh"
)

// checkDiameter checks who we are and whom we ask.
func (c *Config) checkDiameter(bad problem) {
	d := &c.Diameter
	if !d.On() {
		if !reflect.DeepEqual(*d, DefaultDiameter()) {
			bad("diameter.peers", "there is nobody to talk to; add `peers:` with `address: host:port` of an HSS or relay")
		}
		if !reflect.DeepEqual(c.Sh, DefaultSh()) {
			bad("sh", "there is no HSS to ask; add `diameter:` with `peers:`, or remove this section")
		}
		return
	}
	for _, n := range []struct{ key, is, such string }{
		{"origin_host", d.OriginHost, "as1.ims.example"}, {"origin_realm", d.OriginRealm, "ims.example"},
	} {
		if n.is == "" {
			bad("diameter."+n.key, fmt.Sprintf("our Diameter identity is not whole; add `%s:`, such as %s", n.key, n.such))
		}
	}
	for i := range d.Peers {
		c.checkPeer(i, bad)
	}
	switch {
	case d.TLS != nil && d.Listen == "":
		bad("diameter.tls", "is for a listener, and there is none; add `listen:`, or move it to the peer that is dialled")
	case d.TLS != nil && (d.TLS.Cert == "" || d.TLS.Key == ""):
		bad("diameter.tls", "a listener needs its certificate; add `cert:` and `key:`")
	case d.TLS != nil && d.TLS.ServerName != "":
		bad("diameter.tls.server_name", "is for a peer that is dialled; remove it here")
	case d.AcceptUnknown && d.Listen == "":
		bad("diameter.accept_unknown", "is for those who dial us, and there is no listener; add `listen:` or remove it")
	}
	c.checkDiameterTimes(bad)
	checkFallback("sh", &c.Sh.Fallback, bad)
}

func (c *Config) checkPeer(i int, bad problem) {
	p, path := &c.Diameter.Peers[i], "diameter.peers["+strconv.Itoa(i)+"]"
	if p.Address == "" {
		bad(path+".address", "this peer has no address; add `address: host:port`, such as 192.0.2.20:3868")
	}
	for _, o := range c.Diameter.Peers[:i] {
		if p.Host != "" && strings.EqualFold(p.Host, o.Host) {
			bad(path+".host", tick(p.Host)+" is in the list already; one peer has one connection (RFC 6733 2.1)")
		}
		if p.Address != "" && p.Address == o.Address {
			bad(path+".address", tick(p.Address)+" is in the list already; remove one of the two")
		}
	}
	if p.Weight < 1 || p.Weight > 65535 {
		bad(path+".weight", fmt.Sprintf("%d is out of range; write something from 1 to 65535", p.Weight))
	}
	if t := p.TLS; t != nil {
		checkClientTLS(path, t, p.Host, bad)
	}
}

func checkClientTLS(path string, t *diameter.TLSConfig, host string, bad problem) {
	if (t.Cert == "") != (t.Key == "") {
		bad(path+".tls", "certificate and key belong together; add the other of `cert:` and `key:`")
	}
	if t.ServerName == "" && host == "" {
		bad(path+".tls", "nobody can say which certificate is right; add `host:` to the peer, or `server_name:` here")
	}
}

func (c *Config) checkDiameterTimes(bad problem) {
	d, k := &c.Diameter, &c.Sh.Cache
	const blink, hour = 10 * time.Millisecond, time.Hour
	for _, x := range []struct {
		path     string
		is       time.Duration
		min, max time.Duration
	}{
		{"diameter.watchdog", d.Watchdog, 6 * time.Second, hour}, // RFC 3539 3.4.1
		{"diameter.connect_timeout", d.ConnectTimeout, blink, time.Minute},
		{"diameter.request_timeout", d.RequestTimeout, blink, time.Minute},
		{"diameter.attempt_timeout", d.AttemptTimeout, blink, time.Minute},
		{"diameter.write_timeout", d.WriteTimeout, blink, time.Minute},
		{"diameter.reconnect_min", d.ReconnectMin, blink, hour},
		{"diameter.reconnect_max", d.ReconnectMax, d.ReconnectMin, hour},
		{"sh.cache.ttl", k.TTL, blink, 24 * hour},
		{"sh.cache.negative_ttl", k.NegativeTTL, blink, 24 * hour},
		{"sh.cache.retry_after", k.RetryAfter, blink, hour},
		{"sh.cache.fetch_timeout", k.FetchTimeout, blink, time.Minute},
	} {
		if x.is < x.min || x.is > x.max {
			bad(x.path, fmt.Sprintf("%s is out of range; write something from %s to %s", tick(x.is.String()), x.min, x.max))
		}
	}
	if k.SubscribeFor != 0 && (k.SubscribeFor < time.Minute || k.SubscribeFor > 30*24*hour) {
		bad("sh.cache.subscribe_for", fmt.Sprintf("%s is out of range; write something from 1m to 720h, or 0s for no end", tick(k.SubscribeFor.String())))
	}
	for _, n := range []struct {
		path         string
		is, min, max int
	}{
		{"diameter.max_message", d.MaxMessage, 1024, 1<<24 - 4},
		{"diameter.max_in_flight", d.MaxInFlight, 1, 1_000_000},
		{"diameter.max_connections", d.MaxConnections, 1, 100_000},
		{"sh.cache.size", k.Size, 1, 100_000_000},
	} {
		if n.is < n.min || n.is > n.max {
			bad(n.path, fmt.Sprintf("%d is out of range; write something from %d to %d", n.is, n.min, n.max))
		}
	}
}

// checkSources checks where subscribers are looked up.
func (c *Config) checkSources(bad problem) {
	asked := false
	for i := range c.Subscribers {
		s, path := &c.Subscribers[i], "subscribers["+strconv.Itoa(i)+"]"
		n := 0
		for _, is := range []bool{s.Sh != nil, s.LDAP != nil, s.File != ""} {
			if is {
				n++
			}
		}
		if n != 1 {
			bad(path, "one source is one of `sh:`, `ldap:` and `file:`; begin another with a dash of its own")
			continue
		}
		switch {
		case s.Sh != nil:
			if asked {
				bad(path, "the HSS is asked above already; remove one of the two")
			}
			asked = true
			c.checkShSource(path+".sh", s.Sh, bad)
		case s.LDAP != nil:
			if err := s.LDAP.Validate(); err != nil {
				bad(path+".ldap", oneLine(err)+"; see docs/subscribers.md for one that works")
			}
			switch scheme(s.LDAP.URL) {
			case "ldap", "ldaps", "ldapi":
			default:
				bad(path+".ldap.url", tick(s.LDAP.URL)+" is no address of a directory; write one such as ldaps://directory.ims.example")
			}
		}
	}
}

func (c *Config) checkShSource(path string, s *ShSource, bad problem) {
	switch {
	case !c.Diameter.On():
		bad(path, "there is no HSS to ask; add `diameter:` with `peers:`")
	case len(s.References)+len(s.Services) == 0:
		bad(path+".references", "there is nothing to read; name a reference, or a service under `services:`")
	case s.Username != "" && strings.Count(s.Username, "%s") != 1:
		bad(path+".username", tick(s.Username)+" has no place for the name; write one such as 'sip:%s@ims.example'")
	}
	checkFallback(path, &s.Fallback, bad)
}

func checkFallback(path string, f *Fallback, bad problem) {
	_, docErr := sh.ParseData([]byte(f.Default))
	_, err := f.Parse()
	switch {
	case f.Default != "" && docErr != nil:
		bad(path+".default", "is no Sh-Data document ("+oneLine(docErr)+"); write one such as '<Sh-Data><Sh-IMS-Data><IMSUserState>1</IMSUserState></Sh-IMS-Data></Sh-Data>'")
	case err != nil && strings.TrimSpace(f.Policy) == "default":
		bad(path+".policy", "there is no default; add `default:` with a Sh-Data document")
	case err != nil:
		bad(path+".policy", tick(f.Policy)+" is no policy; write `stale 10m` or another time, `default` or `reject`")
	case f.Default != "" && strings.TrimSpace(f.Policy) != "default":
		bad(path+".default", "is of no use with the policy "+tick(f.Policy)+"; write `policy: default`, or remove it")
	}
	if f.Wait < 10*time.Millisecond || f.Wait > time.Minute {
		bad(path+".wait", fmt.Sprintf("%s is out of range; write something from 10ms to 1m", tick(f.Wait.String())))
	}
}

// oneLine writes an error of another package on one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
