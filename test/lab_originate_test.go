package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLabOriginate: a call that the server makes in Alice's name goes to her S-CSCF, which knows her services by the parameter orig: it
// asks the server for the caller and for the callee, and Bob's telephone rings. Where she is registered is known from the third-party
// REGISTER alone. Then one in the name of a service, which nobody knows: it goes to the entry of the network.
func TestLabOriginate(t *testing.T) {
	isolated(t, func(t *testing.T) {
		const alice, bob, news = "sip:15550000001@" + labDomain, "sip:15550000002@" + labDomain, "sip:news@" + labDomain
		users := filepath.Join(t.TempDir(), "users.yaml")
		away(t, users, "")
		l := startLab(t)
		s := serveAS(t, users, "  ioi:", "  entry: sip:127.0.0.2:5060\n  ioi:")
		l.register(t, "alice", "bob")
		s.registrations(2, "none")
		ended := 0
		for from, want := range map[string][]string{
			alice: {"P-Asserted-Identity: <" + alice + ">", "P-Asserted-Identity: <tel:+15550000001>"}, // the second one is the S-CSCF's
			news:  {"P-Asserted-Identity: <" + news + ">"},
		} {
			answered := l.answer(t)
			made := strings.TrimSpace(s.ctl("originate", "--side", "core", "--from", from, bob))
			passes := 3 // the call that was made, and the S-CSCF's questions for both its users
			if from == news {
				passes = 2
			}
			eventually(t, patience, "bob has answered", func() bool {
				text, err := s.get("/v1/calls")
				return err == nil && strings.Count(text, `"answer"`) == passes
			})
			s.ctl("hangup", made)
			if err := <-answered; err != nil {
				t.Errorf("from %s: bob: %v", from, err)
			}
			s.idle()
			ended += passes
			icids := map[string]bool{}
			for _, r := range s.records(ended)[ended-passes:] {
				icids[r.ICID] = true
				if r.Answer.IsZero() || r.ICID == "" {
					t.Errorf("from %s: %+v", from, r)
				}
			}
			if len(icids) != 1 {
				t.Errorf("from %s: one session has the charging identities %v", from, icids)
			}
			text, err := os.ReadFile(filepath.Join(l.run, "bob.msg"))
			if err != nil {
				t.Fatal(err)
			}
			_, head, _ := strings.Cut(strings.ReplaceAll(string(text), "\r", ""), "INVITE sip:")
			head, _, _ = strings.Cut(head, "\n\n")
			for _, h := range append(want, "From: <"+from+">") {
				if !strings.Contains(head, h) {
					t.Errorf("from %s: no %q in\n%s", from, h, head)
				}
			}
			os.Remove(filepath.Join(l.run, "bob.msg"))
		}
	})
}
