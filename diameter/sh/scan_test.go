package sh

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// outline is what a document says, in a form that two readers can be compared by.
func outlineOf(b []byte) (string, error) {
	s := scanner{in: b}
	var out strings.Builder
	for {
		t, err := s.next()
		if errors.Is(err, io.EOF) {
			return out.String(), nil
		}
		if err != nil {
			return "", err
		}
		switch t.kind {
		case tokenStart:
			out.WriteString("<" + t.name + ">")
		case tokenEnd:
			out.WriteString("</>")
		case tokenText:
			out.Write(t.text)
		}
	}
}

func standardOutlineOf(b []byte) (string, error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	var out strings.Builder
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out.String(), nil
		}
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			out.WriteString("<" + t.Name.Local + ">")
		case xml.EndElement:
			out.WriteString("</>")
		case xml.CharData:
			out.Write(t)
		}
	}
}

// FuzzScanner: what the scanner accepts, encoding/xml accepts too, and reads the same in it.
func FuzzScanner(f *testing.F) {
	for _, s := range []string{
		`<?xml version="1.0" encoding="UTF-8"?><a b="c" xmlns:d='e'><d:f/>x &lt;&#65;&#x41; <![CDATA[<y>]]><!-- z --></a>`,
		"<a>\r\nb\rc</a>", "<a b='&quot;'></a >", "<a><b></b></a><c/>", "<a>]]></a>", "<a b=\"<\"/>", "<a:b:c/>", "<a>&foo;</a>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := outlineOf(b)
		if err != nil {
			return
		}
		want, err := standardOutlineOf(b)
		if err != nil {
			t.Fatalf("accepted what encoding/xml refuses: %v\n%q", err, b)
		}
		if got != want {
			t.Fatalf("read %q, encoding/xml %q\n%q", got, want, b)
		}
	})
}

func TestScannerRefuses(t *testing.T) {
	for _, s := range []string{
		"<a", "<a>", "</a>", "<a></b>", "<a b></a>", "<a b=c/>", "<a b='c'd='e'/>", "<a>&</a>", "<a>&#0;</a>", "<a>&#xD800;</a>", "<a>\x01</a>",
		"<a>\xff</a>", "<!-- -- --><a/>", "<!-- <a/>", "<![CDATA[x]]><a/>", "x<a/>", "<a/>x", "<?xml version='1.0' encoding='latin1'?><a/>",
		"<?xml version='1.1'?><a/>", "<!ENTITY a 'b'><a/>", "<?<a/>", "<1/>", "<a:/>", "<:a/>", "<é/>", "<a b='\x02'/>", "<a b=']]>'/>",
	} {
		if out, err := outlineOf([]byte(s)); err == nil {
			t.Errorf("%q was read as %q", s, out)
		}
	}
}
