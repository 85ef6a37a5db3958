package wav

import (
	"encoding/binary"
	"fmt"
	"io"
)

// File is what a Writer writes to.
type File interface {
	io.Writer
	io.WriterAt
}

const headerSize = 44

// Writer writes a file of 16-bit PCM. After every Write the lengths in the header are those of the file, so that it can be
// played whatever happens next. It is used by one goroutine.
type Writer struct {
	file     File
	channels int
	bytes    int64
	buf      []byte
}

// maxBytes keeps the 32-bit lengths of the header true.
const maxBytes = 1<<32 - 1 - headerSize

// NewWriter begins an empty file with a header for that many samples a second and channels.
func NewWriter(f File, rate, channels int) (*Writer, error) {
	w := &Writer{file: f, channels: channels}
	h := append(make([]byte, 0, headerSize), "RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00"...)
	h = binary.LittleEndian.AppendUint16(h, uint16(channels))
	h = binary.LittleEndian.AppendUint32(h, uint32(rate))
	h = binary.LittleEndian.AppendUint32(h, uint32(rate*channels*2))
	h = binary.LittleEndian.AppendUint16(h, uint16(channels*2))
	h = append(h, "\x10\x00data\x00\x00\x00\x00"...)
	binary.LittleEndian.PutUint32(h[4:], headerSize-8)
	if _, err := f.Write(h); err != nil {
		return nil, fmt.Errorf("write WAV header: %w", err)
	}
	return w, nil
}

// Write appends samples, those of two channels in turn.
func (w *Writer) Write(pcm []int16) error {
	if len(pcm) == 0 {
		return nil
	}
	w.buf = w.buf[:0]
	for _, s := range pcm {
		w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(s))
	}
	if w.bytes+int64(len(w.buf)) > maxBytes {
		return fmt.Errorf("write WAV: %w: longer than 4 GB", io.ErrShortWrite)
	}
	n, err := w.file.Write(w.buf)
	w.bytes += int64(n - n%(2*w.channels))
	if err != nil {
		return fmt.Errorf("write WAV: %w", err)
	}
	var size [4]byte
	for at, v := range map[int64]int64{4: headerSize - 8 + w.bytes, headerSize - 4: w.bytes} {
		binary.LittleEndian.PutUint32(size[:], uint32(v))
		if _, err := w.file.WriteAt(size[:], at); err != nil {
			return fmt.Errorf("write WAV header: %w", err)
		}
	}
	return nil
}

// Samples returns how many samples of each channel are in the file.
func (w *Writer) Samples() int64 { return w.bytes / int64(2*w.channels) }
