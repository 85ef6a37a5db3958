package codec

import "math"

// Resampler changes the sample rate of one stream by a windowed sinc that lets nothing pass above half the lower of the two
// rates: what is let pass begins to fall at 0.43 of it, and what folds back from above 0.52 is 70 dB down.
type Resampler struct {
	up, down int // samples out for samples in, in lowest terms
	taps     int // of a phase
	filter   []float32
	held     []float32 // input still needed
	phase    int       // of the next sample, in 1/up of an input sample, from the middle of the filter at held[0]
}

const (
	sincZeros  = 24   // zero crossings to each side
	sincCutoff = 0.46 // of the lower rate
	sincBeta   = 7.2  // of the Kaiser window
)

// NewResampler returns a resampler between two rates in Hz.
func NewResampler(from, to int) *Resampler {
	g := gcd(from, to)
	r := &Resampler{up: to / g, down: from / g}
	if r.up == r.down {
		return r
	}
	scale := math.Min(1, float64(to)/float64(from)) // the filter gets longer when the rate falls
	half := int(math.Ceil(sincZeros / scale))
	r.taps = 2 * half
	r.filter = make([]float32, r.up*r.taps)
	cut := 2 * sincCutoff * scale
	for p := range r.up {
		h := r.filter[p*r.taps : (p+1)*r.taps]
		sum := 0.0
		for i := range h {
			x := float64(i-half+1) - float64(p)/float64(r.up)
			v := cut * sinc(cut*x) * kaiser(x/float64(half))
			h[i] = float32(v)
			sum += v
		}
		for i := range h { // every phase passes a constant as it is
			h[i] /= float32(sum)
		}
	}
	r.held = make([]float32, half-1, 4*half) // the first sample out lies at the first one in
	return r
}

// Process appends to dst what can be made of src and what was left before.
func (r *Resampler) Process(dst, src []int16) []int16 {
	if r.taps == 0 {
		return append(dst, src...)
	}
	for _, s := range src {
		r.held = append(r.held, float32(s))
	}
	at := 0
	for at+r.taps <= len(r.held) {
		h := r.filter[r.phase*r.taps : (r.phase+1)*r.taps]
		in := r.held[at : at+r.taps : at+r.taps]
		var a, b, c, d float32
		for i := 0; i+3 < len(in); i += 4 {
			a += h[i] * in[i]
			b += h[i+1] * in[i+1]
			c += h[i+2] * in[i+2]
			d += h[i+3] * in[i+3]
		}
		for i := len(in) &^ 3; i < len(in); i++ {
			a += h[i] * in[i]
		}
		dst = append(dst, clamp(a+b+c+d))
		r.phase += r.down
		at += r.phase / r.up
		r.phase %= r.up
	}
	r.held = append(r.held[:0], r.held[min(at, len(r.held)):]...)
	return dst
}

// Resample changes the rate of a whole recording; its length in time stays.
func Resample(pcm []int16, from, to int) []int16 {
	if from == to || len(pcm) == 0 {
		return pcm
	}
	r := NewResampler(from, to)
	n := (len(pcm)*to + from - 1) / from
	out := r.Process(make([]int16, 0, n+r.taps), pcm)
	out = r.Process(out, make([]int16, r.taps+r.down)) // what the end of the filter still holds
	return out[:min(n, len(out))]
}

func clamp(f float32) int16 {
	switch {
	case f >= 32767:
		return 32767
	case f <= -32768:
		return -32768
	case f < 0:
		return int16(f - 0.5)
	}
	return int16(f + 0.5)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x, -1 to 1.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(sincBeta*math.Sqrt(1-x*x)) / bessel(sincBeta)
}

// bessel is the modified Bessel function of the first kind and order zero.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; k < 40; k++ {
		term *= x / (2 * k) * (x / (2 * k))
		sum += term
	}
	return sum
}
