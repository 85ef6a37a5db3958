package configs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ok is a good side that mistakes elsewhere can lean on.
const ok = "sides: {a: {listen: udp:127.0.0.1:5060, next_hop: sip:127.0.0.1:5090}}\n"

func side(setting string) string {
	return "sides:\n  a:\n    listen: udp:127.0.0.1:5060\n    " + setting + "\n"
}

func route(setting string) string {
	return "sides: {a: {listen: udp:127.0.0.1:5060, next_hop: sip:127.0.0.1}}\nroutes:\n  - to: a\n    " + setting + "\n"
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		// keys
		{"unknown key", "sides:\n  core:\n    lisen: udp:127.0.0.1:5060\n", "3:5: unknown key `lisen`, did you mean `listen`?"},
		{"unknown key, other style", side("next-hop: sip:127.0.0.1"), "4:5: unknown key `next-hop`, did you mean `next_hop`?"},
		{"unknown key, nothing near", ok + "calls: {colour: red}", "2:9: unknown key `colour`; valid: max, rate, emergency, priority, overload, max_forwards, drain"},
		{"duplicate key", ok + "log: {level: info}\nlog: {level: warn}\n", "3:1: key `log` is already set in line 2; remove one of the two"},
		{"duplicate side", "sides:\n  a: {listen: udp:127.0.0.1:1}\n  a: {listen: udp:127.0.0.1:2}\n", "3:3: key `a` is already set in line 2; remove one of the two"},
		{"no value", ok + "cdr:\n", "2:1: `cdr` has no value; give it one or remove the key"},
		{"key is a number", ok + "1: x", "2:1: a key must be a plain word"},
		{"merge key", ok + "<<: {a: b}", "2:1: a key must be a plain word"},
		{"side name", "sides: {Core_1: {listen: udp:127.0.0.1:1}}", "1:9: `Core_1` cannot name a side; use up to 32 of a-z, 0-9 and -, a letter first"},
		// kinds
		{"text for group", ok + "media: yes", "2:8: must be a group of `key: value` lines, not `yes`"},
		{"list for group", "- a\n", "1:1: must be a group of `key: value` lines, not a list"},
		{"group for list", ok + "routes: {from: a, to: a}", "2:9: must be a list, such as [a, b], not a group of keys"},
		{"list for scalar", side("trust: [home]"), "4:12: must be a word, not a list"},
		{"number for text", side("domain: 007"), "4:13: must be text; put it in quotes: '007'"},
		{"yes for true", ok + "media: {anchor: yes}", "2:17: must be true or false, not `yes`"},
		{"hole in a list", side("apps: [example, ~]"), "4:21: must be a list of applications, not empty"},
		{"anchor", ok + "cdr: {file: &x a}", "2:13: anchors (&), aliases (*) and tags (!) are not used here; write the value out"},
		{"tag", ok + "calls: {max: !!int 1}", "2:14: anchors (&), aliases (*) and tags (!) are not used here; write the value out"},
		// words and numbers
		{"word", side("trust: hom"), "4:12: unknown value `hom`, did you mean `home`?"},
		{"word, nothing near", ok + "log: {format: xml}", "2:15: unknown value `xml`; valid: auto, text, json"},
		{"duration without unit", ok + "timers: {no_answer: 30}", "2:21: `30` is not a duration; write a number with its unit, such as 500ms, 30s or 3m"},
		{"duration out of range", ok + "timers: {t1: 1ms}", "2:14: `1ms` is out of range; write something from 10ms to 10s"},
		{"t2 below t1", ok + "timers: {t1: 2s, t2: 1s}", "2:22: `1s` is out of range; write something from 2s to 1m0s"},
		{"negative duration", ok + "calls: {drain: -1s}", "2:16: `-1s` is less than nothing; write a positive duration"},
		{"limit out of range", ok + "calls: {rate: 70000}", "2:15: 70000 is out of range; write something from 0 to 50000"},
		{"limit of a route", ok + "routes: [{to: a, next_hop: 'sip:192.0.2.1', calls: {max: -1}}]", "2:58: -1 is out of range; write something from 0 to 10000000"},
		{"emergency number", ok + "calls: {emergency: [112, sos]}", "2:26: `sos` is not a number that is dialled; write one such as 112, or '+15551234'"},
		{"resource", ok + "calls: {priority: wps.0.1}", "2:19: `wps.0.1` is no value of Resource-Priority; write one such as wps.0, or a namespace such as ets"},
		{"overload", ok + "calls: {overload: {target: 10us}}", "2:28: `10µs` is out of range; write something from 1ms to 1s, or 0s for no overload control"},
		{"octal", ok + "calls: {max: 010}", "2:14: `010` is not a number; write digits only, such as 70"},
		{"number out of range", ok + "calls: {max_forwards: 0}", "2:23: 0 is out of range; write something from 1 to 255"},
		{"ports", ok + "media: {ports: 20000}", "2:16: `20000` is not a range of ports; write first-last, such as 20000-39999"},
		{"odd ports", ok + "media: {ports: 20001-20010}", "2:16: `20001-20010` begins with an odd port, ends with an even one, or is not a rising range above 1023; write one such as 20000-39999"},
		{"expression", ok + "routes: [{match: {user: '+49'}, to: a}]", "2:25: `+49` is not a regular expression: missing argument to repetition operator at `+`; see https://pkg.go.dev/regexp/syntax, and write \\ before + . * ? ( ) [ ] that stand for themselves"},
		{"header name", ok + "routes: [{match: {header: {name: 'X:'}}, to: a}]", "2:34: `X:` is not the name of a header; write one such as P-Asserted-Identity, without the colon"},
		{"header value alone", ok + "routes: [{match: {header: {value: x}}, to: a}]", "2:27: has a value but no name; add `name:` with the header to look at"},
		// addresses
		{"every address", "sides: {a: {listen: udp:0.0.0.0:5060}}", "1:21: `0.0.0.0` stands for every address of the machine; write the one that is meant"},
		{"no transport", "sides: {a: {listen: 127.0.0.1:5060}}", "1:21: `127.0.0.1:5060` does not name its transport; write udp:, tcp: or tls:address:port, such as udp:192.0.2.1:5060"},
		{"sctp", "sides:\n  a: {listen: 'sctp:127.0.0.1:5060'}", "2:15: `sctp:127.0.0.1:5060`: sctp is not served yet; write udp:127.0.0.1:5060"},
		{"tls without certificate", "sides:\n  a: {listen: 'tls:127.0.0.1:5061'}", "2:15: a tls: listener needs a certificate; add `tls: {cert: FILE, key: FILE}` to side `a`"},
		{"certificate without tls", side("tls: {cert: a.pem, key: b.pem}"), "4:10: side `a` has no tls: listener; add one, such as tls:192.0.2.1:5061"},
		{"colon within braces", "sides: {a: {listen: [udp:127.0.0.1:5060]}}", "1:22: must be a listener such as udp:192.0.2.1:5060, or a list of them (in quotes, if it has a colon), not a group of keys"},
		{"no port", "sides: {a: {listen: udp:127.0.0.1}}", "1:21: `127.0.0.1` has no port; write address:port, such as 192.0.2.1:5060 or '[2001:db8::1]:5060'"},
		{"port", "sides: {a: {listen: udp:127.0.0.1:66000}}", "1:21: `66000` is not a port; write a number up to 65535"},
		{"listener's name", "sides: {a: {listen: udp:localhost:5060}}", "1:21: `localhost` is not an IP address; write one such as 192.0.2.1 (names are not looked up here)"},
		{"zone", "sides: {a: {listen: 'udp:[fe80::1%lo]:5060'}}", "1:21: `fe80::1%lo` has a zone, which no SIP header can carry; write a global address"},
		{"multicast", side("advertise: 224.0.1.75"), "4:16: `224.0.1.75` is a multicast address; write the address of one machine"},
		{"listener twice", "sides:\n  a: {listen: udp:127.0.0.1:5060}\n  b: {listen: udp:127.0.0.1:5060}\n", "3:15: `udp:127.0.0.1:5060` is already used by side `a`; give every listener an address or port of its own"},
		{"listener within media", "sides: {a: {listen: udp:127.0.0.1:20000}}", "1:21: port 20000 lies within media.ports 20000-39999; move one of the two"},
		{"listens nowhere", "sides: {a: {trust: home}}", "1:12: side `a` listens nowhere; add `listen: udp:address:port`"},
		{"advertise for two", "sides:\n  a:\n    listen: [udp:127.0.0.1:1, udp:127.0.0.2:2]\n    advertise: 192.0.2.1\n", "4:16: stands for one listener, and this side has 2; make a side of each"},
		{"next hop by a bad name", side("next_hop: sip:pbx_1.example.org:5060"), "4:15: `pbx_1.example.org` is not a host name; write one such as ims.example.org, without sip: or port"},
		{"next hop by name and no port", side("next_hop: 'sip:pbx.example.org:x'"), "4:15: `x` is not a port; write a number up to 65535"},
		{"next hop by name over tcp", side("next_hop: sip:pbx.example.org;transport=tcp"), "4:15: side `a` has no tcp listener, which is the transport of `sip:pbx.example.org;transport=tcp`; add one, or change the next hop"},
		{"name twice", side("next_hop: [sip:pbx.example.org, 'sip:PBX.example.org']"), "4:37: `sip:PBX.example.org` is in the list already; remove one of the two, or give it more weight"},
		{"rewriting of nothing", route("rewrite: {also: to}"), "4:14: changes nothing; add `callee:`, `caller:` or `as:`"},
		{"rule of nothing", route("rewrite: {callee: {match: x}}"), "4:23: changes nothing; add `replace:`, `e164:`, `strip:` or `prefix:`"},
		{"template without an expression", route("rewrite: {callee: {replace: '$1'}}"), "4:33: stands for what `match` finds; add `match:` with an expression"},
		{"template with a group too many", route("rewrite: {callee: {match: '^0(.*)', replace: '+49$2'}}"), "4:50: `+49$2`: $2 names no group of the expression, which has 1; write $1 for the first ( ), or $$ for a dollar"},
		{"template that runs on", route("rewrite: {callee: {match: '^0(.*)', replace: '$1x'}}"), "4:50: `$1x`: $1x names a group \"1x\"; write ${1}x"},
		{"bad expression of a rule", route("rewrite: {callee: {match: '+49', prefix: '0'}}"), "4:31: `+49` is not a regular expression: missing argument to repetition operator at `+`; see https://pkg.go.dev/regexp/syntax, and write \\ before + . * ? ( ) [ ] that stand for themselves"},
		{"region in full", route("rewrite: {caller: {e164: {region: Germany}}}"), "4:39: `Germany` is no region: write the two letters of a country (ISO 3166), such as DE"},
		{"no region", route("rewrite: {caller: {e164: {}}}"), "4:30: needs the region whose way of dialling the numbers are in, such as {region: DE}"},
		{"prefix as a number", route("rewrite: {caller: {prefix: 0}}"), "4:32: must be text; put it in quotes: '0'"},
		{"prefix that is none", route("rewrite: {caller: {prefix: 'a b'}}"), "4:32: `a b` cannot stand in a number; write digits, such as '0049'"},
		{"too much to strip", route("rewrite: {caller: {strip: 1000}}"), "4:31: `1000` is not how many digits go; write 1 to 30, or the digits in quotes, such as '0049'"},
		{"unknown form", route("rewrite: {as: urn}"), "4:19: unknown value `urn`; valid: tel, sip"},
		{"datagrams of a size", side("max_datagram: 100000"), "4:19: 100000 is out of range; write something from 376 to 65507, or 0 for what the MTU of the path allows"},
		{"name server by name", ok + "dns: {servers: [ns.example.org]}", "2:17: `ns.example.org` is not an IP address; write one such as 192.0.2.1 (names are not looked up here)"},
		{"name server that never answers in time", ok + "dns: {timeout: 1m}", "2:16: `1m0s` is out of range; write something from 10ms to 5s"},
		{"next hop by sips", side("next_hop: sips:192.0.2.7"), "4:15: `sips:192.0.2.7` is not a next hop we can use; write sip:address:port, such as sip:192.0.2.7:5060"},
		{"next hop by tcp", side("next_hop: sip:192.0.2.7;transport=tcp"), "4:15: side `a` has no tcp listener, which is the transport of `sip:192.0.2.7;transport=tcp`; add one, or change the next hop"},
		{"next hop by sctp", side("next_hop: sip:192.0.2.7;transport=sctp"), "4:15: `sip:192.0.2.7;transport=sctp`: parameter `transport=sctp` has no meaning here yet; only lr and transport=udp, tcp or tls do"},
		{"target without uri", side("next_hop: [{priority: 1}]"), "4:16: this target has no address; add `uri: sip:address:port`"},
		{"target twice", side("next_hop: [sip:192.0.2.7, 'sip:192.0.2.7:5060']"), "4:31: `sip:192.0.2.7:5060` is in the list already; remove one of the two, or give it more weight"},
		{"probe without time", side("liveness: {probe: {every: 10s, timeout: 20s}}"), "4:45: `20s` is longer than `every`, 10s; make it shorter"},
		{"probe with another method", side("liveness: {probe: {method: INVITE}}"), "4:32: unknown value `INVITE`; valid: OPTIONS"},
		{"session too short", side("liveness: {session_timer: {min: 60s}}"), "4:37: `1m0s` is out of range; write something from 1m30s to 24h0m0s"},
		{"no strikes", side("liveness: {probe: {strikes: 0}}"), "4:33: 0 is out of range; write something from 1 to 100"},
		{"next hop without host", side("next_hop: 'sip:'"), "4:15: `sip:` has no address; write sip:address:port"},
		{"next hop of the other IP version", side("next_hop: 'sip:[2001:db8::1]'"), "4:15: side `a` has no listener of the IP version of `sip:[2001:db8::1]`; add one, or change the next hop"},
		{"media of two IP versions", side("media: {advertise: '2001:db8::1'}"), "4:24: `2001:db8::1` and the media address `127.0.0.1` are not of one IP version; give an advertise of the same"},
		{"domain", side("domain: sip:example.org"), "4:13: `sip:example.org` is not a host name; write one such as ims.example.org, without sip: or port"},
		{"network", side("allow: 127.0.0.1/8"), "4:12: `127.0.0.1/8` has bits beyond its length; write `127.0.0.0/8` or the single address `127.0.0.1`"},
		{"open admin", ok + "admin: {listen: 192.0.2.1:80}", "2:17: `192.0.2.1:80` can be reached by others; add admin.tls with cert and key, and admin.token_file or tls.mutual, or use a loopback address such as 127.0.0.1:80"},
		// references
		{"nothing", "", "1:1: there is no side; add `sides:` and under it at least one network with its `listen:`"},
		{"unknown side", ok + "routes: [{from: a, to: aa}]", "2:24: no side is named `aa`, did you mean `a`?"},
		{"no side", ok + "routes: [{from: a}]", "2:10: no side is given; add `to:`; valid: a"},
		{"route to nowhere", "sides: {a: {listen: udp:127.0.0.1:5060}}\nroutes:\n  - from: a\n    to: a\n", "3:5: this route ends nowhere; add `next_hop: sip:address:port` to it or to side `a`"},
		{"route never reached", ok + "routes: [{to: a}, {from: a, to: a}]", "2:19: is never reached: route 1 takes every call before it; move this one up, or give that one a `match:`"},
		{"unknown policy", ok + "policies: [{from: a, to: a, policy: ims_home}]", "2:37: no policy is named `ims_home`, did you mean `ims-home`?"},
		{"no policy", ok + "policies: [{from: a, to: a}]", "2:12: no policy is given; add `policy:`; valid: ims-home, untrusted, transparent"},
		{"pair twice", ok + "policies: [{from: a, to: a, policy: untrusted}, {from: a, to: a, policy: untrusted}]", "2:49: entry 1 is for the same two sides; remove one of the two"},
		{"audit without mode", ok + "audit: {mode: yes}", "2:15: unknown value `yes`; valid: off, count, block"},
		{"unknown app", side("apps: [example, exmaple]"), "4:21: no application is named `exmaple`, did you mean `example`?"},
		// the file itself
		{"not YAML", "sides: {a: b\n", "1:8: not valid YAML: could not find flow mapping end token '}'; check the indentation here and above, and put text with : # [ ] { } in quotes"},
		{"not UTF-8", "sides:\n  \xff: x", "2:3: this is not UTF-8 text; save the file as UTF-8"},
		{"two documents", ok + "---\n" + ok, "3:1: a second document begins here; one file has one configuration, remove the `---` before it"},
		{"an odd key stays on one line", ok + "log: {\"a\\nb`\": 1}", "2:7: unknown key \"a\\nb`\"; valid: level, format"},
		{"columns count characters", "sides: {a: {listen: udp:127.0.0.1:1, domain: 'ü', apps: [x]}}", "1:46: `ü` is not a host name; write one such as ims.example.org, without sip: or port\nf:1:58: no application is named `x`; valid: example, ims, reachability"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Parse("f", []byte(c.file), sampleNames)
			if err == nil {
				t.Fatalf("no error, want %s", c.want)
			}
			if d := cmp.Diff("f:"+c.want, err.Error()); d != "" {
				t.Errorf("want - got +\n%s", d)
			}
			if cfg != nil {
				t.Error("a configuration came with the error")
			}
		})
	}
}

