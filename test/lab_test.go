package test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// isolated runs body in a network namespace of its own, where the fixed addresses of the lab and of the samples are free:
// the test binary runs itself again there, for this test alone. Where the system allows no namespace body runs in place.
func isolated(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	const mark = "BIFRONS_TEST_NAMESPACE"
	if os.Getenv(mark) != "" {
		if text, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			t.Fatalf("ip link set lo up: %v\n%s", err, text)
		}
		body(t)
		return
	}
	path := built(t, checked)
	flags := "-n"
	if os.Getuid() != 0 {
		flags = "-rn"
	}
	if _, err := exec.LookPath("ip"); err != nil || exec.Command("unshare", flags, "true").Run() != nil {
		t.Setenv("BIFRONS", path) // and no t.Parallel: the addresses are shared
		body(t)
		return
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", flags, os.Args[0], "-test.v", "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), mark+"=1", "BIFRONS="+path)
	text, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("in its namespace: %v\n%s", err, text)
	case bytes.Contains(text, []byte("--- SKIP: "+t.Name()+" ")):
		t.Skipf("%s", text)
	case !bytes.Contains(text, []byte("--- PASS: "+t.Name()+" ")):
		t.Errorf("%s did not run in its namespace:\n%s", t.Name(), text)
	}
}

// lab is a running S-CSCF and P-CSCF with the server as their application server.
type lab struct {
	t   *testing.T
	run string   // where the scripts keep their files
	env []string // of every script
}

// startLab starts the Kamailios and stops them at the end of the test. env are settings of the scripts.
func startLab(t *testing.T, env ...string) *lab {
	t.Helper()
	need(t, "kamailio", "sipp", "sox", "ip", "unshare", "setsid")
	l := &lab{t: t, run: t.TempDir()}
	l.env = append(append(os.Environ(), "RUN="+l.run), env...)
	t.Cleanup(func() {
		l.script("stop-all.sh")
		if !t.Failed() {
			return
		}
		for _, name := range []string{"scscf.log", "pcscf.log", "alice.err", "alice.msg", "bob.msg"} {
			if b, err := os.ReadFile(filepath.Join(l.run, name)); err == nil {
				t.Logf("%s:\n%s", name, tail(string(b), 80))
			}
		}
	})
	for _, script := range []string{"pcscf/start.sh", "scscf/start-lite.sh"} {
		if text, err := l.script(script); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, text)
		}
	}
	eventually(t, 10*time.Second, "the S-CSCF and the P-CSCF listen", func() bool {
		return bound(t, "127.0.0.2:5060") && bound(t, "127.0.0.3:5060")
	})
	return l
}

// script runs a script of the lab to its end.
func (l *lab) script(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join("lab", name), args...)
	cmd.Env = l.env
	cmd.WaitDelay = time.Second // what it starts in the background keeps no pipe, but be sure
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// register has telephones register.
func (l *lab) register(t *testing.T, phones ...string) {
	t.Helper()
	for _, who := range phones {
		if text, err := l.script("ua/sipp.sh", "register", who); err != nil {
			t.Fatalf("register: %v\n%s", err, text)
		}
	}
}

// answer has Bob answer one call, and returns when his telephone listens; the channel tells when the call is over.
func (l *lab) answer(t *testing.T) <-chan error {
	t.Helper()
	answered := make(chan error, 1)
	go func() {
		_, err := l.script("ua/sipp.sh", "answer", "bob")
		answered <- err
	}()
	eventually(t, patience, "bob's telephone listens", func() bool { return bound(t, "127.0.0.12:5060") })
	return answered
}

// call has a telephone call a number, and Bob answer. It returns what the caller got; an error says that one of the two was not served.
func (l *lab) call(t *testing.T, who, whom string) (string, error) {
	t.Helper()
	answered := l.answer(t)
	text, err := l.script("ua/sipp.sh", "call", who, whom)
	if callee := <-answered; err != nil || callee != nil {
		return text, fmt.Errorf("caller %v, callee %v", err, callee)
	}
	return text, nil
}

