package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// phone is one SIPp: a scenario of test/sipp played on an address.
type phone struct {
	scenario string            // file name
	fill     map[string]string // @NAME@ in the scenario to its value
	args     []string          // more arguments
	calls    int               // 0: one
}

// sipp is a running SIPp.
type sipp struct {
	t    *testing.T
	name string
	dir  string
	cmd  *exec.Cmd
	out  bytes.Buffer
}

// start plays the phone at addr. A caller has a target; a callee has none, and is ready when this returns.
func (p phone) start(t *testing.T, addr, target string) *sipp {
	t.Helper()
	need(t, "sipp")
	r := &sipp{t: t, name: p.scenario, dir: t.TempDir()}
	text, err := os.ReadFile(filepath.Join("sipp", p.scenario))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range p.fill {
		text = bytes.ReplaceAll(text, []byte("@"+k+"@"), []byte(v))
	}
	if err := os.WriteFile(filepath.Join(r.dir, p.scenario), text, 0o644); err != nil {
		t.Fatal(err)
	}
	ip, port, _ := strings.Cut(addr, ":")
	args := []string{"-sf", p.scenario, "-i", ip, "-p", port, "-mi", ip, "-m", fmt.Sprint(max(1, p.calls)), "-nostdin", "-timeout", "40s", "-timeout_error",
		"-buff_size", "2097152", "-trace_msg", "-message_file", "messages", "-trace_err", "-error_file", "errors"}
	args = append(args, p.args...)
	if target != "" {
		args = append(args, target)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	r.cmd = exec.CommandContext(ctx, "sipp", args...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = r.dir, &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel() // ends it if the test gave up
		if r.cmd.ProcessState == nil {
			r.cmd.Wait()
		}
	})
	if target == "" {
		eventually(t, patience, p.scenario+" listens", func() bool { return bound(t, addr) || listening(t, addr) })
	}
	return r
}

// wait waits for its end and fails the test unless every call went as the scenario has it.
func (r *sipp) wait() {
	r.t.Helper()
	err := r.cmd.Wait()
	if err == nil {
		return
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		r.t.Error(err)
		return
	}
	faults, _ := os.ReadFile(filepath.Join(r.dir, "errors"))
	messages, _ := os.ReadFile(filepath.Join(r.dir, "messages"))
	r.t.Errorf("sipp %s: %v\n%s\n%s", r.name, err, tail(string(faults), 30), tail(string(messages), 120))
}

// plain are the calls in which nothing crosses: one caller, one callee, and how their record ends.
var plain = []struct {
	name           string
	caller, callee phone
	want           ending
}{
	{"answered", phone{scenario: "caller.xml"}, phone{scenario: "callee.xml"}, hungUp},
	{"busy", phone{scenario: "caller-refused.xml", fill: map[string]string{"CODE": "486"}}, phone{scenario: "callee-refuses.xml", fill: map[string]string{"CODE": "486", "REASON": "Busy Here"}}, ending{486, "callee"}},
	{"not found", phone{scenario: "caller-refused.xml", fill: map[string]string{"CODE": "404"}}, phone{scenario: "callee-refuses.xml", fill: map[string]string{"CODE": "404", "REASON": "Not Found"}}, ending{404, "callee"}},
	{"unavailable", phone{scenario: "caller-refused.xml", fill: map[string]string{"CODE": "480"}}, phone{scenario: "callee-refuses.xml", fill: map[string]string{"CODE": "480", "REASON": "Temporarily Unavailable"}}, ending{480, "callee"}},
	{"declined", phone{scenario: "caller-refused.xml", fill: map[string]string{"CODE": "603"}}, phone{scenario: "callee-refuses.xml", fill: map[string]string{"CODE": "603", "REASON": "Decline"}}, ending{603, "callee"}},
	{"cancelled", phone{scenario: "caller-cancels.xml"}, phone{scenario: "callee-cancelled.xml"}, ending{487, "caller"}},
	{"callee hangs up", phone{scenario: "caller-hears-bye.xml", fill: map[string]string{"USER": "bob"}}, phone{scenario: "callee-hangs-up.xml"}, ending{200, "callee"}},
	{"caller holds", phone{scenario: "caller-holds.xml"}, phone{scenario: "callee-held.xml"}, hungUp},
	{"callee holds", phone{scenario: "caller-held.xml"}, phone{scenario: "callee-holds.xml"}, hungUp},
	{"offer in the 200", phone{scenario: "caller-no-offer.xml"}, phone{scenario: "callee-offers.xml"}, hungUp},
	{"info and message", phone{scenario: "caller-info.xml"}, phone{scenario: "callee-info.xml"}, hungUp},
	{"early media", phone{scenario: "caller-early.xml"}, phone{scenario: "callee-early.xml"}, hungUp},
}

