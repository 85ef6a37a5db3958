package tone

import (
	"math"
	"time"
)

// Detector hears DTMF keys in the speech of one stream (ITU-T Q.24). It looks at blocks of 12.75 ms that overlap by half, and
// takes for a key what for four of them in a row is two steady tones, one of each group, and little else:
//
//   - the tones hold 60 % of all that is heard (talk-off: speech has more to it);
//   - the higher group is at most 5 dB above and 8 dB below the lower one, with some room (twist);
//   - there is next to nothing of their harmonics, which instruments and voices have;
//   - no other tone of a group comes within 6 dB of the one heard;
//   - the phases advance as those of frequencies within 2.2 % of the nominal ones do, and the level stays within 6 dB. A
//     voice glides.
//
// A key of 40 ms is heard, one of 20 ms is not; a pause of 25 ms ends it. It is told at its end.
type Detector struct {
	rate   int
	hop    int // half a block
	table  *tables
	half   [2]spectrum // the one before, and the one being filled
	filled int
	turns  [8]complex64 // what the references turn by in half a block
	phase  [8]complex64

	samples []float32 // of the block, for the harmonics
	window  []float32

	last    block
	run     int // steady blocks with that key
	key     byte
	bad     int // blocks without it
	held    int // samples since it began
	missing int // samples that are lost
}

// spectrum is what half a block has at the eight frequencies, and in all.
type spectrum struct {
	at    [8]complex64
	power float32
	whole bool // nothing of it was lost
}

// block is a key that a block looks like, 0 if like none.
type block struct {
	key      byte
	row, col int
	at       [2]complex64
	level    float32
}

// tables are the references of half a block.
type tables [8][]complex64

const (
	hopTime    = 6375 * time.Microsecond
	steady     = 3 // steps from block to block
	pause      = 4 // blocks without it
	enough     = 0.6
	twistHigh  = 3.16 // 5 dB: columns above rows
	twistLow   = 12.6 // 11 dB: rows above columns, 3 of them for what the lower tone leaks
	apart      = 3.98 // 6 dB
	even       = 3.98
	drift      = 0.022
	clean      = 0.03
	clear      = 180.0         // Hz from the other tone, where a harmonic can be told from it
	faint      = 180.0 * 180.0 // mean square, about -42 dBm0
	forgetGaps = 120 * time.Millisecond
)

func frequency(i int) float64 {
	if i < 4 {
		return rows[i]
	}
	return columns[i-4]
}

// NewDetector returns a detector for samples at a rate in Hz.
func NewDetector(rate int) *Detector {
	d := &Detector{rate: rate, hop: int(int64(hopTime) * int64(rate) / int64(time.Second)), table: &tables{}}
	for i := range d.table {
		w := 2 * math.Pi * frequency(i) / float64(rate)
		d.table[i] = make([]complex64, d.hop)
		for n := range d.hop {
			d.table[i][n] = complex(float32(math.Cos(w*float64(n))), float32(-math.Sin(w*float64(n))))
		}
		turn := w * float64(d.hop)
		d.turns[i] = complex(float32(math.Cos(turn)), float32(-math.Sin(turn)))
		d.phase[i] = 1
	}
	d.samples, d.window = make([]float32, 2*d.hop), make([]float32, 2*d.hop)
	for i := range d.window {
		d.window[i] = float32(0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(d.window))))
	}
	d.half[1].whole = true
	return d
}

// Hear takes samples and calls found for each key that is over, with how long it sounded.
func (d *Detector) Hear(pcm []int16, found func(key byte, long time.Duration)) {
	for len(pcm) > 0 {
		n := min(len(pcm), d.hop-d.filled)
		h := &d.half[1]
		for i := range d.table {
			var re, im float32
			for j, w := range d.table[i][d.filled : d.filled+n] {
				s := float32(pcm[j])
				re += s * real(w)
				im += s * imag(w)
			}
			h.at[i] += complex(re, im)
		}
		for i, s := range pcm[:n] {
			h.power += float32(s) * float32(s)
			d.samples[d.hop+d.filled+i] = float32(s)
		}
		pcm = pcm[n:]
		if d.filled += n; d.filled == d.hop {
			d.step(found)
		}
	}
}

