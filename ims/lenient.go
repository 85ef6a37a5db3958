package ims

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// readXML reads a document in UTF-8, or in ISO-8859-1 or its part US-ASCII where it says so: some S-CSCFs write what their operators
// have typed.
func readXML(b []byte, v any) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		switch strings.ToLower(charset) {
		case "iso-8859-1", "iso8859-1", "latin1", "us-ascii", "ascii":
			return &latin1{in: in}, nil
		}
		return nil, fmt.Errorf("unknown charset %q", charset)
	}
	return d.Decode(v)
}

// latin1 reads ISO-8859-1 as UTF-8: each byte is the character of that number.
type latin1 struct {
	in   io.Reader
	rest []byte // the second byte of the last character
	two  [2]byte
}

// Read implements io.Reader.
func (l *latin1) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(l.rest) == 0 {
		if _, err := io.ReadFull(l.in, l.two[:1]); err != nil {
			return 0, err
		}
		l.rest = l.two[:1]
		if c := l.two[0]; c >= 0x80 {
			l.two = [2]byte{0xc0 | c>>6, 0x80 | c&0x3f}
			l.rest = l.two[:]
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// wholeLines ends the lines of an enclosed message with CRLF, where some S-CSCFs leave LF alone, and its headers with the empty line that
// is lost where a part of several ends.
func wholeLines(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if !bytes.Contains(text, []byte("\n\n")) {
		text = append(bytes.TrimRight(text, "\n"), "\n\n"...)
	}
	return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
}
