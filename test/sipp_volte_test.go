package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestVoLTE: SIPp's phones meet their preconditions end to end, with two reliable responses and an UPDATE before ringing.
func TestVoLTE(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Policy = "ims-home" })
	callee := phone{scenario: "callee-volte.xml"}.start(t, s.callee(), "")
	caller := phone{scenario: "caller-volte.xml"}.start(t, s.caller(), s.core())
	caller.wait()
	callee.wait()
	s.ended(hungUp)
}

// TestForkedCall: two forks behind one INVITE are two dialogs of ours, with reliable responses of their own.
func TestForkedCall(t *testing.T) {
	t.Parallel()
	s := start(t)
	callee := phone{scenario: "callee-forks.xml"}.start(t, s.callee(), "")
	caller := phone{scenario: "caller-forked.xml"}.start(t, s.caller(), s.core())
	caller.wait()
	callee.wait()
	tags := caller.toTags("SIP/2.0 183")
	if len(tags) != 2 || strings.Contains(fmt.Sprint(tags), "fork-") {
		t.Errorf("the caller saw early dialogs with the tags %q, want two of ours", tags)
	}
	s.ended(hungUp)
}

// toTags returns the different tags in To of the messages that begin so, as they came.
func (r *sipp) toTags(start string) (tags []string) {
	text, _ := os.ReadFile(filepath.Join(r.dir, "messages"))
	for m := range strings.SplitSeq(string(text), "\n---") {
		if _, m, ok := strings.Cut(m, "\n"+start); ok {
			if tag := toTag.FindStringSubmatch(m); tag != nil && !slices.Contains(tags, tag[1]) {
				tags = append(tags, tag[1])
			}
		}
	}
	return tags
}

var toTag = regexp.MustCompile(`(?m)^To: .*;tag=(\S+)`)

// replaces waits until a caller's call is up and returns what names its dialog (RFC 3891), as that caller knows it.
func (r *sipp) replaces() string {
	r.t.Helper()
	var tags []string
	var text []byte
	eventually(r.t, patience, r.name+" is answered", func() bool {
		tags = r.toTags("SIP/2.0 200")
		text, _ = os.ReadFile(filepath.Join(r.dir, "messages"))
		return len(tags) == 1 && strings.Contains(string(text), "\nACK ")
	})
	callID := regexp.MustCompile(`(?m)^Call-ID: (\S+)`).FindStringSubmatch(string(text))
	from := regexp.MustCompile(`(?m)^From: .*;tag=(\S+)`).FindStringSubmatch(string(text))
	return fmt.Sprintf("%s;to-tag=%s;from-tag=%s", callID[1], tags[0], from[1])
}

// carol sends calls for carol to a telephone of her own on the side carrier.
func carol(set *settings) {
	set.Route = fmt.Sprintf(", match: {user: carol}, next_hop: 'sip:%s'}\n  - {from: core, to: carrier", set.addr(13, 5060))
}

// left waits until nothing is left of calls that were moved about: they have their records, and stand in no gate.
func (s *server) left(calls int) {
	s.t.Helper()
	s.idle()
	s.records(calls)
	text, err := s.get("/v1/admission")
	if err != nil {
		s.t.Fatal(err)
	}
	var page struct{ Gates []struct{ Calls int } }
	if err := json.Unmarshal([]byte(text), &page); err != nil || len(page.Gates) != 5 {
		s.t.Fatalf("/v1/admission: %v\n%s", err, text)
	}
	for _, g := range page.Gates {
		if g.Calls != 0 {
			s.t.Fatalf("calls that have ended stand in a gate:\n%s", text)
		}
	}
}

// TestBlindTransfer: the caller sends the callee on to a third phone.
func TestBlindTransfer(t *testing.T) {
	t.Parallel()
	s := start(t, carol)
	callee := phone{scenario: "callee-moved.xml"}.start(t, s.callee(), "")
	target := phone{scenario: "callee-target.xml"}.start(t, s.addr(13, 5060), "")
	caller := phone{scenario: "caller-refers.xml", fill: map[string]string{"REFERTO": "<sip:carol@" + s.core() + ">"}}.start(t, s.caller(), s.core())
	caller.wait()
	target.wait()
	callee.wait()
	s.ended(ending{200, "callee"})
	s.left(1)
}

// TestAttendedTransfer: the caller brings the parties of two calls together; the two calls become one.
func TestAttendedTransfer(t *testing.T) {
	t.Parallel()
	s := start(t, carol)
	callee := phone{scenario: "callee-moved.xml"}.start(t, s.callee(), "")
	target := phone{scenario: "callee-fetched.xml"}.start(t, s.addr(13, 5060), "")
	other := phone{scenario: "caller-hears-bye.xml", fill: map[string]string{"USER": "carol"}}.start(t, s.addr(14, 5060), s.core())
	named := strings.NewReplacer(";", "%3B", "=", "%3D", "@", "%40").Replace(other.replaces())
	refer := fmt.Sprintf("<sip:carol@%s?Replaces=%s>", s.core(), named)
	caller := phone{scenario: "caller-refers.xml", fill: map[string]string{"REFERTO": refer}}.start(t, s.caller(), s.core())
	for _, p := range []*sipp{caller, other, target, callee} {
		p.wait()
	}
	s.left(2)
}

// TestReplaces: a phone takes the place of the caller of a call.
func TestReplaces(t *testing.T) {
	t.Parallel()
	s := start(t)
	callee := phone{scenario: "callee-moved.xml"}.start(t, s.callee(), "")
	caller := phone{scenario: "caller-hears-bye.xml", fill: map[string]string{"USER": "bob"}}.start(t, s.caller(), s.core())
	anna := phone{scenario: "caller-replaces.xml", fill: map[string]string{"REPLACES": caller.replaces()}}.start(t, s.addr(14, 5060), s.core())
	for _, p := range []*sipp{caller, anna, callee} {
		p.wait()
	}
	s.left(2)
}
