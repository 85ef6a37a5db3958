package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// home is a running simulator, the binary.
type home struct {
	t          *testing.T
	peer, http string
	cmd        *exec.Cmd
	log        *output
}

// startHome runs `bifrons hss` on addresses of the network, with alice and bob.
func startHome(t *testing.T, n network) *home { return startHSS(t, n, 4, "hss.ims.example") }

// startHSS runs one of several.
func startHSS(t *testing.T, n network, last int, host string) *home {
	t.Helper()
	h := &home{t: t, peer: n.addr(last, 3868), http: n.addr(last, 8092), log: &output{}}
	file := filepath.Join(t.TempDir(), "hss.yaml")
	if err := os.WriteFile(file, []byte(`origin_host: `+host+`
origin_realm: ims.example
listen: `+h.peer+`
http: `+h.http+`
subscribers:
  - public: [{id: "sip:alice@ims.example.org", state: registered}]
    private: [alice@ims.example.org]
    msisdn: ["15551234567"]
    imsi: "001010000000001"
    scscf: sip:scscf.ims.example:6060
    charging: {primary_collection: "aaa://ccf.ims.example"}
    dsai: [{server_name: "sip:as1.ims.example", tag: cfu, active: true}]
    cs_state: 2
    data: '<Sh-Data><Sh-IMS-Data><IFCs><InitialFilterCriteria><Priority>0</Priority><ApplicationServer><ServerName>sip:as1.ims.example</ServerName></ApplicationServer></InitialFilterCriteria></IFCs></Sh-IMS-Data><CSLocationInformation><LocationNumber>Aw==</LocationNumber><CurrentLocationRetrieved>0</CurrentLocationRetrieved></CSLocationInformation></Sh-Data>'
  - public: [{id: "sip:bob@ims.example.org", state: registered}]
  - kind: psi
    public: ["sip:conference@ims.example.org"]
    psi_active: true
`), 0o644); err != nil {
		t.Fatal(err)
	}
	h.cmd = exec.Command(built(t, checked), "hss", file)
	h.cmd.Stdout, h.cmd.Stderr = h.log, h.log
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if h.cmd == nil {
			return
		}
		h.cmd.Process.Signal(syscall.SIGTERM)
		if err := h.cmd.Wait(); err != nil || strings.Contains(h.log.String(), "DATA RACE") {
			t.Errorf("the simulator ended with %v:\n%s", err, h.log)
		}
	})
	eventually(t, 10*time.Second, "the simulator is ready", func() bool { return strings.Contains(h.log.String(), "simulator is ready") })
	return h
}

// kill ends it without a word.
func (h *home) kill() {
	h.cmd.Process.Kill()
	h.cmd.Wait()
	h.cmd = nil
}

// change asks its HTTP API.
func (h *home) change(method, path, body string) string {
	h.t.Helper()
	_, text := ask(h.t, method, "http://"+h.http+path, body)
	return text
}

// ask makes an HTTP request; headers are names and values in turn.
func ask(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

// ctl runs `bifrons ctl`.
func ctl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(built(t, product), append([]string{"ctl"}, args...)...).CombinedOutput()
	return string(out), err
}

