package sdp

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/media/codec"
)

func TestAnswer(t *testing.T) {
	at := Local{RTP: netip.MustParseAddrPort("192.0.2.9:20000")}
	const own = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
	const pcma = "a=rtpmap:8 PCMA/8000\r\n"
	tests := []struct{ name, in, want string }{
		{"static", top + "m=audio 4000 RTP/AVP 18 8 0\r\n", own + "m=audio 20000 RTP/AVP 8\r\n" + pcma + "a=ptime:20\r\na=sendrecv\r\n"},
		{"the party's order", top + "m=audio 4000 RTP/AVP 0 8\r\n", own + "m=audio 20000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n"},
		{"dynamic, events of the same rate", top + "m=audio 4000 RTP/AVPF 110 97 96 98\r\na=rtpmap:110 EVS/16000\r\na=rtpmap:97 pcma/8000/1\r\n" +
			"a=rtpmap:96 telephone-event/16000\r\na=rtpmap:98 telephone-event/8000\r\na=recvonly\r\na=rtcp-mux\r\n",
			own + "m=audio 20000 RTP/AVPF 97 98\r\na=rtpmap:97 PCMA/8000\r\na=rtpmap:98 telephone-event/8000\r\na=fmtp:98 0-15\r\na=ptime:20\r\n" +
				"a=sendonly\r\na=rtcp-mux\r\n"},
		{"more than G.711", top + "m=audio 4000 RTP/AVP 18 9 0\r\n", own + "m=audio 20000 RTP/AVP 9\r\na=rtpmap:9 G722/8000\r\na=ptime:20\r\na=sendrecv\r\n"},
		{"two channels", top + "m=audio 4000 RTP/AVP 10 96\r\na=rtpmap:96 telephone-event/44100\r\n", own + "m=audio 20000 RTP/AVP 10 96\r\n" +
			"a=rtpmap:10 L16/44100/2\r\na=rtpmap:96 telephone-event/44100\r\na=fmtp:96 0-15\r\na=ptime:20\r\na=sendrecv\r\n"},
		{"short packets", top + "m=audio 4000 RTP/AVP 8\r\na=ptime:30\r\na=maxptime:15\r\n", own + "m=audio 20000 RTP/AVP 8\r\n" + pcma + "a=ptime:10\r\na=sendrecv\r\n"},
		{"long packets", top + "m=audio 4000 RTP/AVP 8\r\na=ptime:400\r\n", own + "m=audio 20000 RTP/AVP 8\r\n" + pcma + "a=ptime:120\r\na=sendrecv\r\n"},
		{"AMR octet-aligned, modes kept, events of another clock", top + "m=audio 4000 RTP/AVP 96 100\r\na=rtpmap:96 AMR-WB/16000/1\r\n" +
			"a=fmtp:96 mode-change-capability=2; octet-align=1; mode-set=0,1,2; max-red=0\r\na=rtpmap:100 telephone-event/8000\r\na=ptime:20\r\na=maxptime:240\r\n",
			own + "m=audio 20000 RTP/AVP 96 100\r\na=rtpmap:96 AMR-WB/16000\r\na=fmtp:96 octet-align=1; mode-set=0,1,2\r\n" +
				"a=rtpmap:100 telephone-event/8000\r\na=fmtp:100 0-15\r\na=ptime:20\r\na=sendrecv\r\n"},
		{"AMR bandwidth-efficient, the CRC passed over", top + "m=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 AMR/8000\r\na=fmtp:96 octet-align=1;crc=1\r\n" +
			"a=rtpmap:97 AMR/8000\r\n", own + "m=audio 20000 RTP/AVP 97\r\na=rtpmap:97 AMR/8000\r\na=ptime:20\r\na=sendrecv\r\n"},
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
			got, ok := answered(&s, nil, at)
			if !ok {
				t.Fatal("no codec in common")
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
		if got, ok := answered(&s, nil, at); ok {
			t.Errorf("%s: got %q", in, got)
		}
	}
}

// answered answers an offer with what anybody speaks.
func answered(s *Session, order []string, at Local) ([]byte, bool) {
	n, f, e, ok := s.Choose(func(codec.Format) error { return nil }, order)
	if !ok {
		return nil, false
	}
	own := Ours{At: at, Formats: []codec.Format{f}}
	if e.PT != 0 {
		own.Events = []Payload{e}
	}
	return Answer(nil, s, &Origin{ID: 1, Version: 1}, n, own), true
}

// TestChoose: the party's order rules unless there is one of ours, and what nobody here speaks is passed over.
func TestChoose(t *testing.T) {
	var s Session
	if err := s.Parse([]byte(top + "m=audio 4000 RTP/AVP 96 8 9 0\r\na=rtpmap:96 AMR/8000\r\n")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		order []string
		mute  string
		want  uint8
	}{
		{nil, "", 96}, {nil, "AMR", 8}, {[]string{"g722", "PCMU"}, "", 9}, {[]string{"G722", "PCMU"}, "G722", 0}, {[]string{"L16", "PCMU", "AMR"}, "", 0},
	} {
		_, f, _, ok := s.Choose(func(f codec.Format) error {
			if f.Codec == c.mute {
				return codec.ErrUnknown
			}
			return nil
		}, c.order)
		if !ok || f.Type != c.want {
			t.Errorf("order %v without %q: %d, want %d", c.order, c.mute, f.Type, c.want)
		}
	}
	if _, _, _, ok := s.Choose(func(codec.Format) error { return nil }, []string{"L16"}); ok {
		t.Error("a codec that the order leaves out was chosen")
	}
}

func TestOffer(t *testing.T) {
	o := Origin{ID: 1, Version: 1}
	formats := OwnFormats()[:4]
	got := string(Offer(nil, &o, Ours{At: Local{RTP: netip.MustParseAddrPort("[2001:db8::9]:20000")}, Formats: formats, Events: OwnEvents(formats)}))
	want := "v=0\r\no=- 1 1 IN IP6 2001:db8::9\r\ns=-\r\nc=IN IP6 2001:db8::9\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8 0 9 104 101 105\r\n" +
		"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:104 AMR-WB/16000\r\na=rtpmap:101 telephone-event/8000\r\n" +
		"a=fmtp:101 0-15\r\na=rtpmap:105 telephone-event/16000\r\na=fmtp:105 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

func TestReady(t *testing.T) {
	for lines, want := range map[string]bool{
		"": true,
		"a=curr:qos local none\r\na=des:qos mandatory local sendrecv\r\n":     false,
		"a=curr:qos local recv\r\na=des:qos mandatory local sendrecv\r\n":     false,
		"a=curr:qos local sendrecv\r\na=des:qos mandatory local sendrecv\r\n": true,
		"a=curr:qos local none\r\na=des:qos optional local sendrecv\r\n":      true,
		"a=curr:qos remote none\r\na=des:qos mandatory remote sendrecv\r\n":   true,
		"a=des:qos mandatory local\r\na=curr:x\r\n":                           true,
	} {
		var s Session
		if err := s.Parse([]byte(top + "m=audio 4000 RTP/AVP 8\r\n" + lines)); err != nil {
			t.Fatal(err)
		}
		if got := s.Media[0].Ready(); got != want {
			t.Errorf("%q: %v, want %v", lines, got, want)
		}
	}
}
