package sip

import (
	"net/netip"
	"strings"
	"testing"
)

// imsInvite is what an S-CSCF sends: 26 header lines and a description.
var imsInvite = strings.ReplaceAll(`INVITE sip:bench@127.0.0.1:5060 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-4711-1-0
From: <sip:alice@example.com>;tag=4711a1
To: <sip:bench@example.com>
Call-ID: 1-4711@127.0.0.1
CSeq: 1 INVITE
Contact: <sip:alice@127.0.0.1:5080>
Max-Forwards: 70
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK
P-Asserted-Identity: "Alice" <sip:+15550000001@ims.mnc001.mcc001.3gppnetwork.org>
P-Asserted-Identity: <tel:+15550000001>
P-Charging-Vector: icid-value="a1b2c3d4e5f60718293a4b5c6d7e8f90";icid-generated-at=127.0.0.3;orig-ioi=ims.mnc001.mcc001.3gppnetwork.org
P-Charging-Function-Addresses: ccf="aaa://ccf1.ims.mnc001.mcc001.3gppnetwork.org:3868";ccf="aaa://ccf2.ims.mnc001.mcc001.3gppnetwork.org:3868"
P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010019B01;network-provided
P-Served-User: <sip:+15550000001@ims.mnc001.mcc001.3gppnetwork.org>;sescase=orig;regstate=reg
P-Asserted-Service: urn:urn-7:3gpp-service.ims.icsi.mmtel
P-Early-Media: supported
Accept-Contact: *;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"
Feature-Caps: *;+g.3gpp.srvcc;+g.3gpp.mid-call;+g.3gpp.srvcc-alerting
Supported: 100rel, timer, histinfo, replaces, precondition
Session-Expires: 1800;refresher=uac
Min-SE: 90
Session-ID: 4f2c1a7be6c94d03a5f1b2c3d4e5f607;remote=00000000000000000000000000000000
User-Agent: UE/1.0 handset build 20260101
Accept: application/sdp, application/3gpp-ims+xml
Content-Type: application/sdp
Content-Length: 216

v=0
o=alice 53655765 2353687637 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 40000 RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv
`, "\n", "\r\n")

func benchmarkMessage(b *testing.B, text string, work func(m *Message)) {
	raw := []byte(text)
	m := Message{Source: netip.MustParseAddrPort("127.0.0.1:5080")}
	if err := m.Parse(raw); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		work(&m)
	}
}

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{"small": invite, "ims": imsInvite} {
		raw := []byte(text)
		b.Run(name, func(b *testing.B) {
			benchmarkMessage(b, text, func(m *Message) {
				if err := m.Parse(raw); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	buf := make([]byte, 0, 4096)
	benchmarkMessage(b, imsInvite, func(m *Message) { buf = m.Append(buf[:0]) })
}

func BenchmarkAppendTopVia(b *testing.B) {
	buf := make([]byte, 0, 4096)
	benchmarkMessage(b, imsInvite, func(m *Message) { buf = m.AppendTopVia(buf[:0]) })
}

func BenchmarkResponseHead(b *testing.B) {
	buf := make([]byte, 0, 4096)
	benchmarkMessage(b, imsInvite, func(m *Message) { buf = m.AppendResponseHead(buf[:0], 180, "Ringing", []byte("t")) })
}

func BenchmarkClone(b *testing.B) {
	benchmarkMessage(b, imsInvite, func(m *Message) { m.Clone() })
}

func BenchmarkParseAddress(b *testing.B) {
	v := []byte(`"Alice" <sip:+15550000001@ims.mnc001.mcc001.3gppnetwork.org>;tag=4711a1`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseAddress(v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseURI(b *testing.B) {
	v := []byte("sip:+15550000001@ims.mnc001.mcc001.3gppnetwork.org:5060;user=phone;lr")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseURI(v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParamsGet(b *testing.B) {
	p := Params(`;icid-value="a1b2c3d4e5f60718293a4b5c6d7e8f90";icid-generated-at=127.0.0.3;orig-ioi=ims.example.org`)
	b.ReportAllocs()
	for b.Loop() {
		if v, _ := p.Get("orig-ioi"); v == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkHeaderIDOf(b *testing.B) {
	var names [][]byte
	for id := HdrOther + 1; id < NumHeaders; id++ {
		names = append(names, []byte(id.String()))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if HeaderIDOf(names[i%len(names)]) == HdrOther {
			b.Fatal("not found")
		}
	}
}
