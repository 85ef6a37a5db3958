package test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// quartet are three handsets on a server: Bob, Carol and, where calls come from, Alice. Their tones tell who is heard.
func quartet(t *testing.T) (s *server, alice, bob, third *handset) {
	t.Helper()
	need(t, "baresip")
	s = start(t, carol)
	base := 40000 + s.n*80
	bob = newHandset(s, "bob", s.callee(), 660, base, s.carrier())
	third = newHandset(s, "carol", s.addr(13, 5060), 880, base+20, s.carrier())
	alice = newHandset(s, "alice", s.caller(), 440, base+40, s.core())
	return s, alice, bob, third
}

// talk waits until two handsets hear each other's tones.
func (s *server) talk(a *handset, tone float64, b *handset, other float64) {
	s.t.Helper()
	eventually(s.t, patience, "both hear each other", func() bool { return a.hears(other) > 0.9 && b.hears(tone) > 0.9 })
}

// TestBaresipOriginated: the server calls Bob and Carol, who hear each other; it hangs them up. Then it calls each alone, is the other end of both,
// and brings them together by an order; one is hung up alone.
func TestBaresipOriginated(t *testing.T) {
	t.Parallel()
	s, _, bob, third := quartet(t)
	originate := func(to ...string) string {
		args := []string{"originate", "--side", "core", "--from", "sip:desk@ims.example.org"}
		for _, name := range to {
			args = append(args, "sip:"+name+"@ims.example.org")
		}
		return strings.TrimSpace(s.ctl(args...))
	}
	both := originate("bob", "carol")
	s.talk(bob, 660, third, 880)
	s.ctl("hangup", both)
	s.idle()

	one, two := originate("bob"), originate("carol")
	s.answered(2)
	s.ctl("move", one, "1", two, "1")
	s.talk(bob, 660, third, 880)
	s.ctl("hangup", one, "1")
	eventually(t, patience, "Bob has gone", func() bool { return len(s.ears()) == 1 })
	third.tell("hangup", "")
	s.idle()
}

// answered waits for that many calls in progress that have been answered.
func (s *server) answered(n int) {
	s.t.Helper()
	eventually(s.t, patience, "the calls are answered", func() bool {
		text, err := s.get("/v1/calls")
		return err == nil && strings.Count(text, `"answer"`) == n
	})
}

// TestBaresipAttended: Alice, in a call with Bob, calls Carol as well, and brings the two together: her REFER names her dialog with Bob.
func TestBaresipAttended(t *testing.T) {
	t.Parallel()
	s, alice, bob, third := quartet(t)
	alice.tell("dial", "sip:bob@"+s.core())
	s.talk(alice, 440, bob, 660)
	named := s.dialogOf(alice)
	alice.tell("dial", "sip:carol@"+s.core())
	eventually(t, patience, "Carol hears Alice", func() bool { return third.hears(440) > 0.9 })
	alice.tell("transfer", "<sip:bob@"+s.core()+"?Replaces="+url.QueryEscape(named)+">")
	s.talk(bob, 660, third, 880)
	third.tell("hangup", "")
	s.left(2)
}

// dialogOf names the dialog of a handset's only call, as it knows it (RFC 3891 6.1).
func (s *server) dialogOf(h *handset) string {
	s.t.Helper()
	var page struct{ Calls []struct{ ID uint64 } }
	if err := json.Unmarshal([]byte(s.ctl("calls", "--json")), &page); err != nil || len(page.Calls) != 1 {
		s.t.Fatalf("%v, %+v", err, page)
	}
	film := strings.NewReplacer("«", "", "»", "", "\r", "").Replace(s.ctl("trace", fmt.Sprint(page.Calls[0].ID), "-m"))
	_, answer, _ := strings.Cut(film, "SIP/2.0 200 OK\nVia: SIP/2.0/UDP "+host(h.ctrl))
	find := func(re string) string {
		if m := regexp.MustCompile(re).FindStringSubmatch(answer); m != nil {
			return m[1]
		}
		s.t.Fatalf("no %s in\n%s", re, film)
		return ""
	}
	return find(`(?m)^Call-ID: (\S+)`) + ";to-tag=" + find(`(?m)^To: .*;tag=([^;\s]+)`) + ";from-tag=" + find(`(?m)^From: .*;tag=([^;\s]+)`)
}
