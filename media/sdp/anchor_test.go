package sdp

import (
	"net/netip"
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
