package codec

import "math/bits"

// The tables of ITU-T G.711 for 16-bit samples.
var (
	fromMu = expand(expandMu)
	fromA  = expand(expandA)
)

func expand(f func(byte) int16) (t [256]int16) {
	for i := range t {
		t[i] = f(byte(i))
	}
	return t
}

const (
	muBias = 0x84 // 33 in the 14 bits of the standard
	muClip = 0x7fff - muBias
)

func expandMu(b byte) int16 {
	b = ^b
	v := (int(b&15)<<3+muBias)<<(b>>4&7) - muBias
	if b&0x80 != 0 {
		return int16(-v)
	}
	return int16(v)
}

func expandA(b byte) int16 {
	b ^= 0x55
	v, segment := int(b&15)<<4+8, int(b>>4&7)
	if segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if b&0x80 != 0 {
		return int16(v)
	}
	return int16(-v)
}

// ToMu returns the µ-law byte of a sample (ITU-T G.711 table 2).
func ToMu(s int16) byte {
	v, sign := int(s), byte(0x80)
	if v < 0 {
		v, sign = -v, 0
	}
	v = min(v, muClip) + muBias
	segment := bits.Len(uint(v)) - 8
	return (^byte(segment<<4|v>>(segment+3)&15))&0x7f | sign
}

// ToA returns the A-law byte of a sample (ITU-T G.711 table 1).
func ToA(s int16) byte {
	v, sign := int(s), byte(0x80)
	if v < 0 {
		v, sign = ^v, 0 // -1 is as near to zero as 0
	}
	segment := max(0, bits.Len(uint(v))-8)
	return (sign | byte(segment<<4|v>>(max(segment, 1)+3)&15)) ^ 0x55
}

// FromMu returns the sample of a µ-law byte.
func FromMu(b byte) int16 { return fromMu[b] }

// FromA returns the sample of an A-law byte.
func FromA(b byte) int16 { return fromA[b] }

// table is a codec with a byte for each sample.
type table struct {
	to   func(int16) byte
	from *[256]int16
}

func (t *table) Encode(dst []byte, pcm []int16) []byte {
	for _, s := range pcm {
		dst = append(dst, t.to(s))
	}
	return dst
}

func (t *table) Decode(dst []int16, payload []byte) []int16 {
	for _, b := range payload {
		dst = append(dst, t.from[b])
	}
	return dst
}
