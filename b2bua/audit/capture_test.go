package audit

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

var update = flag.Bool("update", false, "write the sample captures anew")

// film makes captures.
type film struct {
	t     *testing.T
	w     *pcapgo.Writer
	frame int
	seq   map[string]uint32
}

func newFilm(t *testing.T, to *bytes.Buffer, link layers.LinkType) *film {
	f := &film{t: t, w: pcapgo.NewWriter(to), seq: map[string]uint32{}}
	if err := f.w.WriteFileHeader(65535, link); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *film) frameOf(all ...gopacket.SerializableLayer) {
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		f.t.Fatal(err)
	}
	f.raw(buf.Bytes())
}

func (f *film) raw(b []byte) {
	at := time.Date(2026, 1, 1, 0, 0, f.frame, 0, time.UTC)
	if err := f.w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(b), Length: len(b)}, b); err != nil {
		f.t.Fatal(err)
	}
	f.frame++
}

func ip(from, to netip.AddrPort, p layers.IPProtocol) (gopacket.NetworkLayer, gopacket.SerializableLayer) {
	if from.Addr().Is4() {
		l := &layers.IPv4{Version: 4, TTL: 64, Protocol: p, SrcIP: from.Addr().AsSlice(), DstIP: to.Addr().AsSlice()}
		return l, l
	}
	l := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: p, SrcIP: from.Addr().AsSlice(), DstIP: to.Addr().AsSlice()}
	return l, l
}

// udp films a datagram over Ethernet.
func (f *film) udp(from, to string, data string) {
	a, b := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	u := &layers.UDP{SrcPort: layers.UDPPort(a.Port()), DstPort: layers.UDPPort(b.Port())}
	n, s := ip(a, b, layers.IPProtocolUDP)
	if err := u.SetNetworkLayerForChecksum(n); err != nil {
		f.t.Fatal(err)
	}
	kind := layers.EthernetTypeIPv4
	if a.Addr().Is6() {
		kind = layers.EthernetTypeIPv6
	}
	f.frameOf(&layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}, EthernetType: kind}, s, u, gopacket.Payload(data))
}

// tcp films a segment.
func (f *film) tcp(from, to string, data string) {
	a, b := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	if f.seq[from] == 0 {
		f.seq[from] = 1000
		f.segment(a, b, &layers.TCP{SYN: true, Seq: 999}, "")
	}
	f.segment(a, b, &layers.TCP{ACK: true, PSH: true, Seq: f.seq[from]}, data)
	f.seq[from] += uint32(len(data))
}

func (f *film) segment(a, b netip.AddrPort, t *layers.TCP, data string) {
	t.SrcPort, t.DstPort, t.Window = layers.TCPPort(a.Port()), layers.TCPPort(b.Port()), 65535
	n, s := ip(a, b, layers.IPProtocolTCP)
	if err := t.SetNetworkLayerForChecksum(n); err != nil {
		f.t.Fatal(err)
	}
	f.frameOf(&layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}, s, t, gopacket.Payload(data))
}

// fragments films a datagram in pieces, the last first.
func (f *film) fragments(from, to, data string) {
	a, b := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	n, _ := ip(a, b, layers.IPProtocolUDP)
	u := &layers.UDP{SrcPort: layers.UDPPort(a.Port()), DstPort: layers.UDPPort(b.Port())}
	if err := u.SetNetworkLayerForChecksum(n); err != nil {
		f.t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, u, gopacket.Payload(data)); err != nil {
		f.t.Fatal(err)
	}
	whole, cut := buf.Bytes(), 160
	for _, part := range []struct {
		offset int
		more   layers.IPv4Flag
		data   []byte
	}{{cut, 0, whole[cut:]}, {0, layers.IPv4MoreFragments, whole[:cut]}} {
		f.frameOf(&layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4},
			&layers.IPv4{Version: 4, TTL: 64, Id: 7, Protocol: layers.IPProtocolUDP, SrcIP: a.Addr().AsSlice(), DstIP: b.Addr().AsSlice(), Flags: part.more, FragOffset: uint16(part.offset / 8)},
			gopacket.Payload(part.data))
	}
}