func TestPlainCalls(t *testing.T) {
	t.Parallel()
	for _, c := range plain {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			callee := c.callee.start(t, s.callee(), "")
			caller := c.caller.start(t, s.caller(), s.core())
			caller.wait()
			callee.wait()
			s.ended(c.want)
		})
	}
}

// asked are requests to the server itself.
var asked = []struct {
	name string
	phone
}{
	{"OPTIONS", phone{scenario: "options.xml"}},
	{"PUBLISH", phone{scenario: "not-allowed.xml", fill: map[string]string{"METHOD": "PUBLISH"}}},
	{"SUBSCRIBE", phone{scenario: "not-allowed.xml", fill: map[string]string{"METHOD": "SUBSCRIBE"}}},
	{"Require", phone{scenario: "require.xml"}},
	{"Max-Forwards 0", phone{scenario: "max-forwards.xml"}},
}

func TestAsked(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, c := range asked {
		t.Run(c.name, func(t *testing.T) { c.start(t, s.caller(), s.core()).wait() })
	}
	s.idle()
}

// TestNotAllowedInCall: the same answers inside a call, which goes on.
func TestNotAllowedInCall(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	for _, method := range []string{"PUBLISH", "SUBSCRIBE"} {
		res := caller.answer(c.a.send(method, ""), 405)
		allow := res.options("Allow")
		if !allow["INVITE"] || allow[method] {
			t.Errorf("405 to %s has Allow %v", method, slices.Sorted(maps.Keys(allow)))
		}
	}
	caller.answer(caller.dialogTo("bob").send("REFER", ""), 403) // outside a call nobody is transferred
	callee.silent(100*time.Millisecond, "a request that is refused", func(m message) bool { return m.status() == 0 })
	c.hangUp(c.a, c.b)
	s.idle()
}

// TestSpeech has SIPp stream speech both ways while the call is up; each side counts what it got.
func TestSpeech(t *testing.T) {
	t.Parallel()
	s := start(t)
	speech := bytes.Repeat([]byte{0xd5}, 8000*4) // four seconds of silence in A-law
	tone := filepath.Join(t.TempDir(), "speech.pcma")
	if err := os.WriteFile(tone, speech, 0o644); err != nil {
		t.Fatal(err)
	}
	fill := map[string]string{"FILE": tone}
	callee := phone{scenario: "callee-speaks.xml", fill: fill}.start(t, s.callee(), "")
	caller := phone{scenario: "caller-speaks.xml", fill: fill}.start(t, s.caller(), s.core())
	caller.wait()
	callee.wait()
	for i, leg := range s.ended(hungUp)[0].Legs {
		if m := leg.Media; len(m) != 1 || m[0].Received.Packets < 100 || m[0].Sent.Packets < 100 {
			t.Errorf("leg %d of the record has the statistics %+v, want 100 packets and more both ways", i, m)
		}
	}
}

// TestLoad makes 200 calls at 50 a second: none fails, nothing is left over. It runs the product, not the checked build.
func TestLoad(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.build = product })
	load := []string{"-r", "50", "-d", "500"}
	callee := phone{scenario: "callee.xml", calls: 200}.start(t, s.callee(), "")
	caller := phone{scenario: "caller.xml", calls: 200, args: load}.start(t, s.caller(), s.core())
	caller.wait()
	callee.wait()
	s.ended(slices.Repeat([]ending{hungUp}, 200)...)
	eventually(t, patience, "as many goroutines and files as before", func() bool {
		now := s.counts()
		return now.goroutines <= s.base.goroutines+5 && now.files <= s.base.files
	})
}

// TestScenariosUsed keeps the folder free of scenarios that no test plays.
func TestScenariosUsed(t *testing.T) {
	t.Parallel()
	var source []byte
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, text...)
	}
	err = fs.WalkDir(os.DirFS("sipp"), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !bytes.Contains(source, []byte(`"`+path+`"`)) {
			t.Errorf("no test plays test/sipp/%s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
