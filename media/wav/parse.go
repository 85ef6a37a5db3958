package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/bifrons/bifrons/media/codec"
)

// ErrFormat is a file that is no WAV file, or one of a kind that is not read here.
var ErrFormat = errors.New("not a WAV file that can be read")

// Encodings of the format chunk.
const (
	encodingPCM        = 1
	encodingA          = 6
	encodingMu         = 7
	encodingExtensible = 0xfffe
)

// Audio is what is in a file: samples of one channel. Two channels have been added up.
type Audio struct {
	Rate    int // samples a second
	Samples []int16
}

// layout is the format chunk.
type layout struct {
	encoding, channels, bits int
	rate                     int
}

// Speech is that of a file whose header has been read: it is not decoded yet.
type Speech struct {
	layout
	body []byte
}

// Length is how long it is.
func (f Speech) Length() time.Duration {
	return time.Duration(len(f.body)/(f.bits/8*f.channels)) * time.Second / time.Duration(f.rate)
}

// Audio decodes it.
func (f Speech) Audio() Audio { return Audio{Rate: f.rate, Samples: f.decode(f.body)} }

// Parse reads a file as Open does, and its speech.
func Parse(data []byte) (Audio, error) {
	f, err := Open(data)
	if err != nil {
		return Audio{}, err
	}
	return f.Audio(), nil
}

// Open reads the header of a file. A file whose data chunk is longer than the file, or has no length yet, is read as far as it goes: a
// program may have written it to a pipe, or a recorder may still be at it. Whose own length is right has told that of its data, too.
func Open(data []byte) (Speech, error) {
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return Speech{}, fmt.Errorf("no RIFF WAVE at its start: %w", ErrFormat)
	}
	whole := int64(binary.LittleEndian.Uint32(data[4:])) == int64(len(data))-8
	var f layout
	for rest := data[12:]; len(rest) >= 8; {
		id, size := string(rest[:4]), int(binary.LittleEndian.Uint32(rest[4:]))
		body := rest[8:]
		switch {
		case id == "data" && f.rate == 0:
			return Speech{}, fmt.Errorf("data without a format before it: %w", ErrFormat)
		case id == "data":
			if size == 0 && !whole {
				size = len(body)
			}
			return Speech{f, body[:min(size, len(body))]}, nil
		case size > len(body):
			return Speech{}, fmt.Errorf("chunk %q is cut short: %w", id, ErrFormat)
		case id == "fmt ":
			var err error
			if f, err = parseLayout(body[:size]); err != nil {
				return Speech{}, err
			}
		}
		rest = body[min(size+size&1, len(body)):]
	}
	return Speech{}, fmt.Errorf("no data: %w", ErrFormat)
}

func parseLayout(b []byte) (f layout, err error) {
	if len(b) < 16 {
		return f, fmt.Errorf("format of %d bytes: %w", len(b), ErrFormat)
	}
	f = layout{encoding: int(binary.LittleEndian.Uint16(b)), channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate: int(binary.LittleEndian.Uint32(b[4:])), bits: int(binary.LittleEndian.Uint16(b[14:]))}
	if f.encoding == encodingExtensible && len(b) >= 26 {
		f.encoding = int(binary.LittleEndian.Uint16(b[24:]))
	}
	switch {
	case f.channels != 1 && f.channels != 2:
		return f, fmt.Errorf("%d channels, want 1 or 2: %w", f.channels, ErrFormat)
	case f.rate < 4000 || f.rate > 192000:
		return f, fmt.Errorf("%d samples a second, want 4000 to 192000: %w", f.rate, ErrFormat)
	case f.encoding == encodingPCM && (f.bits == 8 || f.bits == 16), (f.encoding == encodingA || f.encoding == encodingMu) && f.bits == 8:
		return f, nil
	}
	return f, fmt.Errorf("encoding %d with %d bits, want PCM of 16 or 8 bits, A-law or µ-law: %w", f.encoding, f.bits, ErrFormat)
}

// decode adds up the channels; a sample that is cut short is dropped.
func (f layout) decode(b []byte) []int16 {
	wide := f.bits / 8
	out := make([]int16, len(b)/(wide*f.channels))
	for i := range out {
		sum := 0
		for range f.channels {
			switch {
			case f.encoding == encodingA:
				sum += int(codec.FromA(b[0]))
			case f.encoding == encodingMu:
				sum += int(codec.FromMu(b[0]))
			case wide == 1:
				sum += (int(b[0]) - 128) << 8
			default:
				sum += int(int16(binary.LittleEndian.Uint16(b)))
			}
			b = b[wide:]
		}
		out[i] = int16(sum / f.channels)
	}
	return out
}
