package configs

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/diameter/sh/cache"
	"github.com/bifrons/bifrons/ims"
)

// Diameter is our Diameter identity with its peers; without peers, listener and simulator there is none.
type Diameter struct {
	diameter.Config
	Listen    string              // where peers may dial us; "" is nowhere
	TLS       *diameter.TLSConfig // of that listener; nil is plain TCP
	Simulator string              // an HSS inside the process: Sample, or the file of one; "" is none
}

// SampleHSS is the simulator with the subscribers of docs/hss.md.
const SampleHSS = "sample"

// On says whether there is any Diameter.
func (d *Diameter) On() bool { return len(d.Peers) > 0 || d.Listen != "" || d.Simulator != "" }

// Sh says how the HSS is asked.
type Sh struct {
	Realm      string // "": that of the origin
	Host       string // one HSS; "": whoever serves the realm
	ServerName string // ours in the filter criteria, for the references that need one
	Fallback
	Cache cache.Config
}

// Fallback says what serves when the HSS does not answer.
type Fallback struct {
	Policy  string        // stale TIME, default or reject
	Default string        // the Sh-Data document of the policy default
	Wait    time.Duration // how long a caller waits before the policy applies
}

// Parse gives it as the cache wants it.
func (f *Fallback) Parse() (cache.Policy, error) {
	var def *sh.Data
	if f.Default != "" {
		var err error
		if def, err = sh.ParseData([]byte(f.Default)); err != nil {
			return cache.Policy{}, err
		}
	}
	p, err := cache.ParsePolicy(f.Policy, def)
	p.Wait = f.Wait
	return p, err
}

// Source is one of the places where subscribers are looked up, in the order of the file. One of its fields is set.
type Source struct {
	Sh   *ShSource
	LDAP *ims.LDAPConfig
	File string
}

// ShSource reads subscribers from the HSS.
type ShSource struct {
	References []sh.Reference
	Services   []string
	Username   string
	Fallback
}

// DefaultDiameter has every default and no peer.
func DefaultDiameter() Diameter { return Diameter{Config: diameter.DefaultConfig()} }

// DefaultSh has every default.
func DefaultSh() Sh {
	return Sh{Fallback: Fallback{Policy: "stale 10m", Wait: 2 * time.Second}, Cache: cache.DefaultConfig()}
}

func (d *decoder) diameter(v value, c *Diameter) {
	const seconds = "a duration such as 5s"
	d.fields(v, []field{
		{"origin_host", d.hostName(&c.OriginHost)},
		{"origin_realm", d.hostName(&c.OriginRealm)},
		{"peers", func(v value) { d.peers(v, &c.Peers) }},
		{"listen", read(d, &c.Listen, "an address with port", addrPortText)},
		{"tls", d.given(func(v value) { d.tls(v, &c.TLS) })},
		{"accept_unknown", d.flag(&c.AcceptUnknown)},
		{"simulator", func(v value) {
			if d.text(&c.Simulator)(v); d.keys == nil && c.Simulator != SampleHSS {
				c.Simulator = d.beside(c.Simulator)
			}
		}},
		{"watchdog", read(d, &c.Watchdog, seconds, duration)},
		{"connect_timeout", read(d, &c.ConnectTimeout, seconds, duration)},
		{"request_timeout", read(d, &c.RequestTimeout, seconds, duration)},
		{"attempt_timeout", read(d, &c.AttemptTimeout, seconds, duration)},
		{"write_timeout", read(d, &c.WriteTimeout, seconds, duration)},
		{"reconnect_min", read(d, &c.ReconnectMin, seconds, duration)},
		{"reconnect_max", read(d, &c.ReconnectMax, seconds, duration)},
		{"max_message", read(d, &c.MaxMessage, "a number of bytes", number)},
		{"max_in_flight", read(d, &c.MaxInFlight, "a number", number)},
		{"max_connections", read(d, &c.MaxConnections, "a number", number)},
	})
}

func (d *decoder) peers(v value, peers *[]diameter.PeerConfig) {
	d.items(v, func(v value) {
		p := diameter.PeerConfig{Weight: 1}
		d.fields(v, []field{
			{"host", d.hostName(&p.Host)},
			{"address", read(d, &p.Address, "host:port, such as 192.0.2.20:3868", hostPort)},
			{"realms", func(v value) {
				readList(d, &p.Realms, "a realm, or a list of them", word)(v)
				for _, r := range p.Realms {
					d.then(v, domain(r))
				}
			}},
			{"priority", read(d, &p.Priority, "a number", number)},
			{"weight", read(d, &p.Weight, "a number", number)},
			{"tls", d.given(func(v value) { d.tls(v, &p.TLS) })},
		})
		*peers = append(*peers, p)
	})
}

func (d *decoder) tls(v value, to **diameter.TLSConfig) {
	t := &diameter.TLSConfig{}
	d.fields(v, []field{
		{"ca", d.path(&t.CA)},
		{"cert", d.path(&t.Cert)},
		{"key", d.path(&t.Key)},
		{"server_name", d.hostName(&t.ServerName)},
	})
	*to = t
}

