package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"
)

// TestG711AgainstFFmpeg compares all bytes and all samples with another implementation.
func TestG711AgainstFFmpeg(t *testing.T) {
	t.Parallel()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	pcm := make([]int16, 1<<16)
	for i := range pcm {
		pcm[i] = int16(i - 1<<15)
	}
	for _, c := range []struct {
		name   string
		format Format
	}{{"mulaw", Format{Codec: PCMU}}, {"alaw", Format{Codec: PCMA}}} {
		code, err := c.format.coder()
		if err != nil {
			t.Fatal(err)
		}
		want := ffmpeg(t, all, "-f", c.name, "-ar", "8000", "-ac", "1", "-i", "-", "-f", "s16le", "-")
		if got := littleEndian(code.Decode(nil, all)); !bytes.Equal(got, want) {
			t.Errorf("%s: decoded otherwise than by ffmpeg", c.name)
		}
		back := ffmpeg(t, littleEndian(pcm), "-f", "s16le", "-ar", "8000", "-ac", "1", "-i", "-", "-f", c.name, "-")
		for i, b := range code.Encode(nil, pcm) {
			// Between two segments the standard puts the border (its decision values) off the middle of its two neighbours.
			ours, theirs := code.Decode(nil, []byte{b})[0], code.Decode(nil, back[i:i+1])[0]
			if d, e := math.Abs(float64(int(pcm[i])-int(ours))), math.Abs(float64(int(pcm[i])-int(theirs))); d > 2*e+8 {
				t.Fatalf("%s: %d became %d, by ffmpeg %d", c.name, pcm[i], ours, theirs)
			}
		}
	}
}

// TestG711RoundTrip says that what was coded once is coded the same again.
func TestG711RoundTrip(t *testing.T) {
	t.Parallel()
	for i := range 256 {
		b := byte(i)
		if got := ToA(FromA(b)); got != b {
			t.Errorf("A-law %#02x came back as %#02x", b, got)
		}
		if got := ToMu(FromMu(b)); got != b && b != 0x7f { // the negative zero
			t.Errorf("µ-law %#02x came back as %#02x", b, got)
		}
	}
}

// TestResample measures what passes and what is kept out, and that nothing is moved in time.
func TestResample(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to int
		hz       float64
		db       float64 // the least, or if negative the most that may be left
	}{
		{44100, 8000, 1000, 0}, {44100, 8000, 3300, 0}, {44100, 8000, 4400, -65}, {48000, 8000, 7000, -65}, {16000, 8000, 3300, 0},
		{16000, 8000, 5000, -65}, {8000, 16000, 1000, 0}, {8000, 16000, 3300, 0}, {8000, 48000, 3000, 0}, {44100, 16000, 6500, 0},
		{44100, 16000, 9000, -65}, {48000, 16000, 12000, -65}, {22050, 8000, 2000, 0}, {11025, 8000, 5000, -65},
	} {
		n := c.from
		in := make([]int16, n)
		for i := range in {
			in[i] = int16(10000 * math.Sin(2*math.Pi*c.hz*float64(i)/float64(c.from)))
		}
		out := Resample(in, c.from, c.to)
		if len(out) != c.to {
			t.Errorf("%d to %d: a second became %d samples", c.from, c.to, len(out))
		}
		var wrong, power float64
		for i := c.to / 10; i < c.to*9/10; i++ {
			w := 10000 * math.Sin(2*math.Pi*c.hz*float64(i)/float64(c.to))
			wrong += (float64(out[i]) - w) * (float64(out[i]) - w)
			power += float64(out[i]) * float64(out[i])
		}
		full := 10000 * 10000 / 2 * float64(c.to) * 0.8
		if c.db == 0 && wrong > full*1e-4 {
			t.Errorf("%d to %d: %g Hz has an error of %.0f dB", c.from, c.to, c.hz, 10*math.Log10(wrong/full))
		}
		if c.db < 0 && power > full*math.Pow(10, c.db/10) {
			t.Errorf("%d to %d: %g Hz is only %.0f dB down", c.from, c.to, c.hz, 10*math.Log10(power/full))
		}
	}
}

// TestResampleInPieces says that a stream gives the same however it is cut.
func TestResampleInPieces(t *testing.T) {
	t.Parallel()
	in := signal(8000, 4000)
	want := NewResampler(8000, 16000).Process(nil, in)
	r := NewResampler(8000, 16000)
	var got []int16
	for i := 0; i < len(in); i += 160 {
		got = r.Process(got, in[i:i+160])
	}
	if !bytes.Equal(littleEndian(got), littleEndian(want)) {
		t.Error("pieces gave something else than the whole")
	}
}

func TestL16(t *testing.T) {
	t.Parallel()
	for _, channels := range []uint8{1, 2} {
		c, err := Format{Codec: L16, Clock: 16000, Channels: channels, Type: 97}.coder()
		if err != nil {
			t.Fatal(err)
		}
		data := c.Encode(nil, []int16{1, -2, 300})
		if want := 6 * int(channels); len(data) != want {
			t.Errorf("three samples are %d bytes, want %d", len(data), want)
		}
		if got := int16(binary.BigEndian.Uint16(data[len(data)-2:])); got != 300 {
			t.Errorf("the last one is %d", got)
		}
		if got := c.Decode(nil, append(data, 1)); len(got) != 3 || got[1] != -2 {
			t.Errorf("decoded %v", got)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format Format
		want   error
	}{
		{Format{Codec: PCMU}, nil},
		{Format{Codec: PCMA, Type: 8, PTime: 40 * time.Millisecond}, nil},
		{Format{Codec: G722, Clock: 8000, Type: 9}, nil},
		{Format{Codec: G722, Clock: 16000}, ErrUnknown},
		{Format{Codec: L16, Clock: 44100, Channels: 2, Type: 10}, nil},
		{Format{Codec: AMR, Parameters: "octet-align=1; mode-set=0,2,4,7; mode-change-period=2"}, nil},
		{Format{Codec: AMR, Parameters: "mode-set=8"}, ErrUnknown},
		{Format{Codec: AMR, Parameters: "octet-align=1;crc=1"}, ErrUnknown},
		{Format{Codec: AMRWB, Parameters: "interleaving=30"}, ErrUnknown},
		{Format{Codec: AMRWB, Clock: 8000}, ErrUnknown},
		{Format{Codec: "EVS"}, ErrUnknown},
		{Format{Codec: PCMU, PTime: 25 * time.Millisecond}, ErrUnknown},
		{Format{Codec: PCMU, Channels: 2}, ErrUnknown},
	} {
		if err := c.format.Check(); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%+v: %v, want %v", c.format, err, c.want)
		}
	}
}
