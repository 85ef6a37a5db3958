package sdp

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnswer(t *testing.T) {
	at := Local{RTP: netip.MustParseAddrPort("192.0.2.9:20000")}
	const own = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
	const pcma = "a=rtpmap:8 PCMA/8000\r\n"
	tests := []struct{ name, in, want string }{
		{"static", top + "m=audio 4000 RTP/AVP 18 8 0\r\n", own + "m=audio 20000 RTP/AVP 8\r\n" + pcma + "a=ptime:20\r\na=sendrecv\r\n"},
		{"the party's order", top + "m=audio 4000 RTP/AVP 0 8\r\n", own + "m=audio 20000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n"},
		{"dynamic, events of the same rate", top + "m=audio 4000 RTP/AVPF 110 97 96 98\r\na=rtpmap:110 AMR-WB/16000\r\na=rtpmap:97 pcma/8000/1\r\n" +
			"a=rtpmap:96 telephone-event/16000\r\na=rtpmap:98 telephone-event/8000\r\na=recvonly\r\na=rtcp-mux\r\n",
			own + "m=audio 20000 RTP/AVPF 97 98\r\na=rtpmap:97 PCMA/8000\r\na=rtpmap:98 telephone-event/8000\r\na=fmtp:98 0-15\r\na=ptime:20\r\n" +
				"a=sendonly\r\na=rtcp-mux\r\n"},
		{"hold", "v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 8\r\n", own + "m=audio 20000 RTP/AVP 8\r\n" + pcma + "a=ptime:20\r\na=recvonly\r\n"},
		{"others refused", top + "m=video 4002 RTP/AVP 31\r\nm=audio 4004 RTP/SAVP 8\r\nm=audio 4000 RTP/AVP 8\r\nm=audio 4006 RTP/AVP 8\r\n",
			own + "m=video 0 RTP/AVP 31\r\nm=audio 0 RTP/SAVP 8\r\nm=audio 20000 RTP/AVP 8\r\n" + pcma + "a=ptime:20\r\na=sendrecv\r\nm=audio 0 RTP/AVP 8\r\n"},
		{"preconditions", top + "m=audio 4000 RTP/AVP 8\r\na=curr:qos local send\r\na=curr:qos remote none\r\na=des:qos mandatory local sendrecv\r\n" +
			"a=des:qos optional remote sendrecv\r\n",
			own + "m=audio 20000 RTP/AVP 8\r\n" + pcma + "a=ptime:20\r\na=sendrecv\r\na=curr:qos local sendrecv\r\na=curr:qos remote recv\r\n" +
				"a=des:qos mandatory remote sendrecv\r\na=des:qos optional local sendrecv\r\na=conf:qos remote sendrecv\r\n"},
		{"preconditions met", top + "m=audio 4000 RTP/AVP 8\r\na=curr:qos local sendrecv\r\na=curr:qos remote none\r\na=des:qos mandatory local sendrecv\r\n",
			own + "m=audio 20000 RTP/AVP 8\r\n" + pcma + "a=ptime:20\r\na=sendrecv\r\na=curr:qos local sendrecv\r\na=curr:qos remote sendrecv\r\n" +
				"a=des:qos mandatory remote sendrecv\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Session
			if err := s.Parse([]byte(tt.in)); err != nil {
				t.Fatal(err)
			}
			o := Origin{ID: 1, Version: 1}
			got, err := Answer(nil, &s, &o, OwnCodecs(), []Local{at, at, at, at})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, string(got)); d != "" {
				t.Fatal(d)
			}
			if err := s.Parse(got); err != nil {
				t.Fatalf("our answer does not parse: %v", err)
			}
		})
	}
}

func TestAnswerNoCodec(t *testing.T) {
	at := Local{RTP: netip.MustParseAddrPort("192.0.2.9:20000")}
	for _, in := range []string{
		top + "m=audio 4000 RTP/AVP 18\r\n",
		top + "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n",
		top + "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMA/16000\r\n",
		top + "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMA/8000/2\r\n",
		top + "m=audio 0 RTP/AVP 8\r\n",
		top,
	} {
		var s Session
		if err := s.Parse([]byte(in)); err != nil {
			t.Fatal(err)
		}
		o := Origin{ID: 1, Version: 1}
		got, err := Answer([]byte("kept"), &s, &o, OwnCodecs(), []Local{at})
		if !errors.Is(err, ErrNoCodec) || string(got) != "kept" || o != (Origin{ID: 1, Version: 1}) {
			t.Errorf("%s: got %q, %v, %v", in, got, err, o)
		}
	}
}

func TestOffer(t *testing.T) {
	o := Origin{ID: 1, Version: 1}
	got := string(Offer(nil, &o, OwnCodecs(), []Local{{RTP: netip.MustParseAddrPort("[2001:db8::9]:20000")}}))
	want := "v=0\r\no=- 1 1 IN IP6 2001:db8::9\r\ns=-\r\nc=IN IP6 2001:db8::9\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8 0 101\r\n" +
		"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}