func (d *decoder) sh(v value, s *Sh) {
	const seconds = "a duration such as 5s"
	fields := []field{
		{"realm", d.hostName(&s.Realm)},
		{"host", d.hostName(&s.Host)},
		{"server_name", d.text(&s.ServerName)},
		{"cache", func(v value) {
			d.fields(v, []field{
				{"size", read(d, &s.Cache.Size, "a number", number)},
				{"ttl", read(d, &s.Cache.TTL, seconds, duration)},
				{"negative_ttl", read(d, &s.Cache.NegativeTTL, seconds, duration)},
				{"retry_after", read(d, &s.Cache.RetryAfter, seconds, duration)},
				{"fetch_timeout", read(d, &s.Cache.FetchTimeout, seconds, duration)},
				{"subscribe", d.flag(&s.Cache.Subscribe)},
				{"subscribe_for", read(d, &s.Cache.SubscribeFor, seconds, duration)},
			})
		}},
	}
	d.fields(v, append(fields, d.fallback(&s.Fallback)...))
}

func (d *decoder) fallback(f *Fallback) []field {
	return []field{
		{"policy", d.text(&f.Policy)},
		{"default", d.text(&f.Default)},
		{"wait", read(d, &f.Wait, "a duration such as 2s", duration)},
	}
}

func (d *decoder) subscribers(v value, sources *[]Source) {
	d.items(v, func(v value) {
		var src Source
		standard := func() *ShSource {
			return &ShSource{References: ims.DefaultShConfig().References, Fallback: Fallback{Wait: -1}}
		}
		if d.word(v, "sh") { // alone: with its defaults
			src.Sh = standard()
			*sources = append(*sources, src)
			return
		}
		d.fields(v, []field{
			{"sh", d.given(func(v value) {
				src.Sh = standard()
				fields := []field{
					{"references", replaceList(d, &src.Sh.References, "a data reference, or a list of them", reference)},
					{"services", readList(d, &src.Sh.Services, "a service indication, or a list of them", word)},
					{"username", d.text(&src.Sh.Username)},
				}
				d.fields(v, append(fields, d.fallback(&src.Sh.Fallback)...))
			})},
			{"ldap", d.given(func(v value) {
				l := ims.DefaultLDAPConfig()
				d.ldap(v, &l)
				src.LDAP = &l
			})},
			{"file", d.given(func(v value) {
				d.path(&src.File)(v)
				if src.File == "" {
					d.then(v, fmt.Errorf("is empty; give the path of a file with subscribers"))
				}
			})},
		})
		*sources = append(*sources, src)
	})
}

func (d *decoder) ldap(v value, l *ims.LDAPConfig) {
	texts := func(to *map[string]string, names []string) func(value) {
		return func(v value) {
			if d.keys != nil {
				for _, name := range names {
					d.keys[d.below(v, name).path].given("string", nil)
				}
				if names == nil {
					d.keys[d.any(v).path].given("string", nil)
				}
				return
			}
			*to = map[string]string{}
			d.entries(v, func(key string, at place, e value) {
				if names != nil && !slices.Contains(names, key) {
					d.bad[v.path] = true
					d.fail(at, "unknown key "+tick(key)+suggest(key, names))
					return
				}
				var s string
				d.text(&s)(e)
				(*to)[key] = s
			})
		}
	}
	var filters map[string]string
	d.fields(v, []field{
		{"url", d.text(&l.URL)},
		{"start_tls", d.flag(&l.StartTLS)},
		{"ca", d.path(&l.CA)},
		{"bind_dn", d.text(&l.BindDN)},
		{"password_file", d.path(&l.PasswordFile)},
		{"base_dn", d.text(&l.BaseDN)},
		{"filters", texts(&filters, ims.Keys())},
		{"attributes", texts(&l.Attributes, ims.LDAPFields())},
		{"services", texts(&l.Services, nil)},
		{"extra", readList(d, &l.Extra, "an attribute, or a list of them", word)},
		{"pool", read(d, &l.Pool, "a number", number)},
		{"timeout", read(d, &l.Timeout, "a duration such as 2s", duration)},
	})
	if filters != nil {
		l.Filters = map[ims.By]string{}
	}
	for by, f := range filters {
		l.Filters[ims.By(by)] = f
	}
}

// hostName reads a host name, such as a Diameter identity.
func (d *decoder) hostName(to *string) func(value) {
	return func(v value) {
		d.text(to)(v)
		d.then(v, domain(*to))
	}
}

func reference(s string) (sh.Reference, error) {
	var names []string
	for _, r := range ims.References() {
		if names = append(names, r.String()); r.String() == s {
			return r, nil
		}
	}
	return 0, unknownWord{"unknown data reference " + tick(s) + suggest(s, names), names}
}

// hostPort reads an address to dial; a name is looked up when it is dialled.
func hostPort(s string) (string, error) {
	h, p, err := net.SplitHostPort(s)
	if err == nil && h != "" {
		if _, err = net.LookupPort("tcp", p); err == nil && (isAddr(h) || domain(h) == nil) {
			return s, nil
		}
	}
	return "", fmt.Errorf("%s is no address to dial; write host:port, such as 192.0.2.20:3868 or '[2001:db8::20]:3868'", tick(s))
}

func addrPortText(s string) (string, error) {
	a, err := addrPortOrNone(s)
	if err != nil || !a.IsValid() {
		return "", err
	}
	return a.String(), nil
}

// inherit fills in what a source does not say, from the section sh.
func (f *Fallback) inherit(from Fallback) {
	if f.Policy == "" {
		f.Policy = from.Policy
	}
	if f.Default == "" {
		f.Default = from.Default
	}
	if f.Wait < 0 {
		f.Wait = from.Wait
	}
}

func scheme(url string) string {
	s, rest, ok := strings.Cut(url, "://")
	if !ok || rest == "" && s != "ldapi" {
		return ""
	}
	return s
}
