package media

import (
	"slices"

	"github.com/bifrons/bifrons/media/codec"
)

// timeline is one direction of a recording: it puts speech where its timestamps say, and silence where nothing was said.
type timeline struct {
	rate    int     // of the recording
	samples []int16 // from position done on
	done    int64   // samples written

	format  codec.Format
	decoder codec.Decoder
	change  *codec.Resampler
	begun   bool
	last    spoken
	place   int64 // where it lies, in samples of the codec
	long    int64 // samples in it
	next    int64 // where what comes out of change lies
	pcm     []int16
}

const (
	// settle is how long packets may come late before what is before them is written.
	settle = int64(300e6)
	// astray is how far timestamps and arrival may be apart before a stream is a new one.
	astray = int64(2e9)
)

// add decodes a packet.
func (t *timeline) add(f codec.Format, p spoken, payload []byte) {
	if f != t.format || t.decoder == nil {
		d, err := f.NewDecoder()
		if err != nil {
			return
		}
		t.format, t.decoder, t.begun = f, d, false
	}
	rate, clock := int64(f.SampleRate()), int64(f.ClockRate())
	place := t.place + int64(int32(p.time-t.last.time))*rate/clock
	if drift := (place-t.place)*1e9/rate - (p.at - t.last.at); !t.begun || t.last.part != p.part || drift > astray || drift < -astray {
		place = p.at * rate / 1e9 // a new stream: where it came
	}
	t.pcm = t.decoder.Decode(t.pcm[:0], payload)
	whole := t.begun && place == t.place+t.long && t.last.part == p.part
	t.begun, t.last, t.place, t.long = true, p, place, int64(len(t.pcm))
	if int(rate) == t.rate {
		t.write(t.pcm, place)
		return
	}
	if !whole { // the filter must not carry on over a gap
		t.change, t.next = codec.NewResampler(int(rate), t.rate), place*int64(t.rate)/rate
	}
	out := t.change.Process(nil, t.pcm)
	t.write(out, t.next)
	t.next += int64(len(out))
}

// write puts samples at a position; what is written already stays.
func (t *timeline) write(pcm []int16, at int64) {
	from := at - t.done
	if from < 0 {
		pcm = pcm[min(-from, int64(len(pcm))):]
		from = 0
	}
	if limit := int64(t.rate) * 30; from > limit {
		return
	}
	if end := int(from) + len(pcm); end > len(t.samples) {
		t.samples = append(t.samples, make([]int16, end-len(t.samples))...)
	}
	copy(t.samples[from:], pcm)
}

// take returns what lies before a position, with silence where nothing is.
func (t *timeline) take(until int64) []int16 {
	n := int(until - t.done)
	if n <= 0 {
		return nil
	}
	out := make([]int16, n)
	copy(out, t.samples)
	t.samples = slices.Delete(t.samples, 0, min(n, len(t.samples)))
	t.done = until
	return out
}
