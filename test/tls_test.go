package test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// proxy is a Kamailio that speaks mutual TLS on one side and UDP on the other, and stays on the way of its calls.
const proxy = `#!KAMAILIO
listen=tls:%[1]s:5061
listen=udp:%[1]s:5062
auto_aliases=no
dns=no
children=2
tcp_children=2
enable_tls=yes
loadmodule "tls.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "siputils.so"
loadmodule "textops.so"
modparam("rr", "enable_double_rr", 1)
modparam("tls", "config", "%[2]s/kamailio-tls.cfg")
request_route {
	if (has_totag() && loose_route()) { t_relay(); exit; }
	if (is_method("INVITE") && !has_totag()) { record_route(); }
	if (proto == TLS) { $du = "sip:%[3]s"; } else { $du = "sip:%[4]s;transport=tls"; }
	t_relay();
}
`

// TestKamailioTLS: a call from SIPp through Kamailio's TLS to Bifrons, and from there through its TLS again to another SIPp. Each of the two shows the
// other a certificate, on connections that either has made.
func TestKamailioTLS(t *testing.T) {
	t.Parallel()
	need(t, "kamailio", "sipp")
	if found, _ := filepath.Glob("/usr/lib/*/kamailio/modules/tls.so"); len(found) == 0 {
		t.Skip("Kamailio has no module tls: install kamailio-tls-modules")
	}
	n, ca := newNetwork(t), newAuthority(t)
	ca.issue("bifrons", "as.example")
	ca.issue("kamailio", "edge.example")
	file := func(name, format string, args ...any) string {
		path := filepath.Join(ca.dir, name)
		if err := os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	domain := "method = TLSv1.2+\nverify_certificate = yes\nrequire_certificate = yes\nprivate_key = %[1]s/kamailio.key\ncertificate = %[1]s/kamailio.pem\nca_list = %[1]s/ca.pem\n"
	file("kamailio-tls.cfg", "[server:default]\n"+domain+"[client:default]\n"+domain, ca.dir)
	edge := file("kamailio.cfg", proxy, n.ip(20), ca.dir, n.callee(), n.addr(1, 5061))
	kamailio, log := exec.Command("kamailio", "-f", edge, "-DD", "-E", "-m", "32", "-M", "8", "-Y", t.TempDir()), &output{}
	kamailio.Stdout, kamailio.Stderr = log, log
	kamailio.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := kamailio.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-kamailio.Process.Pid, syscall.SIGTERM)
		_ = kamailio.Wait()
		if t.Failed() {
			t.Logf("kamailio wrote:\n%s", tail(log.String(), 40))
		}
	})
	files := fmt.Sprintf("cert: %[1]s/bifrons.pem, key: %[1]s/bifrons.key, ca: %[1]s/ca.pem, mutual: true", ca.dir)
	config := file("bifrons.yaml", `sides:
  core: {listen: 'tls:%[1]s:5061', trust: home, allow: 'tls:edge.example', tls: {%[3]s}, media: {address: %[1]s}}
  carrier: {listen: 'tls:%[2]s:5061', next_hop: 'sip:%[4]s:5061;transport=tls', tls: {%[3]s, name: edge.example}, media: {address: %[2]s}}
routes: [{from: core, to: carrier}]
admin: {listen: '%[5]s'}
audit: {mode: block}
`, n.ip(1), n.ip(2), files, n.ip(20), n.admin())
	s := serve(t, built(t, checked), n, n.admin(), ca.dir, config)
	eventually(t, 15*time.Second, "Kamailio listens", func() bool { return listening(t, n.addr(20, 5061)) && bound(t, n.addr(20, 5062)) })
	call := plain[0]
	b := call.callee.start(t, n.callee(), "")
	a := call.caller.start(t, n.caller(), n.addr(20, 5062))
	a.wait()
	b.wait()
	s.ended(call.want)
}

