package media

// speechClock is the highest clock rate of speech; video has 90000 (RFC 3551 5).
const speechClock = 48000

// impairment is what a codec costs: the equipment impairment factor Ie and the packet-loss robustness Bpl (ITU-T G.113
// Appendix I).
type impairment struct{ ie, bpl float64 }

// impairments are those of the fixed payload types of RFC 3551 6. A dynamic one is taken for a good modern codec.
var impairments = map[uint8]impairment{
	0:  {0, 25.1},  // G.711 with concealment
	8:  {0, 25.1},  // the same, A-law
	3:  {20, 10},   // GSM full rate
	4:  {15, 16.1}, // G.723.1
	9:  {0, 25.1},  // G.722, judged as narrow-band
	18: {11, 19},   // G.729A
}

var modern = impairment{5, 10} // AMR at 12.2 kbit/s

// mos estimates the mean opinion score of speech by the E-model (ITU-T G.107) with its default values: R is 93.2 less what
// delay and losses cost. The delay is half the round trip, a jitter buffer of twice the jitter and one packet of 20 ms.
func mos(pt uint8, loss, jitter, trip float64) float64 {
	c, ok := impairments[pt]
	if !ok {
		c = modern
	}
	delay := trip/2 + 2*jitter + 20
	r := 93.2 - 0.024*delay
	if delay > 177.3 {
		r -= 0.11 * (delay - 177.3)
	}
	r -= c.ie + (95-c.ie)*loss/(loss+c.bpl)
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}
