package codec

// Clip is a piece of speech as payload of one format, made once and shared by all players. It is never changed.
type Clip struct {
	// Data are the payload bytes, without headers of packets. Of AMR and AMR-WB they are frames as in a file, each behind its
	// byte of contents (RFC 4867 5.3).
	Data []byte
	// Frames are where the frames of AMR and AMR-WB begin in Data; nil for a codec of constant rate.
	Frames []uint32
	// Length is how long the speech is, in ticks of the RTP clock; Endless has no end. What is longer than Data is Data over
	// again.
	Length int64

	wide bool // frames of AMR-WB
}

// Endless is the length of a Clip that has no end.
const Endless = -1

// Step returns the ticks of a frame of AMR or AMR-WB.
func (c *Clip) Step() int64 {
	if c.wide {
		return 320
	}
	return 160
}

// Frame returns the frame of AMR or AMR-WB at a tick.
func (c *Clip) Frame(at int64) []byte {
	n := int(at / c.Step() % int64(len(c.Frames)))
	if n+1 < len(c.Frames) {
		return c.Data[c.Frames[n]:c.Frames[n+1]]
	}
	return c.Data[c.Frames[n]:]
}

// Part returns payload from a tick on, at most that many ticks and no more than lies in one piece. Rate is Format.Rate.
func (c *Clip) Part(at, ticks int64, rate int) ([]byte, int64) {
	from := at % (int64(len(c.Data)) / int64(rate))
	ticks = min(ticks, int64(len(c.Data)/rate)-from)
	return c.Data[from*int64(rate) : (from+ticks)*int64(rate)], ticks
}

// Lasting returns the clip over again until it has that length in ticks; Endless never ends. An empty clip stays empty.
func (c *Clip) Lasting(ticks int64) *Clip {
	d := *c
	if d.Length != 0 {
		d.Length = ticks
	}
	return &d
}

// Cut returns the clip from one tick to another, which in AMR and AMR-WB are bounds of frames. Rate is Format.Rate.
func (c *Clip) Cut(from, to int64, rate int) *Clip {
	d := &Clip{Length: to - from, wide: c.wide}
	if c.Frames == nil {
		d.Data = c.Data[from*int64(rate) : to*int64(rate)]
		return d
	}
	d.Data = c.Data[c.Frames[from/c.Step()]:]
	for _, at := range c.Frames[from/c.Step() : to/c.Step()] {
		d.Frames = append(d.Frames, at-c.Frames[from/c.Step()])
	}
	if end := int(to / c.Step()); end < len(c.Frames) {
		d.Data = d.Data[:c.Frames[end]-c.Frames[from/c.Step()]]
	}
	return d
}

// g722Quiet is what silence ends up as in G.722.
var g722Quiet = func() byte {
	b := newG722().Encode(nil, make([]int16, 320))
	return b[len(b)-1]
}()

// AppendSilence appends that many ticks of silence in a codec of constant rate.
func (f Format) AppendSilence(b []byte, ticks int64) []byte {
	quiet := byte(0)
	switch f.Codec {
	case PCMU:
		quiet = 0xff
	case PCMA:
		quiet = 0xd5
	case G722:
		quiet = g722Quiet
	}
	for range ticks * int64(f.Rate()) {
		b = append(b, quiet)
	}
	return b
}

// Concat puts clips of one format, none of them endless, behind one another.
func (f Format) Concat(clips []*Clip) *Clip {
	out := &Clip{}
	for _, c := range clips {
		head := f.After(out.Data, c)
		for _, at := range c.Frames {
			out.Frames = append(out.Frames, uint32(len(out.Data))+at)
		}
		out.Data = append(append(out.Data, head...), c.Data[len(head):]...)
		out.Length += c.Length
		out.wide = out.wide || c.wide
	}
	return out
}
