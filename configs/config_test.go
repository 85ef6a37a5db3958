package configs

import (
	"log/slog"
	"net/netip"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/sip/numbers"

	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/media/prompt"
)

var compare = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b *regexp.Regexp) bool {
		return a == b || a != nil && b != nil && a.String() == b.String()
	}),
}

const everything = `
sides:
  core:
    listen: [udp:127.0.0.1:5070, "udp:127.0.0.2:5070"]
    domain: ims.example.org
    trust: home
    next_hop: sip:orig@127.0.0.1:5090;lr
    udp_only: true
    max_datagram: 4000
    apps: [example, menu]
    redirect: follow
    calls: {in: {max: 100, rate: 20}, out: {max: 200}}
    media: {address: 127.0.0.3, advertise: 192.0.2.3, latch: strict, dtmf: info, codecs: [AMR-WB, PCMA], dscp: 46}
    strangers: forbid
    allow: [127.0.0.0/8, "2001:db8::1"]
    liveness:
      probe: {method: OPTIONS, every: 2500ms, timeout: 300ms, strikes: 1}
      session_timer: {expires: 600s, min: 120s, refresher: prefer-local, method: INVITE}
      media: {silence: 60s, hold_silence: 30m}
      max_duration: 6h
  carrier:
    listen: udp:[2001:db8::5]:5060
    next_hop: ["sip:[2001:db8::8]", {uri: "sip:[2001:db8::9]", priority: 2, weight: 5}]
    health: {try: 1s, ping: 5s, timeout: 500ms, strikes: 4, recover: 1m}
    advertise: "[2001:db8::6]"
routes:
  - {from: core, match: {user: '^\+49', host: '', header: {name: X-Class, value: gold}}, to: carrier, next_hop: 'sip:sbc.example.net:5070;transport=udp', rewrite: {callee: [{e164: {region: DE}}, {match: '^\+(\d+)$', replace: '00$1', strip: 2, prefix: '0'}], caller: {strip: '+49', prefix: '0'}, also: [to, identity], as: tel}}
  - {match: {host: example}, to: core, calls: {rate: 5}}
policies:
  - {from: core, to: carrier, policy: transparent}
audit: {mode: block}
media: {anchor: false, ports: 30000-30999, threads: 2, quarantine: 500ms, silence: 5s, recordings: /var/spool/bifrons}
prompts:
  {directory: prompts, language: de-AT, country: at, cache: 32MB, longest: 1m, encoder: none, wait: 2s, store: made, store_size: 8MB, speech: [
    {name: own, command: [say, -v, "{voice}"], voice: "{language}"}, {name: far, url: "http://127.0.0.1/?t={text}", languages: [de, en]}]}
timers: {t1: 250ms, t2: 2s, t4: 3s, no_answer: 1m30s}
calls: {max: 1000, rate: 50, emergency: [112, "+15551234"], priority: [ets, wps.0], overload: {target: 20ms, floor: 10}, max_forwards: 30, drain: 0s}
admin: {listen: ""}
cdr: {file: "-"}
log: {level: debug, format: json}
dns: {servers: [192.0.2.53, '[2001:db8::53]:5353'], hosts: '', timeout: 500ms, attempts: 3, min_ttl: 2s, max_ttl: 2h, negative_ttl: 1m, stale: 10m, cache: 50}
`