// The two networks and the product of the sample captures.
const (
	alice, bob     = "10.1.0.5:5060", "203.0.113.9:5060"
	inside, beyond = "10.1.0.1:5060", "203.0.113.1:5060"
)

func request(to, host, callID, tag, branch, more, body string) string {
	return fmt.Sprintf("INVITE sip:bob@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s\r\nFrom: <sip:alice@%s>;tag=%s\r\nTo: <sip:bob@%s>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n%sContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		to, host, branch, to, tag, to, callID, more, len(body), body)
}

func sdpOf(at, user, session string) string {
	return "v=0\r\no=" + user + " " + session + " 1 IN IP4 " + at + "\r\ns=-\r\nc=IN IP4 " + at + "\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
}

// rtp is a packet of a source; rtcp a report with the name of one.
func rtp(ssrc string) string {
	return "\x80\x08\x00\x01\x00\x00\x00\xa0" + ssrc + strings.Repeat("x", 20)
}

func rtcp(ssrc, cname string) string {
	item := "\x01" + string(rune(len(cname))) + cname
	item += strings.Repeat("\x00", 4-len(item)%4)
	return "\x80\xc9\x00\x01" + ssrc + "\x81\xca\x00" + string(rune((4+len(item))/4)) + ssrc + item
}

const answer = "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bKours\r\nFrom: <sip:alice@b.example>;tag=ours1234\r\nTo: <sip:bob@b.example>;tag=bobstag1\r\nCall-ID: ourcall1\r\nCSeq: 1 INVITE\r\n" +
	"Contact: <sip:bob@203.0.113.9:5060>\r\nServer: BobPhone/2.0\r\nContent-Length: 0\r\n\r\n"

// cleanCall is a call through a product that hides: each side sees the product alone.
func cleanCall(f *film) {
	f.udp(alice, inside, request("10.1.0.1", "10.1.0.5:5060", "callid-of-alice@10.1.0.5", "alicetag", "z9hG4bKalice1", "User-Agent: AlicePhone/1.0\r\nX-Node: <sip:pcscf.inside.example>\r\n", sdpOf("10.1.0.5", "aliceuser", "8675309001")))
	f.udp(beyond, bob, request("b.example", "203.0.113.1:5060", "ourcall1", "ours1234", "z9hG4bKours", "", sdpOf("203.0.113.1", "-", "1234567890")))
	f.udp(bob, beyond, answer)
	f.udp(inside, alice, strings.NewReplacer("203.0.113.1:5060;branch=z9hG4bKours", "10.1.0.5:5060;branch=z9hG4bKalice1", "ours1234", "alicetag", "ourcall1", "callid-of-alice@10.1.0.5",
		"bobstag1", "ourtag99", "203.0.113.9", "10.1.0.1", "Server: BobPhone/2.0\r\n", "", "b.example", "10.1.0.1").Replace(answer))
	f.udp("10.1.0.5:4000", "10.1.0.1:20000", rtp("\x11\x22\x33\x44"))
	f.udp("203.0.113.1:20002", "203.0.113.9:6000", rtp("\x99\x88\x77\x66"))
	f.udp("10.1.0.5:4001", "10.1.0.1:20001", rtcp("\x11\x22\x33\x44", "alice@10.1.0.5"))
	f.udp("203.0.113.1:20003", "203.0.113.9:6001", rtcp("\x99\x88\x77\x66", "k3j4h5g6"))
}

// leakyCall is the same call through a product that does what many do: it keeps the Call-ID, a header it does not know, the
// description, the source of the speech and its name.
func leakyCall(f *film) {
	f.udp(alice, inside, request("10.1.0.1", "10.1.0.5:5060", "callid-of-alice@10.1.0.5", "alicetag", "z9hG4bKalice1", "User-Agent: AlicePhone/1.0\r\nX-Node: <sip:pcscf.inside.example>\r\n", sdpOf("10.1.0.5", "aliceuser", "8675309001")))
	f.udp(beyond, bob, request("b.example", "203.0.113.1:5060", "callid-of-alice@10.1.0.5", "ours1234", "z9hG4bKours", "User-Agent: AlicePhone/1.0\r\nX-Node: <sip:pcscf.inside.example>\r\n", sdpOf("10.1.0.5", "aliceuser", "8675309001")))
	f.udp(bob, beyond, strings.ReplaceAll(answer, "ourcall1", "callid-of-alice@10.1.0.5"))
	f.udp(inside, alice, strings.NewReplacer("203.0.113.1:5060;branch=z9hG4bKours", "10.1.0.5:5060;branch=z9hG4bKalice1", "ours1234", "alicetag", "ourcall1", "callid-of-alice@10.1.0.5").Replace(answer))
	f.udp("10.1.0.5:4000", "10.1.0.1:20000", rtp("\x11\x22\x33\x44"))
	f.udp("203.0.113.1:20002", "203.0.113.9:6000", rtp("\x11\x22\x33\x44"))
	f.udp("10.1.0.5:4001", "10.1.0.1:20001", rtcp("\x11\x22\x33\x44", "alice@10.1.0.5"))
	f.udp("203.0.113.1:20003", "203.0.113.9:6001", rtcp("\x11\x22\x33\x44", "alice@10.1.0.5"))
}

// leaks lists what a capture shows.
func leaks(t *testing.T, b []byte) (out []string) {
	t.Helper()
	c := Capture{A: []netip.Prefix{netip.MustParsePrefix("10.1.0.5/32")}, B: []netip.Prefix{netip.MustParsePrefix("203.0.113.9/32")}}
	r, err := c.Judge(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range r.Leaks {
		out = append(out, fmt.Sprintf("%d %s>%s %s: %s %s from %d", l.Frame, l.From, l.To, l.Field, l.Kind, l.Secret, l.Heard))
	}
	return out
}

// TestSamples: the sample captures are what their names say.
func TestSamples(t *testing.T) {
	for name, c := range map[string]struct {
		shoot func(*film)
		want  []string
	}{
		"clean": {cleanCall, nil},
		"leaky": {leakyCall, []string{
			"2 A>B Call-ID: Call-ID callid-of-alice from 1", "2 A>B Call-ID: address 10.1.0.5 from 1", "2 A>B User-Agent: software AlicePhone/1.0 from 1",
			"2 A>B other header: host pcscf.inside.example from 1", "2 A>B sdp o=: origin aliceuser from 1", "2 A>B sdp o=: origin 8675309001 from 1",
			"2 A>B sdp o=: address 10.1.0.5 from 1", "2 A>B sdp c=: address 10.1.0.5 from 1",
			"4 B>A To: tag bobstag1 from 3", "4 B>A Contact: address with port 203.0.113.9:5060 from 3", "4 B>A Server: software BobPhone/2.0 from 3",
			"6 A>B RTP: SSRC 11223344 from 5", "8 A>B RTCP: SSRC 11223344 from 5", "8 A>B RTCP: CNAME alice@10.1.0.5 from 7",
		}},
	} {
		var b bytes.Buffer
		c.shoot(newFilm(t, &b, layers.LinkTypeEthernet))
		path := filepath.Join("testdata", name+".pcap")
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		file, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(file, b.Bytes()) {
			t.Errorf("%s is not what the test films (%v); go test -update writes it", path, err)
		}
		if d := cmp.Diff(c.want, leaks(t, file)); d != "" {
			t.Errorf("%s: want - found +\n%s", name, d)
		}
	}
}

// TestPutTogether: segments, fragments, IPv6 and pcapng are read as well.
func TestPutTogether(t *testing.T) {
	secret := request("10.1.0.1", "10.1.0.5:5060", "callid-of-alice@10.1.0.5", "alicetag", "z9hG4bKalice1", "", sdpOf("10.1.0.5", "aliceuser", "8675309001"))
	leak := request("b.example", "203.0.113.1:5060", "callid-of-alice", "ours1234", "z9hG4bKours", "", sdpOf("203.0.113.1", "-", "1234567890"))
	for name, shoot := range map[string]func(*film){
		"tcp": func(f *film) {
			f.tcp(alice, inside, "\r\n\r\n"+secret[:100])
			f.tcp(alice, inside, secret[100:]+secret[:50])
			f.tcp(alice, inside, secret[50:])
			f.tcp(beyond, bob, leak)
		},
		"fragments": func(f *film) {
			f.fragments(alice, inside, secret)
			f.fragments(beyond, bob, leak)
		},
	} {
		var b bytes.Buffer
		shoot(newFilm(t, &b, layers.LinkTypeEthernet))
		if got := leaks(t, b.Bytes()); len(got) != 1 || !strings.Contains(got[0], "Call-ID callid-of-alice") {
			t.Errorf("%s: found %q", name, got)
		}
	}
	var six bytes.Buffer
	f := newFilm(t, &six, layers.LinkTypeEthernet)
	f.udp("[2001:db8::5]:5060", "[2001:db8::1]:5060", strings.ReplaceAll(secret, "10.1.0.5", "[2001:db8::5]"))
	f.udp("[2001:db8:1::1]:5060", "[2001:db8:1::9]:5060", strings.ReplaceAll(leak, "203.0.113.1", "[2001:db8::5]"))
	c := Capture{A: []netip.Prefix{netip.MustParsePrefix("2001:db8::5/128")}, B: []netip.Prefix{netip.MustParsePrefix("2001:db8:1::9/128")}}
	r, err := c.Judge(&six)
	if err != nil || len(r.Leaks) < 2 {
		t.Errorf("IPv6: %v %+v", err, r)
	}
	var ng bytes.Buffer
	w, err := pcapgo.NewNgWriter(&ng, layers.LinkTypeRaw)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range [][3]string{{alice, inside, secret}, {beyond, bob, leak}} {
		a, b := netip.MustParseAddrPort(d[0]), netip.MustParseAddrPort(d[1])
		n, s := ip(a, b, layers.IPProtocolUDP)
		u := &layers.UDP{SrcPort: layers.UDPPort(a.Port()), DstPort: layers.UDPPort(b.Port())}
		buf := gopacket.NewSerializeBuffer()
		if err := u.SetNetworkLayerForChecksum(n); err != nil {
			t.Fatal(err)
		}
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, s, u, gopacket.Payload(d[2])); err != nil {
			t.Fatal(err)
		}
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(buf.Bytes()), Length: len(buf.Bytes())}, buf.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := leaks(t, ng.Bytes()); len(got) != 1 {
		t.Errorf("pcapng: found %q", got)
	}
}

// TestNoCapture: what is no capture is said to be none.
func TestNoCapture(t *testing.T) {
	for _, text := range []string{"", "abc", "this is no capture at all", "\x0a\x0d\x0d\x0a\x00\x00"} {
		if _, err := (&Capture{}).Judge(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func FuzzCapture(f *testing.F) {
	for _, name := range []string{"clean", "leaky"} {
		b, err := os.ReadFile(filepath.Join("testdata", name+".pcap"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.HasPrefix(b, []byte("\x0a\x0d\x0d\x0a")) {
			return // the library believes the lengths in a pcapng file
		}
		c := Capture{A: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, B: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
		if r, err := c.Judge(bytes.NewReader(b)); err == nil && r.SIP+r.RTP+r.RTCP > 10*r.Frames+len(b) {
			t.Errorf("%+v", r)
		}
	})
}
