package codec

import "math/bits"

// ITU-T G.722 at 64 kbit/s (mode 1): two sub-bands of 8000 samples a second, adaptive differential PCM with six bits in the
// lower and two in the upper one. The names of variables are those of the recommendation, clauses 3 and 6.

// Tables of clause 6.2.
var (
	g722Q6 = [...]int{0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219,
		1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919}
	g722ILN = [...]byte{0, 63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6,
		5, 4}
	g722ILP = [...]byte{0, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35,
		34, 33, 32}
	g722WL4 = [...]int{-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60} // WL[RL4]
	g722ILB = [...]int{2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960,
		3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008}
	g722QM4 = [...]int{0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0}
	g722QM2 = [...]int{-7408, -1616, 7408, 1616}
	g722QM6 = [...]int{-136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
		-7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728, 24808,
		21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576,
		3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136}
	g722WH2 = [...]int{798, -214, 798, -214} // WH[RH2]
)

// What follows from the tables, so that nothing is searched and no sample waits for a branch.
var (
	g722LowScales  = g722Scales(8)
	g722HighScales = g722Scales(10)
	g722Lower      = [2][g722Most + 1]byte{g722Codes(g722ILP[:]), g722Codes(g722ILN[:])} // of what is positive, and negative
)

const (
	g722Most = 2919       // where the last of the lower band's intervals begins
	g722Top  = 22528 >> 6 // the largest scale factor
)

// g722Scale is a scale factor, and 2^64 over it: a division that is exact for what is smaller than 2^48.
type g722Scale struct {
	det     int
	inverse uint64
}

// g722Scales are the scale factors by logarithmic ones over 64 (clause 6.2.1.3, blocks SCALEL and SCALEH).
func g722Scales(top int) (all [g722Top + 1]g722Scale) {
	for i := range all {
		v := g722ILB[i&31] << 2
		if shift := top - i>>5; shift < 0 {
			v <<= -shift
		} else {
			v = v >> 2 >> shift << 2
		}
		all[i] = g722Scale{v, ^uint64(0)/uint64(v) + 1}
	}
	return all
}

// g722Codes are the codes of the lower band's intervals by where, in units of the scale factor over 4096, a difference lies.
func g722Codes(intervals []byte) (all [g722Most + 1]byte) {
	m := 1
	for q := range all {
		for m < len(g722Q6) && g722Q6[m] <= q {
			m++
		}
		all[q] = intervals[m]
	}
	return all
}

// g722 is both ends; a stream uses one of them. The filters go over a chunk of samples at a time. Beside each sample, 32 bits
// higher, stands the one after next, so that one multiplication is good for two results.
type g722 struct {
	low, high g722Band
	x         [g722Past + 2*g722Chunk]int64
}

const (
	g722Past  = 22 // samples of before that the filters see
	g722Chunk = 32 // pairs
)

// g722Band is the predictor and the quantiser's scale of a sub-band.
type g722Band struct {
	s, sz int    // predictions: of both parts, and of the zeros' alone
	r     int    // the last reconstructed value, doubled
	p     [2]int // the last partly reconstructed ones
	a     [2]int // coefficients of the poles
	nb    int    // the logarithmic scale factor

	// Coefficients of the zeros, two to a word, each with 65536 added so that none is negative and one multiplication serves both.
	b [3]uint64
	// The last differences, doubled: six from at on, in a ring that is written twice so that they are always in a row.
	d   [16]int
	at  int
	sum int // of them
	neg int // their signs, a bit each
}

func newG722() *g722 {
	band := g722Band{b: [3]uint64{1<<48 | 1<<16, 1<<48 | 1<<16, 1<<48 | 1<<16}}
	return &g722{low: band, high: band}
}

func saturate(v int) int { return min(max(v, -32768), 32767) }

// rarely is saturate for what seldom needs it.
func rarely(v int) int {
	if uint(v+32768) > 65535 {
		return v>>63 ^ 32767
	}
	return v
}

