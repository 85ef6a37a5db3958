package media

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pion/rtcp"
)

// The streams of the tests: party A is 0xa, we send to B as 0xb0 for it; party B is 0xb, we send to A as 0xa0 for it.
func testCrossing() *crossing {
	return &crossing{
		out:   [maxLanes]*sender{{ssrc: 0xb0, source: 0xa, mapped: true, time: 5000, packets: 70, octets: 700}},
		back:  [maxLanes]*sender{{ssrc: 0xa0, source: 0xb, mapped: true, seq: 100}},
		cname: &[cnameLen]byte{0xfe},
	}
}

var ourSDES = &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{
	{Source: 0xb0, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "fe0000000000000000000000"}}},
}}

func TestRewriteRTCP(t *testing.T) {
	report := rtcp.ReceptionReport{SSRC: 0xa0, FractionLost: 3, TotalLost: 4, LastSequenceNumber: 70100, Jitter: 5, LastSenderReport: 6, Delay: 7}
	crossed := report
	crossed.SSRC, crossed.LastSequenceNumber = 0xb, 70000
	foreign := rtcp.ReceptionReport{SSRC: 0x77}
	rr := &rtcp.ReceiverReport{SSRC: 0xa, Reports: []rtcp.ReceptionReport{report}}
	rrOut := &rtcp.ReceiverReport{SSRC: 0xb0, Reports: []rtcp.ReceptionReport{crossed}}
	sdes := &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 0xa, Items: []rtcp.SourceDescriptionItem{
		{Type: rtcp.SDESCNAME, Text: "rue@10.20.30.40"}, {Type: rtcp.SDESTool, Text: "phone 1.0"}}}}}
	tests := []struct {
		name    string
		in      []rtcp.Packet
		want    []rtcp.Packet
		dropped uint32
	}{
		{"receiver report and SDES", []rtcp.Packet{rr, sdes}, []rtcp.Packet{rrOut, ourSDES}, 0},
		{"sender report", []rtcp.Packet{&rtcp.SenderReport{SSRC: 0xa, NTPTime: 1 << 40, RTPTime: 160, PacketCount: 9, OctetCount: 99,
			Reports: []rtcp.ReceptionReport{foreign, report}}},
			[]rtcp.Packet{&rtcp.SenderReport{SSRC: 0xb0, NTPTime: 1 << 40, RTPTime: 5160, PacketCount: 70, OctetCount: 700,
				Reports: []rtcp.ReceptionReport{crossed}}, ourSDES}, 0},
		{"sender report of an unknown source", []rtcp.Packet{&rtcp.SenderReport{SSRC: 0x99, RTPTime: 160}},
			[]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 0xb0}, ourSDES}, 0},
		{"BYE", []rtcp.Packet{rr, sdes, &rtcp.Goodbye{Sources: []uint32{0xa}, Reason: "rue hung up"}},
			[]rtcp.Packet{rrOut, ourSDES, &rtcp.Goodbye{Sources: []uint32{0xb0}}}, 0},
		{"BYE of somebody else", []rtcp.Packet{rr, &rtcp.Goodbye{Sources: []uint32{0x99}}}, []rtcp.Packet{rrOut, ourSDES}, 1},
		{"APP and XR end here", []rtcp.Packet{rr, &rtcp.ApplicationDefined{SSRC: 0xa, Name: "TEST", Data: []byte("10.20.30.40.....")},
			&rtcp.ExtendedReport{SenderSSRC: 0xa}}, []rtcp.Packet{rrOut, ourSDES}, 2},
		{"PLI alone", []rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: 0xa, MediaSSRC: 0xa0}},
			[]rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: 0xb0, MediaSSRC: 0xb}}, 0},
		{"PLI about another stream", []rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: 0xa, MediaSSRC: 0x99}}, nil, 1},
		{"FIR", []rtcp.Packet{&rtcp.FullIntraRequest{SenderSSRC: 0xa, FIR: []rtcp.FIREntry{{SSRC: 0xa0, SequenceNumber: 4}, {SSRC: 0x99}}}},
			[]rtcp.Packet{&rtcp.FullIntraRequest{SenderSSRC: 0xb0, FIR: []rtcp.FIREntry{{SSRC: 0xb, SequenceNumber: 4}}}}, 0},
		{"NACK", []rtcp.Packet{&rtcp.TransportLayerNack{SenderSSRC: 0xa, MediaSSRC: 0xa0, Nacks: []rtcp.NackPair{{PacketID: 50, LostPackets: 3}}}},
			[]rtcp.Packet{&rtcp.TransportLayerNack{SenderSSRC: 0xb0, MediaSSRC: 0xb, Nacks: []rtcp.NackPair{{PacketID: 65486, LostPackets: 3}}}}, 0},
		{"REMB", []rtcp.Packet{&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 0xa, Bitrate: 65536, SSRCs: []uint32{0x99, 0xa0}}},
			[]rtcp.Packet{&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 0xb0, Bitrate: 65536, SSRCs: []uint32{0xb}}}, 0},
		{"transport-wide feedback ends here", []rtcp.Packet{rr, &rtcp.RapidResynchronizationRequest{SenderSSRC: 0xa, MediaSSRC: 0xa0}},
			[]rtcp.Packet{rrOut, ourSDES}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := rtcp.Marshal(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			out, dropped, ok := rewriteRTCP(nil, in, testCrossing())
			if !ok || dropped != tt.dropped {
				t.Fatalf("ok %v, dropped %d", ok, dropped)
			}
			var got []rtcp.Packet
			if len(out) > 0 {
				if got, err = rtcp.Unmarshal(out); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); d != "" {
				t.Fatal(d)
			}
		})
	}
}

