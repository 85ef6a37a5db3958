package configs

import (
	"log/slog"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// The keys of the file, section by section.

func (d *decoder) config(v value, c *Config) {
	d.fields(v, []field{
		{"sides", func(v value) { d.sides(v, &c.Sides) }},
		{"routes", func(v value) { d.routes(v, &c.Routes) }},
		{"policies", func(v value) { d.policies(v, &c.Policies) }},
		{"policy_definitions", func(v value) { d.definitions(v, &c.Definitions) }},
		{"audit", func(v value) {
			d.fields(v, []field{{"mode", read(d, &c.Audit, "a word", choice(same(AuditOff), same(AuditCount), same(AuditBlock)))}})
		}},
		{"media", func(v value) { d.media(v, &c.Media) }},
		{"prompts", func(v value) { d.prompts(v, &c.Prompts) }},
		{"timers", func(v value) { d.timers(v, &c.Timers) }},
		{"calls", func(v value) { d.calls(v, &c.Calls) }},
		{"admin", func(v value) {
			d.fields(v, []field{
				{"listen", read(d, &c.Admin.Listen, "an address with port", addrPortOrNone)},
				{"token_file", d.path(&c.Admin.TokenFile)},
				{"tls", func(v value) {
					t := &c.Admin.TLS
					d.fields(v, []field{{"cert", d.path(&t.Cert)}, {"key", d.path(&t.Key)}, {"ca", d.path(&t.CA)}, {"mutual", d.flag(&t.Mutual)}})
				}},
			})
		}},
		{"cdr", func(v value) { d.cdr(v, &c.CDR) }},
		{"dns", func(v value) { d.dns(v, &c.DNS) }},
		{"trace", func(v value) { d.trace(v, &c.Trace) }},
		{"users", func(v value) { d.users(v, &c.Users) }},
		{"diameter", func(v value) { d.diameter(v, &c.Diameter) }},
		{"sh", func(v value) { d.sh(v, &c.Sh) }},
		{"subscribers", func(v value) { d.subscribers(v, &c.Subscribers) }},
		{"ims", func(v value) { d.ims(v, &c.IMS) }},
		{"ivr", func(v value) { d.menus(v, &c.Menus) }},
		{"log", func(v value) {
			d.fields(v, []field{
				{"level", read(d, &c.Log.Level, "a level", choice(
					named("debug", slog.LevelDebug), named("info", slog.LevelInfo),
					named("warn", slog.LevelWarn), named("error", slog.LevelError)))},
				{"format", read(d, &c.Log.Format, "a word", choice(same(Auto), same(Text), same(JSON)))},
			})
		}},
	})
}

func (d *decoder) cdr(v value, c *CDR) {
	d.fields(v, []field{
		{"file", d.text(&c.File)},
		{"rotate", func(v value) {
			d.fields(v, []field{
				{"size", read(d, &c.Rotate.Size, "a size such as 100MB", size)},
				{"age", read(d, &c.Rotate.Age, "a duration such as 24h", duration)},
				{"keep", read(d, &c.Rotate.Keep, "a number", number)},
			})
		}},
		{"postgres", func(v value) {
			d.fields(v, []field{{"url", d.secretText(&c.Postgres.URL)}, {"node", d.text(&c.Postgres.Node)}})
		}},
	})
}

func (d *decoder) trace(v value, t *Trace) {
	d.fields(v, []field{
		{"memory", read(d, &t.Memory, "a size such as 16MB", size)},
		{"failed", read(d, &t.Failed, "a size such as 4MB", size)},
		{"hep", func(v value) {
			d.fields(v, []field{
				{"to", func(v value) {
					d.text(&t.HEP.To)(v)
					if _, port, ok := splitPort(t.HEP.To); t.HEP.To != "" && (!ok || port == "") {
						d.reject(v, "%s has no port; write host:port, such as 192.0.2.9:9060", tick(t.HEP.To))
					}
				}},
				{"agent", read(d, &t.HEP.Agent, "a number", number)},
				{"password", d.secretText(&t.HEP.Password)},
			})
		}},
	})
}

func (d *decoder) sides(v value, sides *[]Side) {
	d.entries(v, func(name string, at place, e value) {
		s := DefaultSide(name)
		if err := sideName(name); err != nil {
			d.fail(at, err.Error())
			d.bad[e.path] = true
		}
		d.side(e, &s)
		*sides = append(*sides, s)
	})
}

func (d *decoder) side(v value, s *Side) {
	d.fields(v, []field{
		{"listen", readList(d, &s.Listen, "a listener such as udp:192.0.2.1:5060, or a list of them", listener)},
		{"advertise", read(d, &s.Advertise, "an address", addrMaybePort)},
		{"domain", func(v value) { d.text(&s.Domain)(v); d.then(v, domain(s.Domain)) }},
		{"trust", read(d, &s.Trust, "a word", choice(same(Home), same(Partner), same(Untrusted)))},
		{"next_hop", func(v value) { d.nextHop(v, s) }},
		{"health", func(v value) { d.health(v, &s.Health) }},
		{"liveness", func(v value) { d.liveness(v, &s.Liveness) }},
		{"tls", func(v value) {
			d.fields(v, []field{
				{"cert", d.path(&s.TLS.Cert)},
				{"key", d.path(&s.TLS.Key)},
				{"ca", d.path(&s.TLS.CA)},
				{"mutual", d.flag(&s.TLS.Mutual)},
				{"name", func(v value) { d.text(&s.TLS.Name)(v); d.then(v, domain(s.TLS.Name)) }},
			})
		}},
		{"udp_only", d.flag(&s.UDPOnly)},
		{"max_datagram", read(d, &s.Datagram, "a number of bytes", number)},
		{"calls", func(v value) {
			d.fields(v, []field{{"in", d.bound(&s.Calls.In)}, {"out", d.bound(&s.Calls.Out)}})
		}},
		{"apps", readList(d, &s.Apps, "a list of applications", word)},
		{"transfer", read(d, &s.Transfer, "a word", choice(same(TransferAuto), same(TransferTerminate), same(TransferPass), same(TransferReject)))},
		{"redirect", read(d, &s.Redirect, "a word", choice(same(Refuse), same(Follow)))},
		{"media", func(v value) {
			d.fields(v, []field{
				{"address", read(d, &s.Media.Address, "an address", addrOrNone)},
				{"advertise", read(d, &s.Media.Advertise, "an address", addrOrNone)},
				{"latch", read(d, &s.Media.Latch, "a word", choice(same(Relatch), same(LatchOnce), same(Strict)))},
				{"dtmf", read(d, &s.Media.DTMF, "a word", choice(same(DTMFAuto), same(DTMFPass), same(DTMFRTP), same(DTMFInfo)))},
				{"codecs", readList(d, &s.Media.Codecs, "a list of codecs", choice(codecs()...))},
				{"dscp", read(d, &s.Media.DSCP, "a number", number)},
			})
		}},
		{"strangers", read(d, &s.Strangers, "a word", choice(same(Ignore), same(Forbid)))},
		{"allow", func(v value) { d.allow(v, &s.Allow) }},
		{"digest", func(v value) { d.digest(v, &s.Digest) }},
		{"registrar", d.flag(&s.Registrar)},
		{"credentials", func(v value) { d.credentials(v, &s.Credentials) }},
		{"trunks", func(v value) { d.trunks(v, &s.Trunks) }},
	})
}

// nextHop reads one next hop, or a list of targets.
func (d *decoder) nextHop(v value, s *Side) {
	const want = "a URI such as sip:192.0.2.7:5060"
	d.either(v, v.is(ast.SequenceType), func(v value) {
		d.items(v, func(v value) {
			t := Target{Weight: 1}
			d.either(v, v.is(ast.MappingType, ast.MappingValueType), func(v value) {
				d.fields(v, []field{
					{"uri", read(d, &t.Hop, want, hop)},
					{"priority", read(d, &t.Priority, "a number", number)},
					{"weight", read(d, &t.Weight, "a number", number)},
				})
			}, read(d, &t.Hop, want, hop))
			s.Targets = append(s.Targets, t)
		})
	}, read(d, &s.NextHop, want, hop))
	if len(s.Targets) > 0 && d.keys == nil {
		s.NextHop = s.Targets[0].Hop
	}
}

func (d *decoder) health(v value, h *Health) {
	d.fields(v, []field{
		{"try", read(d, &h.Try, "a duration such as 2s", duration)},
		{"ping", read(d, &h.Ping, "a duration such as 10s", duration)},
		{"timeout", read(d, &h.Timeout, "a duration such as 2s", duration)},
		{"strikes", read(d, &h.Strikes, "a number", number)},
		{"recover", read(d, &h.Recover, "a duration such as 30s", duration)},
	})
}

func (d *decoder) liveness(v value, l *Liveness) {
	method := "OPTIONS" // there is no other yet
	d.fields(v, []field{
		{"probe", func(v value) {
			d.fields(v, []field{
				{"method", read(d, &method, "a method", choice(named("OPTIONS", "OPTIONS")))},
				{"every", read(d, &l.Probe.Every, "a duration such as 30s", duration)},
				{"timeout", read(d, &l.Probe.Timeout, "a duration such as 2s", duration)},
				{"strikes", read(d, &l.Probe.Strikes, "a number", number)},
			})
		}},
		{"session_timer", func(v value) {
			d.fields(v, []field{
				{"expires", read(d, &l.Session.Expires, "a duration such as 1800s", duration)},
				{"min", read(d, &l.Session.Min, "a duration such as 90s", duration)},
				{"refresher", read(d, &l.Session.Refresher, "a word", choice(same(PreferRemote), same(PreferLocal)))},
				{"method", read(d, &l.Session.Method, "a method", choice(same(Update), same(Invite)))},
			})
		}},
		{"media", func(v value) {
			d.fields(v, []field{
				{"silence", read(d, &l.Silence, "a duration such as 60s", duration)},
				{"hold_silence", read(d, &l.HoldSilence, "a duration such as 30m", duration)},
			})
		}},
		{"max_duration", read(d, &l.MaxDuration, "a duration such as 6h", duration)},
	})
}

func (d *decoder) routes(v value, routes *[]Route) {
	d.items(v, func(v value) {
		var r Route
		d.fields(v, []field{
			{"from", d.text(&r.From)},
			{"match", func(v value) { d.match(v, &r.Match) }},
			{"to", d.text(&r.To)},
			{"calls", d.bound(&r.Calls)},
			{"next_hop", read(d, &r.NextHop, "a URI such as sip:192.0.2.7:5060", hopOrRegistered)},
			{"rewrite", d.given(func(v value) { d.rewrite(v, &r.Rewrite) })},
		})
		*routes = append(*routes, r)
	})
}

func (d *decoder) match(v value, m *Match) {
	d.fields(v, []field{
		{"user", d.expression(&m.User)},
		{"host", d.expression(&m.Host)},
		{"header", func(v value) {
			d.fields(v, []field{
				{"name", func(v value) { d.text(&m.Header.Name)(v); d.then(v, headerName(m.Header.Name)) }},
				{"value", d.expression(&m.Header.Value)},
			})
		}},
	})
}

func (d *decoder) policies(v value, pairs *[]Pair) {
	d.items(v, func(v value) {
		var p Pair
		d.fields(v, []field{
			{"from", d.text(&p.From)},
			{"to", d.text(&p.To)},
			{"policy", d.text(&p.Policy)},
		})
		*pairs = append(*pairs, p)
	})
}

func (d *decoder) definitions(v value, all *[]PolicyDefinition) {
	d.entries(v, func(name string, at place, e value) {
		p := PolicyDefinition{Name: name, Version: 1}
		if err := sideName(name); err != nil {
			d.fail(at, strings.Replace(err.Error(), "a side", "a policy", 1))
			d.bad[e.path] = true
		}
		naming := choice(named("received", "received"), named("normalised", "normalised"), named("anonymous", "anonymous"))
		d.fields(e, []field{
			{"version", read(d, &p.Version, "a number", number)},
			{"base", d.text(&p.Base)},
			{"headers", d.changes(&p.Headers)},
			{"attributes", d.changes(&p.Attributes)},
			{"bodies", d.changes(&p.Bodies)},
			{"display", read(d, &p.Display, "a word", naming)},
			{"user", read(d, &p.User, "a word", naming)},
			{"hosts", d.optional(&p.Hosts)},
			{"contact_tags", d.optional(&p.Tags)},
			{"rtp_extensions", d.optional(&p.Extensions)},
			{"privacy", d.optional(&p.Privacy)},
			{"srtp", d.optional(&p.SRTP)},
			{"fax", d.optional(&p.Fax)},
			{"streams", d.optional(&p.Streams)},
		})
		*all = append(*all, p)
	})
}

func (d *decoder) media(v value, m *Media) {
	d.fields(v, []field{
		{"anchor", d.flag(&m.Anchor)},
		{"ports", read(d, &m.Ports, "a range such as 20000-39999", ports)},
		{"threads", read(d, &m.Threads, "a number", number)},
		{"quarantine", read(d, &m.Quarantine, "a duration such as 2s", duration)},
		{"silence", read(d, &m.Silence, "a duration such as 10s", duration)},
		{"recordings", d.text(&m.Recordings)},
	})
}

func (d *decoder) timers(v value, t *Timers) {
	d.fields(v, []field{
		{"t1", read(d, &t.T1, "a duration such as 500ms", duration)},
		{"t2", read(d, &t.T2, "a duration such as 4s", duration)},
		{"t4", read(d, &t.T4, "a duration such as 5s", duration)},
		{"no_answer", read(d, &t.NoAnswer, "a duration such as 3m", duration)},
	})
}

// expression sets a regular expression; an empty one asks nothing and stays nil.
func (d *decoder) expression(to **regexp.Regexp) func(value) {
	return func(v value) {
		var s string
		d.text(&s)(v)
		re, err := expression(s)
		d.then(v, err)
		*to = re
	}
}

// then reports the error of a second look at a value that was read without a mistake.
func (d *decoder) then(v value, err error) {
	if err != nil && !d.bad[v.path] {
		d.reject(v, "%s", err)
	}
}