// push puts pair i of a chunk into the filters.
func (g *g722) push(i, first, second int) {
	x := (*[4]int64)(g.x[g722Past-2+2*i:])
	x[0] += int64(first) << 32
	x[1] += int64(second) << 32
	x[2], x[3] = int64(first), int64(second)
}

// filter returns the sums of the even and of the odd ones (clause 3.1) for pair i and, 32 bits higher, for the next one.
func (g *g722) filter(i int) (even, odd int64) {
	x := (*[24]int64)(g.x[2*i:])
	odd = 3*x[0] - 11*x[2] + 12*x[4] + 32*x[6] - 210*x[8] + 951*x[10] + 3876*x[12] - 805*x[14] + 362*x[16] - 156*x[18] + 53*x[20] - 11*x[22]
	even = -11*x[1] + 53*x[3] - 156*x[5] + 362*x[7] - 805*x[9] + 3876*x[11] + 951*x[13] - 210*x[15] + 32*x[17] + 12*x[19] - 11*x[21] + 3*x[23]
	return even, odd
}

// apart takes what filter returns apart.
func apart(v int64) (now, next int) {
	now = int(int32(v))
	return now, int((v - int64(now)) >> 32)
}

// Encode implements Encoder.
func (g *g722) Encode(dst []byte, pcm []int16) []byte {
	for len(pcm) >= 2 {
		n := min(len(pcm)/2, g722Chunk)
		for i := range n {
			g.push(i, int(pcm[2*i]), int(pcm[2*i+1]))
		}
		for i := 0; i < n; i += 2 {
			even, odd := g.filter(i)
			low, nextLow := apart(even + odd)
			high, nextHigh := apart(even - odd)
			dst = append(dst, g.high.encodeHigh(high>>14)<<6|g.low.encodeLow(low>>14))
			if i+1 < n {
				dst = append(dst, g.high.encodeHigh(nextHigh>>14)<<6|g.low.encodeLow(nextLow>>14))
			}
		}
		copy(g.x[:g722Past], g.x[2*n:])
		pcm = pcm[2*n:]
	}
	return dst
}

// Decode implements Decoder.
func (g *g722) Decode(dst []int16, payload []byte) []int16 {
	for len(payload) > 0 {
		n := min(len(payload), g722Chunk)
		for i, code := range payload[:n] {
			low, high := g.low.decodeLow(code&63), g.high.decodeHigh(code>>6)
			g.push(i, low+high, low-high)
		}
		for i := 0; i < n; i += 2 {
			a, b := g.filter(i)
			even, nextEven := apart(a)
			odd, nextOdd := apart(b)
			dst = append(dst, int16(saturate(even>>11)), int16(saturate(odd>>11)))
			if i+1 < n {
				dst = append(dst, int16(saturate(nextEven>>11)), int16(saturate(nextOdd>>11)))
			}
		}
		copy(g.x[:g722Past], g.x[2*n:])
		payload = payload[n:]
	}
	return dst
}

func (b *g722Band) encodeLow(x int) byte {
	scale := &g722LowScales[b.nb>>6]
	e := rarely(x - b.s)
	sign := e >> 63
	q, _ := bits.Mul64(uint64((e^sign)+1)<<12-1, scale.inverse)
	code := g722Lower[sign&1][min(q, g722Most)]
	b.adapt(scale.det*g722QM4[code>>2]>>15, g722WL4[code>>2], 18432) // four bits count for the predictor
	return code
}

func (b *g722Band) decodeLow(code byte) int {
	det := g722LowScales[b.nb>>6].det
	r := b.s + det*g722QM6[code&63]>>15
	b.adapt(det*g722QM4[code>>2&15]>>15, g722WL4[code>>2&15], 18432)
	return min(max(r, -16384), 16383)
}

