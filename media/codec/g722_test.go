package codec

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"
)

// signal is some seconds of tones, noise and silence at a rate, the same every time.
func signal(rate, n int) []int16 {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]int16, n)
	for i := range out {
		t := float64(i) / float64(rate)
		v := 9000*math.Sin(2*math.Pi*(300+200*t)*t) + 5000*math.Sin(2*math.Pi*2100*t) + 1500*r.NormFloat64()
		switch i / (rate / 4) % 5 {
		case 3:
			v = 0
		case 4:
			v *= 3 // beyond full scale
		}
		out[i] = clamp(float32(v))
	}
	return out
}

func littleEndian(pcm []int16) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, pcm)
	return b.Bytes()
}

func ffmpeg(t *testing.T, in []byte, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"-v", "error", "-nostdin"}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v", args, err)
	}
	return out
}

// TestG722AgainstFFmpeg compares both directions with another implementation, bit for bit.
func TestG722AgainstFFmpeg(t *testing.T) {
	t.Parallel()
	pcm := signal(16000, 48000)
	ours := newG722().Encode(nil, pcm)
	theirs := ffmpeg(t, littleEndian(pcm), "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "-", "-c:a", "g722", "-f", "g722", "-")
	if n := min(len(ours), len(theirs)); n < 23900 {
		t.Fatalf("encoded %d bytes, ffmpeg %d", len(ours), len(theirs))
	}
	for i := range min(len(ours), len(theirs)) {
		if ours[i] != theirs[i] {
			t.Errorf("byte %d encoded as %02x, by ffmpeg as %02x", i, ours[i], theirs[i])
			break
		}
	}
	back := littleEndian(newG722().Decode(nil, theirs))
	want := ffmpeg(t, theirs, "-f", "g722", "-i", "-", "-f", "s16le", "-")
	if !bytes.Equal(back, want[:min(len(want), len(back))]) || len(back) != len(want) {
		t.Errorf("decoded %d bytes, ffmpeg %d, and they differ", len(back), len(want))
	}
}

// TestG722KnownBytes keeps what is compared above where ffmpeg is not installed.
func TestG722KnownBytes(t *testing.T) {
	t.Parallel()
	pcm := signal(16000, 16000)
	data := newG722().Encode(nil, pcm)
	if got := crc32.ChecksumIEEE(data); got != 0x7dc2d5fe {
		t.Errorf("encoded with checksum %#x", got)
	}
	if got := crc32.ChecksumIEEE(littleEndian(newG722().Decode(nil, data))); got != 0x608cb51d {
		t.Errorf("decoded with checksum %#x", got)
	}
}

// TestG722InPieces: how a stream is cut into packets changes nothing, at an odd number of pairs neither.
func TestG722InPieces(t *testing.T) {
	t.Parallel()
	pcm := signal(16000, 16000)
	want := newG722().Encode(nil, pcm)
	wantBack := newG722().Decode(nil, want)
	e, d := newG722(), newG722()
	var data []byte
	var back []int16
	for n := 1; len(data) < len(want); n = n%131 + 2 {
		piece := pcm[2*len(data):]
		data = e.Encode(data, piece[:min(2*n, len(piece))])
		back = d.Decode(back, data[len(back)/2:])
	}
	if !bytes.Equal(data, want) || !slices.Equal(back, wantBack) {
		t.Error("a stream in pieces differs from the whole one")
	}
}

// BenchmarkG722 takes 20 ms in each direction.
func BenchmarkG722(b *testing.B) {
	pcm := signal(16000, 16000)
	data := newG722().Encode(nil, pcm)
	b.Run("encode", func(b *testing.B) {
		e, at := newG722(), 0
		var out []byte
		for b.Loop() {
			out = e.Encode(out[:0], pcm[at:at+320])
			at = (at + 320) % len(pcm)
		}
	})
	b.Run("decode", func(b *testing.B) {
		d, at := newG722(), 0
		var out []int16
		for b.Loop() {
			out = d.Decode(out[:0], data[at:at+160])
			at = (at + 160) % len(data)
		}
	})
}
