package wav

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bifrons/bifrons/media/codec"
)

// riff makes a file of chunks.
func riff(chunks ...[]byte) []byte {
	return append([]byte("RIFF\xff\xff\xff\xffWAVE"), slices.Concat(chunks...)...)
}

// whole writes the length of a file into it.
func whole(file []byte) []byte {
	binary.LittleEndian.PutUint32(file[4:], uint32(len(file)-8))
	return file
}

func chunk(id string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
	b = append(b, body...)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

func format(encoding, channels, rate, bits int) []byte {
	var b []byte
	for _, v := range []int{encoding, channels} {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*bits/8))
	for _, v := range []int{channels * bits / 8, bits} {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return chunk("fmt ", b)
}

func TestParse(t *testing.T) {
	t.Parallel()
	mu := []byte{codec.ToMu(1000), codec.ToMu(-1000)}
	for _, c := range []struct {
		name string
		data []byte
		want Audio
		err  error
	}{
		{name: "16 bits", data: riff(format(1, 1, 8000, 16), chunk("data", []byte{1, 0, 0xff, 0xff})), want: Audio{8000, []int16{1, -1}}},
		{name: "two channels", data: riff(format(1, 2, 44100, 16), chunk("data", []byte{10, 0, 20, 0})), want: Audio{44100, []int16{15}}},
		{name: "8 bits", data: riff(format(1, 1, 16000, 8), chunk("data", []byte{128, 0, 255})), want: Audio{16000, []int16{0, -32768, 32512}}},
		{name: "mu-law behind other chunks", data: riff(chunk("LIST", []byte("odd")), format(7, 1, 8000, 8), chunk("fact", make([]byte, 4)),
			chunk("data", mu)), want: Audio{8000, []int16{codec.FromMu(mu[0]), codec.FromMu(mu[1])}}},
		{name: "A-law", data: riff(format(6, 1, 8000, 8), chunk("data", []byte{codec.ToA(500)})), want: Audio{8000, []int16{codec.FromA(codec.ToA(500))}}},
		{name: "no length yet", data: append(riff(format(1, 1, 8000, 16)), "data\x00\x00\x00\x00\x05\x00"...), want: Audio{8000, []int16{5}}},
		{name: "nothing in it, and more behind", data: whole(riff(format(1, 1, 8000, 16), chunk("data", nil), chunk("LIST", []byte("INFO")))), want: Audio{Rate: 8000}},
		{name: "longer than the file", data: append(riff(format(1, 1, 8000, 16)), "data\xff\xff\xff\x7f\x05\x00\x06"...), want: Audio{8000, []int16{5}}},
		{name: "empty", err: ErrFormat},
		{name: "MP3", data: []byte("ID3\x03 something else"), err: ErrFormat},
		{name: "header only", data: riff(format(1, 1, 8000, 16)), err: ErrFormat},
		{name: "data first", data: riff(chunk("data", make([]byte, 4))), err: ErrFormat},
		{name: "24 bits", data: riff(format(1, 1, 8000, 24), chunk("data", make([]byte, 6))), err: ErrFormat},
		{name: "six channels", data: riff(format(1, 6, 48000, 16), chunk("data", make([]byte, 12))), err: ErrFormat},
		{name: "no rate", data: riff(format(1, 1, 0, 16), chunk("data", make([]byte, 12))), err: ErrFormat},
		{name: "chunk cut short", data: riff(format(1, 1, 8000, 16), []byte("LIST\xff\xff\xff\xffab")), err: ErrFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(c.data)
			if !errors.Is(err, c.err) || err != nil != (c.err != nil) || got.Rate != c.want.Rate || !slices.Equal(got.Samples, c.want.Samples) {
				t.Errorf("%+v, %v; want %+v, %v", got, err, c.want, c.err)
			}
		})
	}
}

// TestWriter says that a file can be read after every write, without being closed.
func TestWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.wav")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewWriter(f, 8000, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := w.Write([]int16{100, 200, -100, -200}); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if size := int(binary.LittleEndian.Uint32(data[4:])) + 8; size != len(data) {
			t.Errorf("the header tells of %d bytes, the file has %d", size, len(data))
		}
		got, err := Parse(data)
		if want := slices.Repeat([]int16{150, -150}, i+1); err != nil || !slices.Equal(got.Samples, want) {
			t.Errorf("read %v, %v, want %v", got.Samples, err, want)
		}
	}
	if w.Samples() != 6 {
		t.Errorf("%d samples, want 6", w.Samples())
	}
}

func FuzzParse(f *testing.F) {
	f.Add(riff(format(1, 2, 8000, 16), chunk("data", make([]byte, 8))))
	f.Add(riff(format(7, 1, 8000, 8), chunk("data", make([]byte, 8))))
	f.Add(riff(format(1, 1, 8000, 8), chunk("junk", make([]byte, 3)), chunk("data", make([]byte, 8))))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Parse(data)
		if err == nil && (a.Rate < 4000 || len(a.Samples) > len(data)) {
			t.Errorf("%d samples at %d from %d bytes", len(a.Samples), a.Rate, len(data))
		}
	})
}
