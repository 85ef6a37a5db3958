package sdp

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var local9port = netip.MustParseAddrPort("192.0.2.9:20000")

// TestCarried: what equals say to each other arrives, under each policy, line by line; what is missing is named.
func TestCarried(t *testing.T) {
	all := []string{"untrusted", "ims-home", "transparent"}
	home := all[1:]
	tests := []struct {
		name, media string
		lines       []string
		by          []string // policies that carry all lines
	}{
		{"AMR", "audio 4000 RTP/AVP 102", []string{"a=rtpmap:102 AMR/8000/1", "a=fmtp:102 mode-set=0,2,4,7; mode-change-period=2; octet-align=1"}, all},
		{"AMR-WB", "audio 4000 RTP/AVP 104", []string{"a=rtpmap:104 AMR-WB/16000", "a=fmtp:104 mode-change-capability=2;max-red=220"}, all},
		{"EVS", "audio 4000 RTP/AVP 98", []string{"a=rtpmap:98 EVS/16000/1", "a=fmtp:98 br=5.9-24.4; bw=nb-swb; ch-aw-recv=3; max-red=0"}, all},
		{"events at two rates", "audio 4000 RTP/AVP 104 105 100", []string{"a=rtpmap:104 AMR-WB/16000", "a=rtpmap:105 telephone-event/16000", "a=fmtp:105 0-15",
			"a=rtpmap:100 telephone-event/8000", "a=fmtp:100 0-15"}, all},
		{"ptime", "audio 4000 RTP/AVP 0", []string{"a=ptime:20", "a=maxptime:240"}, all},
		{"video feedback", "video 4000 RTP/AVPF 99", []string{"b=AS:512", "a=rtpmap:99 H264/90000", "a=fmtp:99 profile-level-id=42e01f;packetization-mode=1",
			"a=rtcp-fb:* nack", "a=rtcp-fb:99 nack pli", "a=rtcp-fb:99 ccm fir", "a=rtcp-fb:99 ccm tmmbr"}, all},
		{"real-time text", "text 4000 RTP/AVP 98 100", []string{"a=rtpmap:98 t140/1000", "a=rtpmap:100 red/1000", "a=fmtp:100 98/98/98"}, all},
		{"preconditions", "audio 4000 RTP/AVP 0", []string{"a=curr:qos local none", "a=curr:qos remote none", "a=des:qos mandatory local sendrecv",
			"a=des:qos none remote sendrecv", "a=conf:qos remote sendrecv"}, all},
		{"bandwidth", "audio 4000 RTP/AVP 0", []string{"b=AS:38", "b=TIAS:32000", "b=RS:0", "b=RR:2000"}, all},
		{"rtcp-mux", "audio 4000 RTP/AVP 0", []string{"a=rtcp-mux"}, all},
		{"fax", "image 4000 udptl t38", []string{"a=T38FaxVersion:0", "a=T38MaxBitRate:14400", "a=T38FaxUdpEC:t38UDPRedundancy"}, all},
		{"unknown", "audio 4000 RTP/AVP 0", []string{"a=3gpp_sync_info:No Sync", "a=anbr", "b=X-Own:5", "a=label:7"}, home},
		{"capabilities", "audio 4000 RTP/AVP 0", []string{"a=tcap:1 RTP/AVPF", "a=pcfg:1 t=1"}, home},
		{"image attributes", "video 4000 RTP/AVP 99", []string{"a=rtpmap:99 H265/90000", "a=imageattr:99 send [x=848,y=480] recv [x=848,y=480]", "a=framesize:99 848-480"}, home},
		{"SRTP keys", "audio 4000 RTP/SAVP 0", []string{"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"}, home},
		{"names of software", "audio 4000 RTP/AVP 0", []string{"a=tool:phone 1", "a=keywds:speech"}, all[2:]},
	}
	for _, tt := range tests {
		for _, policy := range all {
			t.Run(tt.name+" "+policy, func(t *testing.T) {
				out := anchored(t, top+"m="+tt.media+"\r\n"+strings.Join(tt.lines, "\r\n")+"\r\n", policy, []Local{{RTP: local9port}})
				carried := strings.Contains(","+strings.Join(tt.by, ",")+",", ","+policy+",")
				missing := ""
				for _, l := range tt.lines {
					if !strings.Contains(out, "\r\n"+l+"\r\n") {
						missing += l + "\n"
					}
				}
				if carried != (missing == "") {
					t.Errorf("carried %v, missing:\n%sof\n%s", carried, missing, out)
				}
			})
		}
	}
}

