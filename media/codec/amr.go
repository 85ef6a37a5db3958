package codec

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The first line of the files (RFC 4867 5.1), of one channel.
const (
	magicAMR   = "#!AMR\n"
	magicAMRWB = "#!AMR-WB\n"
)

// Frame types with a meaning of their own (RFC 4867 4.3.2, TS 26.101, TS 26.201).
const (
	frameSIDAMR   = 8
	frameSIDAMRWB = 9
	frameLost     = 14 // AMR-WB only
	frameNone     = 15
)

// bits is the size of the frames by type, -1 for types that are not used.
var (
	bitsAMR   = [16]int{95, 103, 118, 134, 148, 159, 204, 244, 39, -1, -1, -1, -1, -1, -1, 0}
	bitsAMRWB = [16]int{132, 177, 253, 285, 317, 365, 397, 461, 477, 40, -1, -1, -1, -1, 0, 0}
)

// ErrAMR is a payload or file that is not what RFC 4867 describes.
var ErrAMR = errors.New("malformed AMR")

// AMROptions are the parameters of an AMR or AMR-WB format (RFC 4867 8.1, 8.2) that shape its payload.
type AMROptions struct {
	// Wide tells AMR-WB from AMR.
	Wide bool
	// Octet is the octet-aligned payload, else it is bandwidth-efficient.
	Octet bool
	// Modes are the modes that may be sent, a set; 0 is all.
	Modes uint16
}

// AMR reads the parameters of an AMR format. CRC, robust sorting and interleaving are not known here.
func (f Format) AMR() (AMROptions, error) {
	o := AMROptions{Wide: f.Codec == AMRWB}
	for p := range strings.SplitSeq(f.Parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "octet-align":
			o.Octet = value == "1"
		case "mode-set":
			for m := range strings.SplitSeq(value, ",") {
				n, err := strconv.ParseUint(strings.TrimSpace(m), 10, 8)
				if err != nil || n >= uint64(o.sid()) {
					return o, fmt.Errorf("%s mode-set %.40q: %w", f.Codec, value, ErrUnknown)
				}
				o.Modes |= 1 << n
			}
		case "crc", "robust-sorting":
			if value == "1" {
				return o, fmt.Errorf("%s with %s: %w", f.Codec, p, ErrUnknown)
			}
		case "interleaving":
			return o, fmt.Errorf("%s with interleaving: %w", f.Codec, ErrUnknown)
		}
	}
	return o, nil
}

// Allows tells whether frames of a mode may be sent.
func (o AMROptions) Allows(mode int) bool { return o.Modes == 0 || o.Modes&(1<<mode) != 0 }

// Best returns the highest mode that may be sent and is not above limit, or, if all are, the lowest.
func (o AMROptions) Best(limit int) int {
	for m := min(limit, o.sid()-1); m >= 0; m-- {
		if o.Allows(m) {
			return m
		}
	}
	for m := range o.sid() {
		if o.Allows(m) {
			return m
		}
	}
	return 0
}

func (o AMROptions) sid() int {
	if o.Wide {
		return frameSIDAMRWB
	}
	return frameSIDAMR
}

func (o AMROptions) bits(kind byte) int {
	if o.Wide {
		return bitsAMRWB[kind&15]
	}
	return bitsAMR[kind&15]
}

// frame returns the length of the file frame at the start of b, its byte of contents included.
func (o AMROptions) frame(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, ErrAMR
	}
	n := o.bits(b[0] >> 3 & 15)
	if n < 0 || b[0]&0x80 != 0 || 1+(n+7)/8 > len(b) {
		return 0, fmt.Errorf("frame 0x%02x with %d bytes behind it: %w", b[0], len(b)-1, ErrAMR)
	}
	return 1 + (n+7)/8, nil
}

// Pack appends a payload with the given frames, each as in a file and well formed, to dst (RFC 4867 4.3, 4.4). No mode is
// requested.
func (o AMROptions) Pack(dst []byte, frames [][]byte) []byte {
	w := bitWriter{b: dst}
	w.put(15, 4)
	if o.Octet {
		w.align()
	}
	for i, f := range frames {
		toc := f[0] >> 2 & 31
		if i+1 < len(frames) {
			toc |= 32
		}
		w.put(uint(toc), 6)
		if o.Octet {
			w.align()
		}
	}
	for _, f := range frames {
		left := o.bits(f[0] >> 3 & 15)
		for _, b := range f[1:] {
			k := min(left, 8)
			w.put(uint(b>>(8-k)), k)
			left -= k
		}
		if o.Octet {
			w.align()
		}
	}
	return w.b
}

