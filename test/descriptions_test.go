package test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// described makes a description of sections at ip; each is its m= line without the address, and its attributes.
func described(ip string, sections ...string) string {
	return fmt.Sprintf("v=0\r\no=- %s 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n", session, ip, ip) + strings.Join(sections, "")
}

// linesOf returns the lines of a description that begin with one of the given words.
func linesOf(body string, words ...string) (out []string) {
	for line := range strings.SplitSeq(body, "\r\n") {
		for _, w := range words {
			if strings.HasPrefix(line, w) {
				out = append(out, line)
			}
		}
	}
	return out
}

const (
	volte = "m=audio 31000 RTP/AVP 104 105 110 102 108 101 100\r\nb=AS:80\r\nb=RS:600\r\nb=RR:2000\r\na=rtpmap:104 EVS/16000/1\r\n" +
		"a=fmtp:104 br=5.9-24.4;bw=nb-swb;ch-aw-recv=-1;max-red=220\r\na=rtpmap:105 EVS/16000/1\r\na=fmtp:105 br=9.6-24.4;bw=nb-wb\r\n" +
		"a=rtpmap:110 AMR-WB/16000/1\r\na=fmtp:110 octet-align=1;mode-change-capability=2;max-red=220\r\na=rtpmap:102 AMR-WB/16000/1\r\n" +
		"a=fmtp:102 mode-set=0,1,2;mode-change-capability=2;max-red=220\r\na=rtpmap:108 AMR/8000/1\r\na=fmtp:108 octet-align=1;max-red=220\r\n" +
		"a=rtpmap:101 telephone-event/16000\r\na=fmtp:101 0-15\r\na=rtpmap:100 telephone-event/8000\r\na=fmtp:100 0-15\r\n" +
		"a=curr:qos local none\r\na=curr:qos remote none\r\na=des:qos mandatory local sendrecv\r\na=des:qos optional remote sendrecv\r\n" +
		"a=conf:qos remote sendrecv\r\na=ptime:20\r\na=maxptime:240\r\na=sendrecv\r\n"
	video = "m=video 31002 RTP/AVPF 113 114\r\nb=AS:1500\r\na=rtpmap:113 H264/90000\r\na=fmtp:113 profile-level-id=42C01E;packetization-mode=1\r\n" +
		"a=rtcp-fb:113 nack pli\r\na=rtcp-fb:* ccm fir\r\na=rtpmap:114 H265/90000\r\n"
	text = "m=text 31004 RTP/AVP 98 99\r\na=rtpmap:98 t140/1000\r\na=rtpmap:99 red/1000\r\na=fmtp:99 98/98/98\r\n"
)

// TestDescriptionsSurvive: what negotiated codecs need crosses line by line, whatever the policy; only addresses and ports are ours.
func TestDescriptionsSurvive(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"untrusted", "ims-home", "transparent"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(set *settings) { set.Policy = policy })
			caller, callee := s.phones()
			offer := described(s.media(s.caller()), volte, video, text, "m=audio 0 RTP/AVP 8\r\n")
			answer := described(s.media(s.callee()),
				"m=audio 32000 RTP/AVP 110 101\r\nb=AS:41\r\na=rtpmap:110 AMR-WB/16000/1\r\na=fmtp:110 octet-align=1\r\na=rtpmap:101 telephone-event/16000\r\na=curr:qos local none\r\n",
				"m=video 0 RTP/AVPF 113\r\n", "m=text 32004 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n", "m=audio 0 RTP/AVP 8\r\n")
			c := s.answerWith(caller, callee, offer, answer)
			for _, x := range []struct{ who, was, is string }{{"callee", offer, c.offer.body}, {"caller", answer, c.answer.body}} {
				want, got := linesOf(x.was, "a=", "b="), linesOf(x.is, "a=", "b=")
				if strings.Join(want, "\n") != strings.Join(got, "\n") {
					t.Errorf("the %s is shown\n%s\nwant\n%s", x.who, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				was, is := linesOf(x.was, "m="), linesOf(x.is, "m=")
				if len(was) != len(is) {
					t.Fatalf("m-lines %v, want %v", is, was)
				}
				for i := range was {
					w, g := strings.Fields(was[i]), strings.Fields(is[i])
					if (w[1] == "0") != (g[1] == "0") || w[1] == g[1] && w[1] != "0" {
						t.Errorf("%s became %s", was[i], is[i])
					}
					w[1], g[1] = "", ""
					if strings.Join(w, " ") != strings.Join(g, " ") {
						t.Errorf("%s became %s", was[i], is[i])
					}
				}
			}
			c.hangUp(c.a, c.b)
			s.ended(hungUp)
		})
	}
}

