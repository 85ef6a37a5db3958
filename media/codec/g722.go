package codec

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
	g722WL  = [...]int{-60, -30, 58, 172, 334, 538, 1198, 3042}
	g722RL4 = [...]int{0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0}
	g722ILB = [...]int{2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960,
		3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008}
	g722QM4 = [...]int{0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0}
	g722QM2 = [...]int{-7408, -1616, 7408, 1616}
	g722QM6 = [...]int{-136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
		-7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728, 24808,
		21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576,
		3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136}
	g722IHN = [...]byte{0, 1, 0}
	g722IHP = [...]byte{0, 3, 2}
	g722WH  = [...]int{0, -214, 798}
	g722RH2 = [...]int{2, 1, 2, 1}
)

// g722 is both ends; a stream uses one of them.
type g722 struct {
	low, high g722Band
	x         [g722Window]int32 // what the filters hold, and room to go on in
	at        int               // where the 24 of now begin
}

// g722Window is how far the filters move along before what they hold is brought back to the start.
const g722Window = 24 + 160

// g722Band is the predictor and the quantiser's scale of a sub-band.
type g722Band struct {
	s, sz   int    // predictions: of both parts, and of the zeros' alone
	r       int    // the last reconstructed value, doubled
	p       [2]int // the last partly reconstructed ones
	a       [2]int // coefficients of the poles
	b       [6]int // and of the zeros
	d       [6]int // the last differences, doubled
	nb, det int
}

func newG722() *g722 { return &g722{low: g722Band{det: 32}, high: g722Band{det: 8}} }

func saturate(v int) int { return min(max(v, -32768), 32767) }

// slide takes two samples into the filters and returns what they give (clause 3.1): the sums of the even and of the odd ones.
func (g *g722) slide(first, second int) (even, odd int) {
	if g.at+26 > len(g.x) {
		copy(g.x[:24], g.x[g.at:])
		g.at = 0
	}
	g.at += 2
	x := (*[24]int32)(g.x[g.at:])
	x[22], x[23] = int32(first), int32(second)
	o := 3*x[0] - 11*x[2] + 12*x[4] + 32*x[6] - 210*x[8] + 951*x[10] + 3876*x[12] - 805*x[14] + 362*x[16] - 156*x[18] + 53*x[20] - 11*x[22]
	e := -11*x[1] + 53*x[3] - 156*x[5] + 362*x[7] - 805*x[9] + 3876*x[11] + 951*x[13] - 210*x[15] + 32*x[17] + 12*x[19] - 11*x[21] + 3*x[23]
	return int(e), int(o)
}

// Encode implements Encoder.
func (g *g722) Encode(dst []byte, pcm []int16) []byte {
	for ; len(pcm) >= 2; pcm = pcm[2:] {
		even, odd := g.slide(int(pcm[0]), int(pcm[1]))
		low := g.low.encodeLow((even + odd) >> 14)
		high := g.high.encodeHigh((even - odd) >> 14)
		dst = append(dst, high<<6|low)
	}
	return dst
}

// Decode implements Decoder.
func (g *g722) Decode(dst []int16, payload []byte) []int16 {
	for _, code := range payload {
		low := g.low.decodeLow(code & 63)
		high := g.high.decodeHigh(code >> 6)
		even, odd := g.slide(low+high, low-high)
		dst = append(dst, int16(saturate(even>>11)), int16(saturate(odd>>11)))
	}
	return dst
}

func (b *g722Band) encodeLow(x int) byte {
	e := saturate(x - b.s)
	wd := e
	if e < 0 {
		wd = -(e + 1)
	}
	m := 1 // the first interval whose end lies above, by halves: 1 to 30
	for step := 16; step > 0; step >>= 1 {
		if k := m + step - 1; k < 30 && wd >= g722Q6[k]*b.det>>12 {
			m += step
		}
	}
	code := g722ILP[m]
	if e < 0 {
		code = g722ILN[m]
	}
	b.adaptLow(code)
	return code
}

// adaptLow is what both ends do with a code: the four bits that count for the predictor.
func (b *g722Band) adaptLow(code byte) {
	four := code >> 2
	d := b.det * g722QM4[four] >> 15
	nb := b.nb*127>>7 + g722WL[g722RL4[four]]
	b.nb = min(max(nb, 0), 18432)
	b.det = g722Scale(b.nb, 8)
	b.predict(d)
}

func (b *g722Band) decodeLow(code byte) int {
	r := min(max(b.s+b.det*g722QM6[code]>>15, -16384), 16383)
	b.adaptLow(code)
	return r
}

func (b *g722Band) encodeHigh(x int) byte {
	e := saturate(x - b.s)
	wd := e
	if e < 0 {
		wd = -(e + 1)
	}
	m := 1
	if wd >= 564*b.det>>12 {
		m = 2
	}
	code := g722IHP[m]
	if e < 0 {
		code = g722IHN[m]
	}
	b.adaptHigh(code)
	return code
}

func (b *g722Band) adaptHigh(code byte) (d int) {
	d = b.det * g722QM2[code] >> 15
	nb := b.nb*127>>7 + g722WH[g722RH2[code]]
	b.nb = min(max(nb, 0), 22528)
	b.det = g722Scale(b.nb, 10)
	b.predict(d)
	return d
}

func (b *g722Band) decodeHigh(code byte) int {
	r := min(max(b.s+b.det*g722QM2[code]>>15, -16384), 16383)
	b.adaptHigh(code)
	return r
}

// g722Scale is the scale factor of a logarithmic one (clause 6.2.1.3, blocks SCALEL and SCALEH).
func g722Scale(nb, top int) int {
	v := g722ILB[nb>>6&31]
	shift := top - nb>>11
	if shift < 0 {
		return v << -shift << 2
	}
	return v >> shift << 2
}

// predict is block 4 of both ends: it takes the quantised difference and makes the next prediction. The signs of values of 16
// bits are told from the sign of their exclusive or. What the filters multiply is kept doubled, as FILTEP and FILTEZ want it:
// that changes no sign.
func (b *g722Band) predict(d int) {
	r0, p0 := saturate(b.s+d), saturate(b.sz+d)
	same := (p0 ^ b.p[0]) >> 63 // 0 where the signs are the same, else -1
	other := (p0 ^ b.p[1]) >> 63

	// UPPOL2
	wd := saturate(b.a[0] << 2)
	wd = min(^same&-wd|same&wd, 32767)>>7 + (128 ^ other - other)
	a2 := min(max(wd+b.a[1]*32512>>15, -12288), 12288)

	// UPPOL1; the limit is 3072 at least.
	limit := 15360 - a2
	a1 := min(max((192^same-same)+b.a[0]*32640>>15, -limit), limit)

	// UPZERO, DELAYA and FILTEZ in one pass: coefficient, delay and product of each tap. A coefficient keeps to 16 bits by itself.
	wd = 128
	if d == 0 {
		wd = 0
	}
	sz, before := 0, saturate(2*d)
	for i := range b.d {
		at := b.d[i]
		sign := (d ^ at) >> 63
		k := (wd ^ sign - sign) + b.b[i]*32640>>15
		b.b[i], b.d[i] = k, before
		sz += k * before >> 15
		before = at
	}
	b.p[1], b.p[0] = b.p[0], p0
	b.a[1], b.a[0] = a2, a1

	// FILTEP, PREDIC
	r0 = saturate(2 * r0)
	sp := saturate(a1*r0>>15 + a2*b.r>>15)
	b.r = r0
	b.sz = saturate(sz)
	b.s = saturate(sp + b.sz)
}