// Skip tells that so many samples are lost. They neither end a key nor begin one.
func (d *Detector) Skip(n int, found func(key byte, long time.Duration)) {
	d.missing += n
	if limit := int(int64(forgetGaps) * int64(d.rate) / int64(time.Second)); d.missing > limit {
		d.over(found)
		d.missing = 0
	}
	d.half = [2]spectrum{}
	d.filled = 0
	d.last, d.run = block{}, 0
	if d.key != 0 {
		d.held += n
	}
}

// step closes half a block.
func (d *Detector) step(found func(byte, time.Duration)) {
	for i := range d.half[1].at { // as if the references had run on since the start
		d.half[1].at[i] *= d.phase[i]
		p := d.phase[i] * d.turns[i]
		d.phase[i] = p / complex(float32(math.Hypot(float64(real(p)), float64(imag(p)))), 0)
	}
	now := d.look()
	copy(d.samples, d.samples[d.hop:])
	whole := d.half[0].whole
	d.half[0], d.half[1], d.filled = d.half[1], spectrum{whole: true}, 0
	d.half[0].whole = true
	if d.key != 0 {
		d.held += d.hop
	}
	if !whole {
		return // half of it was lost
	}
	d.missing = 0
	if now.key != 0 && now.key == d.last.key && d.follows(now) {
		d.run++
	} else {
		d.run = 0
	}
	d.last = now
	switch {
	case d.key != 0 && now.key == d.key:
		d.bad = 0
	case d.key != 0:
		if d.bad++; d.bad >= pause || d.run >= steady {
			d.over(found)
		}
	}
	if d.key == 0 && d.run >= steady {
		d.key, d.bad, d.held = now.key, 0, (steady+2)*d.hop
	}
}

// over ends the key.
func (d *Detector) over(found func(byte, time.Duration)) {
	if d.key != 0 {
		n := max(d.held-(d.bad+1)*d.hop, d.hop)
		found(d.key, time.Duration(n)*time.Second/time.Duration(d.rate))
	}
	d.key, d.bad = 0, 0
}

// look tells which key a block of two halves looks like.
func (d *Detector) look() block {
	var at [8]complex64
	var power [8]float32
	for i := range at {
		at[i] = d.half[0].at[i] + d.half[1].at[i]
		power[i] = real(at[i])*real(at[i]) + imag(at[i])*imag(at[i])
	}
	total := d.half[0].power + d.half[1].power
	n := float32(2 * d.hop)
	if total < faint*n {
		return block{}
	}
	row, ok1 := strongest(power[:4])
	col, ok2 := strongest(power[4:])
	r, c := power[row], power[4+col]
	if !ok1 || !ok2 || c > r*twistHigh || r > c*twistLow || 2*(r+c) < enough*n*total {
		return block{}
	}
	over := 2 * rows[row]
	if math.Abs(over-columns[col]) < clear {
		over = 3 * rows[row]
	}
	if d.power(over)+d.power(2*columns[col]) > clean*(r+c) {
		return block{}
	}
	return block{key: keypad[row*4+col], row: row, col: col, at: [2]complex64{at[row], at[4+col]}, level: r + c}
}

// power is what the block has at a frequency, through a window, in the measure of the others.
func (d *Detector) power(hz float64) float32 {
	w := 2 * math.Pi * hz / float64(d.rate)
	k := float32(2 * math.Cos(w))
	var a, b float32 // Goertzel
	for i, s := range d.samples {
		a, b = s*d.window[i]+k*a-b, a
	}
	return 4 * (a*a + b*b - k*a*b)
}

func strongest(p []float32) (best int, clear bool) {
	for i := range p {
		if p[i] > p[best] {
			best = i
		}
	}
	for i := range p {
		if i != best && p[i]*apart > p[best] {
			return best, false
		}
	}
	return best, true
}

// follows tells whether a block carries on the tones of the last one: the references turn with the nominal frequencies, so
// what the phase has moved by is how far off the tones are.
func (d *Detector) follows(now block) bool {
	if now.level > d.last.level*even || d.last.level > now.level*even {
		return false
	}
	for i, f := range []float64{rows[now.row], columns[now.col]} {
		a, b := d.last.at[i], now.at[i]
		turned := b * complex(real(a), -imag(a))
		off := math.Atan2(float64(imag(turned)), float64(real(turned))) / (2 * math.Pi * hopTime.Seconds())
		if math.Abs(off) > drift*f {
			return false
		}
	}
	return true
}
