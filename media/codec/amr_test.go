package codec

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// file makes a file of frames of the given types with bytes that can be told apart; unused bits are zero.
func file(o AMROptions, kinds ...byte) []byte {
	var b []byte
	for i, k := range kinds {
		b = append(b, k<<3|4)
		n := o.bits(k)
		for j := 0; j < n; j += 8 {
			v := byte(i*31 + j*7 + 1)
			if left := n - j; left < 8 {
				v &= byte(0xff << (8 - left))
			}
			b = append(b, v)
		}
	}
	return b
}

// TestAMRPayload packs and unpacks frames of all types in both forms.
func TestAMRPayload(t *testing.T) {
	t.Parallel()
	for _, o := range []AMROptions{{}, {Octet: true}, {Wide: true}, {Wide: true, Octet: true}} {
		for k := range byte(16) {
			if o.bits(k) < 0 {
				continue
			}
			for n := 1; n <= 3; n++ {
				want := file(o, bytes.Repeat([]byte{k}, n)...)
				frames, err := o.Split(want)
				if err != nil {
					t.Fatalf("%+v: %v", o, err)
				}
				p := o.Pack(nil, frames)
				size := (4 + n*(6+o.bits(k)) + 7) / 8
				if o.Octet {
					size = 1 + n*(1+(o.bits(k)+7)/8)
				}
				if len(p) != size {
					t.Errorf("%+v: %d frames of type %d are %d bytes, want %d", o, n, k, len(p), size)
				}
				got, err := o.Unpack(nil, p)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%+v: %d frames of type %d came back as %x, %v", o, n, k, got, err)
				}
				if _, err := o.Unpack(nil, p[:len(p)-1]); err == nil {
					t.Errorf("%+v: a payload cut short was accepted", o)
				}
			}
		}
	}
}

// TestAMRKnownPayload is the layout of RFC 4867 4.3.5.1 and 4.4.5.1, written out: a frame of 4.75 kbit/s with ones in it.
func TestAMRKnownPayload(t *testing.T) {
	t.Parallel()
	frame := append([]byte{0<<3 | 4}, bytes.Repeat([]byte{0xff}, 12)...)
	frame[12] = 0xfe // 95 bits
	for _, c := range []struct {
		o    AMROptions
		want string
	}{
		{AMROptions{}, "f07" + strings.Repeat("f", 23) + "80"}, // 4 + 6 + 95 bits, 7 of padding
		{AMROptions{Octet: true}, "f004" + strings.Repeat("f", 23) + "e"},
	} {
		if got := c.o.Pack(nil, [][]byte{frame}); hex.EncodeToString(got) != c.want {
			t.Errorf("%+v: %x, want %s", c.o, got, c.want)
		}
	}
}

func TestParseAMR(t *testing.T) {
	t.Parallel()
	for _, o := range []AMROptions{{}, {Wide: true}} {
		head := []byte(AMRHeader(o.Wide))
		body := file(o, 2, 2, 15, 0)
		wide, c, err := ParseAMR(append(head[:len(head):len(head)], body...))
		if err != nil || wide != o.Wide || len(c.Frames) != 4 {
			t.Fatalf("%v, %v", c, err)
		}
		if _, c, err = ParseAMR(append(head[:len(head):len(head)], body[:len(body)-1]...)); err != nil || len(c.Frames) != 3 {
			t.Errorf("cut short: %v, %v", c, err)
		}
		if _, _, err = ParseAMR(append(head[:len(head):len(head)], 12<<3)); err == nil {
			t.Error("a frame of type 12 was accepted")
		}
		if (AMROptions{Wide: o.Wide, Modes: 1}).Fits(c) == nil {
			t.Error("mode 2 fits the mode-set 0")
		}
	}
	if _, _, err := ParseAMR([]byte("RIFF")); err == nil {
		t.Error("a file of something else was accepted")
	}
}

func TestBest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o           AMROptions
		limit, want int
	}{{AMROptions{}, 7, 7}, {AMROptions{Modes: 0b10101}, 3, 2}, {AMROptions{Wide: true, Modes: 0b100000000}, 2, 8}} {
		if got := c.o.Best(c.limit); got != c.want {
			t.Errorf("%+v: mode %d, want %d", c.o, got, c.want)
		}
	}
}

// FuzzAMR says that no payload and no file does harm, and that what was read is written the same.
func FuzzAMR(f *testing.F) {
	f.Add([]byte("#!AMR\n\x04"), true, false)
	f.Add(append([]byte(magicAMRWB), file(AMROptions{Wide: true}, 2, 9)...), false, true)
	f.Fuzz(func(t *testing.T, data []byte, octet, wide bool) {
		o := AMROptions{Octet: octet, Wide: wide}
		if frames, err := o.Unpack(nil, data); err == nil {
			split, err := o.Split(frames)
			if err != nil {
				t.Fatalf("what was unpacked cannot be cut: %v", err)
			}
			p := o.Pack(nil, split)
			if again, err := o.Unpack(nil, p); err != nil || !bytes.Equal(again, frames) {
				t.Fatalf("%x became %x, %v", frames, again, err)
			}
		}
		if wide, c, err := ParseAMR(data); err == nil {
			for i, at := range c.Frames {
				if n, err := (AMROptions{Wide: wide}).frame(c.Data[at:]); err != nil || i+1 < len(c.Frames) && c.Frames[i+1] != at+uint32(n) {
					t.Fatalf("frame %d at %d: %d bytes, %v", i, at, n, err)
				}
			}
		}
	})
}
