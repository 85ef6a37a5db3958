package sip

import "bytes"

// Limits of a message on a stream, where its length is not that of a datagram.
const (
	maxHead = 64 << 10
	maxBody = 256 << 10
)

// Errors of a stream after which no message can be told from the next. The message at hand gets their status.
var (
	errNoLength = &ParseError{Status: 400, Text: "no Content-Length on a stream"} // RFC 3261 20.14
	errFraming  = &ParseError{Status: 400, Text: "two lengths, or broken lines, on a stream"}
	errShort    = &ParseError{Status: 400, Text: "the stream ends within a message"}
	errHead     = &ParseError{Status: 513, Text: "headers are too long"} // RFC 3261 21.5.7
	errBody     = &ParseError{Status: 413, Text: "body is too long"}     // RFC 3261 21.4.11
)

// frame cuts messages out of a stream (RFC 3261 18.3).
type frame struct {
	buf    []byte
	start  int // of what is not yet handed over
	seen   int // bytes from start on in which no end of a head is
	blanks int // CR and LF since the last message: two pairs are a ping (RFC 5626 4.4.1)
}

// keep is the largest buffer that a connection keeps between messages.
const keep = 64 << 10

// room returns where the next bytes of the stream go.
func (f *frame) room() []byte {
	if f.start > 0 && f.start == len(f.buf) {
		if f.buf, f.start = f.buf[:0], 0; cap(f.buf) > keep {
			f.buf = nil
		}
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
			return b[:maxHead], pings, errHead
		}
		return nil, pings, nil
	}
	head += max(f.seen-3, 0) + 4
	if head > maxHead {
		return b[:maxHead], pings, errHead
	}
	length, err := lengthOf(b[:head])
	switch {
	case err != nil:
		return b[:head], pings, err
	case length > maxBody:
		return b[:head], pings, errBody
	case len(b) < head+length:
		return nil, pings, nil
	}
	f.start += head + length
	f.seen = 0
	return b[:head+length], pings, nil
}

// rest returns a message whose body has not come in full, nil if not even its head has.
func (f *frame) rest() []byte {
	if b := f.buf[f.start:]; bytes.Contains(b, []byte("\r\n\r\n")) {
		return b
	}
	return nil
}

// lengthOf reads the Content-Length of a head. What a lenient reader could see elsewhere than we is refused: a bare CR or LF, a
// second length, one that is folded.
func lengthOf(head []byte) (int, error) {
	length, last := -1, false
	for first := true; len(head) > 0; first = false {
		line, rest, ok := cutLine(head)
		if !ok || bytes.IndexByte(line, '\r') >= 0 {
			return 0, errFraming
		}
		head = rest
		if len(line) > 0 && isBlank(line[0]) {
			if last {
				return 0, errFraming
			}
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		name = trim(name)
		last = !first && ok && (EqualFold(name, "Content-Length") || EqualFold(name, "l"))
		if !last {
			continue
		}
		n, ok := number(trim(value))
		switch {
		case !ok:
			return 0, errNoLength
		case length >= 0:
			return 0, errFraming
		}
		length = n
	}
	if length < 0 {
		return 0, errNoLength
	}
	return length, nil
}
