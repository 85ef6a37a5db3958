package codec

// What a decoder of G.722 makes of a clip depends on what it has heard before: each clip is encoded for one that has heard nothing.
// Without care one clip behind another begins with a bang.

// Memory is how much of what was sent before counts for After, in bytes.
const Memory = 3200

// lead is how much of a clip is encoded anew, in bytes: behind it a decoder is where that of the clip's own beginning is.
const lead = 800

// g722Delay is what a sample is late by when it has been encoded and decoded, in pairs of samples.
const g722Delay = 11

// Remembers tells whether what is heard of a payload of a format depends on what was heard before.
func (f Format) Remembers() bool { return f.Codec == G722 }

// After returns the beginning of a clip of a format that remembers, encoded for a decoder that has heard that payload before; nil
// if it is as it stands.
func (f Format) After(heard []byte, c *Clip) []byte {
	loops := c.Length == Endless || c.Length > int64(len(c.Data))
	if !f.Remembers() || len(heard) == 0 && !loops {
		return nil
	}
	mine := newG722()
	if loops { // it is made to follow itself
		mine.Decode(nil, end(c.Data))
	}
	n := min(lead, len(c.Data))
	pcm := mine.Decode(make([]int16, 0, 2*(n+g722Delay)), c.Data[:min(n+g722Delay, len(c.Data))])
	pcm = append(pcm, make([]int16, 2*(n+g722Delay)-len(pcm))...)[2*g722Delay:]
	return follow(heard).Encode(make([]byte, 0, n), pcm)
}

// EncoderAfter is NewEncoder for a decoder that has heard that payload before.
func (f Format) EncoderAfter(heard []byte) (Encoder, error) {
	if f.Remembers() && len(heard) > 0 {
		return follow(heard), nil
	}
	return f.NewEncoder()
}

// follow returns an encoder whose predictors are where those of a decoder are.
func follow(heard []byte) *g722 {
	there, e := newG722(), newG722()
	past := there.Decode(nil, end(heard))
	e.Encode(nil, past[max(0, len(past)-g722Past):]) // for its filters: what is before the first sample
	e.low, e.high = there.low, there.high
	return e
}

func end(b []byte) []byte { return b[max(0, len(b)-Memory):] }
