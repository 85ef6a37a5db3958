package draw_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bifrons/bifrons/ivr/draw"
	"github.com/bifrons/bifrons/ivr/flow"
)

// picture is what a test looks at.
type picture struct {
	text  []string
	cards []rect
}

type rect struct{ x, y, w, h float64 }

func look(t *testing.T, svg []byte) (p picture) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return p
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
		switch x := tok.(type) {
		case xml.CharData:
			if s := strings.TrimSpace(string(x)); s != "" {
				p.text = append(p.text, s)
			}
		case xml.StartElement:
			a := map[string]string{}
			for _, at := range x.Attr {
				a[at.Name.Local] = at.Value
			}
			if x.Name.Local == "rect" && a["class"] == "card" {
				var r rect
				if _, err := fmt.Sscan(a["x"], &r.x); err != nil {
					t.Fatal(err)
				}
				_, _ = fmt.Sscan(a["y"]+" "+a["width"]+" "+a["height"], &r.y, &r.w, &r.h)
				p.cards = append(p.cards, r)
			}
		}
	}
}

// TestSamples: every node has its card, no two cards lie upon one another, and the picture is the same each time.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("../../configs/ivr/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			f, err := flow.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			svg := draw.SVG(f)
			if !bytes.Equal(svg, draw.SVG(f)) {
				t.Error("another picture the second time")
			}
			p := look(t, svg)
			nodes := 0
			for _, g := range f.Graphs() {
				nodes += len(g.Nodes)
			}
			if len(p.cards) != nodes {
				t.Errorf("%d cards of %d nodes", len(p.cards), nodes)
			}
			apart(t, p.cards)
			for _, c := range p.cards {
				if c.x+c.w > 1400 {
					t.Errorf("a card at %v: the picture is wider than a page", c)
				}
			}
		})
	}
}

func apart(t *testing.T, cards []rect) {
	t.Helper()
	for i, a := range cards {
		for _, b := range cards[:i] {
			if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
				t.Errorf("two cards overlap: %v %v", a, b)
			}
		}
	}
}

// TestHostileTexts: what is written in a menu stays text.
func TestHostileTexts(t *testing.T) {
	f, err := flow.Parse("x.yaml", []byte("title: \"<script>alert(1)</script> & \\\" \\u0001\"\nnodes: {a: {say: \"</text><script>\", menu: {1: a}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	svg := draw.SVG(f)
	if bytes.Contains(svg, []byte("<script")) {
		t.Errorf("a script came through:\n%s", svg)
	}
	look(t, svg)
}

// TestLargeMenu: a menu of hundreds of nodes, each leading to many, is drawn in no time and without overlap.
func TestLargeMenu(t *testing.T) {
	var b strings.Builder
	b.WriteString("nodes:\n")
	for i := range 300 {
		fmt.Fprintf(&b, "  n%d: {say: Node %d of many., menu: {1: n%d, 2: n%d, 3: n%d}}\n", i, i, (i*2+1)%300, (i*2+2)%300, (i*7+5)%300)
	}
	f, err := flow.Parse("x.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	p := look(t, draw.SVG(f))
	if len(p.cards) != 300 {
		t.Errorf("%d cards", len(p.cards))
	}
	apart(t, p.cards)
}
