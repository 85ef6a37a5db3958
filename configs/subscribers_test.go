package configs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/diameter/sh/cache"
	"github.com/bifrons/bifrons/ims"
)

const users = `
diameter:
  origin_host: as1.ims.example
  origin_realm: ims.example
  peers:
    - {host: hss1.ims.example, address: "192.0.2.20:3868", priority: 1, weight: 3, realms: [ims.example, home.example]}
    - {host: dra.ims.example, address: "dra.ims.example:5658", tls: {ca: ca.pem, cert: c.pem, key: k.pem, server_name: relay.ims.example}}
  listen: 192.0.2.1:3868
  tls: {ca: ca.pem, cert: c.pem, key: k.pem}
  accept_unknown: true
  simulator: sample
  watchdog: 6s
  connect_timeout: 1s
  request_timeout: 2s
  attempt_timeout: 500ms
  write_timeout: 3s
  reconnect_min: 1s
  reconnect_max: 1m
  max_message: 65536
  max_in_flight: 100
  max_connections: 10
sh:
  realm: home.example
  host: hss1.home.example
  server_name: sip:as1.ims.example
  policy: reject
  wait: 1s
  cache: {size: 1000, ttl: 1m, negative_ttl: 5s, retry_after: 2s, fetch_timeout: 3s, subscribe: false, subscribe_for: 2h}
subscribers:
  - file: users.yaml
  - sh: {references: [IMSUserState, IMSI], services: mmtel, username: 'sip:%s@ims.example', policy: stale 5m}
  - ldap:
      url: ldap://directory.ims.example
      start_tls: true
      ca: ca.pem
      bind_dn: cn=bifrons
      password_file: password
      base_dn: dc=ims
      filters: {impu: '(impu={value})'}
      attributes: {public: impu}
      services: {mmtel: simservs}
      extra: [language]
      pool: 2
      timeout: 1s
`

func TestParseUsers(t *testing.T) {
	got, err := Parse("x.yaml", []byte(ok+users), Known{})
	if err != nil {
		t.Fatal(err)
	}
	d := Diameter{Listen: "192.0.2.1:3868", TLS: &diameter.TLSConfig{CA: "ca.pem", Cert: "c.pem", Key: "k.pem"}, Simulator: SampleHSS}
	d.OriginHost, d.OriginRealm, d.Product, d.AcceptUnknown = "as1.ims.example", "ims.example", "Bifrons", true
	d.Applications = diameter.DefaultConfig().Applications
	d.Peers = []diameter.PeerConfig{
		{Host: "hss1.ims.example", Address: "192.0.2.20:3868", Priority: 1, Weight: 3, Realms: []string{"ims.example", "home.example"}},
		{Host: "dra.ims.example", Address: "dra.ims.example:5658", Weight: 1,
			TLS: &diameter.TLSConfig{CA: "ca.pem", Cert: "c.pem", Key: "k.pem", ServerName: "relay.ims.example"}},
	}
	d.Watchdog, d.ConnectTimeout, d.RequestTimeout, d.AttemptTimeout = 6*time.Second, time.Second, 2*time.Second, 500*time.Millisecond
	d.WriteTimeout, d.ReconnectMin, d.ReconnectMax = 3*time.Second, time.Second, time.Minute
	d.MaxMessage, d.MaxInFlight, d.MaxConnections = 65536, 100, 10
	if diff := cmp.Diff(d, got.Diameter, compare); diff != "" {
		t.Errorf("diameter: want - got +\n%s", diff)
	}
	s := Sh{Realm: "home.example", Host: "hss1.home.example", ServerName: "sip:as1.ims.example", Fallback: Fallback{Policy: "reject", Wait: time.Second},
		Cache: cache.Config{Size: 1000, TTL: time.Minute, NegativeTTL: 5 * time.Second, RetryAfter: 2 * time.Second, FetchTimeout: 3 * time.Second,
			SubscribeFor: 2 * time.Hour}}
	if diff := cmp.Diff(s, got.Sh, compare); diff != "" {
		t.Errorf("sh: want - got +\n%s", diff)
	}
	sources := []Source{
		{File: "users.yaml"},
		{Sh: &ShSource{References: []sh.Reference{sh.RefIMSUserState, sh.RefIMSI}, Services: []string{"mmtel"}, Username: "sip:%s@ims.example",
			Fallback: Fallback{Policy: "stale 5m", Wait: time.Second}}},
		{LDAP: &ims.LDAPConfig{URL: "ldap://directory.ims.example", StartTLS: true, CA: "ca.pem", BindDN: "cn=bifrons", PasswordFile: "password",
			BaseDN: "dc=ims", Filters: map[ims.By]string{ims.ByIMPU: "(impu={value})"}, Attributes: map[string]string{"public": "impu"},
			Services: map[string]string{"mmtel": "simservs"}, Extra: []string{"language"}, Pool: 2, Timeout: time.Second}},
	}
	if diff := cmp.Diff(sources, got.Subscribers, compare); diff != "" {
		t.Errorf("subscribers: want - got +\n%s", diff)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("Validate of what Parse accepted: %v", err)
	}
}

