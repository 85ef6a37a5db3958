package ims

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// readXML reads a document in any charset of one byte or in UTF-16, too: some S-CSCFs write what their operators have typed. What says
// which, in this order: the first bytes, charset, which is that of the Content-Type and may be "", the document itself (RFC 7303 3).
func readXML(b []byte, charset string, v any) error {
	told := true // by other than the document, whose word then counts for nothing
	switch {
	case wide(b):
		var err error
		if b, err = unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder().Bytes(b); err != nil {
			return err
		}
	case bytes.HasPrefix(b, []byte("\ufeff")):
		b = b[len("\ufeff"):]
	case sameCharset(charset, "utf-8"):
		told = utf8.Valid(b)
	case charset != "":
		e, err := charsetOf(charset)
		if err != nil {
			return err
		}
		if b, err = e.NewDecoder().Bytes(b); err != nil {
			return err
		}
	default:
		told = false
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if told {
			return in, nil
		}
		e, err := charsetOf(charset)
		if err != nil {
			return nil, err
		}
		return e.NewDecoder().Reader(in), nil
	}
	return d.Decode(v)
}

// wide tells whether a document begins with the mark of UTF-16.
func wide(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0xfe, 0xff}) || bytes.HasPrefix(b, []byte{0xff, 0xfe})
}

// charsetOf finds a charset by one of its names.
func charsetOf(name string) (encoding.Encoding, error) {
	switch plainName(name) {
	case "utf8":
		return unicode.UTF8, nil
	case "usascii", "ascii", "ansix341968", "latin1", "l1":
		return charmap.ISO8859_1, nil
	case "latin2", "l2":
		return charmap.ISO8859_2, nil
	case "latin9", "l9", "latin0":
		return charmap.ISO8859_15, nil
	}
	if n, ok := strings.CutPrefix(plainName(name), "cp125"); ok {
		name = "windows125" + n
	}
	for _, e := range charmap.All {
		if known, ok := e.(fmt.Stringer); ok && sameCharset(known.String(), name) {
			return e, nil
		}
	}
	return nil, fmt.Errorf("unknown charset %.64q", name)
}

func sameCharset(a, b string) bool { return plainName(a) == plainName(b) }

// plainName is the name of a charset less what its spellings differ in: ISO_8859-15 and iso8859-15 are one.
func plainName(name string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune("-_ :", c) {
			return -1
		}
		return c
	}, strings.ToLower(name))
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
