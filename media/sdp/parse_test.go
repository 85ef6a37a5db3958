package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const top = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", "sdp line 1: not of the form x=value"},
		{"no v", "o=- 1 1 IN IP4 10.0.0.1\r\n", "sdp line 1: does not begin with v=0"},
		{"v=1", "v=1\r\n", "sdp line 1: does not begin with v=0"},
		{"html", "<html>\r\n", "sdp line 1: not of the form x=value"},
		{"blank line within", "v=0\r\n\r\ns=-\r\n", "sdp line 2: not of the form x=value"},
		{"capital type", top + "M=audio 1 RTP/AVP 0\r\n", "sdp line 6: not of the form x=value"},
		{"zero byte", top + "a=\x00\r\n", "sdp line 1: zero byte in the description"},
		{"CR within", top + "a=x\rc=IN IP4 10.9.9.9\r\n", "sdp line 6: CR inside a line"},
		{"CR within m", top + "m=audio 1 RTP/AVP 0\r 8\r\na=x\r\n", "sdp line 6: bad payload type in m= line"},
		{"m short", top + "m=audio 4000\r\n", "sdp line 6: bad m= line"},
		{"m port", top + "m=audio x RTP/AVP 0\r\n", "sdp line 6: bad m= line"},
		{"m port too big", top + "m=audio 65536 RTP/AVP 0\r\n", "sdp line 6: bad m= line"},
		{"m negative", top + "m=audio -1 RTP/AVP 0\r\n", "sdp line 6: bad m= line"},
		{"m count", top + "m=audio 4000/0 RTP/AVP 0\r\n", "sdp line 6: bad number of ports in m= line"},
		{"m no format", top + "m=audio 4000 RTP/AVP\r\n", "sdp line 6: no format in m= line"},
		{"m payload type", top + "m=audio 4000 RTP/AVP 128\r\n", "sdp line 6: bad payload type in m= line"},
		{"m address", top + "m=audio 4000 X/Y 10.1.2.3\r\n", "sdp line 6: address in m= line"},
		{"no c", "v=0\r\nm=audio 4000 RTP/AVP 0\r\n", "sdp line 2: no c= line for this section"},
		{"c short", "v=0\r\nc=IN\r\nm=audio 4000 RTP/AVP 0\r\n", "sdp line 2: bad c= line"},
		{"c bad in section", top + "m=audio 4000 RTP/AVP 0\r\nc=IN IP5 x\r\n", "sdp line 7: bad c= line"},
		{"c host", "v=0\r\nc=IN IP4 phone.example.org\r\nm=audio 4000 RTP/AVP 0\r\n", "sdp line 2: " + ErrAddress.Error()},
		{"c multicast", "v=0\r\nc=IN IP4 224.2.1.1/127\r\nm=audio 4000 RTP/AVP 0\r\n", "sdp line 2: " + ErrAddress.Error()},
		{"c broadcast", "v=0\r\nc=IN IP4 255.255.255.255\r\nm=audio 4000 RTP/AVP 0\r\n", "sdp line 2: " + ErrAddress.Error()},
		{"c scoped", "v=0\r\nc=IN IP6 fe80::1%eth0\r\nm=audio 4000 RTP/AVP 0\r\n", "sdp line 2: " + ErrAddress.Error()},
		{"too many sections", top + strings.Repeat("m=audio 0 RTP/AVP 0\r\n", 65), "sdp line 70: too many m= lines"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Session
			err := s.Parse([]byte(tt.in))
			if err == nil || err.Error() != tt.want {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if strings.HasSuffix(tt.want, ErrAddress.Error()) && !errors.Is(err, ErrAddress) {
				t.Fatal("not an ErrAddress")
			}
		})
	}
}

func TestParseForgives(t *testing.T) {
	tests := []struct{ name, in string }{
		{"bare LF", strings.ReplaceAll(top, "\r", "") + "m=audio 4000 RTP/AVP 0\n"},
		{"no last line end", top + "m=audio 4000 RTP/AVP 0"},
		{"blank lines at the end", top + "m=audio 4000 RTP/AVP 0\r\n\r\n\r\n"},
		{"no o, s, t", "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n"},
		{"ttl", "v=0\r\nc=IN IP4 10.0.0.1/127\r\nm=audio 4000 RTP/AVP 0\r\n"},
		{"IPv6 in brackets", "v=0\r\nc=IN IP6 [::ffff:10.0.0.1]\r\nm=audio 4000 RTP/AVP 0\r\n"},
		{"two spaces", top + "m=audio 4000 RTP/AVP  0 8 \r\n"},
		{"host name in an unused section", top + "m=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\nc=IN IP4 x.example.org\r\n"},
		{"bad a=rtcp", top + "m=audio 4000 RTP/AVP 0\r\na=rtcp:x\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Session
			if err := s.Parse([]byte(tt.in)); err != nil {
				t.Fatal(err)
			}
			if got := s.Media[0].RTPAddr(); got != netip.MustParseAddrPort("10.0.0.1:4000") {
				t.Fatalf("RTP at %v", got)
			}
		})
	}
}

