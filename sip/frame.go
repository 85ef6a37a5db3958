package sip

import (
	"bytes"
	"errors"
)

// Limits of a message on a stream, where its length is not that of a datagram.
const (
	maxHead = 64 << 10
	maxBody = 256 << 10
)

// Errors of a stream after which no message can be told from the next.
var (
	ErrNoLength = errors.New("sip: no Content-Length on a stream")    // RFC 3261 20.14
	ErrTooLong  = errors.New("sip: message is too long for a stream") // RFC 3261 21.5.7
	errFraming  = errors.New("sip: two lengths on a stream")
)

// frame cuts messages out of a stream (RFC 3261 18.3).
type frame struct {
	buf    []byte
	start  int // of what is not yet handed over
	seen   int // bytes from start on in which no end of a head is
	blanks int // CR and LF since the last message: two pairs are a ping (RFC 5626 4.4.1)
}

// room returns where the next bytes of the stream go.
func (f *frame) room() []byte {
	if f.start > 0 && f.start == len(f.buf) {
		f.buf, f.start = f.buf[:0], 0
	}
	if cap(f.buf)-len(f.buf) < 2048 {
		rest := f.buf[f.start:]
		size := cap(f.buf)
		if len(rest)+4096 > size {
			size = 2*len(rest) + 8192
		}
		f.buf, f.start = append(make([]byte, 0, size), rest...), 0
	}
	return f.buf[len(f.buf):cap(f.buf)]
}

// filled says how many bytes were read into the room.
func (f *frame) filled(n int) { f.buf = f.buf[:len(f.buf)+n] }

// partial tells whether a message has begun and is not complete.
func (f *frame) partial() bool { return f.start < len(f.buf) }

// next returns the next message, which stays valid until room is called; nil when more bytes are needed. pings is how many
// pings were passed. After an error that is not nil the stream is lost; a message that comes with it can still be answered.
func (f *frame) next() (message []byte, pings int, err error) {
	for f.start < len(f.buf) && (f.buf[f.start] == '\r' || f.buf[f.start] == '\n') {
		f.start++
		if f.blanks++; f.blanks == 4 {
			f.blanks = 0
			pings++
		}
	}
	b := f.buf[f.start:]
	if len(b) == 0 {
		return nil, pings, nil
	}
	f.blanks = 0
	head := bytes.Index(b[max(f.seen-3, 0):], []byte("\r\n\r\n"))
	if head < 0 {
		f.seen = len(b)
		if len(b) > maxHead {
			return nil, pings, ErrTooLong
		}
		return nil, pings, nil
	}
	head += max(f.seen-3, 0) + 4
	length, err := lengthOf(b[:head])
	switch {
	case err != nil:
		return b[:head], pings, err
	case head > maxHead || length > maxBody:
		return b[:head], pings, ErrTooLong
	case len(b) < head+length:
		return nil, pings, nil
	}
	f.start += head + length
	f.seen = 0
	return b[:head+length], pings, nil
}

// lengthOf reads the Content-Length of a head. Folded lines are looked at as they stand: a length that is folded is refused.
func lengthOf(head []byte) (int, error) {
	length := -1
	for first := true; len(head) > 0; first = false {
		i := bytes.IndexByte(head, '\n') + 1
		line := head[:i]
		head = head[i:]
		name, value, ok := bytes.Cut(line, []byte(":"))
		name = trim(name)
		if first || !ok || !EqualFold(name, "Content-Length") && !EqualFold(name, "l") {
			continue
		}
		n, ok := number(trim(bytes.TrimRight(value, "\r\n")))
		if !ok || n < 0 {
			return 0, ErrNoLength
		}
		if length >= 0 && n != length {
			return 0, errFraming
		}
		length = n
	}
	if length < 0 {
		return 0, ErrNoLength
	}
	return length, nil
}
