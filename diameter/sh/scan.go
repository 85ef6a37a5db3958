package sh

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scanner reads the part of XML that Sh-Data is made of: elements, attributes, text, CDATA, comments and processing
// instructions, in UTF-8. It refuses document types and entities other than the five of XML, and it refuses whatever
// encoding/xml refuses; a fuzz test holds the two together. It is here because a document is read for every answer, and
// encoding/xml takes four times as long.
type scanner struct {
	in    []byte
	pos   int
	names []string // open elements, with their prefixes
	half  bool     // an empty-element tag whose end is still to be told
}

type tokenKind uint8

const (
	tokenStart tokenKind = iota
	tokenEnd
	tokenText
)

// token is a piece of the document: from and to are its place in it.
type token struct {
	kind     tokenKind
	name     string // local name of a start
	text     []byte
	from, to int
	// prefixes are the namespace declarations of a start that have a prefix.
	prefixes []prefix
}

// prefix is a namespace declaration; its value is as it stands in the document.
type prefix struct{ name, value string }

var errXML = errors.New("not well-formed")

func (s *scanner) fail(what string) error {
	return fmt.Errorf("%w: %s at byte %d", errXML, what, s.pos)
}

// next returns the next token that matters; io.EOF at the end, when every element is closed.
func (s *scanner) next() (token, error) {
	if s.half {
		s.half = false
		s.names = s.names[:len(s.names)-1]
		return token{kind: tokenEnd, from: s.pos, to: s.pos}, nil
	}
	for s.pos < len(s.in) {
		from := s.pos
		if s.in[s.pos] != '<' {
			return s.text(from)
		}
		rest := s.in[s.pos:]
		var err error
		switch {
		case bytes.HasPrefix(rest, []byte("<!--")):
			err = s.comment()
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			return s.cdata(from)
		case bytes.HasPrefix(rest, []byte("<!")):
			return token{}, s.fail("a document type is not allowed")
		case bytes.HasPrefix(rest, []byte("<?")):
			err = s.instruction()
		case bytes.HasPrefix(rest, []byte("</")):
			return s.end(from)
		default:
			return s.start(from)
		}
		if err != nil {
			return token{}, err
		}
	}
	if len(s.names) > 0 {
		return token{}, s.fail("the end is missing")
	}
	return token{}, io.EOF
}

func (s *scanner) comment() error {
	i := bytes.Index(s.in[s.pos+4:], []byte("--"))
	if i < 0 || !bytes.HasPrefix(s.in[s.pos+4+i:], []byte("-->")) {
		return s.fail("comment")
	}
	if !characters(s.in[s.pos : s.pos+4+i]) {
		return s.fail("character")
	}
	s.pos += 4 + i + 3
	return nil
}

func (s *scanner) instruction() error {
	i := bytes.Index(s.in[s.pos+2:], []byte("?>"))
	if i < 0 {
		return s.fail("processing instruction")
	}
	inside := s.in[s.pos+2 : s.pos+2+i]
	name := nameLength(inside)
	if name == 0 || !characters(inside) {
		return s.fail("processing instruction")
	}
	if string(inside[:name]) == "xml" {
		if err := s.declaration(inside[name:]); err != nil {
			return err
		}
	}
	s.pos += 2 + i + 2
	return nil
}

// declaration checks the XML declaration: version 1.0, UTF-8, and nothing odd.
func (s *scanner) declaration(b []byte) error {
	for b = skipSpace(b); len(b) > 0; b = skipSpace(b) {
		n := nameLength(b)
		rest := b[n:]
		if n == 0 || len(rest) < 2 || rest[0] != '=' || rest[1] != '"' && rest[1] != '\'' {
			return s.fail("XML declaration")
		}
		end := bytes.IndexByte(rest[2:], rest[1])
		if end < 0 {
			return s.fail("XML declaration")
		}
		value := string(rest[2 : 2+end])
		switch string(b[:n]) {
		case "version":
			if value != "1.0" {
				return s.fail("only XML 1.0 is read")
			}
		case "encoding":
			if !strings.EqualFold(value, "utf-8") {
				return s.fail("only UTF-8 is read")
			}
		case "standalone":
			if value != "yes" && value != "no" {
				return s.fail("XML declaration")
			}
		default:
			return s.fail("XML declaration")
		}
		b = rest[2+end+1:]
	}
	return nil
}

func (s *scanner) cdata(from int) (token, error) {
	start := s.pos + len("<![CDATA[")
	i := bytes.Index(s.in[start:], []byte("]]>"))
	if i < 0 || len(s.names) == 0 || !characters(s.in[start:start+i]) {
		return token{}, s.fail("CDATA")
	}
	s.pos = start + i + 3
	return token{kind: tokenText, text: newlines(s.in[start : start+i]), from: from, to: s.pos}, nil
}

func (s *scanner) text(from int) (token, error) {
	end := bytes.IndexByte(s.in[from:], '<')
	if end < 0 {
		end = len(s.in) - from
	}
	raw := s.in[from : from+end]
	if bytes.Contains(raw, []byte("]]>")) {
		return token{}, s.fail("]]> in text")
	}
	text, err := unescape(raw)
	if err != nil {
		return token{}, s.fail(err.Error())
	}
	if len(s.names) == 0 && len(bytes.TrimSpace(text)) > 0 {
		return token{}, s.fail("text outside of the document")
	}
	s.pos = from + end
	return token{kind: tokenText, text: text, from: from, to: s.pos}, nil
}

