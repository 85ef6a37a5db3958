package sip

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

const invite = "INVITE sip:bob@example.com SIP/2.0\r\n" +
	"v: SIP / 2.0 / UDP 192.0.2.1 : 5070 ;rport; Branch = z9hG4bKabc\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKdef\r\n" +
	"f: \"A, \\\"B\\\" <x>\" <sip:alice;p=1@192.0.2.1:5070> ; TAG = f1\r\n" +
	"t: <sip:bob@example.com>\r\n" +
	"i: id1\r\nCSeq: 7 INVITE\r\n" +
	"Subject: one\r\n  two\r\n" +
	"k: timer, 100rel\r\nMax-Forwards: 70\r\nl: 4\r\n\r\nbodyX"

func parse(t *testing.T, s string) *Message {
	t.Helper()
	m := &Message{Source: netip.MustParseAddrPort("198.51.100.7:4000")}
	if err := m.Parse([]byte(s)); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParseEveryLegalForm(t *testing.T) {
	m := parse(t, "\r\n\r\n"+invite)
	via, _ := m.TopVia()
	from, _ := ParseAddress(m.Get(HdrFrom))
	tag, _ := from.Params.Get("tag")
	u, err := ParseURI(from.URI)
	if err != nil {
		t.Fatal(err)
	}
	n, method := m.CSeq()
	for _, c := range []struct{ name, got, want string }{
		{"via host", string(via.Host), "192.0.2.1"},
		{"branch", string(via.Branch()), "z9hG4bKabc"},
		{"display", string(Unquote(from.Display)), `A, "B" <x>`},
		{"tag", string(tag), "f1"},
		{"user", string(u.User), "alice;p=1"},
		{"fold", strings.Join(strings.Fields(m.Header("s")), " "), "one two"},
		{"body", string(m.Body), "body"},
		{"method", string(method), "INVITE"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
	if n != 7 || via.Port != 5070 || u.Port != 5070 || !m.HasToken(HdrSupported, "100REL") {
		t.Errorf("cseq %d via port %d uri port %d supported %q", n, via.Port, u.Port, m.Header("Supported"))
	}
}

func TestResponseHeadAnswersToTheSource(t *testing.T) {
	got := string(parse(t, invite).AppendResponseHead(nil, 180, "Ringing", []byte("x1")))
	for _, want := range []string{"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 192.0.2.1:5070;Branch=z9hG4bKabc;rport=4000;received=198.51.100.7\r\n",
		"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKdef\r\n", "To: <sip:bob@example.com>;tag=x1\r\n", "CSeq: 7 INVITE\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
}

func TestChangesAreVisibleAtOnce(t *testing.T) {
	m := parse(t, invite)
	m.Set(HdrSupported, []byte("timer"))
	m.Del(HdrSubject)
	if m.HasToken(HdrSupported, "100rel") || m.Has(HdrSubject) || !strings.Contains(string(m.Append(nil)), "Supported: timer\r\n") {
		t.Errorf("changes not seen:\n%s", m.Append(nil))
	}
	if string(m.Clone().Append(nil)) != string(m.Append(nil)) {
		t.Error("a clone prints differently")
	}
}

func TestRefused(t *testing.T) {
	base := "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
	for _, c := range []struct {
		name, from, to string
		status         int
	}{
		{"version", "SIP/2.0\r\nVia", "SIP/7.0\r\nVia", 505},
		{"cseq method", "1 OPTIONS", "1 INVITE", 400},
		{"cseq range", "1 OPTIONS", "4294967296 OPTIONS", 400},
		{"two call-ids", "Call-ID: c\r\n", "Call-ID: c\r\ni: d\r\n", 400},
		{"no to", "To: <sip:a@b>\r\n", "", 400},
		{"body shorter", "\r\n\r\n", "\r\nContent-Length: 9\r\n\r\n", 400},
		{"negative length", "\r\n\r\n", "\r\nContent-Length: -9\r\n\r\n", 400},
		{"bare line feed", "Call-ID: c\r\n", "Call-ID: c\nX: y\r\n", 400},
		{"bare carriage return", "Call-ID: c\r\n", "Call-ID: c\rX: y\r\n", 400},
		{"via", "SIP/2.0/UDP h", "SIP/2.0/UDP", 400},
		{"blank in uri", "sip:a@b SIP", "sip:a @b SIP", 400},
		{"unclosed from", "From: <sip:a@b>", "From: <sip:a@b", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Message
			err := m.Parse([]byte(strings.Replace(base, c.from, c.to, 1)))
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Status != c.status {
				t.Errorf("got %v, want %d", err, c.status)
			}
		})
	}
}