// TestHoldSpellings: every way to put a call on hold, by re-INVITE, is one that the other party understands.
func TestHoldSpellings(t *testing.T) {
	t.Parallel()
	s := start(t)
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	ip := s.media(s.caller())
	null := func(body string) string { return strings.Replace(body, "c=IN IP4 "+ip, "c=IN IP4 0.0.0.0", 1) }
	for i, tt := range []struct{ name, body, want string }{
		{"sendonly", sdp(ip, 31000, 2, "a=sendonly"), "a=sendonly"},
		{"inactive", sdp(ip, 31000, 3, "a=inactive"), "a=inactive"},
		{"null address", null(sdp(ip, 31000, 4)), "a=sendonly"},
		{"null address and inactive", null(sdp(ip, 31000, 5, "a=inactive")), "a=inactive"},
		{"null address and recvonly", null(sdp(ip, 31000, 6, "a=recvonly")), "a=inactive"},
		{"at session level", strings.Replace(sdp(ip, 31000, 7), "t=0 0\r\n", "t=0 0\r\na=sendonly\r\n", 1), "a=sendonly"},
		{"resume", sdp(ip, 31000, 8), ""},
		{"resume in words", sdp(ip, 31000, 9, "a=sendrecv"), "a=sendrecv"},
	} {
		inv := c.a.send("INVITE", tt.body)
		req := callee.request("INVITE")
		if got := strings.Join(linesOf(req.body, "a=send", "a=recv", "a=inactive"), ","); got != tt.want || strings.Contains(req.body, "0.0.0.0") {
			t.Errorf("%s: the callee is shown %q in\n%s", tt.name, got, req.body)
		}
		callee.reply(req, "200 OK", "", sdp(s.media(s.callee()), 32000, 2+i), "Contact: <sip:hidden-phone@"+callee.addr+">")
		caller.answer(inv, 200)
		c.a.ack("")
		callee.request("ACK")
	}
	c.hangUp(c.a, c.b)
	s.ended(hungUp)
}

// TestLinesComeAndGo: a call gets video, loses it and gets it again; ports come back each time.
func TestLinesComeAndGo(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *settings) { set.Ports = "20000-20007" }) // two pairs for each side
	caller, callee := s.phones()
	c := s.connect(caller, callee)
	alice, bob := s.media(s.caller()), s.media(s.callee())
	const plain, on, off = "m=audio 31000 RTP/AVP 8\r\n", "m=video 31002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n", "m=video 0 RTP/AVP 97\r\n"
	for i, second := range []string{on, off, on, off, on} {
		inv := c.a.send("INVITE", described(alice, plain, second))
		req := callee.request("INVITE")
		callee.reply(req, "200 OK", "", described(bob, plain, second), "Contact: <sip:hidden-phone@"+callee.addr+">")
		ok := caller.answer(inv, 200)
		c.a.ack("")
		callee.request("ACK")
		for who, body := range map[string]string{"caller": ok.body, "callee": req.body} {
			m := linesOf(body, "m=")
			if len(m) != 2 || strings.HasPrefix(m[1], "m=video 0 ") != (second == off) {
				t.Errorf("step %d: the %s is shown %v", i, who, m)
			}
		}
	}
	c.hangUp(c.a, c.b)
	for i, l := range s.ended(hungUp)[0].Legs {
		if len(l.Media) != 4 { // two videos that went, speech and the last video
			t.Errorf("leg %d has the statistics of %d streams, want 4", i, len(l.Media))
		}
	}
	eventually(t, patience, "no port is left", func() bool { return s.metric("bifrons_media_ports") == 0 })
}

