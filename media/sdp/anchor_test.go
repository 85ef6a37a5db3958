package sdp

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// volte is an offer as a VoLTE phone makes it: AMR-WB and AMR with mode sets, preconditions, and all that must not cross.
const volte = "v=0\r\no=rue 3251442 3251442 IN IP4 10.20.30.40\r\ns=handset 4.2\r\ni=call\r\nu=http://10.20.30.40/\r\n" +
	"e=rue@example.org\r\np=+44 1234\r\nc=IN IP4 10.20.30.40\r\nb=AS:49\r\nb=RS:600\r\nb=X-Vendor:1\r\nt=0 0\r\n" +
	"a=sendrecv\r\na=tool:phone 1.0\r\na=X-SBC-Session:10.20.30.40:5060\r\n" +
	"m=audio 49152 RTP/AVP 104 110 102 108 105 100\r\nb=AS:49\r\nb=RS:0\r\nb=RR:2000\r\n" +
	"a=rtpmap:104 AMR-WB/16000/1\r\na=fmtp:104 mode-change-capability=2;max-red=0\r\n" +
	"a=rtpmap:110 AMR-WB/16000/1\r\na=fmtp:110 octet-align=1;mode-change-capability=2;max-red=0\r\n" +
	"a=rtpmap:102 AMR/8000/1\r\na=fmtp:102 mode-change-capability=2;max-red=0\r\n" +
	"a=rtpmap:108 AMR/8000/1\r\na=fmtp:108 octet-align=1;mode-change-capability=2;max-red=0\r\n" +
	"a=rtpmap:105 telephone-event/16000\r\na=fmtp:105 0-15\r\na=rtpmap:100 telephone-event/8000\r\na=fmtp:100 0-15\r\n" +
	"a=curr:qos local none\r\na=curr:qos remote none\r\na=des:qos mandatory local sendrecv\r\na=des:qos optional remote sendrecv\r\n" +
	"a=sendrecv\r\na=ptime:20\r\na=maxptime:240\r\na=rtcp:49153 IN IP4 10.20.30.40\r\na=ssrc:1 cname:rue@10.20.30.40\r\n" +
	"a=candidate:1 1 UDP 1 10.20.30.40 49152 typ host\r\na=label:x\r\n"

func TestAnchorVoLTE(t *testing.T) {
	var s Session
	if err := s.Parse([]byte(volte)); err != nil {
		t.Fatal(err)
	}
	o := Origin{ID: 77, Version: 5}
	local := []Local{{RTP: netip.MustParseAddrPort("192.0.2.9:20000")}}
	got := string(Anchor(nil, &s, &o, PolicyNamed("untrusted"), local, AnchorOptions{}))
	want := "v=0\r\no=- 77 5 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nb=AS:49\r\nb=RS:600\r\nt=0 0\r\n" +
		"m=audio 20000 RTP/AVP 104 110 102 108 105 100\r\nb=AS:49\r\nb=RS:0\r\nb=RR:2000\r\n" +
		"a=rtpmap:104 AMR-WB/16000/1\r\na=fmtp:104 mode-change-capability=2;max-red=0\r\n" +
		"a=rtpmap:110 AMR-WB/16000/1\r\na=fmtp:110 octet-align=1;mode-change-capability=2;max-red=0\r\n" +
		"a=rtpmap:102 AMR/8000/1\r\na=fmtp:102 mode-change-capability=2;max-red=0\r\n" +
		"a=rtpmap:108 AMR/8000/1\r\na=fmtp:108 octet-align=1;mode-change-capability=2;max-red=0\r\n" +
		"a=rtpmap:105 telephone-event/16000\r\na=fmtp:105 0-15\r\na=rtpmap:100 telephone-event/8000\r\na=fmtp:100 0-15\r\n" +
		"a=curr:qos local none\r\na=curr:qos remote none\r\na=des:qos mandatory local sendrecv\r\na=des:qos optional remote sendrecv\r\n" +
		"a=sendrecv\r\na=ptime:20\r\na=maxptime:240\r\na=rtcp:20001\r\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	home := string(Anchor(nil, &s, &o, PolicyNamed("ims-home"), local, AnchorOptions{}))
	if !strings.Contains(home, "a=label:x\r\n") || strings.Contains(home, "10.20.30.40") || !strings.Contains(home, "b=X-Vendor:1") {
		t.Fatalf("ims-home:\n%s", home)
	}
}

// anchored parses in and anchors it with one section at 192.0.2.9:20000.
func anchored(t *testing.T, in, policy string, local []Local) string {
	t.Helper()
	var s Session
	if err := s.Parse([]byte(in)); err != nil {
		t.Fatal(err)
	}
	o := Origin{ID: 1, Version: 1}
	return string(Anchor(nil, &s, &o, PolicyNamed(policy), local, AnchorOptions{Address: netip.MustParseAddr("192.0.2.9")}))
}