// section is what a test wants to see of a Media.
type section struct {
	Kind      Kind
	Proto     Proto
	RTP, RTCP string
	Direction string
	Effective string
	Held      bool
	Mux       bool
	MID       string
	Relayable bool
	Raw       bool
}

func TestParseSections(t *testing.T) {
	in := "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\na=recvonly\r\n" +
		"m=audio 4000 RTP/AVP 0\r\na=mid:a1\r\n" +
		"m=video 5000/2 RTP/AVPF 96\r\nc=IN IP4 10.0.0.2\r\na=rtcp:6001 IN IP4 10.0.0.3\r\na=sendonly\r\n" +
		"m=audio 4002 RTP/SAVP 0\r\nc=IN IP4 0.0.0.0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtcp:7001\r\n" +
		"m=image 4004 UDPTL t38\r\na=inactive\r\n" +
		"m=message 4006 TCP/MSRP *\r\nm=text 0 RTP/AVP 98\r\nm=application 9 UDP/TLS/RTP/SAVPF 0\r\na=rtcp:9999\r\n"
	var s Session
	if err := s.Parse([]byte(in)); err != nil {
		t.Fatal(err)
	}
	var got []section
	for i := range s.Media {
		m := &s.Media[i]
		got = append(got, section{m.Kind, m.Proto, m.RTPAddr().String(), m.RTCPAddr().String(), m.Direction.String(),
			m.Effective().String(), m.Held(), m.Mux, string(m.MID), m.Relayable(), m.Raw()})
	}
	none := netip.AddrPort{}.String()
	want := []section{
		{KindAudio, ProtoAVP, "[2001:db8::1]:4000", "[2001:db8::1]:4001", "recvonly", "recvonly", false, false, "a1", true, false},
		{KindVideo, ProtoAVPF, "10.0.0.2:5000", "10.0.0.3:6001", "sendonly", "sendonly", false, false, "", true, false},
		{KindAudio, ProtoSAVP, "0.0.0.0:4002", "0.0.0.0:4002", "sendrecv", "sendonly", true, true, "", true, true},
		{KindImage, ProtoUDPTL, "[2001:db8::1]:4004", "[2001:db8::1]:4005", "inactive", "inactive", false, false, "", true, true},
		{KindMessage, ProtoOther, "[2001:db8::1]:4006", "[2001:db8::1]:4007", "recvonly", "recvonly", false, false, "", false, false},
		{KindText, ProtoAVP, none, none, "recvonly", "recvonly", false, false, "", true, false},
		{KindApplication, ProtoOther, "[2001:db8::1]:9", "[2001:db8::1]:9999", "recvonly", "recvonly", false, false, "", false, false},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	if v, ok := s.Media[1].Attr("rtcp"); !ok || string(v) != "6001 IN IP4 10.0.0.3" {
		t.Fatalf("a=rtcp is %q", v)
	}
	if _, ok := s.Media[0].Attr("rtcp"); ok {
		t.Fatal("attribute of another section found")
	}
}

func TestParseAgainAllocatesNothing(t *testing.T) {
	var s Session
	in := []byte(volte)
	if n := testing.AllocsPerRun(100, func() {
		if err := s.Parse(in); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestContainsAddress(t *testing.T) {
	for in, want := range map[string]bool{
		"10.1.2.3": true, "x=10.1.2.3:5060": true, "[2001:db8::1]": true, "fe80::1": true, "1.2.3.4.5": true, "a1.2.3.4": true,
		"mode-set=0,1,2": false, "1.2.3": false, "1.2.3.": false, "urn:ietf:params:rtp-hdrext:toffset": false, "::": false,
		"inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:32": false, "1..2.3.4": false, "H264/90000": false,
	} {
		if got := containsAddress([]byte(in)); got != want {
			t.Errorf("%q: got %v", in, got)
		}
	}
}