func TestRewriteTMMB(t *testing.T) {
	in := []byte{0x80 | fbTMMBR, rtcpRTPFB, 0, 4, 0, 0, 0, 0xa, 0, 0, 0, 0, 0, 0, 0, 0xa0, 1, 2, 3, 4}
	out, dropped, ok := rewriteRTCP(nil, in, testCrossing())
	want := []byte{0x80 | fbTMMBR, rtcpRTPFB, 0, 4, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 0, 0, 0xb, 1, 2, 3, 4}
	if !ok || dropped != 0 || !bytes.Equal(out, want) {
		t.Fatalf("%v %d %x", ok, dropped, out)
	}
	in[0], in[15] = 0x80|fbTMMBN, 0xa // the owner of the limit is A itself
	want[0], want[15] = 0x80|fbTMMBN, 0xb0
	if out, _, _ = rewriteRTCP(nil, in, testCrossing()); !bytes.Equal(out, want) {
		t.Fatalf("%x", out)
	}
}

func TestRewriteRTCPRefuses(t *testing.T) {
	for name, in := range map[string][]byte{
		"version":            {0x41, 201, 0, 1, 0, 0, 0, 1},
		"beyond the end":     {0x80, 201, 0, 9, 0, 0, 0, 1},
		"report too short":   {0x81, 201, 0, 1, 0, 0, 0, 1},
		"SDES first":         {0x80, 202, 0, 0},
		"RTP":                {0x80, 8, 0, 1, 0, 0, 0, 1},
		"garbage behind":     {0x80, 201, 0, 1, 0, 0, 0, 1, 7},
		"padding in front":   {0xa0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0x80, 203, 0, 0},
		"padding of nothing": {0xa0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0},
		"padding too long":   {0xa0, 201, 0, 1, 0, 0, 0, 9},
	} {
		if out, _, ok := rewriteRTCP(nil, in, testCrossing()); ok || len(out) > 0 {
			t.Errorf("%s: accepted, %x", name, out)
		}
	}
}

// FuzzRewriteRTCP: what we send is a valid compound packet from our SSRC, bounded, and names neither party's CNAME.
func FuzzRewriteRTCP(f *testing.F) {
	for _, p := range [][]rtcp.Packet{
		{&rtcp.ReceiverReport{SSRC: 0xa, Reports: []rtcp.ReceptionReport{{SSRC: 0xa0}}}, &rtcp.Goodbye{Sources: []uint32{0xa}}},
		{&rtcp.SenderReport{SSRC: 0xa}, &rtcp.TransportLayerNack{SenderSSRC: 0xa, MediaSSRC: 0xa0, Nacks: []rtcp.NackPair{{PacketID: 5}}}},
		{&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 0xa, Bitrate: 1000, SSRCs: []uint32{0xa0}}},
	} {
		b, err := rtcp.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > maxPacket {
			return
		}
		out, _, ok := rewriteRTCP(nil, in, testCrossing())
		if !ok && len(out) > 0 || len(out) > len(in)+sdesSize {
			t.Fatalf("%v: %d bytes became %d", ok, len(in), len(out))
		}
		for rest := out; len(rest) > 0; {
			var p []byte
			if p, rest, ok = cutRTCP(rest); !ok || len(p) < 8 || !bytes.Equal(p[4:8], []byte{0, 0, 0, 0xb0}) {
				t.Fatalf("%x became %x", in, out)
			}
		}
	})
}

func BenchmarkRewriteRTCP(b *testing.B) {
	in, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.SenderReport{SSRC: 0xa, Reports: []rtcp.ReceptionReport{{SSRC: 0xa0}}},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 0xa, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "x"}}}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	x := testCrossing()
	buf := make([]byte, 0, maxPacket)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := rewriteRTCP(buf, in, x); !ok {
			b.Fatal("refused")
		}
	}
}
