package media

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtp"
)

// rtpPacket marshals with another implementation.
func rtpPacket(t testing.TB, p rtp.Packet) []byte {
	t.Helper()
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRewriteRTP(t *testing.T) {
	plain := rtp.Header{Version: 2, Marker: true, PayloadType: 96, SequenceNumber: 7, Timestamp: 160, SSRC: 1}
	crowded := plain
	crowded.CSRC = []uint32{11, 12, 13}
	crowded.Extension, crowded.ExtensionProfile = true, 0xbede
	if err := crowded.SetExtension(3, []byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	padded := crowded
	padded.PaddingSize = 4
	want := rtp.Header{Version: 2, Marker: true, PayloadType: 96, SequenceNumber: 1000, Timestamp: 2000, SSRC: 3000}
	wantPadded := want
	wantPadded.Padding, wantPadded.PaddingSize = true, 4
	wantExtended := want
	wantExtended.Extension, wantExtended.ExtensionProfile, wantExtended.Extensions = true, 0xbede, crowded.Extensions
	tests := []struct {
		name  string
		in    rtp.Header
		strip bool
		want  rtp.Header
	}{
		{"plain", plain, true, want},
		{"CSRCs and extension go", crowded, true, want},
		{"extension stays", crowded, false, wantExtended},
		{"padding stays", padded, true, wantPadded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Padding = tt.in.PaddingSize > 0
			b := rtpPacket(t, rtp.Packet{Header: tt.in, Payload: []byte("voice")})
			h, ok := parseRTP(b)
			if !ok || h.payload != 5 {
				t.Fatalf("parsed %v, %+v", ok, h)
			}
			var got rtp.Packet
			if err := got.Unmarshal(rewriteRTP(b, h, tt.strip, 1000, 2000, 3000)); err != nil {
				t.Fatal(err)
			}
			if string(got.Payload) != "voice" {
				t.Fatalf("payload %q", got.Payload)
			}
			opts := cmp.AllowUnexported(rtp.Extension{})
			if got.CSRC = nilIfEmpty(got.CSRC); len(got.Extensions) == 0 {
				got.Extensions = nil
			}
			if d := cmp.Diff(tt.want, got.Header, opts); d != "" {
				t.Fatal(d)
			}
		})
	}
}

func nilIfEmpty(c []uint32) []uint32 {
	if len(c) == 0 {
		return nil
	}
	return c
}

func TestParseRTPRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"short":                 make([]byte, 11),
		"version 1":             append([]byte{0x40}, make([]byte, 20)...),
		"CSRCs beyond the end":  append([]byte{0x8f}, make([]byte, 20)...),
		"extension beyond":      append([]byte{0x90}, make([]byte, 13)...),
		"extension length":      append([]byte{0x90}, append(make([]byte, 11), 0, 0, 0xff, 0xff, 0)...),
		"padding of zero":       append([]byte{0xa0}, make([]byte, 20)...),
		"padding of no payload": append([]byte{0xa0}, make([]byte, 11)...),
		"padding too long":      append([]byte{0xa0}, append(make([]byte, 12), 9)...),
	} {
		if _, ok := parseRTP(b); ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzRewriteRTP: what we send is valid, has our numbers, no CSRC and the same payload, and is not longer.
func FuzzRewriteRTP(f *testing.F) {
	f.Add([]byte("\x80\x08\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03voice"), true)
	f.Add([]byte("\xb1\x88\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\xbe\xde\x00\x01abcdvoice\x00\x02"), false)
	f.Fuzz(func(t *testing.T, in []byte, strip bool) {
		h, ok := parseRTP(in)
		if !ok {
			return
		}
		payload := bytes.Clone(in[h.size:])
		marker := in[1]
		out := rewriteRTP(bytes.Clone(in), h, strip, 1, 2, 3)
		got, ok := parseRTP(out)
		switch {
		case !ok, got.csrcs != 0, got.seq != 1, got.time != 2, got.ssrc != 3, out[1] != marker, got.payload != h.payload:
			t.Fatalf("%x became %x", in, out)
		case strip && got.size != rtpFixed, !bytes.Equal(out[got.size:], payload):
			t.Fatalf("%x became %x", in, out)
		}
	})
}

func BenchmarkRewriteRTP(b *testing.B) {
	p := make([]byte, 172)
	p[0], p[1] = 0x80, 8
	binary.BigEndian.PutUint32(p[8:], 77)
	var in receiver
	out := sender{ssrc: 99, max: 1000}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p[0] = 0x80
		binary.BigEndian.PutUint16(p[2:], uint16(i))
		binary.BigEndian.PutUint32(p[8:], 77)
		h, ok := parseRTP(p)
		if !ok {
			b.Fatal("refused")
		}
		now := int64(i) * 20e6
		seq, time := out.translate(&h, in.update(&h, ticks(now, 8000), 8000), now, 8000)
		rewriteRTP(p, h, true, seq, time, out.ssrc)
	}
}