func TestShAlone(t *testing.T) {
	got, err := Parse("x.yaml", []byte(ok+"diameter: {origin_host: a.b, origin_realm: b, simulator: sample}\nsh: {policy: default, default: '<Sh-Data/>'}\nsubscribers: [sh]\n"), Known{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := got.Subscribers[0].Sh.Parse()
	if err != nil || p.Default == nil || p.Wait != 2*time.Second || len(got.Subscribers[0].Sh.References) == 0 {
		t.Errorf("the source has not the policy and the references of the section: %+v %v", p, err)
	}
}

// TestUserMistakes: each has its place, and says what to write.
func TestUserMistakes(t *testing.T) {
	const d = ok + "diameter: {origin_host: a.b, origin_realm: b, simulator: sample}\n"
	peer := func(text string) string {
		return ok + "diameter: {origin_host: a.b, origin_realm: b, peers: [{" + text + "}]}\n"
	}
	for _, c := range []struct{ name, file, want string }{
		{"nobody to talk to", ok + "diameter: {origin_host: a.b}", "2:11: there is nobody to talk to; add `peers:` with `address: host:port` of an HSS or relay"},
		{"no HSS", ok + "sh: {policy: reject}", "2:5: there is no HSS to ask; add `diameter:` with `peers:`, or remove this section"},
		{"no origin", ok + "diameter: {origin_host: a.b, simulator: sample}", "2:11: our Diameter identity is not whole; add `origin_realm:`, such as ims.example"},
		{"origin is no name", ok + "diameter: {origin_host: a b, origin_realm: b, simulator: sample}", "2:25: `a b` is not a host name; write one such as ims.example.org, without sip: or port"},
		{"peer without address", peer("host: h.b"), "2:55: this peer has no address; add `address: host:port`, such as 192.0.2.20:3868"},
		{"address without port", peer("address: 192.0.2.1"), "2:65: `192.0.2.1` is no address to dial; write host:port, such as 192.0.2.20:3868 or '[2001:db8::20]:3868'"},
		{"two of one name", peer("host: h.b, address: 'x:1'}, {host: H.B, address: 'x:2'"), "2:91: `H.B` is in the list already; one peer has one connection (RFC 6733 2.1)"},
		{"two of one address", peer("address: 'x:1'}, {address: 'x:1'"), "2:83: `x:1` is in the list already; remove one of the two"},
		{"weight", peer("address: 'x:1', weight: 0"), "2:80: 0 is out of range; write something from 1 to 65535"},
		{"half a certificate", peer("host: h, address: 'x:1', tls: {cert: c}"), "2:86: certificate and key belong together; add the other of `cert:` and `key:`"},
		{"whose certificate", peer("address: 'x:1', tls: {ca: c}"), "2:77: nobody can say which certificate is right; add `host:` to the peer, or `server_name:` here"},
		{"tls without listener", ok + "diameter: {origin_host: a.b, origin_realm: b, simulator: sample, tls: {cert: c, key: k}}", "2:71: is for a listener, and there is none; add `listen:`, or move it to the peer that is dialled"},
		{"watchdog", ok + "diameter: {origin_host: a.b, origin_realm: b, simulator: sample, watchdog: 5s}", "2:76: `5s` is out of range; write something from 6s to 1h0m0s"},
		{"policy", d + "sh: {policy: stail 10m}", "3:14: `stail 10m` is no policy; write `stale 10m` or another time, `default` or `reject`"},
		{"no default", d + "sh: {policy: default}", "3:14: there is no default; add `default:` with a Sh-Data document"},
		{"default of no use", d + "sh: {default: <Sh-Data/>}", "3:15: is of no use with the policy `stale 10m`; write `policy: default`, or remove it"},
		{"cache", d + "sh: {cache: {size: 0}}", "3:20: 0 is out of range; write something from 1 to 100000000"},
		{"negative TTL", d + "sh: {cache: {negativ_ttl: 1s}}", "3:14: unknown key `negativ_ttl`, did you mean `negative_ttl`?"},
		{"source", d + "subscribers: [{ldpa: {}}]", "3:16: unknown key `ldpa`, did you mean `ldap`?"},
		{"two in one", d + "subscribers: [{sh: {}, file: x}]", "3:15: one source is one of `sh:`, `ldap:` and `file:`; begin another with a dash of its own"},
		{"sh twice", d + "subscribers: [sh, sh]", "3:19: the HSS is asked above already; remove one of the two"},
		{"sh without HSS", ok + "subscribers: [sh]", "2:15: there is no HSS to ask; add `diameter:` with `peers:`"},
		{"reference", d + "subscribers: [{sh: {references: [IMSUserStat]}}]", "3:34: unknown data reference `IMSUserStat`, did you mean `IMSUserState`?"},
		{"user name", d + "subscribers: [{sh: {username: 'sip:a@b'}}]", "3:31: `sip:a@b` has no place for the name; write one such as 'sip:%s@ims.example'"},
		{"filter key", d + "subscribers: [{ldap: {url: 'ldap://x', base_dn: d, filters: {imp: x}}}]", "3:62: unknown key `imp`, did you mean `impu`?"},
		{"filter", d + "subscribers: [{ldap: {url: 'ldap://x', base_dn: d, filters: {impu: x}}}]", "3:22: ldap filter impu has no {value}; see docs/subscribers.md for one that works"},
		{"URL", d + "subscribers: [{ldap: {url: 'http://x', base_dn: d, filters: {impu: '(a={value})'}}}]", "3:28: `http://x` is no address of a directory; write one such as ldaps://directory.ims.example"},
		{"application without source", "sides: {a: {listen: 'udp:127.0.0.1:1', apps: [reachability]}}", "1:47: `reachability` looks subscribers up, and there is no source of them; add `subscribers:`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.file), sampleNames)
			if want := "f:" + c.want; err == nil || err.Error() != want {
				t.Errorf("got\n%v\nwant\n%s", err, want)
			}
		})
	}
}
