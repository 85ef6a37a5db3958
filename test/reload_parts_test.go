package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// parts is a configuration whose parts a reload changes one by one.
func parts(n network) string {
	return strings.NewReplacer("CORE", n.core(), "CARRIER", n.carrier(), "THIRD", n.addr(3, 5060), "ALICE", n.caller(), "BOB", n.callee(), "REGISTRAR", n.addr(30, 5060), "ADMIN", n.admin()).Replace(`sides:
  core: {listen: 'udp:CORE', domain: ims.example.org, trust: home, next_hop: 'sip:ALICE', apps: [example]}
  carrier:
    listen: 'udp:CARRIER'
    domain: carrier.example.net
    next_hop: 'sip:BOB'
    trunks: [{aor: 'sip:line@carrier.example.net', registrar: 'sip:REGISTRAR', from: caller, retry: 1s}]
  # third: {listen: 'udp:THIRD', domain: third.example.com, next_hop: 'sip:BOB'}
routes:
  - {from: core, to: carrier}
policies:
  - {from: core, to: carrier, policy: untrusted}
timers: {t1: 50ms}
calls: {drain: 2s}
admin: {listen: 'ADMIN'}
audit: {mode: block}
`)
}

// parted starts a server on it.
func parted(t *testing.T) *server {
	t.Helper()
	n, dir := newNetwork(t), t.TempDir()
	file := filepath.Join(dir, "bifrons.yaml")
	if err := os.WriteFile(file, []byte(parts(n)), 0o644); err != nil {
		t.Fatal(err)
	}
	return serve(t, built(t, checked), n, n.admin(), dir, file)
}

// reload changes the file and lets the server read it.
func (s *server) reload(words ...string) string {
	s.t.Helper()
	s.change(words...)
	return s.bifrons(true, "ctl", "reload", "--admin", s.api)
}

