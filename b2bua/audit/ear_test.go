package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/internal/leak"
	"github.com/bifrons/bifrons/sip"
)

// message parses a text with one header, or a body, added.
func message(t *testing.T, header, body string) *sip.Message {
	t.Helper()
	text := "INVITE sip:bob@h.ex SIP/2.0\r\nVia: SIP/2.0/UDP a.ex;branch=z9h\r\nFrom: <sip:a@h.ex>;tag=1\r\nTo: <sip:b@h.ex>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
	if header != "" {
		text += header + "\r\n"
	}
	m := &sip.Message{}
	if err := m.Parse(fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n%s", text, len(body), body)); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m
}

func heard(e *Ear) (out []string) {
	e.Each(0, func(k leak.Kind, token []byte) { out = append(out, k.String()+" "+string(token)) })
	return out
}

// TestHear: what each header and line tells.
func TestHear(t *testing.T) {
	for _, c := range []struct {
		header, body string
		want         []string
	}{
		{},
		{header: "Via: SIP/2.0/TCP pcscf1.visited.example:5061;branch=z9hG4bK77;received=192.0.2.1, SIP/2.0/UDP [2001:db8::7]:5060;rport=6000;branch=z9hG4bK78",
			want: []string{"host pcscf1.visited.example", "branch z9hG4bK77", "address 192.0.2.1", "address 2001:db8::7", "address with port [2001:db8::7]:5060", "branch z9hG4bK78"}},
		{header: "X-From: Bob <sip:bob:secret@192.0.2.4:5070;transport=udp>;tag=abcdefgh", want: []string{"address 192.0.2.4", "address with port 192.0.2.4:5070"}},
		{header: "Record-Route: <sip:scscf.home.example;lr>,<sips:token@icscf.home.example:5061;lr>", want: []string{"host scscf.home.example", "host icscf.home.example"}},
		{header: "Contact: <sip:+4930@198.51.100.9:5080;ob>;+sip.instance=\"<urn:gsma:imei:3>\"", want: []string{"address 198.51.100.9", "address with port 198.51.100.9:5080"}},
		{header: "User-Agent: FPBX-17.0.19.1(20.9.1)", want: []string{"software FPBX-17.0.19.1(20.9.1)", "software FPBX-17.0.19.1"}},
		{header: "Server: Phone", want: nil},
		{header: "Organization: Example Telecom", want: []string{"software Example Telecom"}},
		{header: "P-Charging-Vector: icid-value=\"1234abcd;x\";icid-generated-at=192.0.2.5;orig-ioi=home1.net;term-ioi=h2",
			want: []string{"ICID 1234abcd;x", "address 192.0.2.5", "host home1.net"}},
		{header: "P-Charging-Function-Addresses: ccf=\"aaa://ccf1.home.example:3868;transport=tcp\";ecf=192.0.2.8",
			want: []string{"host ccf1.home.example", "address 192.0.2.8"}},
		{header: "P-Visited-Network-ID: \"Visited network number 1\", visited.example", want: []string{"host visited.example"}},
		{header: "P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010019B01", want: nil},
		{header: "P-Asserted-Service: urn:urn-7:3gpp-service.ims.icsi.mmtel", want: nil},
		{header: "Warning: 370 media.carrier.example \"no bandwidth at 192.0.2.6\"", want: []string{"host media.carrier.example", "address 192.0.2.6"}},
		{header: "Replaces: 98asdf@192.0.2.7;to-tag=abcdef;from-tag=ghijkl", want: []string{"Call-ID 98asdf", "address 192.0.2.7", "tag abcdef", "tag ghijkl"}},
		{header: "In-Reply-To: 70710@saturn.example, 1771777@saturn.example", want: []string{"host saturn.example", "Call-ID 1771777"}},
		{header: "WWW-Authenticate: Digest realm=\"core.home.example\", nonce=\"x\"", want: []string{"host core.home.example"}},
		{header: "History-Info: <tel:+4930;phone-context=area.home.example>;index=1", want: []string{"host area.home.example"}},
		{header: "Geolocation: <https://lis.home.example/x?y>", want: []string{"host lis.home.example"}},
		{header: "Call-Info: <http://[2001:db8::5]:8080/a.png>", want: []string{"address 2001:db8::5", "address with port [2001:db8::5]:8080"}},
		{header: "X-Version: 1.2.3 10.20.30 300.1.1.1 v1.2.3.4 192.0.2.9.", want: []string{"address 192.0.2.9"}},
		{header: "Session-ID: ab30317f1a784dc48ff824d0d3715d86", want: nil},
		{body: "v=0\r\no=FreeSWITCH 1719384 1719385 IN IP4 192.0.2.11\r\ns=My switch at sip:x@hidden.example\r\nc=IN IP6 2001:db8::9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n" +
			"a=candidate:1 1 UDP 2130706431 192.0.2.12 8998 typ srflx raddr 192.0.2.13 rport 1\r\na=rtcp:5001 IN IP4 192.0.2.14\r\na=ssrc:1 cname:bob@phone.example\r\na=X-y:192.0.2.15\r\n",
			want: []string{"origin FreeSWITCH", "origin 1719384", "origin 1719385", "address 192.0.2.11", "host hidden.example", "address 2001:db8::9",
				"address 192.0.2.12", "address 192.0.2.13", "address 192.0.2.14", "CNAME bob@phone.example", "address 192.0.2.15"}},
		{body: "<list uri='sip:c@conf.home.example'/>", want: []string{"host conf.home.example"}},
	} {
		var e Ear
		e.Hear(message(t, "", ""), &nothing)
		before := heard(&e)
		e.Hear(message(t, c.header, c.body), &nothing)
		got := heard(&e)[len(before):]
		if d := cmp.Diff(c.want, got); d != "" && len(c.want)+len(got) > 0 {
			t.Errorf("%s%s: want - heard +\n%s", c.header, c.body, d)
		}
	}
}

// TestHearAgain: the same message tells nothing new, and an Ear made of what another heard knows as much.
func TestHearAgain(t *testing.T) {
	var e Ear
	m := message(t, "Record-Route: <sip:scscf.home.example;lr>", "v=0\r\no=switch1 1719384 2 IN IP4 192.0.2.11\r\n")
	e.Hear(m, &nothing)
	want := heard(&e)
	e.Hear(m, &nothing)
	var other Ear
	other.Reset(e.Arena())
	other.Hear(m, &nothing)
	if !slices.Equal(heard(&e), want) || !slices.Equal(heard(&other), want) || len(want) < 4 {
		t.Errorf("first %q, again %q, the other %q", want, heard(&e), heard(&other))
	}
}

// TestLocate: the field of a byte.
func TestLocate(t *testing.T) {
	text := "INVITE sip:XA@h SIP/2.0\r\nVia: SIP/2.0/UDP XB\r\nX-Odd : XC\r\nSubject: one\r\n two XD\r\nc: multipart/mixed;boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=XE 1 1 IN IP4 h\r\na=candidate:XF\r\na=rest:XG\r\n--b\r\nContent-Type: text/plain\r\n\r\nXH\r\n--b--\r\n"
	where := NewLocator([]byte(text))
	for _, c := range []struct{ at, want, name string }{
		{"XA", "start line", ""}, {"XB", "Via", "Via"}, {"XC", "other header", "X-Odd"}, {"XD", "Subject", "Subject"}, {"XE", "sdp o=", "o="},
		{"XF", "sdp a=candidate", "a=candidate"}, {"XG", "sdp a=", "a="}, {"XH", "body", "text/plain"},
	} {
		pos := strings.Index(text, c.at)
		f := Locate([]byte(text), pos)
		if f.String() != c.want || f.Name != c.name {
			t.Errorf("%s is in %q, %q; want %q, %q", c.at, f, f.Name, c.want, c.name)
		}
		if g := where.At(pos); g != f {
			t.Errorf("%s: in order %v, alone %v", c.at, g, f)
		}
	}
}

// TestLocateICID: what is of the charging identity is told from the rest of its header.
func TestLocateICID(t *testing.T) {
	text := "INVITE sip:b@h SIP/2.0\r\nP-Charging-Vector: a=XA;ICID-Value = \"x;XB;y\";orig-ioi=XC\r\nP-Charging-Vector: icid-value=XD\r\nX-Y: icid-value=XE\r\n" +
		"P-Charging-Vector: x=1;\r\n icid-value=XF; icid-generated-at=XG\r\nP-Charging-Vector: icid-value\r\nCall-ID: XH\r\n\r\nicid-value=XI"
	where := NewLocator([]byte(text))
	for _, at := range []string{"XA", "XB", "XC", "XD", "XE", "XF", "XG", "XH", "XI"} {
		want := at == "XB" || at == "XD" || at == "XF"
		if f := where.At(strings.Index(text, at)); f.ICID != want {
			t.Errorf("%s: %+v, want %v", at, f, want)
		}
	}
}

// FuzzEar: whatever a party sends, what was heard is in it, and looking for it in anything ends.
func FuzzEar(f *testing.F) {
	files, _ := filepath.Glob("../../sip/testdata/*/*")
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil && len(b) < 8000 {
			f.Add(b)
		}
	}
	f.Add([]byte("INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP [::1]:5060;branch=z9hG4bK1,SIP/2.0/UDP x;received\r\nFrom: <sip:a@b>;tag= x\r\nTo: sip:c\r\nCall-ID: @\r\nCSeq: 1 INVITE\r\nWarning: 1 :\r\nContent-Length: 60\r\n\r\nv=0\r\no=\r\nc=\r\na=candidate: \r\na=rtcp:\r\na=ssrc:cname:\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &sip.Message{}
		err := m.Parse(b)
		if err != nil {
			return
		}
		var e Ear
		e.Hear(m, &nothing)
		low := strings.ToLower(string(m.Append(nil)))
		e.Each(0, func(k leak.Kind, token []byte) {
			if !strings.Contains(low, strings.ToLower(string(token))) && k != leak.ICID && k != leak.Host {
				t.Errorf("heard %s %q, which is not in\n%s", k, token, low)
			}
		})
		where := NewLocator(b)
		for at := 0; ; {
			hit, ok := e.Next(b, at)
			if !ok {
				break
			}
			_ = where.At(hit.Start).String()
			at = hit.End
		}
	})
}