var adminListen = regexp.MustCompile(`(?m)^admin:\s*\{?\s*listen: *([0-9.:]+)`)

// serveSample runs the server on a sample of configs.
func serveSample(t *testing.T, name string) *server {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("../configs", name))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	api := "127.0.0.1:8070" // the default
	if m := adminListen.FindSubmatch(text); m != nil {
		api = string(m[1])
	}
	return serve(t, built(t, checked), network{}, api, t.TempDir(), file)
}

// TestLab has two registered telephones call each other through the S-CSCF, which asks the server twice: for the caller and
// for the callee. The S-CSCF writes its original dialog identifier in each of the three forms that are met.
func TestLab(t *testing.T) {
	isolated(t, func(t *testing.T) {
		for _, odi := range []string{"user", "uriparam", "hdrparam"} {
			t.Run(odi, func(t *testing.T) {
				l := startLab(t, "ODI="+odi)
				s := serveSample(t, "lab.yaml")
				l.register(t, "alice", "bob")
				l.answered(t, "alice", "bob")
				s.idle()
				s.records(2)
				l.speech(t)
				if odi != "user" {
					return
				}
				// A callee that is not registered: the S-CSCF's answer comes through both halves.
				text, err := l.script("ua/sipp.sh", "call", "alice", "carol")
				if err == nil || !strings.Contains(text, "SIP/2.0 480") {
					t.Errorf("call to carol: %v, want 480 in\n%s", err, text)
				}
				s.idle()
				s.records(4)
			})
		}
	})
}

// TestLabDefaultHandling: the Route that the S-CSCF gives leads nowhere, or to somebody who says nothing. The server says so in
// time, and the S-CSCF's default handling completes the call without it.
func TestLabDefaultHandling(t *testing.T) {
	isolated(t, func(t *testing.T) {
		for name, silent := range map[string]bool{"nobody there": false, "nobody answers": true} {
			t.Run(name, func(t *testing.T) {
				const at = "127.0.0.9:5060"
				l := startLab(t, "ODI_AT="+at)
				s := serveSample(t, "lab.yaml")
				want := 500
				if silent {
					want = 408
					defer listenUDP(t, at).Close()
				}
				l.register(t, "alice", "bob")
				l.answered(t, "alice", "bob")
				s.idle()
				for _, r := range s.records(2) {
					if r.Status != want || r.End.Sub(r.Start) > 3*time.Second {
						t.Errorf("%+v, want %d", r, want)
					}
				}
			})
		}
	})
}

// speech checks that the telephones were sent to the server with their media, not to each other.
func (l *lab) speech(t *testing.T) {
	t.Helper()
	for phone, other := range map[string]string{"alice.msg": "127.0.0.12", "bob.msg": "127.0.0.11"} {
		text, err := os.ReadFile(filepath.Join(l.run, phone))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.ReplaceAll(string(text), "\r", ""), "\n")
		if slices.Contains(lines, "c=IN IP4 "+other) {
			t.Errorf("%s: the media address of the other telephone was shown", phone)
		}
	}
}

// TestSamples starts the server on every sample of configs.
func TestSamples(t *testing.T) {
	isolated(t, func(t *testing.T) {
		files, err := filepath.Glob("../configs/*.yaml")
		if err != nil || len(files) == 0 {
			t.Fatalf("no samples in configs: %v", err)
		}
		for _, f := range files {
			t.Run(filepath.Base(f), func(t *testing.T) {
				if text, err := exec.Command(built(t, checked), "check", f).CombinedOutput(); err != nil {
					t.Errorf("bifrons check %s: %v\n%s", f, err, text)
				}
				s := serveSample(t, filepath.Base(f))
				if n := s.calls(); n != 0 {
					t.Errorf("%d calls after the start", n)
				}
				s.stop(patience)
			})
		}
	})
}