func TestAnchor(t *testing.T) {
	one := []Local{{RTP: netip.MustParseAddrPort("192.0.2.9:20000")}}
	mixed := []Local{one[0], {RTP: netip.MustParseAddrPort("[2001:db8::9]:20002")}}
	const front = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\n"
	const own = front + "c=IN IP4 192.0.2.9\r\nt=0 0\r\n"
	tests := []struct {
		name, in, policy string
		local            []Local
		want             string
	}{
		{"two families", top + "m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 31\r\n", "untrusted", mixed,
			front + "t=0 0\r\nm=audio 20000 RTP/AVP 0\r\nc=IN IP4 192.0.2.9\r\nm=video 20002 RTP/AVP 31\r\nc=IN IP6 2001:db8::9\r\n"},
		{"rejected in place", top + "m=message 9 TCP/MSRP *\r\na=path:msrp://10.0.0.1:9/x;tcp\r\nm=audio 4000 RTP/AVP 0\r\n", "untrusted",
			[]Local{one[0], one[0]}, own + "m=message 0 TCP/MSRP *\r\nm=audio 20000 RTP/AVP 0\r\n"},
		{"zero local", top + "m=audio 4000 RTP/AVP 0 8\r\na=ptime:20\r\n", "transparent", []Local{{}}, own + "m=audio 0 RTP/AVP 0 8\r\n"},
		{"missing local", top + "m=audio 4000 RTP/AVP 0\r\nm=audio 4000 RTP/AVP 0\r\n", "transparent", one,
			own + "m=audio 20000 RTP/AVP 0\r\nm=audio 0 RTP/AVP 0\r\n"},
		{"port 0 stays", top + "m=audio 0 RTP/AVP 0\r\n", "transparent", one, own + "m=audio 0 RTP/AVP 0\r\n"},
		{"old hold", "v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n", "untrusted", one,
			own + "m=audio 20000 RTP/AVP 0\r\na=sendonly\r\n"},
		{"old hold of a receiver", "v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\na=recvonly\r\n", "untrusted", one,
			own + "m=audio 20000 RTP/AVP 0\r\na=inactive\r\n"},
		{"session direction", "v=0\r\nc=IN IP4 10.0.0.1\r\na=sendonly\r\nm=audio 4000 RTP/AVP 0\r\na=ptime:20\r\n", "ims-home", one,
			own + "m=audio 20000 RTP/AVP 0\r\na=ptime:20\r\na=sendonly\r\n"},
		{"mux", top + "m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\na=rtcp:4000\r\n", "untrusted", one,
			own + "m=audio 20000 RTP/AVP 0\r\na=rtcp-mux\r\na=rtcp:20000\r\n"},
		{"only listed formats", top + "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 EVS/16000\r\na=rtpmap:97 X/8000\r\na=rtcp-fb:* nack\r\n" +
			"a=fmtp:96 x=10.0.0.7\r\na=unknown\r\n", "untrusted", one,
			own + "m=audio 20000 RTP/AVP 96\r\na=rtpmap:96 EVS/16000\r\na=rtcp-fb:* nack\r\n"},
		{"crypto carried", top + "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20|1:32\r\na=3ge2ae:requested\r\n",
			"transparent", one, own + "m=audio 20000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20|1:32\r\na=3ge2ae:requested\r\n"},
		{"crypto refused", top + "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 x inline:abc\r\n", "untrusted", one, own + "m=audio 0 RTP/SAVP 0\r\n"},
		{"lines that go", "v=0\r\ni=x\r\nu=x\r\ne=x\r\np=x\r\nc=IN IP4 10.0.0.1\r\nb=CT:10.0.0.1\r\nt=5 6\r\nr=7d\r\nz=0\r\nk=clear:x\r\n" +
			"m=audio 4000/2 RTP/AVP 0\r\ni=x\r\nk=prompt\r\n", "transparent", one, own + "m=audio 20000 RTP/AVP 0\r\n"},
		{"fax, untrusted", top + "m=image 4000 udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxTranscodingMMR\r\na=other\r\n", "untrusted", one,
			own + "m=image 20000 udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxTranscodingMMR\r\n"},
		{"fax", top + "m=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n", "ims-home", one, own + "m=image 20000 udptl t38\r\na=T38FaxVersion:0\r\n"},
		{"not anchored", "v=0\r\no=rue 9 9 IN IP4 10.0.0.1\r\ns=x\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000/2 RTP/AVP 0\r\na=rtcp:4009 IN IP4 10.0.0.2\r\n" +
			"a=ssrc:1 cname:x\r\nm=video 4002 RTP/AVP 31\r\nc=IN IP4 10.0.0.4\r\n", "transparent", nil,
			front + "c=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000/2 RTP/AVP 0\r\na=rtcp:4009 IN IP4 10.0.0.2\r\nm=video 4002 RTP/AVP 31\r\nc=IN IP4 10.0.0.4\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, anchored(t, tt.in, tt.policy, tt.local)); d != "" {
				t.Fatal(d)
			}
		})
	}
}

