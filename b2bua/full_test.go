package b2bua

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/sip"
)

// sent keeps what a server sends.
type sent struct{ all []string }

func (s *sent) Send(b []byte, _ netip.AddrPort) error {
	s.all = append(s.all, string(b))
	return nil
}

// TestFullMailbox: behind 64 messages that wait for a busy call a new request gets 500 with Retry-After, and 500 again when it is
// repeated, now or when there is room. Repetitions of what waits, ACK, CANCEL, BYE and responses are not refused, and lost beyond 1024.
func TestFullMailbox(t *testing.T) {
	out := &sent{}
	c, leg := watched(t, out, nil, Liveness{})
	s := c.srv
	run := s.fence.join(nil)
	defer s.fence.leave(run)
	c.box.Enter(nil) // somebody is busy with the call
	local := leg.local
	come := func(method string, cseq int) {
		m := &sip.Message{Source: netip.MustParseAddrPort("192.0.2.9:5060")}
		text := fmt.Sprintf("%s sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK%s%d\r\nFrom: <sip:b@example.org>;tag=r\r\nTo: <sip:a@example.org>;tag=%s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n\r\n",
			method, method, cseq, c.appendTag(nil, leg, leg.Dialogs[0]), s.callID(c, leg), cseq, method)
		if strings.HasPrefix(method, "SIP") {
			text = fmt.Sprintf("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=x\r\nTo: <sip:b@a>\r\nCall-ID: c\r\nCSeq: %d BYE\r\n\r\n", cseq)
		}
		if err := m.Parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
		s.enterMessage(run, c, event{msg: m, local: local, ref: ref{call: c.ID, slot: leg.Slot}})
	}
	refused := func(what string, want int) {
		t.Helper()
		n := 0
		for _, m := range out.all {
			if regexp.MustCompile(`^SIP/2\.0 500 [^\r]*\r\n(?s:.*)\r\nRetry-After: (10|\d)\r\n`).MatchString(m) {
				n++
			}
		}
		if n != want || len(out.all) != want {
			t.Errorf("%s: %d answers of %d are 500 with Retry-After, want %d: %q", what, n, len(out.all), want, out.all)
		}
		out.all = nil
	}
	for i := range maxWaiting {
		come("INFO", 10+i)
	}
	refused("64 requests", 0)
	come("INFO", 10+maxWaiting)
	refused("one more", 1)
	come("INFO", 10+maxWaiting)
	refused("the same again", 1)
	come("INFO", 12)
	come("ACK", 9)
	come("CANCEL", 9)
	come("BYE", 10+maxWaiting+5)
	come("SIP", 1)
	refused("what is never refused", 0)
	for range 2000 {
		come("ACK", 9)
	}
	waiting := 0
	for {
		e, ok := c.box.Next()
		if !ok {
			break
		}
		if waiting++; e.msg.IsRequest() && e.msg.Method == sip.BYE {
			waiting += 10000
		}
	}
	if waiting != maxKept+10000 {
		t.Errorf("%d messages waited, want %d with a BYE", waiting-10000, maxKept)
	}
	come("INFO", 10+maxWaiting) // there is room, and it was refused before
	refused("its repetition later", 1)
}
