package hss

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Inside a network namespace of its own the test binary runs every test of this package once more, with freeDiameter as
// a relay between application server and HSS. freeDiameter refuses addresses in 127/8, hence the namespace.
const (
	relayEnv     = "BIFRONS_TEST_RELAY"
	relayAddress = "192.0.2.1"
	hssAddress   = "192.0.2.2"
)

// relayed tells whether a relay stands between.
func relayed() bool { return os.Getenv(relayEnv) != "" }

// direct skips a test that is about the connection itself.
func direct(t *testing.T, why string) {
	if relayed() {
		t.Skip("not over a relay: " + why)
	}
}

func TestOverFreeDiameter(t *testing.T) {
	if relayed() {
		t.Skip("this is the inside")
	}
	if testing.Short() {
		t.Skip("starts a relay per test; left out by -short")
	}
	for _, tool := range []string{"freeDiameterd", "unshare", "ip"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (Debian: freediameterd, freediameter-extensions, util-linux, iproute2)", tool)
		}
	}
	if err := exec.Command("unshare", "-n", "true").Run(); err != nil {
		t.Skipf("cannot make a network namespace, which needs root: %v", err)
	}
	script := fmt.Sprintf("ip link set lo up && ip addr add %s/24 dev lo && ip addr add %s/24 dev lo && exec \"$@\"", relayAddress, hssAddress)
	args := []string{"-n", "sh", "-c", script, "sh", os.Args[0], "-test.v", "-test.timeout=3m", "-test.run=^Test"}
	cmd := exec.CommandContext(t.Context(), "unshare", args...)
	cmd.Env = append(os.Environ(), relayEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("over freeDiameter: %v\n%s", err, out)
	}
	if n := strings.Count(string(out), "\n--- PASS: "); n < 12 {
		t.Errorf("only %d tests ran over the relay:\n%s", n, out)
	}
}

// startRelay runs freeDiameter before the HSS until the test ends.
func startRelay(t testing.TB, s *Server) {
	t.Helper()
	dir := t.TempDir()
	_, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	certificate(t, dir)
	write(t, dir, "acl.conf", "ALLOW_IPSEC *.ims.example\n")
	write(t, dir, "relay.conf", fmt.Sprintf(`
Identity = "relay.ims.example";
Realm = "ims.example";
Port = 3868;
SecPort = 0;
No_SCTP;
No_IPv6;
ListenOn = "%[1]s";
TcTimer = 6;
TwTimer = 6;
TLS_Cred = "%[2]s/cert.pem", "%[2]s/key.pem";
TLS_CA = "%[2]s/cert.pem";
LoadExtension = "acl_wl.fdx" : "%[2]s/acl.conf";
ConnectPeer = "hss.ims.example" { ConnectTo = "%[3]s"; Port = %[4]s; No_TLS; };
`, relayAddress, dir, hssAddress, port))
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("freeDiameterd", "-c", filepath.Join(dir, "relay.conf"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		log.Close()
		if t.Failed() {
			if b, err := os.ReadFile(log.Name()); err == nil {
				t.Logf("freeDiameter said:\n%s", b)
			}
		}
	})
	for end := time.Now().Add(15 * time.Second); ; {
		for _, p := range s.endpoint.Status() {
			if p.Host == "relay.ims.example" && p.Relay && p.State == "okay" {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatal("the relay did not connect in 15s")
		}
		<-time.After(5 * time.Millisecond)
	}
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// certificate makes the one that freeDiameter wants even where it uses none.
func certificate(t testing.TB, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "relay.ims.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	kb, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kb})))
}
