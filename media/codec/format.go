package codec

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Names of the codecs, as in a=rtpmap.
const (
	PCMU  = "PCMU"
	PCMA  = "PCMA"
	G722  = "G722"
	L16   = "L16"
	AMR   = "AMR"
	AMRWB = "AMR-WB"
)

// Format is one speech format of an m-line, as it was negotiated with the party. It is plain data.
type Format struct {
	// Codec is the encoding name of a=rtpmap in upper case, one of the names above.
	Codec string `json:"codec"`
	// Parameters is the value of a=fmtp without the payload number, for example "octet-align=1; mode-set=0,2,7".
	Parameters string `json:"parameters,omitempty"`
	// Clock is the RTP clock rate in Hz; 0 is the codec's own: 8000, for AMR-WB 16000. That of G722 is 8000 although it
	// has 16000 samples a second (RFC 3551 4.5.2).
	Clock uint32 `json:"clock,omitempty"`
	// PTime is how much speech a packet has, 10 to 120 ms (a=ptime); 0 is 20 ms.
	PTime time.Duration `json:"ptime,omitempty"`
	// Type is the payload number, in packets of both directions.
	Type uint8 `json:"type"`
	// Channels is 1 or 2; 0 is 1. Only L16 may have two: both are sent the same.
	Channels uint8 `json:"channels,omitempty"`
}

// ErrUnknown is a format that Bifrons cannot speak itself.
var ErrUnknown = errors.New("codec is not known here")

// ErrPartly is a format in which not everything can be said: what was encoded before, and nothing else.
var ErrPartly = errors.New("nothing can be encoded in it")

// ErrNotDecoded is a format whose speech cannot be turned into samples here, so that it cannot be mixed, searched for tones or
// recorded to WAV.
var ErrNotDecoded = errors.New("codec is not decoded here")

// Check tells why a format can be neither played nor heard, nil if it can.
func (f Format) Check() error {
	if p := f.PTime; p < 0 || p > 0 && (p < 10*time.Millisecond || p > 120*time.Millisecond || p%(10*time.Millisecond) != 0) {
		return fmt.Errorf("%s with packets of %s: %w", f.Codec, p, ErrUnknown)
	}
	if f.Channels > 2 || f.Channels == 2 && f.Codec != L16 {
		return fmt.Errorf("%s with %d channels: %w", f.Codec, f.Channels, ErrUnknown)
	}
	rate := f.ClockRate()
	switch f.Codec {
	case PCMU, PCMA, G722, AMR:
		if rate == 8000 {
			break
		}
		return fmt.Errorf("%s at %d Hz: %w", f.Codec, rate, ErrUnknown)
	case AMRWB:
		if rate != 16000 {
			return fmt.Errorf("%s at %d Hz: %w", f.Codec, rate, ErrUnknown)
		}
	case L16:
		if rate < 8000 || rate > 48000 || rate%1000 != 0 && rate != 11025 && rate != 22050 && rate != 44100 {
			return fmt.Errorf("%s at %d Hz: %w", f.Codec, rate, ErrUnknown)
		}
	default:
		return fmt.Errorf("%.20q: %w", f.Codec, ErrUnknown)
	}
	if f.IsAMR() {
		_, err := f.AMR()
		return err
	}
	return nil
}

// ClockRate returns the RTP clock rate in Hz.
func (f Format) ClockRate() uint32 {
	switch {
	case f.Clock != 0:
		return f.Clock
	case f.Codec == AMRWB:
		return 16000
	}
	return 8000
}

// SampleRate returns how many samples a second the codec has, which for G722 is not its clock rate.
func (f Format) SampleRate() int {
	if f.Codec == G722 {
		return 16000
	}
	return int(f.ClockRate())
}

// Width returns the number of channels.
func (f Format) Width() int { return max(1, int(f.Channels)) }

// Packet returns how much speech a packet has.
func (f Format) Packet() time.Duration {
	if f.PTime == 0 {
		return 20 * time.Millisecond
	}
	if f.IsAMR() { // whole frames
		return max(amrFrame, f.PTime/amrFrame*amrFrame)
	}
	return f.PTime
}

// amrFrame is the length of a frame of AMR and AMR-WB.
const amrFrame = 20 * time.Millisecond

// IsAMR tells whether the format is AMR or AMR-WB.
func (f Format) IsAMR() bool { return f.Codec == AMR || f.Codec == AMRWB }

// Decodable tells why the speech of a format cannot be turned into samples, nil if it can.
func (f Format) Decodable() error {
	if err := f.Check(); err != nil {
		return err
	}
	if f.IsAMR() {
		return fmt.Errorf("%s: %w", f.Codec, ErrNotDecoded)
	}
	return nil
}

// Canonical returns the format with the codec's name in the spelling used here.
func (f Format) Canonical() Format {
	f.Codec = strings.ToUpper(f.Codec)
	return f
}