func TestOriginVersion(t *testing.T) {
	var s Session
	o := Origin{ID: 9, Version: 99}
	p := PolicyNamed("untrusted")
	show := func(port string, far string) uint64 {
		t.Helper()
		in := strings.ReplaceAll(top, "10.0.0.1", far) + "m=audio " + port + " RTP/AVP 0\r\n"
		if err := s.Parse([]byte(in)); err != nil {
			t.Fatal(err)
		}
		local := []Local{{RTP: netip.MustParseAddrPort("192.0.2.9:20000")}}
		out := string(Anchor([]byte("kept"), &s, &o, p, local, AnchorOptions{}))
		line := "o=- 9 " + strconv.FormatUint(o.Version, 10) + " IN IP4 192.0.2.9\r\n"
		if !strings.HasPrefix(out, "kept"+"v=0\r\n"+line+"s=-\r\n") {
			t.Fatalf("begins with %q", out)
		}
		return o.Version
	}
	got := []uint64{
		show("4000", "10.0.0.1"), // first
		show("4000", "10.0.0.1"), // a refresh
		show("4002", "10.0.0.2"), // the far side moved: this side sees no change
		show("0", "10.0.0.2"),    // stream refused: 100, one digit more
		show("0", "10.0.0.2"),
		show("4002", "10.0.0.2"), // and back
	}
	if d := cmp.Diff([]uint64{99, 99, 99, 100, 100, 101}, got); d != "" {
		t.Fatal(d)
	}
}

func BenchmarkParseAnchor(b *testing.B) {
	var s Session
	in := []byte(volte)
	o := Origin{ID: 77, Version: 5}
	local := []Local{{RTP: netip.MustParseAddrPort("192.0.2.9:20000")}}
	p := PolicyNamed("untrusted")
	out := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Parse(in); err != nil {
			b.Fatal(err)
		}
		out = Anchor(out[:0], &s, &o, p, local, AnchorOptions{})
	}
}

// TestLongestOrigin: the line in front has room for the longest numbers and addresses.
func TestLongestOrigin(t *testing.T) {
	o := Origin{ID: 1<<64 - 1, Version: 1<<64 - 2, Last: 1}
	at := netip.MustParseAddr("2001:db8:1111:2222:3333:4444:5555:6666%a-zone-with-a-name-that-is-longer-than-any-room-there-is-for-it-in-a-line-of-ours")
	got := string(Offer(nil, &o, Ours{At: Local{RTP: netip.AddrPortFrom(at, 20000)}}))
	want := "v=0\r\no=- 18446744073709551615 18446744073709551615 IN IP6 2001:db8:1111:2222:3333:4444:5555:6666\r\ns=-\r\n" +
		"c=IN IP6 2001:db8:1111:2222:3333:4444:5555:6666\r\nt=0 0\r\nm=audio 20000 RTP/AVP\r\na=ptime:20\r\na=sendrecv\r\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		name, media string
		want        uint32
	}{
		{"static", "m=audio 4000 RTP/AVP 8\r\n", 8000},
		{"mapped", "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 AMR-WB/16000\r\n", 16000},
		{"second format counts for nothing", "m=audio 4000 RTP/AVP 0 97\r\na=rtpmap:97 AMR-WB/16000\r\n", 8000},
		{"video without a map", "m=video 4000 RTP/AVP 34\r\n", 90000},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Session
			if err := s.Parse([]byte("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" + c.media)); err != nil {
				t.Fatal(err)
			}
			if got := s.Media[0].Clock(); got != c.want {
				t.Errorf("clock %d, want %d", got, c.want)
			}
		})
	}
}

// TestDerivedPolicy: an attribute can be given another action, but for those that the engine writes or that end here.
func TestDerivedPolicy(t *testing.T) {
	base := PolicyNamed("untrusted")
	p := base.Derive("mine")
	for name, want := range map[string]bool{"X-mark": true, "ptime": true, "mid": true, "rest": true, "sendrecv": false, "candidate": false, "": false} {
		if err := p.SetAttribute(name, Carry); (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := p.SetAttribute("X-mark", Drop); err != nil {
		t.Error(err)
	}
	var s Session
	if err := s.Parse([]byte("v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\na=X-mark:1\r\na=X-other:2\r\na=X-far:10.0.0.1\r\n")); err != nil {
		t.Fatal(err)
	}
	for policy, want := range map[*Policy]string{base: "", p: "a=X-other:2\r\n"} {
		var got string
		for i := range s.Media[0].Lines {
			if l := &s.Media[0].Lines[i]; policy.line(&s.Media[0], l) == Carry {
				got += "a=" + string(l.Value) + "\r\n"
			}
		}
		if got != want {
			t.Errorf("%s carries %q, want %q", policy.Name, got, want)
		}
	}
	if n := len(p.Attributes()); n != len(base.Attributes())+1 {
		t.Errorf("%d attributes are listed", n)
	}
}