// Split cuts frames as in a file apart.
func (o AMROptions) Split(b []byte) (frames [][]byte, err error) {
	for len(b) > 0 {
		n, err := o.frame(b)
		if err != nil {
			return nil, err
		}
		frames, b = append(frames, b[:n]), b[n:]
	}
	return frames, nil
}

// maxFrames bounds the frames of a payload: 240 ms.
const maxFrames = 12

// Unpack appends the frames of a payload, as in a file, to dst.
func (o AMROptions) Unpack(dst, payload []byte) ([]byte, error) {
	r := bitReader{b: payload}
	start := len(dst)
	r.get(4)
	if o.Octet {
		r.align()
	}
	var toc [maxFrames]byte
	n := 0
	for more := true; more; n++ {
		if n == maxFrames {
			return dst[:start], fmt.Errorf("payload with more than %d frames: %w", maxFrames, ErrAMR)
		}
		t := byte(r.get(6))
		more = t&32 != 0
		toc[n] = t << 2 & 0x7c
		if o.Octet {
			r.align()
		}
	}
	for _, t := range toc[:n] {
		left := o.bits(t >> 3 & 15)
		if left < 0 {
			return dst[:start], fmt.Errorf("frame type %d: %w", t>>3&15, ErrAMR)
		}
		dst = append(dst, t)
		for ; left > 0; left -= 8 {
			k := min(left, 8)
			dst = append(dst, byte(r.get(k)<<(8-k)))
		}
		if o.Octet {
			r.align()
		}
	}
	if r.short {
		return dst[:start], fmt.Errorf("payload of %d bytes is cut short: %w", len(payload), ErrAMR)
	}
	return dst, nil
}

// ParseAMR reads a file of AMR or AMR-WB frames of one channel (RFC 4867 5). What is behind the last whole frame is ignored:
// a recording may have been cut off.
func ParseAMR(data []byte) (wide bool, c *Clip, err error) {
	rest, ok := bytes.CutPrefix(data, []byte(magicAMR))
	if !ok {
		if rest, wide = bytes.CutPrefix(data, []byte(magicAMRWB)); !wide {
			return false, nil, fmt.Errorf("no first line of AMR or AMR-WB: %w", ErrAMR)
		}
	}
	o := AMROptions{Wide: wide}
	ticks := int64(160)
	if wide {
		ticks = 320
	}
	c = &Clip{wide: wide}
	at := 0
	for at < len(rest) {
		n, err := o.frame(rest[at:])
		if err != nil {
			if kind := rest[at] >> 3 & 15; rest[at]&0x80 != 0 || o.bits(kind) < 0 {
				return wide, nil, err
			}
			break
		}
		c.Frames = append(c.Frames, uint32(at))
		at += n
	}
	c.Data, c.Length = rest[:at:at], int64(len(c.Frames))*ticks
	return wide, c, nil
}

// AMRHeader is the first line of a file of AMR or AMR-WB frames.
func AMRHeader(wide bool) string {
	if wide {
		return magicAMRWB
	}
	return magicAMR
}

// Fits tells why the frames of a clip may not be sent in a format: their mode is not in its mode-set.
func (o AMROptions) Fits(c *Clip) error {
	for _, at := range c.Frames {
		if kind := int(c.Data[at] >> 3 & 15); kind < o.sid() && !o.Allows(kind) {
			return fmt.Errorf("mode %d is not in the mode-set: %w", kind, ErrUnknown)
		}
	}
	return nil
}

// AMRNoData is a frame that tells that there is nothing to hear, as in a file.
const AMRNoData = frameNone<<3 | 4

type bitWriter struct {
	b    []byte
	free int // bits not yet used in the last byte
}

func (w *bitWriter) put(v uint, n int) {
	for ; n > 0; n-- {
		if w.free == 0 {
			w.b, w.free = append(w.b, 0), 8
		}
		w.free--
		w.b[len(w.b)-1] |= byte(v>>(n-1)&1) << w.free
	}
}

func (w *bitWriter) align() { w.free = 0 }

type bitReader struct {
	b     []byte
	at    int // in bits
	short bool
}

func (r *bitReader) get(n int) (v uint) {
	for ; n > 0; n-- {
		v <<= 1
		if r.at>>3 >= len(r.b) {
			r.short = true
			continue
		}
		v |= uint(r.b[r.at>>3]>>(7-r.at&7)) & 1
		r.at++
	}
	return v
}

func (r *bitReader) align() { r.at = (r.at + 7) &^ 7 }

// Speech tells whether a frame, as in a file, is speech and no comfort noise or gap.
func (o AMROptions) Speech(frame []byte) bool { return int(frame[0]>>3&15) < o.sid() }