// shQuestions are put to an HSS with a part of each answer, as people, JSON and XML have it.
var shQuestions = []struct {
	args            []string
	text, json, xml string
}{
	{[]string{"user-state", "sip:alice@ims.example.org"}, "IMSUserState: REGISTERED", `"IMSUserState":"REGISTERED"`, "<IMSUserState>1</IMSUserState>"},
	{[]string{"user-state", "sip:alice@ims.example.org", "--domain", "cs"}, "CSUserState: AssumedIdle", `"CSUserState":"AssumedIdle"`, "<CSUserState>2</CSUserState>"},
	{[]string{"scscf", "sip:alice@ims.example.org"}, "SCSCFName: sip:scscf.ims.example:6060", `"SCSCFName":"sip:scscf.ims.example:6060"`, "<SCSCFName>sip:scscf.ims.example:6060</SCSCFName>"},
	{[]string{"identities", "sip:alice@ims.example.org", "--identity-set", "registered"}, "IMSPublicIdentity: sip:alice@ims.example.org", `"sip:alice@ims.example.org"`, "<IMSPublicIdentity>sip:alice@ims.example.org</IMSPublicIdentity>"},
	{[]string{"location", "sip:alice@ims.example.org", "--domain", "cs"}, "LocationNumber", `"LocationNumber"`, "<LocationNumber>Aw==</LocationNumber>"},
	{[]string{"location", "sip:alice@ims.example.org", "--domain", "cs", "--active"}, "CurrentLocationRetrieved", `"CurrentLocationRetrieved"`, "<CurrentLocationRetrieved>true</CurrentLocationRetrieved>"},
	{[]string{"ifc", "sip:alice@ims.example.org", "--server-name", "sip:as1.ims.example"}, "ServerName: sip:as1.ims.example", `"ServerName":"sip:as1.ims.example"`, "<ServerName>sip:as1.ims.example</ServerName>"},
	{[]string{"charging", "sip:alice@ims.example.org"}, "aaa://ccf.ims.example", `"aaa://ccf.ims.example"`, "aaa://ccf.ims.example<"},
	{[]string{"msisdn", "sip:alice@ims.example.org"}, "MSISDN: 15551234567", `"15551234567"`, "<MSISDN>15551234567</MSISDN>"},
	{[]string{"psi", "sip:conference@ims.example.org"}, "PSIActivation: ACTIVE", `"PSIActivation":"ACTIVE"`, "<PSIActivation>1</PSIActivation>"},
	{[]string{"dsai", "sip:alice@ims.example.org", "cfu", "--server-name", "sip:as1.ims.example"}, "ACTIVE", `"ACTIVE"`, "<DSAI-Value>0</DSAI-Value>"},
	{[]string{"get", "15551234567", "IMSI"}, "IMSI: 001010000000001", `"IMSI":"001010000000001"`, "<IMSI>001010000000001</IMSI>"},
}