func TestParseEverything(t *testing.T) {
	got, err := Parse("x.yaml", []byte(everything), Known{Policies: []string{"transparent"}, Apps: []string{"menu", "example"}})
	if err != nil {
		t.Fatal(err)
	}
	watched := Liveness{Silence: time.Minute, HoldSilence: 30 * time.Minute, MaxDuration: 6 * time.Hour}
	watched.Probe.Every, watched.Probe.Timeout, watched.Probe.Strikes = 2500*time.Millisecond, 300*time.Millisecond, 1
	watched.Session.Expires, watched.Session.Min = 10*time.Minute, 2*time.Minute
	watched.Session.Refresher, watched.Session.Method = PreferLocal, Invite
	want := &Config{
		Sides: []Side{{
			Name: "core",
			Listen: []Listener{
				{"udp", netip.MustParseAddrPort("127.0.0.1:5070")},
				{"udp", netip.MustParseAddrPort("127.0.0.2:5070")},
			},
			Domain: "ims.example.org", Trust: Home, UDPOnly: true, Datagram: 4000, Calls: SideCalls{In: Bound{100, 20}, Out: Bound{Max: 200}}, Redirect: Follow, Transfer: TransferAuto, Strangers: Forbid, Digest: DefaultDigest(),
			NextHop:  Hop{URI: "sip:orig@127.0.0.1:5090;lr", Addr: netip.MustParseAddrPort("127.0.0.1:5090"), Network: "udp"},
			Apps:     []string{"example", "menu"},
			Media:    SideMedia{netip.MustParseAddr("127.0.0.3"), netip.MustParseAddr("192.0.2.3"), Strict, DTMFInfo, []string{"AMR-WB", "PCMA"}, 46},
			Allow:    Allow{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}},
			Health:   DefaultSide("").Health,
			Liveness: watched,
		}, {
			Name:      "carrier",
			Listen:    []Listener{{"udp", netip.MustParseAddrPort("[2001:db8::5]:5060")}},
			Advertise: netip.AddrPortFrom(netip.MustParseAddr("2001:db8::6"), 0),
			Domain:    "[2001:db8::6]", Trust: Untrusted, Redirect: Refuse, Transfer: TransferAuto, Strangers: Ignore, Digest: DefaultDigest(),
			Media:   SideMedia{netip.MustParseAddr("2001:db8::5"), netip.MustParseAddr("2001:db8::6"), Relatch, DTMFAuto, nil, 0},
			NextHop: Hop{URI: "sip:[2001:db8::8]", Addr: netip.MustParseAddrPort("[2001:db8::8]:5060"), Network: "udp"},
			Targets: []Target{{Hop{URI: "sip:[2001:db8::8]", Addr: netip.MustParseAddrPort("[2001:db8::8]:5060"), Network: "udp"}, 0, 1},
				{Hop{URI: "sip:[2001:db8::9]", Addr: netip.MustParseAddrPort("[2001:db8::9]:5060"), Network: "udp"}, 2, 5}},
			Health:   Health{time.Second, 5 * time.Second, 500 * time.Millisecond, 4, time.Minute},
			Liveness: DefaultSide("").Liveness,
		}},
		Routes: []Route{{
			From: "core", To: "carrier",
			Match:   Match{User: regexp.MustCompile(`^\+49`), Header: HeaderMatch{"X-Class", regexp.MustCompile("gold")}},
			NextHop: Hop{URI: "sip:sbc.example.net:5070;transport=udp", Name: "sbc.example.net:5070", Network: "udp", Told: true},
			Rewrite: Rewrite{Callee: numbers.Rules{{Region: "DE"}, {Match: regexp.MustCompile(`^\+(\d+)$`), Replaces: true, Replace: "00$1", Strip: 2, Prefix: "0"}},
				Caller: numbers.Rules{{StripText: "+49", Prefix: "0"}}, To: true, Identity: true, Form: numbers.Tel},
		}, {
			Match: Match{Host: regexp.MustCompile("example")}, To: "core", Calls: Bound{Rate: 5},
		}},
		Policies: []Pair{{"core", "carrier", "transparent"}},
		Audit:    AuditBlock,
		Media:    Media{Anchor: false, Ports: PortRange{30000, 30999}, Threads: 2, Quarantine: 500 * time.Millisecond, Silence: 5 * time.Second, Recordings: "/var/spool/bifrons"},
		Prompts: prompt.Config{Directory: "prompts", Language: "de-AT", Country: "at", Cache: 32 << 20, Longest: time.Minute, Encoder: "none",
			Wait: 2 * time.Second, Store: "made", StoreSize: 8 << 20, Speech: []prompt.Port{
				{Name: "own", Command: []string{"say", "-v", "{voice}"}, Voice: "{language}"},
				{Name: "far", URL: "http://127.0.0.1/?t={text}", Languages: []string{"de", "en"}}}},
		Timers: Timers{250 * time.Millisecond, 2 * time.Second, 3 * time.Second, 90 * time.Second},
		Calls: Calls{Max: 1000, Rate: 50, Emergency: []string{"112", "+15551234"}, Priority: []string{"ets", "wps.0"}, MaxForwards: 30,
			Overload: Overload{Target: 20 * time.Millisecond, Floor: 10}},
		CDR: CDR{File: "-"},
		Log: Log{slog.LevelDebug, JSON},
		DNS: DNS{Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("[2001:db8::53]:5353")}, Timeout: 500 * time.Millisecond,
			Attempts: 3, MinTTL: 2 * time.Second, MaxTTL: 2 * time.Hour, NegativeTTL: time.Minute, Stale: 10 * time.Minute, Cache: 50},
		Trace: DefaultConfig().Trace, Diameter: DefaultDiameter(), Sh: DefaultSh(), IMS: ims.DefaultConfig(),
	}
	if d := cmp.Diff(want, got, compare); d != "" {
		t.Errorf("want - got +\n%s", d)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("Validate of what Parse accepted: %v", err)
	}
}

