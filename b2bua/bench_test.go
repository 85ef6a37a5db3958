package b2bua

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/bifrons/bifrons/internal/leak"
	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/sip"
)

// benchInvite is an INVITE as an S-CSCF sends one, with a place for its number.
const benchInvite = "INVITE sip:bench@192.0.2.1:5060 SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 198.51.100.7:5080;branch=z9hG4bK-%[1]d-inv\r\n" +
	"From: <sip:alice@example.com>;tag=77a%08[1]d\r\n" +
	"To: <sip:bench@example.com>\r\n" +
	"Call-ID: %[1]d-4711@198.51.100.7\r\n" +
	"CSeq: 1 INVITE\r\n" +
	"Contact: <sip:alice@198.51.100.7:5080>\r\n" +
	"Max-Forwards: 70\r\n" +
	"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK\r\n" +
	"Supported: timer\r\n" +
	"P-Asserted-Identity: <sip:alice@example.com>\r\n" +
	"P-Asserted-Identity: \"Alice\" <sip:+15550000001@ims.mnc001.mcc001.3gppnetwork.org>\r\n" +
	"P-Asserted-Identity: <tel:+15550000001>\r\n" +
	"P-Charging-Vector: icid-value=\"a1b2c3d4e5f60718293a4b5c6d7e8f90\";icid-generated-at=198.51.100.7;orig-ioi=ims.mnc001.mcc001.3gppnetwork.org\r\n" +
	"P-Charging-Function-Addresses: ccf=\"aaa://ccf1.ims.mnc001.mcc001.3gppnetwork.org:3868\";ccf=\"aaa://ccf2.ims.mnc001.mcc001.3gppnetwork.org:3868\"\r\n" +
	"P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010019B01;network-provided\r\n" +
	"P-Served-User: <sip:+15550000001@ims.mnc001.mcc001.3gppnetwork.org>;sescase=orig;regstate=reg\r\n" +
	"P-Asserted-Service: urn:urn-7:3gpp-service.ims.icsi.mmtel\r\n" +
	"P-Early-Media: supported\r\n" +
	"Accept-Contact: *;+g.3gpp.icsi-ref=\"urn%%3Aurn-7%%3A3gpp-service.ims.icsi.mmtel\"\r\n" +
	"Feature-Caps: *;+g.3gpp.srvcc;+g.3gpp.mid-call;+g.3gpp.srvcc-alerting\r\n" +
	"Supported: 100rel, timer, histinfo, replaces, precondition\r\n" +
	"Session-Expires: 1800;refresher=uac\r\n" +
	"Min-SE: 90\r\n" +
	"Session-ID: 4f2c1a7be6c94d03a5f1b2c3d4e5f607;remote=00000000000000000000000000000000\r\n" +
	"User-Agent: UE/1.0 handset build 20260101\r\n" +
	"Accept: application/sdp, application/3gpp-ims+xml\r\n" +
	"Content-Type: application/sdp\r\nContent-Length: %[2]d\r\n\r\n"

func benchSDP(user, at string) string {
	return "v=0\r\no=" + user + " 53655765 2353687637 IN IP4 " + at + "\r\ns=-\r\nc=IN IP4 " + at + "\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8 0 101\r\n" +
		"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
}

// lastSent keeps what was sent to each party last, and sends it into a real socket: a step is not over before the kernel has
// its messages.
type lastSent struct {
	to   map[netip.AddrPort][]byte
	sock *sip.Listener
	sink netip.AddrPort
}

func (l *lastSent) Send(b []byte, to netip.AddrPort) error {
	l.to[to] = append(l.to[to][:0], b...)
	return l.sock.Send(b, l.sink)
}

// BenchmarkCall is all steps of one IMS-size call, INVITE to the answers of BYE, with media anchored in a real relay as a server
// does by default, and with the leak audit off and on: the difference is what the audit costs.
func BenchmarkCall(b *testing.B) {
	for _, mode := range []struct {
		name  string
		audit leak.Mode
	}{{"off", leak.Off}, {"count", leak.Count}, {"block", leak.Block}} {
		b.Run("audit="+mode.name, func(b *testing.B) { benchmarkCall(b, mode.audit) })
	}
}

