package test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSupervisor: systemd hears that the server is ready, that it lives, and that it stops.
func TestSupervisor(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.stop(patience)
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command(s.cmd.Path, "serve", "-c", filepath.Join(s.dir, "bifrons.yaml"))
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=300000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	hear := func(want string) {
		t.Helper()
		b := make([]byte, 4096)
		for {
			_ = l.SetReadDeadline(time.Now().Add(patience))
			n, err := l.Read(b)
			if err != nil {
				t.Fatalf("no %s: %v", want, err)
			}
			if strings.HasPrefix(string(b[:n]), want) {
				return
			}
		}
	}
	hear("READY=1\nSTATUS=core=udp:")
	hear("WATCHDOG=1")
	hear("WATCHDOG=1")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	hear("STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestSecondSignal: who signals twice does not wait for calls: they are hung up, and the exit status is still 0.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Drain = time.Hour })
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	s.signal()
	eventually(t, patience, "the log says that the server stops", func() bool { return strings.Contains(s.log.String(), "bifrons stops") })
	s.signal()
	for _, d := range []*dialog{c.a, c.b} {
		bye := d.ua.await(patience, "BYE", func(m message) bool { return m.method() == "BYE" })
		d.ua.reply(bye, "200 OK", "", "")
	}
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Error("the server waits for its calls")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	s.stopped = true
}

// TestDrainByHand: ctl drain is what SIGTERM is; a load balancer hears of it.
func TestDrainByHand(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Drain = time.Hour })
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	if page, err := s.get("/readyz"); err != nil || page != "ready\n" {
		t.Errorf("/readyz: %q, %v", page, err)
	}
	if out := s.ctl("drain"); !strings.Contains(out, "1 calls are left") {
		t.Errorf("ctl drain: %s", out)
	}
	eventually(t, patience, "/readyz is 503", func() bool {
		_, err := s.get("/readyz")
		return err != nil && strings.Contains(err.Error(), "503")
	})
	refused := caller.dialogTo("bob")
	inv := refused.send("INVITE", sdp(s.media(s.caller()), 31002, 1))
	res := caller.answer(inv, 503)
	if res.get("Retry-After") == "" {
		t.Error("a server that drains does not say when to come back")
	}
	refused.ackFailure(res)
	c.hangUp(c.a, c.b)
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Error("the server does not end with its last call")
	}
	s.stopped = true
}

// TestPackage: the Debian package installs into a tree of its own, its sample is good, its server calls, and its removal leaves nothing.
func TestPackage(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dpkg-deb"); err != nil || os.Getuid() != 0 {
		t.Skip("wants dpkg and root")
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	lines := strings.Split(run("../configs/deb/build.sh"), "\n")
	deb := filepath.Join("..", lines[len(lines)-1])
	root := t.TempDir()
	admin := filepath.Join(root, "var/lib/dpkg")
	for _, dir := range []string{"info", "updates"} {
		if err := os.MkdirAll(filepath.Join(admin, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(admin, "status"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	dpkg := func(args ...string) string {
		return run("dpkg", append([]string{"--root=" + root, "--force-script-chrootless", "--force-depends", "--log=/dev/null"}, args...)...)
	}
	dpkg("-i", deb)
	bin, sample := filepath.Join(root, "usr/bin/bifrons"), filepath.Join(root, "etc/bifrons/bifrons.yaml")
	if out := run(bin, "check", sample); !strings.Contains(out, "is good") {
		t.Errorf("the sample: %s", out)
	}
	if out := run(bin, "--version"); out == "" {
		t.Error("no version")
	}
	unit, err := os.ReadFile(filepath.Join(root, "lib/systemd/system/bifrons.service"))
	if err != nil || !strings.Contains(string(unit), "Type=notify") {
		t.Errorf("the unit: %v", err)
	}
	if verify, err := exec.LookPath("systemd-analyze"); err == nil {
		out, _ := exec.Command(verify, "verify", "--root="+root, "bifrons.service").CombinedOutput()
		if strings.Contains(string(out), "Unknown") {
			t.Errorf("systemd-analyze: %s", out)
		}
	}
	dpkg("--purge", "bifrons")
	for _, left := range []string{bin, sample, filepath.Join(root, "lib/systemd/system/bifrons.service")} {
		if _, err := os.Stat(left); err == nil {
			t.Errorf("%s is left", left)
		}
	}
}