func (b *g722Band) encodeHigh(x int) byte {
	det := g722HighScales[b.nb>>6].det
	e := rarely(x - b.s)
	sign := e >> 63
	// The codes are 3 and 2 for the inner and the outer interval of what is positive, 1 and 0 for those of what is negative.
	outer := (det*564>>12 - 1 - (e ^ sign)) >> 63
	code := byte(3 + 2*sign + outer)
	b.adapt(det*g722QM2[code&3]>>15, g722WH2[code&3], 22528)
	return code
}

func (b *g722Band) decodeHigh(code byte) int {
	d := g722HighScales[b.nb>>6].det * g722QM2[code&3] >> 15
	r := b.s + d
	b.adapt(d, g722WH2[code&3], 22528)
	return min(max(r, -16384), 16383)
}

// adapt is what both ends do with a quantised difference (blocks 3 and 4): the scale, to which w is added, adapts and a
// prediction is made. The signs of values of 16 bits are told from the sign of their exclusive or. What the filters multiply is
// kept doubled, as FILTEP and FILTEZ want it: that changes no sign.
func (b *g722Band) adapt(d, w, top int) {
	b.nb = min(max(b.nb*127>>7+w, 0), top)

	r0, p0 := rarely(2*(b.s+d)), b.sz+d
	same := (p0 ^ b.p[0]) >> 63 // 0 where the signs are the same, else -1
	other := (p0 ^ b.p[1]) >> 63
	b.p[1], b.p[0] = b.p[0], p0

	// UPPOL2
	wd := min(max((b.a[0]^^same-^same)>>5, -256), 255) + (128 ^ other - other)
	a2 := min(max(wd+b.a[1]*32512>>15, -12288), 12288)

	// UPPOL1; the limit is 3072 at least.
	limit := 15360 - a2
	a1 := min(max((192^same-same)+b.a[0]*32640>>15, -limit), limit)
	b.a[1], b.a[0] = a2, a1

	// UPZERO: a coefficient leaks a part in 256 and goes 128 up or down; it keeps to 16 bits by itself.
	sign := d >> 63
	which := b.neg ^ sign&63
	if d == 0 {
		which = 64
	}
	up := &g722Up[which]
	k0 := b.b[0]*255>>8&0x00ffffff00ffffff + up[0]
	k1 := b.b[1]*255>>8&0x00ffffff00ffffff + up[1]
	k2 := b.b[2]*255>>8&0x00ffffff00ffffff + up[2]
	b.b = [3]uint64{k0, k1, k2}

	// DELAYA
	at := (b.at - 1) & 7
	b.at = at
	b.sum += 2*d - b.d[at+6]
	b.neg = b.neg<<1&63 - sign
	b.d[at], b.d[at+8] = 2*d, 2*d

	// FILTEZ: the 65536 of each coefficient have doubled its tap.
	sz := int(uint32(k0))*b.d[at]>>15 + int(k0>>32)*b.d[at+1]>>15 +
		(int(uint32(k1))*b.d[at+2]>>15 + int(k1>>32)*b.d[at+3]>>15) +
		(int(uint32(k2))*b.d[at+4]>>15 + int(k2>>32)*b.d[at+5]>>15 - 2*b.sum)

	// FILTEP, PREDIC
	sp := rarely(a1*r0>>15 + a2*b.r>>15)
	b.r = r0
	b.sz = rarely(sz)
	b.s = rarely(sp + b.sz)
}

// g722Up is what is added to the leaked coefficients, by the signs of the taps against the difference's, a bit each; the last
// one is for no difference.
var g722Up = func() (all [65][4]uint64) {
	for signs := range all {
		for i := range 6 {
			step := uint64(256)
			switch {
			case signs == 64:
			case signs>>i&1 == 0:
				step += 128
			default:
				step -= 128
			}
			all[signs][i/2] |= step << (i % 2 * 32)
		}
	}
	return all
}()