// TestHeld: every spelling of a hold, and the resume after it.
func TestHeld(t *testing.T) {
	const media = "m=audio 4000 RTP/AVP 0\r\n"
	for in, want := range map[string]string{
		"v=0\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n" + media + "a=sendonly\r\n":                     "a=sendonly",
		"v=0\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n" + media + "a=inactive\r\n":                     "a=inactive",
		"v=0\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\na=sendonly\r\n" + media:                          "a=sendonly",
		"v=0\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\na=inactive\r\n" + media + "a=sendonly\r\n":       "a=sendonly",
		"v=0\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n" + media:                                         "a=sendonly",
		"v=0\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n" + media + "a=recvonly\r\n":                      "a=inactive",
		"v=0\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n" + media + "c=IN IP4 0.0.0.0\r\na=sendrecv\r\n": "a=sendonly",
		"v=0\r\nc=IN IP6 ::\r\nt=0 0\r\n" + media:                                              "a=sendonly",
		"v=0\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n" + media + "a=sendrecv\r\n":                     "a=sendrecv",
		"v=0\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n" + media:                                        "",
	} {
		out := anchored(t, in, "untrusted", []Local{{RTP: local9port}})
		got := ""
		for l := range strings.Lines(out) {
			if l = strings.TrimSpace(l); strings.HasPrefix(l, "a=") {
				got += l
			}
		}
		if got != want || strings.Contains(out, "c=IN IP4 0.0.0.0") || !strings.Contains(out, "c=IN IP4 192.0.2.9") {
			t.Errorf("%q: direction %q, want %q in\n%s", in, got, want, out)
		}
	}
}

func TestRefuses(t *testing.T) {
	const audio, srtp, msrp, off = "m=audio 4000 RTP/AVP 0\r\n", "m=audio 4000 RTP/SAVP 0\r\n", "m=message 9 TCP/MSRP *\r\n", "m=audio 0 RTP/AVP 0\r\n"
	tests := []struct {
		media, policy  string
		anchored, want bool
	}{
		{audio, "untrusted", true, false}, {audio + srtp, "untrusted", true, false}, {srtp, "untrusted", true, true},
		{srtp, "ims-home", true, false}, {srtp, "transparent", false, false}, {srtp, "untrusted", false, true},
		{msrp, "transparent", true, true}, {msrp, "transparent", false, false}, {msrp, "untrusted", false, true},
		{off, "untrusted", true, false}, {"", "untrusted", true, false}, {off + srtp, "untrusted", true, true},
	}
	for _, tt := range tests {
		var s Session
		if err := s.Parse([]byte(top + tt.media)); err != nil {
			t.Fatal(err)
		}
		if got := PolicyNamed(tt.policy).Refuses(&s, tt.anchored); got != tt.want {
			t.Errorf("%q under %s, anchored %v: refused %v", tt.media, tt.policy, tt.anchored, got)
		}
	}
}

// TestUnanchoredStream: MSRP passes with its path where the parties' addresses pass.
func TestUnanchoredStream(t *testing.T) {
	const in = top + "m=message 9 TCP/MSRP *\r\na=path:msrp://10.0.0.1:9/x;tcp\r\na=setup:active\r\na=accept-types:text/plain\r\n"
	got := anchored(t, in, "ims-home", nil)
	for _, l := range []string{"m=message 9 TCP/MSRP *\r\n", "a=path:msrp://10.0.0.1:9/x;tcp\r\n", "a=setup:active\r\n", "a=accept-types:text/plain\r\n"} {
		if !strings.Contains(got, l) {
			t.Errorf("%q is missing in\n%s", l, got)
		}
	}
	if got := anchored(t, in, "untrusted", nil); !strings.Contains(got, "m=message 0 ") || strings.Contains(got, "msrp:") {
		t.Errorf("untrusted:\n%s", got)
	}
}

// TestReoffers: lines are added at the end, taken away by port 0, and come back in their place; o= counts the changes.
func TestReoffers(t *testing.T) {
	const audio, video, none = "m=audio 4000 RTP/AVP 0\r\n", "m=video 4002 RTP/AVP 31\r\n", "m=video 0 RTP/AVP 31\r\n"
	local := []Local{{RTP: local9port}, {RTP: netip.MustParseAddrPort("192.0.2.9:20002")}}
	o := Origin{ID: 1, Version: 1}
	var got []string
	for _, media := range []string{audio, audio, audio + video, audio + none, audio + video} {
		var s Session
		if err := s.Parse([]byte(top + media)); err != nil {
			t.Fatal(err)
		}
		out := string(Anchor(nil, &s, &o, PolicyNamed("untrusted"), local, AnchorOptions{}))
		line := strings.Fields(out)[3]
		for l := range strings.Lines(out) {
			if strings.HasPrefix(l, "m=") {
				line += " " + strings.Fields(l)[1]
			}
		}
		got = append(got, line)
	}
	if d := cmp.Diff([]string{"1 20000", "1 20000", "2 20000 20002", "3 20000 0", "4 20000 20002"}, got); d != "" {
		t.Error(d)
	}
}