func benchmarkCall(b *testing.B, mode leak.Mode) {
	sock, err := sip.ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		b.Fatal(err)
	}
	defer sock.Close()
	sink, err := net.ListenPacket("udp4", "127.0.0.1:0") // nobody reads it: what does not fit is dropped
	if err != nil {
		b.Fatal(err)
	}
	defer sink.Close()
	clock, out := &hours{now: time.Second}, map[netip.AddrPort][]byte{}
	a, z := netip.MustParseAddrPort("198.51.100.7:5080"), netip.MustParseAddrPort("203.0.113.9:5090")
	at := netip.MustParseAddrPort("192.0.2.1:5060")
	l := &Local{Conn: &lastSent{out, sock, sink.LocalAddr().(*net.UDPAddr).AddrPort()}, Addr: at, Advertise: at.String()}
	cfg := DefaultConfig()
	cfg.Sides = []*Side{{Name: "core", Locals: []*Local{l}, Domain: "example.org", Trust: Home, NextHop: NextHop{Host: z.String(), Addr: z}}}
	cfg.Audit, cfg.Clock, cfg.Key = mode, clock, [16]byte{1}
	rc := media.DefaultConfig()
	rc.Quarantine = 0
	relay, err := media.New(rc, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer relay.Shutdown()
	cfg.Anchor, cfg.Media, cfg.Sides[0].Media = true, relay, netip.MustParseAddr("127.0.0.1")
	s, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	run := s.fence.join(nil)
	give := func(text []byte, from netip.AddrPort) {
		m := &sip.Message{Source: from}
		s.receive(run, l, m, m.Parse(text))
	}
	offer, answer := benchSDP("alice", "198.51.100.7"), benchSDP("bob", "203.0.113.9")
	var buf bytes.Buffer
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		buf.Reset()
		fmt.Fprintf(&buf, benchInvite, n, len(offer))
		buf.WriteString(offer)
		give(buf.Bytes(), a)
		head := benchHead(b, out[z], n)
		give([]byte("SIP/2.0 180 Ringing\r\n"+head+"Contact: <sip:bob@203.0.113.9:5090>\r\nContent-Length: 0\r\n\r\n"), z)
		give([]byte("SIP/2.0 200 OK\r\n"+head+"Contact: <sip:bob@203.0.113.9:5090>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nContent-Type: application/sdp\r\nContent-Length: "+
			strconv.Itoa(len(answer))+"\r\n\r\n"+answer), z)
		to := benchLine(out[a], "To: ")
		in := func(method string, cseq int) []byte {
			return fmt.Appendf(nil, "%s sip:192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5080;branch=z9hG4bK-%d-%s\r\nFrom: <sip:alice@example.com>;tag=77a%08d\r\n%s\r\n"+
				"Call-ID: %d-4711@198.51.100.7\r\nCSeq: %d %s\r\nContact: <sip:alice@198.51.100.7:5080>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", method, n, method, n, to, n, cseq, method)
		}
		give(in("ACK", 1), a)
		give(in("BYE", 2), a)
		if !bytes.HasPrefix(out[z], []byte("BYE ")) {
			b.Fatalf("no BYE but\n%s", out[z])
		}
		give([]byte("SIP/2.0 200 OK\r\n"+benchHead(b, out[z], n)+"Content-Length: 0\r\n\r\n"), z)
		if n%500 == 0 {
			b.StopTimer()
			for range 40 {
				clock.now += time.Second
				s.Tick()
			}
			b.StartTimer()
		}
	}
	if n := s.Active(); n != 0 {
		b.Fatalf("%d calls have not ended", n)
	}
}

// benchHead copies what a response repeats of a request.
func benchHead(b *testing.B, request []byte, n int) string {
	var head string
	for _, name := range []string{"Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "} {
		line := benchLine(request, name)
		if name == "To: " && !bytes.Contains([]byte(line), []byte(";tag=")) {
			line += fmt.Sprintf(";tag=99b%08d", n)
		}
		if line == "" {
			b.Fatalf("no %s in\n%s", name, request)
		}
		head += line + "\r\n"
	}
	return head
}

func benchLine(m []byte, name string) string {
	_, after, _ := bytes.Cut(m, []byte("\r\n"+name))
	line, _, _ := bytes.Cut(after, []byte("\r\n"))
	return name + string(line)
}
