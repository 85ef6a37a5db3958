package test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDrain: after SIGTERM new calls get 503, the running one goes on and its end ends the server.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Drain = 30 * time.Second })
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	s.signal()
	eventually(t, patience, "healthz says that the server is draining", func() bool {
		_, err := s.get("/healthz")
		return err != nil && strings.Contains(err.Error(), "503")
	})
	refused := caller.dialogTo("bob")
	inv := refused.send("INVITE", sdp(s.media(s.caller()), 31002, 1))
	refused.ackFailure(caller.answer(inv, 503))
	hold := c.a.send("INVITE", sdp(s.media(s.caller()), 31000, 2, "a=sendonly"))
	callee.reply(callee.request("INVITE"), "200 OK", "", sdp(s.media(s.callee()), 32000, 2, "a=recvonly"), "Contact: <sip:hidden-phone@"+callee.addr+">")
	c.a.accept(caller.answer(hold, 200))
	c.a.ack("")
	callee.request("ACK")
	c.hangUp(c.a, c.b)
	s.stop(patience) // long before the limit
	if r := s.records(1)[0]; r.Status != 200 || r.By != "caller" {
		t.Errorf("the call ended with %d by %s, want 200 by caller", r.Status, r.By)
	}
}

// TestDrainLimit: what still runs at the limit is hung up on both legs, with a record, and the exit status is 0.
func TestDrainLimit(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Drain = time.Second })
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	ringing := caller.dialogTo("bob")
	inv := ringing.send("INVITE", sdp(s.media(s.caller()), 31002, 1))
	req := callee.request("INVITE")
	callee.reply(req, "180 Ringing", "hidden-tag-ring", "")
	caller.answer(inv, 180)
	s.signal()
	for _, d := range []*dialog{c.a, c.b} {
		bye := d.ua.await(patience, "BYE", func(m message) bool { return m.method() == "BYE" && m.get("Call-ID") == d.callID })
		d.ua.reply(bye, "200 OK", "", "")
	}
	callee.reply(callee.request("CANCEL"), "200 OK", "", "")
	callee.reply(req, "487 Request Terminated", "hidden-tag-ring", "")
	res := caller.await(patience, "a final response to the ringing call", func(m message) bool { return m.status() >= 300 && m.get("Call-ID") == ringing.callID })
	ringing.ackFailure(res)
	if res.status()/100 != 4 && res.status()/100 != 5 {
		t.Errorf("the ringing call was ended by %s, want 4xx or 5xx", res.start)
	}
	s.stop(patience)
	for _, r := range s.records(2) {
		if r.Status != 503 || r.By != "bifrons" {
			t.Errorf("a call ended with %d by %s, want 503 by bifrons", r.Status, r.By)
		}
	}
}

// TestNothingLeft: after a hundred ended calls the server has no more goroutines than a few, and none per held call.
func TestNothingLeft(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	var up []*call
	for range 20 {
		up = append(up, s.connect(caller, callee))
	}
	if n := s.counts().goroutines; n > s.base.goroutines+10 {
		t.Errorf("%d goroutines with 20 idle calls, %d with none: no goroutine may belong to an idle call", n, s.base.goroutines)
	}
	if n := s.calls(); n != 20 {
		t.Errorf("/v1/calls lists %d calls, want 20", n)
	}
	for _, c := range up {
		c.hangUp(c.b, c.a)
	}
	s.idle()
	s.records(20)
}

// TestUsage: the command tells what is wrong and says so by its status.
func TestUsage(t *testing.T) {
	t.Parallel()
	path := built(t, product)
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("sides:\n  core: {lisen: udp:127.0.0.1:5070}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		ok   bool
		says string
	}{
		{[]string{"check", "../configs/minimal.yaml"}, true, ""},
		{[]string{"check", bad}, false, "bad.yaml:2:"},
		{[]string{"check", filepath.Join(dir, "none.yaml")}, false, "none.yaml"},
		{[]string{"serve", "-c", bad}, false, "listen"},
		{[]string{"no-such-command"}, false, "no-such-command"},
	} {
		t.Run(strings.Join(c.args[:1], " "), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			text, err := exec.CommandContext(ctx, path, c.args...).CombinedOutput()
			if (err == nil) != c.ok || !strings.Contains(string(text), c.says) {
				t.Errorf("bifrons %s: %v, wrote %q; want success %v and %q in it", strings.Join(c.args, " "), err, text, c.ok, c.says)
			}
		})
	}
}

// TestStatic: the product needs no library of the machine it runs on.
func TestStatic(t *testing.T) {
	t.Parallel()
	need(t, "ldd")
	if os.Getenv("BIFRONS") != "" {
		t.Skip("the binary given by BIFRONS need not be the product")
	}
	text, _ := exec.Command("ldd", built(t, product)).CombinedOutput()
	if !strings.Contains(string(text), "not a dynamic executable") {
		t.Errorf("ldd says %s", text)
	}
}

// TestDemo: the first thing that a reader of the README runs.
func TestDemo(t *testing.T) {
	t.Parallel()
	path := built(t, product)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "demo")
	cmd.Dir = t.TempDir()
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("bifrons demo: %v\n%s", err, text)
	}
	for _, want := range []string{"INVITE", "BYE", "200", "the HSS says: Bob is REGISTERED", "the HSS told Bifrons by itself",
		"181 Call Is Being Forwarded", "byte for byte", "Proved: the S-CSCF got its own dialog back in both forms",
		"Alice hears the menu", "Proved: the menu was heard"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("bifrons demo shows no %s:\n%s", want, text)
		}
	}
}