// TestKindsOfMedia: SRTP, T.38 and MSRP cross or are refused as the policy says.
func TestKindsOfMedia(t *testing.T) {
	t.Parallel()
	const (
		key  = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
		srtp = "m=audio 31000 RTP/SAVP 8\r\n" + key + "\r\n"
		fax  = "m=image 31000 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n"
		msrp = "m=message 31000 TCP/MSRP *\r\na=accept-types:text/plain\r\na=path:msrp://alice.invalid:9/s;tcp\r\n"
	)
	for _, tt := range []struct {
		policy, kind, body, want string // what the callee is shown; "" is 488
	}{
		{"untrusted", "SRTP", srtp, ""}, {"ims-home", "SRTP", srtp, key}, {"transparent", "SRTP", srtp, key},
		{"untrusted", "T.38", fax, "a=T38MaxBitRate:14400"}, {"ims-home", "T.38", fax, "a=T38MaxBitRate:14400"},
		{"untrusted", "MSRP", msrp, ""}, {"transparent", "MSRP", msrp, ""},
	} {
		t.Run(tt.policy+" "+tt.kind, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(set *settings) { set.Policy = tt.policy })
			caller, callee := s.phones()
			d := caller.dialogTo("bob")
			inv := d.send("INVITE", described(s.media(s.caller()), tt.body))
			if tt.want == "" {
				res := caller.final(inv)
				d.ackFailure(res)
				if res.status() != 488 {
					t.Errorf("refused with %s, want 488", res.start)
				}
				callee.silent(100*time.Millisecond, "an INVITE", func(m message) bool { return m.method() == "INVITE" })
				s.idle()
				return
			}
			req := callee.request("INVITE")
			if !strings.Contains(req.body, tt.want+"\r\n") {
				t.Errorf("the callee is shown\n%s", req.body)
			}
			callee.reply(req, "200 OK", unique("hidden-tag-"), strings.ReplaceAll(described(s.media(s.callee()), tt.body), "31000", "32000"))
			ok := caller.answer(inv, 200)
			d.accept(ok)
			d.ack("")
			callee.request("ACK")
			through(t, s, req.body, ok.body)
			bye := d.send("BYE", "")
			caller.answer(bye, 200)
			callee.reply(callee.request("BYE"), "200 OK", "", "")
			s.ended(hungUp)
		})
	}
}

// through sends bytes that are no RTP from caller to callee: they arrive as they are.
func through(t *testing.T, s *server, offer, answer string) {
	t.Helper()
	port := func(body string) (n int) {
		fmt.Sscan(strings.Fields(linesOf(body, "m=")[0])[1], &n)
		return n
	}
	a := listenUDP(t, net.JoinHostPort(s.media(s.caller()), "31000"))
	defer a.Close()
	b := listenUDP(t, net.JoinHostPort(s.media(s.callee()), "32000"))
	defer b.Close()
	const bytes = "\x00\x01\x02 as it is"
	if _, err := a.WriteToUDP([]byte(bytes), &net.UDPAddr{IP: net.ParseIP(s.ip(1)), Port: port(answer)}); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	b.SetReadDeadline(time.Now().Add(patience))
	n, from, err := b.ReadFromUDP(buf)
	if err != nil || string(buf[:n]) != bytes || from.Port != port(offer) {
		t.Errorf("the callee got %q from %v: %v", buf[:n], from, err)
	}
}