// hssCommands tries every command of ctl sh, told where to ask by the arguments at.
func hssCommands(t *testing.T, h *home, at ...string) {
	sh := func(args ...string) (string, error) { return ctl(t, append(append([]string{"sh"}, args...), at...)...) }
	for _, q := range shQuestions {
		for _, form := range []struct {
			flags []string
			want  string
		}{{nil, q.text}, {[]string{"--json"}, q.json}, {[]string{"--xml"}, q.xml}} {
			out, err := sh(append(q.args[:len(q.args):len(q.args)], form.flags...)...)
			if err != nil || !strings.Contains(out, form.want) {
				t.Errorf("%s %s: %v\n%s\nwant %s", q.args, form.flags, err, out, form.want)
			}
			if len(form.flags) > 0 && form.flags[0] == "--json" && !json.Valid([]byte(out)) {
				t.Errorf("%s: not JSON: %s", q.args, out)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "data.xml")
	if err := os.WriteFile(file, []byte("<settings>1</settings>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ command, want string }{
		{"get", "nothing"}, {"put", "app stored with sequence number 0"}, {"get", "<settings>1</settings>"},
		{"put", "app stored with sequence number 1"}, {"delete", "app deleted"}, {"get", "nothing"},
	} {
		args := []string{"repository", step.command, "sip:bob@ims.example.org", "app"}
		if step.command == "put" {
			args = append(args, file)
		}
		if out, err := sh(args...); err != nil || !strings.Contains(out, step.want) {
			t.Errorf("repository %s: %v\n%s\nwant %s", step.command, err, out, step.want)
		}
	}
	if out, err := sh("scscf", "sip:alice@ims.example.org", "--trace"); err != nil || !strings.Contains(out, "Data-Reference") ||
		!strings.Contains(out, "Result-Code") || !strings.Contains(out, "Public-Identity") || !strings.Contains(out, "SCSCFName: ") {
		t.Errorf("--trace: %v\n%s", err, out)
	}
	if out, err := sh("user-state", "sip:nobody@ims.example.org"); err == nil || !strings.Contains(out, "5001 DIAMETER_ERROR_USER_UNKNOWN") {
		t.Errorf("an unknown user: %v\n%s", err, out)
	}
	subscribing(t, h, at...)
}

// subscribing follows the state of bob while it changes.
func subscribing(t *testing.T, h *home, at ...string) {
	h.change("PUT", "/subscribers/sip:bob@ims.example.org/state/registered", "")
	cmd := exec.Command(built(t, product), append([]string{"ctl", "sh", "subscribe", "sip:bob@ims.example.org", "IMSUserState"}, at...)...)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "the state as it is", func() bool { return strings.Contains(out.String(), "IMSUserState: REGISTERED") })
	h.change("PUT", "/subscribers/sip:bob@ims.example.org/state/not_registered", "")
	eventually(t, 10*time.Second, "the change", func() bool {
		return strings.Contains(out.String(), " sip:bob@ims.example.org\n") && strings.Contains(out.String(), "IMSUserState: NOT_REGISTERED")
	})
	h.change("PUT", "/subscribers/sip:bob@ims.example.org/state/registered", "")
	eventually(t, 10*time.Second, "the second change", func() bool { return strings.Count(out.String(), "IMSUserState: REGISTERED") == 2 })
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("subscribe ended with %v:\n%s", err, out)
	}
}

// TestSubscriberData: the simulator and the command line, binary against binary, over Diameter and nothing between.
func TestSubscriberData(t *testing.T) {
	t.Parallel()
	h := startHome(t, newNetwork(t))
	hssCommands(t, h, "--peer", h.peer, "--realm", "ims.example")
	if out, err := ctl(t, "sh", "scscf", "sip:alice@ims.example.org", "--peer", h.peer); err != nil || !strings.Contains(out, "sip:scscf.ims.example:6060") {
		t.Errorf("without a realm: %v\n%s", err, out)
	}
}

// users is the configuration of a server that asks the simulator.
func (h *home) users(set *settings) {
	set.Users = "diameter: {origin_host: as1.ims.example, origin_realm: ims.example, peers: [{host: hss.ims.example, address: '" + h.peer +
		"'}]}\nsh: {server_name: 'sip:as1.ims.example', wait: 500ms}\nsubscribers:\n  - sh: {services: [app], username: 'sip:%s@ims.example.org'}\n"
	set.Side = ", apps: [reachability]"
}

// TestServerWithHSS: a running server answers people about its peers and its users.
func TestServerWithHSS(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	h := startHome(t, n)
	s := start(t, h.users)
	api := "http://" + s.admin()
	eventually(t, 10*time.Second, "the peer is open", func() bool {
		out, err := ctl(t, "diameter", "--admin", s.admin())
		return err == nil && strings.Contains(out, "hss.ims.example") && strings.Contains(out, "okay")
	})
	hssCommands(t, h, "--admin", s.admin())
	if out, err := ctl(t, "sh", "ifc", "sip:alice@ims.example.org", "--admin", s.admin()); err != nil || !strings.Contains(out, "sip:as1.ims.example") {
		t.Errorf("the server's own name in the filter criteria: %v\n%s", err, out)
	}
	if out, err := ctl(t, "sh", "repository", "delete", "sip:a@b", "app", "--trace", "--admin", s.admin()); err == nil || !strings.Contains(out, "--peer") {
		t.Errorf("--trace of a writing command without a peer: %v\n%s", err, out)
	}
	if out, err := ctl(t, "sh", "scscf", "sip:a@b", "--admin", s.addr(9, 8070)); err == nil || !strings.Contains(out, "--admin") {
		t.Errorf("where nobody is: %v\n%s", err, out)
	}
	for _, q := range []struct{ by, value, want string }{
		{"impu", "sip:alice@ims.example.org", "15551234567"}, {"msisdn", "+15551234567", "sip:alice@ims.example.org"}, {"username", "alice", "REGISTERED"},
	} {
		if out, err := ctl(t, "subscriber", q.value, "--by", q.by, "--admin", s.admin()); err != nil || !strings.Contains(out, q.want) || !strings.Contains(out, "sh") {
			t.Errorf("subscriber by %s: %v\n%s", q.by, err, out)
		}
	}
	for _, q := range []struct {
		path string
		want int
	}{
		{"/sip:alice@ims.example.org", 200}, {"/sip:nobody@ims.example.org", 404}, {"/nobody", 400}, {"/x?by=shoesize", 400}, {"/x?by=uuid", 404},
	} {
		if res, text := ask(t, "GET", api+"/v1/subscribers"+q.path, ""); res.StatusCode != q.want {
			t.Errorf("GET %s: %s, want %d: %s", q.path, res.Status, q.want, text)
		}
	}
	etags(t, api)
	events(t, h, api+"/v1/subscribers/sip:alice@ims.example.org/events?ref=IMSUserState")
	events(t, h, api+"/v1/subscribers/sip:alice@ims.example.org?ref=IMSUserState")
	metrics, err := s.get("/metrics")
	for _, m := range []string{`bifrons_diameter_peer_up{peer="hss.ims.example"} 1`, "bifrons_diameter_round_trip_seconds_count", `bifrons_diameter_requests_total{command="SNR",result="2xxx"}`,
		`bifrons_diameter_requests_total{command="UDR",result="5xxx"}`, `bifrons_sh_cache_requests_total{result="hit"}`,
		`bifrons_ims_lookups_total{result="found",source="sh"}`, `bifrons_ims_lookups_total{result="unknown",source="sh"}`} {
		if err != nil || !strings.Contains(metrics, m) {
			t.Errorf("no metric %s: %v", m, err)
		}
	}
	if at := h.change("GET", "/peers", ""); !strings.Contains(at, "as1.ims.example") {
		t.Errorf("the simulator does not see the server: %s", at)
	}
	s.stop(patience)
	eventually(t, patience, "the server took leave with DPR", func() bool { return strings.Contains(h.log.String(), "REBOOTING") })
}

// etags writes transparent data over HTTP: the sequence number is the ETag.
func etags(t *testing.T, api string) {
	t.Helper()
	at := api + "/v1/subscribers/sip:alice@ims.example.org/repository/app"
	for i, s := range []struct {
		method, body string
		header       []string
		status       int
		etag         string
	}{
		{"GET", "", nil, 404, ""},
		{"PUT", "<a/>", []string{"If-None-Match", "*"}, 201, `"0"`},
		{"GET", "", nil, 200, `"0"`},
		{"PUT", "<b/>", []string{"If-Match", `"0"`}, 204, `"1"`},
		{"PUT", "<c/>", []string{"If-Match", `"0"`}, 412, ""},
		{"DELETE", "", []string{"If-Match", `"1"`}, 204, ""},
	} {
		res, text := ask(t, s.method, at, s.body, s.header...)
		if res.StatusCode != s.status || res.Header.Get("ETag") != s.etag {
			t.Errorf("step %d, %s: %s, ETag %s: %s", i, s.method, res.Status, res.Header.Get("ETag"), text)
		}
	}
}

// events reads server-sent events of the admin address while the state of alice changes.
func events(t *testing.T, h *home, at string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", at, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func() string {
		var b bytes.Buffer
		for lines.Scan() && lines.Text() != "" {
			b.WriteString(lines.Text() + "\n")
		}
		return b.String()
	}
	if got := next(); res.Header.Get("Content-Type") != "text/event-stream" || !strings.Contains(got, `"REGISTERED"`) {
		t.Errorf("%s: the first event is %q", res.Status, got)
	}
	h.change("PUT", "/subscribers/sip:alice@ims.example.org/state/not_registered", "")
	if got := next(); !strings.HasPrefix(got, "event: IMSUserState\ndata: {") || !strings.Contains(got, `"NOT_REGISTERED"`) {
		t.Errorf("the event of the change is %q", got)
	}
	h.change("PUT", "/subscribers/sip:alice@ims.example.org/state/registered", "")
	if got := next(); !strings.Contains(got, `"REGISTERED"`) {
		t.Errorf("the event of the change back is %q", got)
	}
}

