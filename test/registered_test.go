package test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bifrons/bifrons/sip/locate/locatetest"
)

// hearing are the lines of a softphone's configuration by which it writes what it hears into dir.
func hearing(dir string) string {
	return "snd_path " + dir + "\nmodule sndfile.so\njitter_buffer_type off\n"
}

// order gives a softphone that has ctrl_tcp a command of its menu.
func (p softphone) order(t *testing.T, command, params string) {
	t.Helper()
	var c net.Conn
	eventually(t, patience, p.user+" takes commands", func() bool {
		var err error
		c, err = net.Dial("tcp", p.ip+":4444")
		return err == nil
	})
	defer c.Close()
	text, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "%d:%s,", len(text), text)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); err != nil { // the reply
		t.Fatalf("%s %s: %v", command, params, err)
	}
}

// strength returns the part of the samples that is a tone of that frequency, 0 to 1; there are 8000 samples a second.
func strength(samples []float64, hz float64) float64 {
	var all, re, im float64
	for i, x := range samples {
		w := 2 * math.Pi * hz * float64(i) / 8000
		all, re, im = all+x*x, re+x*math.Cos(w), im+x*math.Sin(w)
	}
	return 2 * (re*re + im*im) / float64(len(samples)) / max(all, 1e-9)
}

// page reads a page of a server's admin address.
func page(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// callEachOther lets two registered softphones call each other at host, one after the other, and checks that each hears the other's tone, and
// that both calls end when their caller hangs up. api is the server's admin address.
func callEachOther(t *testing.T, api, host string, phones [2]softphone) {
	t.Helper()
	heard := [2]string{t.TempDir(), t.TempDir()}
	for i := range phones {
		phones[i].tone = 440 + 360*i
		phones[i].more += hearing(heard[i]) + "module ctrl_tcp.so\nctrl_tcp_listen " + phones[i].ip + ":4444\n"
		phones[i].start(t)
	}
	eventually(t, patience, "both have registered", func() bool {
		text := page(t, api+"/v1/bindings")
		return strings.Contains(text, `"sip:alice`) && strings.Contains(text, `"sip:bob`)
	})
	for i, caller := range phones {
		caller.order(t, "dial", "sip:"+phones[1-i].user+"@"+host)
		eventually(t, 20*time.Second, "speech both ways", func() bool {
			text := page(t, api+"/v1/calls")
			if !strings.Contains(text, `"confirmed"`) {
				return false
			}
			for k := range phones {
				found, _ := filepath.Glob(filepath.Join(heard[k], "*dec.wav"))
				if len(found) != i+1 {
					return false
				}
				samples := readWAV(t, found[i]) // their names have the time
				if len(samples) < 8000 || strength(samples[len(samples)-4000:], float64(440+360*(1-k))) < 0.9 {
					return false
				}
			}
			return true
		})
		caller.order(t, "hangup", "")
		eventually(t, patience, "the call ends", func() bool { return !strings.Contains(page(t, api+"/v1/calls"), `"confirmed"`) })
	}
}

// TestPhonesWithoutConfiguration: two softphones register with `bifrons serve`, which has no file, call each other and talk.
func TestPhonesWithoutConfiguration(t *testing.T) {
	need(t, "baresip")
	isolated(t, func(t *testing.T) {
		background(t, "serve")
		callEachOther(t, "http://127.0.0.1:8070", "127.0.0.1", [2]softphone{
			{ip: "127.0.0.2", ports: "40000-40020", user: "alice", account: "<sip:alice@127.0.0.1>;regint=600"},
			{ip: "127.0.0.3", ports: "41000-41020", user: "bob", account: "<sip:bob@127.0.0.1>;regint=600"},
		})
	})
}

// TestDemoKeeps: after the demo a server stays up, and says what a softphone can do; it does.
func TestDemoKeeps(t *testing.T) {
	need(t, "baresip")
	isolated(t, func(t *testing.T) {
		log := background(t, "demo", "--keep")
		for _, want := range []string{"register   a softphone of this machine at 127.0.0.1:5060, as sip:alice@127.0.0.1", "sip:company@127.0.0.1", "Ctrl-C"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("it does not say %q:\n%s", want, log)
			}
		}
		callEachOther(t, "http://127.0.0.1:8070", "127.0.0.1", [2]softphone{
			{ip: "127.0.0.2", ports: "40000-40020", user: "alice", account: "<sip:alice@127.0.0.1>;regint=600"},
			{ip: "127.0.0.3", ports: "41000-41020", user: "bob", account: "<sip:bob@127.0.0.1>;regint=600"},
		})
	})
}

