package locate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/bifrons/bifrons/sip/locate"
	"github.com/bifrons/bifrons/sip/locate/locatetest"
)

// FuzzAnswers: whatever a name server says, there is an answer of bounded size in bounded time.
func FuzzAnswers(f *testing.F) {
	for _, zone := range []string{zone, "", "x.example. 1 IN NAPTR 0 0 \"s\" \"SIP+D2U\" \"\" .\n"} {
		m := new(dns.Msg).SetQuestion("x.example.", dns.TypeNAPTR)
		z := dns.NewZoneParser(strings.NewReader(zone), ".", "zone")
		for rr, ok := z.Next(); ok; rr, ok = z.Next() {
			m.Answer = append(m.Answer, rr)
		}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[12:], uint16(len(m.Answer)))
	}
	s := locatetest.Start(f, "")
	f.Fuzz(func(t *testing.T, body []byte, answers uint16) {
		s.Reply(func(w dns.ResponseWriter, q *dns.Msg) bool {
			b := append([]byte{byte(q.Id >> 8), byte(q.Id), 0x81, 0x80, 0, 1, byte(answers >> 8), byte(answers), 0, 0, 0, 0}, body...)
			var m dns.Msg
			if m.Unpack(b) == nil { // so that the answer is taken for one to the question
				m.Question = q.Question
				if fixed, err := m.Pack(); err == nil {
					b = fixed
				}
			}
			_, _ = w.Write(b[:min(len(b), 1232)])
			return true
		})
		r, _ := resolver(t, s, func(c *locate.Config) { c.Timeout, c.Attempts = 50*time.Millisecond, 1 })
		for _, uri := range []string{"sip:x.example", "sip:full.example;transport=tcp"} {
			got, err := r.Find(context.Background(), question(t, uri, all4|all6), 1)
			if len(got) > 32 || err == nil && len(got) == 0 || err != nil && len(got) > 0 {
				t.Errorf("%d places, %v", len(got), err)
			}
			if err != nil && !errors.Is(err, locate.ErrNone) && !errors.Is(err, locate.ErrRefused) && !errors.Is(err, locate.ErrSilent) {
				t.Error(err)
			}
		}
	})
}