// TestCalleeNotRegistered: a call waits for the HSS, a change of the HSS counts at once, and without the HSS what it said
// last.
func TestCalleeNotRegistered(t *testing.T) {
	t.Parallel()
	h := startHome(t, newNetwork(t))
	s := start(t, h.users)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	c.hangUp(c.a, c.b)
	refused := func(why string) {
		t.Helper()
		d := caller.dialogTo("bob")
		began := time.Now()
		d.ackFailure(caller.answer(d.send("INVITE", sdp(s.media(s.caller()), 31000, 1)), 480))
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: the refusal took %v", why, took)
		}
	}
	h.change("PUT", "/subscribers/sip:bob@ims.example.org/state/not_registered", "")
	eventually(t, patience, "the server knows", func() bool {
		out, err := ctl(t, "subscriber", "sip:bob@ims.example.org", "--admin", s.admin())
		return err == nil && strings.Contains(out, "NOT_REGISTERED")
	})
	refused("by a notification")
	h.kill()
	refused("from memory")
	s.idle()
	s.records(3)
}

// TestSecondHSS: while the first HSS is frozen, and when it is gone, the second one is asked, and nobody waits long.
func TestSecondHSS(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	first, second := startHSS(t, n, 4, "hss1.ims.example"), startHSS(t, n, 5, "hss2.ims.example")
	s := start(t, func(set *settings) {
		set.Users = "diameter: {origin_host: as1.ims.example, origin_realm: ims.example, attempt_timeout: 300ms, peers: [{host: hss1.ims.example, address: '" +
			first.peer + "'}, {host: hss2.ims.example, address: '" + second.peer + "', priority: 1}]}\nsh: {wait: 20s}\nsubscribers: [sh]\n"
	})
	eventually(t, 10*time.Second, "both peers are open", func() bool {
		out, err := ctl(t, "diameter", "--admin", s.admin())
		return err == nil && strings.Count(out, " okay ") == 2
	})
	known := func(why, uri, want string) {
		t.Helper()
		began := time.Now()
		out, err := ctl(t, "subscriber", uri, "--admin", s.admin())
		if took := time.Since(began); err != nil || !strings.Contains(out, want) || strings.Contains(out, "memory") || took > 15*time.Second {
			t.Errorf("%s, after %v: %v\n%s", why, took, err, out)
		}
	}
	known("from the first", "sip:conference@ims.example.org", "sip:conference@ims.example.org")
	first.cmd.Process.Signal(syscall.SIGSTOP)
	known("from the second while the first is frozen", "sip:bob@ims.example.org", "REGISTERED")
	first.cmd.Process.Signal(syscall.SIGCONT)
	first.kill()
	known("from the second when the first is gone", "sip:alice@ims.example.org", "REGISTERED")
	if at := second.change("GET", "/subscriptions", ""); !strings.Contains(at, "sip:alice@ims.example.org") {
		t.Errorf("the second has no subscription: %s", at)
	}
}