func (s *scanner) end(from int) (token, error) {
	rest := s.in[s.pos+2:]
	n := nameLength(rest)
	after := skipSpace(rest[n:])
	if n == 0 || len(after) == 0 || after[0] != '>' || len(s.names) == 0 || s.names[len(s.names)-1] != string(rest[:n]) {
		return token{}, s.fail("end tag")
	}
	s.names = s.names[:len(s.names)-1]
	s.pos = len(s.in) - len(after) + 1
	return token{kind: tokenEnd, from: from, to: s.pos}, nil
}

func (s *scanner) start(from int) (token, error) {
	rest := s.in[s.pos+1:]
	n := nameLength(rest)
	if n == 0 {
		return token{}, s.fail("start tag")
	}
	name := string(rest[:n])
	t := token{kind: tokenStart, name: local(name), from: from}
	rest = rest[n:]
	for {
		after := skipSpace(rest)
		switch {
		case len(after) == 0:
			return token{}, s.fail("start tag")
		case after[0] == '>':
			s.pos = len(s.in) - len(after) + 1
		case bytes.HasPrefix(after, []byte("/>")):
			s.pos = len(s.in) - len(after) + 2
			s.half = true
		case len(after) == len(rest):
			return token{}, s.fail("no space before an attribute")
		default:
			var err error
			if rest, err = s.attribute(after, &t); err != nil {
				return token{}, err
			}
			continue
		}
		s.names = append(s.names, name)
		t.to = s.pos
		return t, nil
	}
}

// attribute reads one; only declarations of namespace prefixes are kept.
func (s *scanner) attribute(b []byte, t *token) (rest []byte, err error) {
	n := nameLength(b)
	rest = skipSpace(b[n:])
	if n == 0 || len(rest) == 0 || rest[0] != '=' {
		return nil, s.fail("attribute")
	}
	rest = skipSpace(rest[1:])
	if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
		return nil, s.fail("attribute")
	}
	end := bytes.IndexByte(rest[1:], rest[0])
	if end < 0 {
		return nil, s.fail("attribute")
	}
	value := rest[1 : 1+end]
	if bytes.IndexByte(value, '<') >= 0 || bytes.Contains(value, []byte("]]>")) {
		return nil, s.fail("attribute value")
	}
	if _, err := unescape(value); err != nil {
		return nil, s.fail(err.Error())
	}
	if p, ok := bytes.CutPrefix(b[:n], []byte("xmlns:")); ok {
		t.prefixes = append(t.prefixes, prefix{string(p), string(value)})
	}
	return rest[end+2:], nil
}

func local(name string) string {
	if i := strings.IndexByte(name, ':'); i > 0 && i < len(name)-1 {
		return name[i+1:]
	}
	return name
}

func skipSpace(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\n") }

// nameLength returns how long the name at the start of b is; 0 when there is none, or one with two colons.
func nameLength(b []byte) int {
	n, colons := 0, 0
	for n < len(b) {
		c := b[n]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		switch {
		case letter:
		case c == ':':
			colons++
		case n > 0 && (c >= '0' && c <= '9' || c == '-' || c == '.'):
		default:
			if c >= utf8.RuneSelf {
				return 0 // no element of Sh-Data has such a name, and services can do without
			}
			goto end
		}
		n++
	}
end:
	if colons > 1 || n > 0 && (b[0] == ':' || b[n-1] == ':') {
		return 0
	}
	return n
}

// unescape resolves the references in text; the five of XML and numbers.
func unescape(b []byte) ([]byte, error) {
	if !characters(b) {
		return nil, errors.New("character")
	}
	i := bytes.IndexByte(b, '&')
	if i < 0 {
		return newlines(b), nil
	}
	out := make([]byte, 0, len(b))
	for ; i >= 0; i = bytes.IndexByte(b, '&') {
		out = append(out, newlines(b[:i])...)
		b = b[i+1:]
		end := bytes.IndexByte(b, ';')
		if end < 0 {
			return nil, errors.New("reference")
		}
		r, ok := reference(string(b[:end]))
		if !ok {
			return nil, errors.New("reference")
		}
		out = utf8.AppendRune(out, r)
		b = b[end+1:]
	}
	return append(out, newlines(b)...), nil
}

func reference(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "apos":
		return '\'', true
	case "quot":
		return '"', true
	}
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return 0, false
	}
	base := 10
	if strings.HasPrefix(digits, "x") {
		digits, base = digits[1:], 16
	}
	if strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, base, 21)
	return rune(n), err == nil && character(rune(n))
}

// newlines does what XML 1.0 2.11 asks: every line end is one line feed.
func newlines(b []byte) []byte {
	if bytes.IndexByte(b, '\r') < 0 {
		return b
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
}

// characters tells whether the bytes are UTF-8 of characters that XML allows.
func characters(b []byte) bool {
	for i := 0; i < len(b); {
		if c := b[i]; c < utf8.RuneSelf {
			if c < 0x20 && c != '\t' && c != '\n' && c != '\r' {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 || !character(r) {
			return false
		}
		i += n
	}
	return true
}

// character is the production Char of XML 1.0 2.2.
func character(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= 0x10ffff
}