// TestReloadParts: applications, policies, routes and sides change, come and go; a call at hand keeps its own of each until it ends.
func TestReloadParts(t *testing.T) {
	t.Parallel()
	s := parted(t)
	caller, callee := s.phones()
	other := newUA(t, s.addr(13, 5060), s.addr(3, 5060), "other")
	registrar := newUA(t, s.addr(30, 5060), s.carrier(), "registrar")
	reg := registrar.request("REGISTER")
	registrar.reply(reg, "200 OK", "r1", "", "Contact: "+reg.get("Contact"), "Expires: 3600")
	first := s.connect(caller, callee)
	if got := first.offer.get("Subject"); got != "Call by way of Bifrons" {
		t.Errorf("the application has set Subject %q", got)
	}

	t.Log("an application less, another policy, another route, one side more")
	s.reload(", apps: [example]", "", "policy: untrusted", "policy: transparent", "{from: core, to: carrier}", "{from: core, to: third}", "# third", "third", "next_hop: 'sip:"+s.callee()+"'}", "next_hop: 'sip:"+other.addr+"'}")
	d := caller.dialogTo("carol")
	inv := d.send("INVITE", sdp(s.media(s.caller()), 31010, 1))
	req := other.request("INVITE")
	if req.source != s.addr(3, 5060) || req.get("Subject") != "" {
		t.Errorf("a new call came from %s:\n%s", req.source, req.raw)
	}
	other.reply(req, "603 Decline", "t1", "")
	other.request("ACK")
	d.ackFailure(caller.answer(inv, 603))
	s.change("to: third}", "to: carrier}")
	s.bifrons(true, "ctl", "reload", "--admin", s.api)
	second := s.connectWith(caller, callee, "X-Crosses: now")
	if second.offer.get("X-Crosses") != "now" || second.offer.get("Subject") != "" {
		t.Errorf("by the new policy and chain:\n%s", second.offer.raw)
	}
	hold := first.a.send("INVITE", sdp(s.media(s.caller()), 31000, 2, "a=sendonly"), "X-Crosses: never")
	got := callee.request("INVITE")
	if got.get("X-Crosses") != "" || got.source != s.carrier() {
		t.Errorf("by the first call's policy:\n%s", got.raw)
	}
	callee.reply(got, "200 OK", "", sdp(s.media(s.callee()), 32000, 2, "a=recvonly"))
	first.a.accept(caller.answer(hold, 200))
	first.a.invite = hold
	first.a.ack("")
	callee.request("ACK")

	t.Log("a trunk less: its registration ends")
	gone := "    trunks: [{aor: 'sip:line@carrier.example.net', registrar: 'sip:" + registrar.addr + "', from: caller, retry: 1s}]\n"
	again := registrar.request("REGISTER") // of the configurations in between
	registrar.reply(again, "200 OK", "r2", "", "Contact: "+again.get("Contact"), "Expires: 3600")
	if again.get("Call-ID") != reg.get("Call-ID") || sequence(again) <= sequence(reg) {
		t.Errorf("the registration goes on with %s %s after %s %s", again.get("Call-ID"), again.get("CSeq"), reg.get("Call-ID"), reg.get("CSeq"))
	}
	s.reload(gone, "")
	end := registrar.await(patience, "REGISTER that ends it", func(m message) bool { return m.method() == "REGISTER" && m.get("Expires") == "0" })
	if sequence(end) <= sequence(again) {
		t.Errorf("it ends with %s after %s", end.get("CSeq"), again.get("CSeq"))
	}

	t.Log("and back, before its end has an answer, and gone again")
	s.reload("    domain: carrier.example.net\n", "    domain: carrier.example.net\n"+gone)
	again = registrar.await(patience, "REGISTER that begins anew", func(m message) bool {
		return m.method() == "REGISTER" && m.get("Expires") != "0" && (sequence(m) > sequence(end) || m.get("Call-ID") != end.get("Call-ID"))
	})
	registrar.reply(again, "200 OK", "r3", "", "Contact: "+again.get("Contact"), "Expires: 3600")
	if again.get("Call-ID") != reg.get("Call-ID") { // lower numbers with one Call-ID would be refused (RFC 3261 10.3)
		t.Log("nobody answered its end in time: it is another registration")
	}
	s.reload(gone, "")
	end = registrar.await(patience, "REGISTER that ends it again", func(m message) bool {
		return m.method() == "REGISTER" && m.get("Expires") == "0" && m.get("Call-ID") == again.get("Call-ID") && sequence(m) > sequence(again)
	})
	registrar.reply(end, "200 OK", "r4", "")
	if end.get("Contact") != reg.get("Contact") {
		t.Errorf("the registration\n%s\nends by\n%s", reg.raw, end.raw)
	}

	t.Log("a side less: its calls go on, and nobody makes new ones there")
	file, err := os.ReadFile(filepath.Join(s.dir, "bifrons.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	carrier := string(file[strings.Index(string(file), "  carrier:"):strings.Index(string(file), "  third:")])
	s.reload(carrier, "", "{from: core, to: carrier}", "{from: core, to: third}", "{from: core, to: carrier, policy: transparent}", "{from: core, to: third, policy: transparent}")
	stray := callee.dialogTo("alice")
	refused := stray.send("INVITE", sdp(s.media(s.callee()), 32010, 1))
	stray.ackFailure(callee.answer(refused, 503))
	first.hangUp(first.b, first.a)
	second.hangUp(second.a, second.b)
	eventually(t, 15*time.Second, "the listener of the side closes", func() bool { return !bound(t, s.carrier()) })
	registrar.silent(100*time.Millisecond, "REGISTER", func(m message) bool {
		return m.method() == "REGISTER" && m.get("Call-ID") == end.get("Call-ID") && sequence(m) > sequence(end)
	})
}

// TestReloadNamesWhatStays: what is obeyed after a restart only is said so by reload and by both forms of check --diff, and the rest is obeyed. The first side
// that is told of registrations takes up how they are kept without one.
func TestReloadNamesWhatStays(t *testing.T) {
	t.Parallel()
	s := parted(t)
	all := func(want string, words ...string) {
		t.Helper()
		old, err := os.ReadFile(filepath.Join(s.dir, "bifrons.yaml"))
		if err == nil {
			err = os.WriteFile(filepath.Join(s.dir, "old.yaml"), old, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.change(words...)
		for _, args := range [][]string{{"check", "--diff", "old.yaml", "bifrons.yaml"}, {"check", "--diff", "bifrons.yaml", "--admin", s.api}, {"ctl", "reload", "--admin", s.api}} {
			if got := s.bifrons(true, args...); got != want {
				t.Errorf("%q:\n%swant:\n%s", args, got, want)
			}
		}
	}
	all("~ sides.core.apps[0]: example -> ims\n~ ims.ioi: \"\" -> core\n~ ims.registration.max: 1000000 -> 7\n+ ims.chains: {all: {apps: [example], cases: [], methods: [], served: \"\", user: \"\", host: \"\", header: {name: \"\", value: \"\"}, service: \"\", attribute: {name: \"\", value: \"\"}}}\n", "[example]", "[ims]", "audit:", "ims: {ioi: core, registration: {max: 7}, chains: {all: {apps: [example]}}}\naudit:")
	all("~ calls.drain: 2s -> 3s\n~ ims.ioi: core -> home\n~ ims.registration.max: 7 -> 9\nims.registration: obeyed after a restart only\nims.ioi: obeyed after a restart only\n",
		"max: 7", "max: 9", "drain: 2s", "drain: 3s", "ioi: core", "ioi: home")
	if got := s.bifrons(true, "ctl", "config", "--admin", s.api); !strings.Contains(got, "max: 7") || !strings.Contains(got, "drain: 3s") || !strings.Contains(got, "ioi: core") {
		t.Error(got)
	}
}
