package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAPIOverTLS: the API asks for a certificate and a token; ctl shows both, and who lacks one is turned away.
func TestAPIOverTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	ca.issue("bifrons", "localhost")
	ca.issue("operator", "operator.example")
	if err := os.WriteFile(filepath.Join(ca.dir, "token"), []byte("a long word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := newNetwork(t)
	_, port, _ := strings.Cut(n.admin(), ":")
	file := filepath.Join(t.TempDir(), "api.yaml")
	text := fmt.Sprintf("sides: {core: {listen: 'udp:%s:5060'}}\ncdr: {file: ''}\nadmin: {listen: '127.0.0.1:%s', token_file: %[3]s/token, tls: {cert: %[3]s/bifrons.pem, key: %[3]s/bifrons.key, ca: %[3]s/ca.pem, mutual: true}}\n",
		n.ip(1), port, ca.dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path := built(t, checked)
	log := &output{}
	cmd := exec.Command(path, "serve", "-c", file)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, log)
		}
	}()
	eventually(t, patience, "the server is ready", func() bool { return strings.Contains(log.String(), "bifrons is ready") })
	at := []string{"ctl", "calls", "--admin", "https://localhost:" + port, "--admin-ca", ca.dir + "/ca.pem"}
	own := []string{"--admin-cert", ca.dir + "/operator.pem", "--admin-key", ca.dir + "/operator.key"}
	token := []string{"--token-file", ca.dir + "/token"}
	for _, c := range []struct {
		name string
		args [][]string
		want string
	}{
		{"all", [][]string{at, own, token}, "CALL"},
		{"no token", [][]string{at, own}, "401"},
		{"no certificate", [][]string{at, token}, "certificate required"},
		{"no TLS", [][]string{{"ctl", "calls", "--admin", "127.0.0.1:" + port}}, "HTTP request to an HTTPS server"},
	} {
		var args []string
		for _, a := range c.args {
			args = append(args, a...)
		}
		if out, _ := exec.Command(path, args...).CombinedOutput(); !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %s, want %q", c.name, out, c.want)
		}
	}
}
