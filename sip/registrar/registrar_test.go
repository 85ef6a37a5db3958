package registrar

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/sip"
)

var (
	noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	from = Origin{Side: "phones", Source: netip.MustParseAddrPort("127.0.0.1:5070")}
)

// register makes a REGISTER with these lines.
func register(t testing.TB, callID string, cseq int, lines ...string) *sip.Message {
	t.Helper()
	text := "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\nFrom: <sip:alice@127.0.0.1>;tag=1\r\n" +
		"To: <sip:alice@127.0.0.1>\r\nCall-ID: " + callID + fmt.Sprintf("\r\nCSeq: %d REGISTER\r\nMax-Forwards: 70\r\n", cseq)
	for _, l := range lines {
		text += l + "\r\n"
	}
	m := &sip.Message{}
	if err := m.Parse([]byte(text + "Content-Length: 0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	return m
}

// step is one REGISTER and what it brings.
type step struct {
	name   string
	callID string
	cseq   int
	lines  []string
	after  time.Duration // since noon
	tx     uint64        // 0: a new one
	status int
	left   string // the URIs' users of the bindings afterwards, the best first
}

func TestRegister(t *testing.T) {
	const a, b = "Contact: <sip:a@10.0.0.1>", "Contact: <sip:b@10.0.0.2>"
	for name, steps := range map[string][]step{
		"expiry": {
			{"none asked for: the usual", "1", 1, []string{a}, 0, 0, 200, "a"},
			{"a query", "1", 2, nil, 59 * time.Minute, 0, 200, "a"},
			{"gone", "1", 3, nil, time.Hour, 0, 200, ""},
			{"of the contact", "1", 4, []string{"Expires: 3000", a + ";expires=60"}, time.Hour, 0, 200, "a"},
			{"gone again", "1", 5, nil, time.Hour + time.Minute, 0, 200, ""},
			{"of the header", "1", 6, []string{"Expires: 120", a}, 2 * time.Hour, 0, 200, "a"},
			{"too short", "1", 7, []string{"Expires: 9", a}, 2 * time.Hour, 0, 423, "a"},
			{"one too short, nothing of it counts", "1", 8, []string{b, a + ";expires=1"}, 2 * time.Hour, 0, 423, "a"},
			{"longer than granted", "1", 9, []string{"Expires: 4294967296", a}, 2 * time.Hour, 0, 200, "a"},
			{"an hour at most", "1", 10, nil, 3 * time.Hour, 0, 200, ""},
			{"an expiry that is no number means an hour", "1", 11, []string{a + ";expires=soon"}, 4 * time.Hour, 0, 200, "a"},
		},
		"removal": {
			{"two", "1", 1, []string{a, b}, 0, 0, 200, "ab"},
			{"one leaves", "1", 2, []string{a + ";expires=0"}, 0, 0, 200, "b"},
			{"once more", "1", 3, []string{a + ";expires=0"}, 0, 0, 200, "b"},
			{"all, without expiry 0", "1", 4, []string{"Contact: *"}, 0, 0, 400, "b"},
			{"all, with another expiry", "1", 4, []string{"Contact: *", "Expires: 1"}, 0, 0, 400, "b"},
			{"all and one", "1", 4, []string{"Contact: *", a, "Expires: 0"}, 0, 0, 400, "b"},
			{"all, out of order", "1", 1, []string{"Contact: *", "Expires: 0"}, 0, 0, 500, "b"},
			{"all", "1", 5, []string{"Contact: *", "Expires: 0"}, 0, 0, 200, ""},
		},
		"order": {
			{"first", "1", 5, []string{a}, 0, 50, 200, "a"},
			{"repeated", "1", 5, []string{a}, 0, 50, 200, "a"},
			{"the same number", "1", 5, []string{a}, 0, 51, 500, "a"},
			{"a lower number, with a new contact: nothing of it counts", "1", 4, []string{b, a}, 0, 0, 500, "a"},
			{"a lower number for a new contact alone", "1", 3, []string{b}, time.Second, 0, 200, "ba"},
			{"another Call-ID", "2", 1, []string{a + ";q=0.5"}, 2 * time.Second, 0, 200, "ba"},
			{"best first", "2", 2, []string{b + ";q=0.4"}, 3 * time.Second, 0, 200, "ab"},
		},
		"several in a line": {
			{"two", "1", 1, []string{`Contact: "A, B" <sip:a@10.0.0.1;lr>;q=0.1;+sip.instance="<urn:uuid:1>", sip:b@10.0.0.2;q=1.0`}, 0, 0, 200, "ba"},
		},
		"the same URI": {
			{"as written first", "1", 1, []string{"Contact: <sip:%61@EXAMPLE.org;x=1>"}, 0, 0, 200, "%61"},
			{"otherwise", "1", 2, []string{"Contact: <sip:a@example.ORG>"}, 0, 0, 200, "a"},
			{"another by its transport", "1", 3, []string{"Contact: <sip:a@example.org;transport=tcp>"}, time.Second, 0, 200, "aa"},
		},
		"headers in a URI": { // RFC 4475 3.3.14
			{"kept", "1", 1, []string{"Contact: <sip:a@10.0.0.1?Route=%3Csip:b.example%3E>"}, 0, 0, 200, "a"},
			{"another without", "1", 2, []string{a}, time.Second, 0, 200, "aa"},
		},
		"not to be had": {
			{"another scheme", "1", 1, []string{"Contact: <mailto:a@example.org>"}, 0, 0, 400, ""},
			{"broken", "1", 2, []string{"Contact: <sip:a@>"}, 0, 0, 400, ""},
			{"bad q", "1", 3, []string{a + ";q=1.1"}, 0, 0, 400, ""},
			{"a broken Path", "1", 5, []string{a, "Path: <x"}, 0, 0, 400, ""},
			{"a long one", "1", 6, []string{"Contact: <sip:" + strings.Repeat("a", 600) + "@10.0.0.1>"}, 0, 0, 400, ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(DefaultConfig())
			for i, s := range steps {
				tx := s.tx
				if tx == 0 {
					tx = uint64(1000 + i)
				}
				now := noon.Add(s.after)
				reply := r.Register(register(t, s.callID, s.cseq, s.lines...), "alice", from, tx, now)
				left := ""
				for _, b := range r.Find("alice", now) {
					u, _ := sip.ParseURI([]byte(b.URI))
					left += string(u.User)
				}
				if reply.Status != s.status || left != s.left {
					t.Fatalf("%s: %d and %q, want %d and %q", s.name, reply.Status, left, s.status, s.left)
				}
				if reply.Status == 423 && string(reply.Headers) != "Min-Expires: 10\r\n" {
					t.Errorf("%s: %q", s.name, reply.Headers)
				}
			}
		})
	}
}

// TestReply: a 200 tells every binding with what is left of it, q, and the Path.
func TestReply(t *testing.T) {
	r := New(DefaultConfig())
	r.Register(register(t, "1", 1, "Contact: <sip:a@10.0.0.1>;q=0.25;+sip.instance=\"<urn:uuid:1>\";ob"), "alice", from, 1, noon)
	got := r.Register(register(t, "2", 1, "Contact: <sip:b@10.0.0.2>;expires=90", "Path: <sip:p1;lr>, <sip:p2;lr>"), "alice", from, 2, noon.Add(time.Minute+time.Millisecond))
	want := "Contact: <sip:a@10.0.0.1>;+sip.instance=\"<urn:uuid:1>\";ob;q=0.25;expires=3540\r\nContact: <sip:b@10.0.0.2>;expires=90\r\n" +
		"Path: <sip:p1;lr>, <sip:p2;lr>\r\nDate: Thu, 01 Jan 2026 12:01:00 GMT\r\n"
	if d := cmp.Diff(want, string(got.Headers)); d != "" {
		t.Error(d)
	}
	if b := r.Find("alice", noon); b[0].Path[1] != "<sip:p2;lr>" || b[0].Source != from.Source {
		t.Errorf("%+v", b[0])
	}
}

// TestBounds: neither one phone nor many make the registrar grow beyond its bounds; what expires makes room.
func TestBounds(t *testing.T) {
	r := New(DefaultConfig())
	for i := range 20 {
		want := 200
		if i >= 10 {
			want = 403
		}
		if got := r.Register(register(t, fmt.Sprint(i), 1, fmt.Sprintf("Contact: <sip:%d@10.0.0.1>", i)), "alice", from, 1, noon).Status; got != want {
			t.Errorf("contact %d: %d, want %d", i, got, want)
		}
	}
	for i := range 2000 {
		r.Register(register(t, "1", 1, "Contact: <sip:x@10.0.0.1>"), fmt.Sprint(i), from, 1, noon)
	}
	if r.Len() != 1000 || len(r.All(noon)) != 1000 {
		t.Errorf("%d bindings", r.Len())
	}
	if got := r.Register(register(t, "1", 1, "Contact: <sip:x@10.0.0.1>"), "late", from, 1, noon); got.Status != 503 || !strings.Contains(string(got.Headers), "Retry-After") {
		t.Errorf("one too many: %d", got.Status)
	}
	if got := r.Register(register(t, "1", 2, "Contact: <sip:x@10.0.0.1>"), "late", from, 2, noon.Add(time.Hour)).Status; got != 200 || r.Len() != 1 {
		t.Errorf("after an hour: %d, %d bindings", got, r.Len())
	}
}

func FuzzContact(f *testing.F) {
	for _, s := range []string{"*", "<sip:a@b>;q=0.5;expires=9, sip:c@d;x", `"a, b" <sip:a@b;transport=tcp>;+sip.instance="<urn:uuid:1>"`, "<sip:a%6@b>;q=", "<sip:a@b>;expires=99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if strings.ContainsAny(v, "\r\n\x00") {
			return
		}
		m := register(t, "1", 1)
		m.Add(sip.HdrContact, []byte(v))
		r := New(DefaultConfig())
		reply := r.Register(m, "alice", from, 1, noon)
		if n := r.Len(); n > 10 || reply.Status != 200 && n > 0 {
			t.Errorf("%d with %d bindings", reply.Status, n)
		}
		for _, b := range r.Find("alice", noon) {
			if !SameURI(b.URI, b.URI) || b.Q < 0 || b.Q > 1000 || b.Expires.Sub(noon) > time.Hour || b.Expires.Sub(noon) < 10*time.Second {
				t.Errorf("%+v", b)
			}
		}
		if reply.Status == 200 && string(r.Register(m, "alice", from, 1, noon).Headers) != string(reply.Headers) {
			t.Error("a repetition gets another answer")
		}
	})
}