// TestAllMistakesAtOnce gives one mistake of each kind, in the order of the file.
func TestAllMistakesAtOnce(t *testing.T) {
	_, err := Parse("f.yaml", []byte(`sides:
  core:
    lisen: udp:127.0.0.1:5070
    trust: hom
  carrier:
    listen: [ws:127.0.0.1:5060, udp:127.0.0.1:70000]
    next_hop: sip:127.0.0.1
routes:
  - {from: cor, to: carrier}
policies:
  - {from: core, to: carrier, policy: untrused}
timers: {t1: soon, t1: 1s}
`), sampleNames)
	want := Errors{
		{"f.yaml", 3, 5, "unknown key `lisen`, did you mean `listen`?"},
		{"f.yaml", 4, 12, "unknown value `hom`, did you mean `home`?"},
		{"f.yaml", 6, 14, "`ws:127.0.0.1:5060`: ws is not served yet; write udp:127.0.0.1:5060"},
		{"f.yaml", 6, 33, "`70000` is not a port; write a number up to 65535"},
		{"f.yaml", 9, 12, "no side is named `cor`, did you mean `core`?"},
		{"f.yaml", 11, 39, "no policy is named `untrused`, did you mean `untrusted`?"},
		{"f.yaml", 12, 14, "`soon` is not a duration; write a number with its unit, such as 500ms, 30s or 3m"},
		{"f.yaml", 12, 20, "key `t1` is already set in line 12; remove one of the two"},
	}
	got, _ := errors.AsType[Errors](err)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want - got +\n%s", d)
	}
}