// background runs bifrons in a folder of its own until the end of the test.
func background(t *testing.T, args ...string) *output {
	t.Helper()
	cmd, log := exec.Command(built(t, checked), args...), &output{}
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("%s ended with %v:\n%s", args, err, log)
		}
	})
	eventually(t, 30*time.Second, args[0]+" is ready", func() bool { return strings.Contains(log.String(), " is ready") })
	return log
}

// TestPhonesOverTLS: two softphones with certificates register over mutual TLS under names that take a password, and call each other on the
// connections that they have made.
func TestPhonesOverTLS(t *testing.T) {
	t.Parallel()
	need(t, "baresip")
	n, ca, ns := newNetwork(t), newAuthority(t), locatetest.Start(t, "")
	ns.Set("_sips._tcp.as.example. 60 IN SRV 1 1 5061 as.example.\nas.example. 60 IN A " + n.ip(1) + "\n")
	ca.issue("bifrons", "as.example")
	file := filepath.Join(t.TempDir(), "phones.yaml")
	config := fmt.Sprintf(`users: [{name: alice, password: one}, {name: bob, password: two}]
sides:
  phones:
    listen: 'tls:%[1]s:5061'
    domain: as.example
    tls: {cert: %[2]s/bifrons.pem, key: %[2]s/bifrons.key, ca: %[2]s/ca.pem, mutual: true}
    allow: ['user:*']
    digest: {algorithms: [MD5]}
    registrar: true
    media: {address: %[1]s}
routes: [{to: phones, next_hop: registered}]
admin: {listen: '%[3]s'}
cdr: {file: ''}
`, n.ip(1), ca.dir, n.admin())
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	background(t, "serve", "-c", file)
	phone := func(last int, user, password string) softphone {
		ca.issue(user, user+".example")
		both := []byte{}
		for _, kind := range []string{".key", ".pem"} {
			text, err := os.ReadFile(filepath.Join(ca.dir, user+kind))
			if err != nil {
				t.Fatal(err)
			}
			both = append(both, text...)
		}
		identity := filepath.Join(ca.dir, user+"-both.pem")
		if err := os.WriteFile(identity, both, 0o600); err != nil {
			t.Fatal(err)
		}
		base := 40000 + n.n*80 + last
		return softphone{
			ip: n.ip(last), ports: fmt.Sprintf("%d-%d", base, base+18), user: user,
			account: fmt.Sprintf("<sip:%s@as.example;transport=tls>;regint=600;auth_pass=%s", user, password),
			more:    "sip_certificate " + identity + "\nsip_cafile " + ca.dir + "/ca.pem\ndns_server " + ns.Addr.String() + "\n",
		}
	}
	callEachOther(t, "http://"+n.admin(), "as.example", [2]softphone{phone(11, "alice", "one"), phone(31, "bob", "two")})
}

// TestContactOfOurs: who registers a Contact that is an address of the server's own gets his calls himself; they do not come back to the server.
func TestContactOfOurs(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "bifrons.yaml")
	config := fmt.Sprintf("sides: {phones: {listen: 'udp:%s', registrar: true}}\nroutes: [{to: phones, next_hop: registered}]\nadmin: {listen: '%s'}\ncdr: {file: cdr.jsonl}\n", n.core(), n.admin())
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	s := serve(t, built(t, checked), n, n.admin(), dir, file)
	caller, callee := newUA(t, n.caller(), n.core(), "secret"), newUA(t, n.callee(), n.core(), "hidden")
	d := callee.dialogTo("bob")
	register := callee.write(n.core(), "REGISTER sip:"+n.core()+" SIP/2.0", []string{"Via: SIP/2.0/UDP " + n.callee() + ";branch=" + callee.branch(), "Max-Forwards: 70",
		"From: " + d.local, "To: <sip:bob@" + n.core() + ">", "Call-ID: " + d.callID, "CSeq: 1 REGISTER", "Contact: <sip:bob@" + n.core() + ">"}, "")
	callee.answer(register, 200)
	c := s.connect(caller, callee)
	if calls := s.calls(); calls != 1 {
		t.Errorf("%d calls, want one", calls)
	}
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}