// TestDefaults: without any file the server has an HSS inside, the simulator has subscribers, and ctl finds both.
func TestDefaults(t *testing.T) {
	isolated(t, func(t *testing.T) {
		background(t, "serve")
		background(t, "hss")
		for _, at := range [][]string{nil, {"--peer", "127.0.0.1:3868"}} {
			for _, q := range []struct{ args, want string }{
				{"user-state sip:alice@ims.example", "REGISTERED"}, {"scscf sip:alice@ims.example", "sip:scscf.ims.example:6060"},
				{"ifc sip:alice@ims.example --server-name sip:as1.ims.example", "ServerName: sip:as1.ims.example"}, {"psi sip:conference@ims.example", "ACTIVE"},
				{"dsai sip:alice@ims.example diversion --server-name sip:as1.ims.example", "DSAI-Value: ACTIVE"},
				{"location sip:alice@ims.example", "VLRNumber"}, {"repository get sip:alice@ims.example mmtel", "<simservs"},
			} {
				out, err := ctl(t, append(append([]string{"sh"}, strings.Fields(q.args)...), at...)...)
				if err != nil || !strings.Contains(out, q.want) {
					t.Errorf("ctl sh %s %s: %v\n%s", q.args, at, err, out)
				}
			}
		}
		_, text := ask(t, "GET", "http://127.0.0.1:8070/hss/subscribers/sip:alice@ims.example", "")
		if !strings.Contains(text, `"alice@ims.example"`) {
			t.Errorf("the API of the simulator inside: %s", text)
		}
	})
}

// TestAskAServer: ctl shows what a running server does.
func TestAskAServer(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	for _, q := range []struct{ command, want string }{
		{"status", "ok, 1 calls"}, {"calls", "confirmed"}, {"targets", "SIDE"}, {"diameter", "PEER"},
	} {
		out, err := ctl(t, q.command, "--admin", s.admin())
		if err != nil || !strings.Contains(out, q.want) {
			t.Errorf("ctl %s: %v\n%s", q.command, err, out)
		}
	}
	for _, without := range [][]string{{"subscriber", "sip:a@b"}, {"sh", "user-state", "sip:a@b"}} {
		if out, err := ctl(t, append(without, "--admin", s.admin())...); err == nil || !strings.Contains(out, "docs/configuration.md") {
			t.Errorf("ctl %s of a server without subscriber data: %v\n%s", without, err, out)
		}
	}
	if out, err := ctl(t, "status", "--admin", s.addr(9, 8070)); err == nil || !strings.Contains(out, "--admin") {
		t.Errorf("ctl where nobody is: %v\n%s", err, out)
	}
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}