func TestTooLarge(t *testing.T) {
	_, err := Parse("f", []byte(strings.Repeat("#", maxSize+1)), Known{})
	if err == nil || !strings.HasPrefix(err.Error(), "f:1:1: the file has 262145 bytes, more than 262144") {
		t.Errorf("got %v", err)
	}
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.yaml")
	if _, err := Load(file, Known{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
	if err := os.WriteFile(file, []byte("sides: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := file + ":1:8: must be a group of `key: value` lines, not `1`"
	if _, err := Load(file, Known{}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := os.WriteFile(file, []byte("\r\n"+strings.ReplaceAll(everything, "\n", "\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file, Known{}); err != nil {
		t.Errorf("lines that end with CR LF: %v", err)
	}
}

func TestNearest(t *testing.T) {
	valid := []string{"listen", "advertise", "next_hop", "t1", "t2"}
	for _, c := range []struct{ word, want string }{
		{"lisen", "listen"}, {"lsiten", "listen"}, {"Listen", "listen"}, {"listens", "listen"},
		{"nexthop", "next_hop"}, {"NextHop", "next_hop"}, {"t3", "t1"}, {"zebra", ""}, {"", ""},
	} {
		if got, _ := nearest(c.word, valid); got != c.want {
			t.Errorf("nearest to %q: got %q, want %q", c.word, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range Samples() {
		text, err := Sample(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(everything))
	for _, s := range []string{"a: &x [*x]", "<<: {a: b}", "? a\n: b", "- - -", "a: |\n b", "%YAML 1.2\n---\n", "sides: {a: {listen: [", "\t", "'", "{{}: {}}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("f", data, sampleNames)
		if err == nil {
			if err := cfg.Validate(); err != nil {
				t.Fatalf("accepted, but not valid: %v", err)
			}
			return
		}
		mistakes, ok := errors.AsType[Errors](err)
		if !ok || len(mistakes) == 0 || cfg != nil {
			t.Fatalf("error of type %T with configuration %v", err, cfg)
		}
		for i, m := range mistakes {
			if m.File != "f" || m.Line < 1 || m.Column < 1 || m.Text == "" || strings.Contains(m.Text, "\n") {
				t.Fatalf("not one line with a place: %+v", m)
			}
			if i > 0 && (m.Line < mistakes[i-1].Line) {
				t.Fatalf("not in the order of the file: %v", mistakes)
			}
		}
	})
}