// TestSipgoTLS: sipgo calls over mutual TLS and is called over it, and hangs up. The callee is known by a name, which is in its certificate,
// and its Contact is an address, which is not: ACK and BYE go there all the same.
func TestSipgoTLS(t *testing.T) {
	t.Parallel()
	n, ca := newNetwork(t), newAuthority(t)
	ca.issue("bifrons", "as.example")
	files := fmt.Sprintf("cert: %[1]s/bifrons.pem, key: %[1]s/bifrons.key, ca: %[1]s/ca.pem, mutual: true", ca.dir)
	config := filepath.Join(ca.dir, "bifrons.yaml")
	hosts := filepath.Join(ca.dir, "hosts")
	if err := os.WriteFile(hosts, []byte(n.ip(12)+" callee.example\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`sides:
  core: {listen: 'tls:%[1]s:5061', trust: home, tls: {%[3]s}, media: {address: %[1]s}}
  carrier: {listen: 'tls:%[2]s:5061', next_hop: 'sip:callee.example:5061;transport=tls', tls: {%[3]s}, media: {address: %[2]s}}
routes: [{from: core, to: carrier}]
dns: {hosts: '%[4]s'}
admin: {listen: '%[5]s'}
audit: {mode: block}
`, n.ip(1), n.ip(2), files, hosts, n.admin())
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s := serve(t, built(t, checked), n, n.admin(), ca.dir, config)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	phone := func(name string, last int) (*sipgo.UserAgent, *sipgo.DialogUA, *tls.Config) {
		conf := &tls.Config{Certificates: []tls.Certificate{ca.issue(name, name+".example")}, RootCAs: ca.pool, ServerName: "as.example",
			ClientCAs: ca.pool, ClientAuth: tls.RequireAndVerifyClientCert}
		ua, err := sipgo.NewUA(sipgo.WithUserAgent(name), sipgo.WithUserAgentHostname(n.ip(last)), sipgo.WithUserAgenTLSConfig(conf))
		check(err)
		t.Cleanup(func() { ua.Close() })
		client, err := sipgo.NewClient(ua, sipgo.WithClientHostname(n.ip(last)))
		check(err)
		uri := sip.Uri{Scheme: "sip", User: name, Host: n.ip(last), Port: 5061, UriParams: sip.NewParams()}
		uri.UriParams.Add("transport", "tls")
		return ua, &sipgo.DialogUA{Client: client, ContactHDR: sip.ContactHeader{Address: uri}}, conf
	}

	bob, dialogs, conf := phone("callee", 12)
	server, err := sipgo.NewServer(bob)
	check(err)
	var called *sipgo.DialogServerSession
	ended := make(chan error, 1)
	server.OnInvite(func(req *sip.Request, tx sip.ServerTransaction) {
		var err error
		if called, err = dialogs.ReadInvite(req, tx); err == nil {
			err = called.RespondSDP([]byte(sdp(n.ip(12), 31000, 1)))
		}
		if err != nil {
			ended <- err
		}
	})
	server.OnAck(func(req *sip.Request, tx sip.ServerTransaction) { _ = called.ReadAck(req, tx) })
	server.OnBye(func(req *sip.Request, tx sip.ServerTransaction) { ended <- called.ReadBye(req, tx) })
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServeTLS(ctx, "tls", n.addr(12, 5061), conf) }() // ends with ctx
	eventually(t, patience, "sipgo listens", func() bool { return listening(t, n.addr(12, 5061)) })

	_, dialogs2, _ := phone("caller", 11)
	to := sip.Uri{Scheme: "sip", User: "bob", Host: n.ip(1), Port: 5061, UriParams: sip.NewParams()}
	to.UriParams.Add("transport", "tls")
	call, err := dialogs2.Invite(ctx, to, []byte(sdp(n.ip(11), 30000, 1)), sip.NewHeader("Content-Type", "application/sdp"))
	check(err)
	defer call.Close()
	check(call.WaitAnswer(ctx, sipgo.AnswerOptions{}))
	check(call.Ack(ctx))
	check(call.Bye(ctx))
	select {
	case err := <-ended:
		check(err)
	case <-ctx.Done():
		t.Fatal("no BYE came to the callee")
	}
	s.ended(hungUp)
	cancel()
	<-served
}