func TestDefaults(t *testing.T) {
	got, err := Parse("x.yaml", []byte("sides: {a: {listen: udp:127.0.0.1:0}}"), Known{})
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	side := DefaultSide("a")
	side.Listen = []Listener{{"udp", netip.MustParseAddrPort("127.0.0.1:0")}}
	want.Sides = []Side{side}
	want.Complete()
	if d := cmp.Diff(&want, got, compare); d != "" {
		t.Errorf("want - got +\n%s", d)
	}
	if got.Sides[0].Domain != "127.0.0.1" || got.Sides[0].Media.Advertise != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("domain %s, media %v: not the listener's address", got.Sides[0].Domain, got.Sides[0].Media)
	}
}

func TestCompleteMedia(t *testing.T) {
	ip := netip.MustParseAddr
	own, nat, media, seen := ip("10.0.0.1"), ip("192.0.2.1"), ip("10.0.0.2"), ip("192.0.2.2")
	for _, c := range []struct {
		name               string
		advertise          netip.Addr
		address, mediaSeen netip.Addr
		want               SideMedia
	}{
		{"nothing said", netip.Addr{}, netip.Addr{}, netip.Addr{}, SideMedia{own, own, Relatch, DTMFAuto, nil, 0}},
		{"signalling behind NAT", nat, netip.Addr{}, netip.Addr{}, SideMedia{own, nat, Relatch, DTMFAuto, nil, 0}},
		{"media elsewhere", netip.Addr{}, media, netip.Addr{}, SideMedia{media, media, Relatch, DTMFAuto, nil, 0}},
		{"all said", nat, media, seen, SideMedia{media, seen, Relatch, DTMFAuto, nil, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := DefaultSide("a")
			s.Listen = []Listener{{"udp", netip.AddrPortFrom(own, 5060)}}
			s.Advertise = netip.AddrPortFrom(c.advertise, 0)
			s.Media = SideMedia{c.address, c.mediaSeen, Relatch, DTMFAuto, nil, 0}
			cfg := Config{Sides: []Side{s}}
			cfg.Complete()
			if got := cfg.Sides[0].Media; !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestValidateOfAProgramsConfig(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Timers.T1 = 0
	err := cfg.Validate()
	want := "sides: there is no side; add `sides:` and under it at least one network with its `listen:`\n" +
		"timers.t1: `0s` is out of range; write something from 10ms to 10s"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
