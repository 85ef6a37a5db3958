package media

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/bifrons/bifrons/media/codec"
	"github.com/bifrons/bifrons/media/wav"
)

// wavTape is a WAV file of what the party says and hears.
type wavTape struct {
	file   *os.File
	w      *wav.Writer
	voices Voices
	tracks [2]timeline // said by the party, and to it
	rate   int64
	done   int64 // samples
	loud   int64 // the last one that was no silence
	mixed  []int16
}

// hush is the level under which 20 ms are silence: -42 dB below full scale.
const hush = 260

func newWavTape(f *os.File, n *recorder) (*wavTape, error) {
	rate, channels := 8000, 1
	if slices.ContainsFunc(n.formats[:1], func(f codec.Format) bool { return f.SampleRate() >= 16000 }) {
		rate = 16000
	}
	if n.Voices == VoicesStereo {
		channels = 2
	}
	w, err := wav.NewWriter(f, rate, channels)
	return &wavTape{file: f, w: w, voices: n.Voices, rate: int64(rate), tracks: [2]timeline{{rate: rate}, {rate: rate}}}, err
}

func (t *wavTape) put(f codec.Format, p spoken, payload []byte) {
	switch {
	case !p.out:
		t.tracks[0].add(f, p, payload)
	case t.voices != VoicesParty:
		t.tracks[1].add(f, p, payload)
	}
}

func (t *wavTape) write(until int64) (time.Duration, error) {
	end := until * t.rate / int64(time.Second)
	if end <= t.done {
		return t.quiet(), nil
	}
	party, other := t.tracks[0].take(end), t.tracks[1].take(end)
	step := int(t.rate / 50)
	for at := 0; at < len(party); at += step {
		if part := party[at:min(at+step, len(party))]; level(part) > hush {
			t.loud = t.done + int64(at+len(part))
		}
	}
	t.done = end
	t.mixed = t.mixed[:0]
	for i, s := range party {
		switch t.voices {
		case VoicesStereo:
			t.mixed = append(t.mixed, s, other[i])
		case VoicesParty:
			t.mixed = append(t.mixed, s)
		default:
			t.mixed = append(t.mixed, int16(min(max(int(s)+int(other[i]), -32768), 32767)))
		}
	}
	return t.quiet(), t.w.Write(t.mixed)
}

func (t *wavTape) quiet() time.Duration {
	return time.Duration(t.done-t.loud) * time.Second / time.Duration(t.rate)
}

func (t *wavTape) close() (time.Duration, error) {
	return time.Duration(t.w.Samples()) * time.Second / time.Duration(t.rate), t.file.Close()
}

// level is the mean of the samples' size.
func level(pcm []int16) int {
	sum := 0
	for _, s := range pcm {
		sum += max(int(s), -int(s))
	}
	return sum / max(len(pcm), 1)
}

// frameTape is a file of AMR or AMR-WB frames as the party sends them.
type frameTape struct {
	file   *os.File
	format codec.Format
	amr    codec.AMROptions
	frames map[int64][]byte // by their place, in frames
	done   int64            // frames written
	loud   int64
	last   spoken
	begun  bool
	place  int64 // of the last one
	buf    []byte
}

const frameTime = int64(20 * time.Millisecond)

func newFrameTape(f *os.File, format codec.Format) (*frameTape, error) {
	o, err := format.AMR()
	if err == nil {
		_, err = f.WriteString(codec.AMRHeader(o.Wide))
	}
	return &frameTape{file: f, format: format, amr: o, frames: map[int64][]byte{}}, err
}

func (t *frameTape) put(f codec.Format, p spoken, payload []byte) {
	o, err := f.AMR()
	if p.out || f.Codec != t.format.Codec || err != nil {
		return
	}
	all, err := o.Unpack(nil, payload)
	if err != nil {
		return
	}
	frames, err := o.Split(all)
	if err != nil {
		return
	}
	ticks := int64(f.ClockRate()) / 50
	place := t.place + int64(int32(p.time-t.last.time))/ticks
	if drift := (place-t.place)*frameTime - (p.at - t.last.at); !t.begun || t.last.part != p.part || drift > astray || drift < -astray {
		place = p.at / frameTime
	}
	t.begun, t.last, t.place = true, p, place
	for i, f := range frames {
		if n := place + int64(i); n >= t.done && n < t.done+50*30 {
			t.frames[n] = f
		}
	}
}

func (t *frameTape) write(until int64) (time.Duration, error) {
	t.buf = t.buf[:0]
	for end := until / frameTime; t.done < end; t.done++ {
		f := t.frames[t.done]
		delete(t.frames, t.done)
		if f == nil {
			t.buf = append(t.buf, codec.AMRNoData)
			continue
		}
		if t.amr.Speech(f) {
			t.loud = t.done + 1
		}
		t.buf = append(t.buf, f...)
	}
	quiet := time.Duration((t.done - t.loud) * frameTime)
	if _, err := t.file.Write(t.buf); err != nil {
		return quiet, fmt.Errorf("write frames: %w", err)
	}
	return quiet, nil
}

func (t *frameTape) close() (time.Duration, error) {
	return time.Duration(t.done * frameTime), t.file.Close()
}
