package draw

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/bifrons/bifrons/ivr/flow"
)

const margin = 28

// shapes are what of the look has no colour; hues are the colours of classes, named by palettes. The names are resolved here and not by
// variables of CSS, which many viewers of SVG do not know.
const (
	shapes = `
text{font:12.5px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.shade{fill:#000;opacity:.05}
.head{font-weight:600;font-size:13.5px;fill:#fff}.kind{font-size:11px;fill:#fff;opacity:.85}
.title{font-style:italic}.jump{font-size:11.5px}.keytext{font-weight:600;font-size:11.5px}
.line{fill:none;stroke-width:1.6}.big{font-size:21px;font-weight:650}.small{font-size:12px}
.mark{fill:#fff;font-size:11px;font-weight:600}
a:hover .card{stroke-width:2}
`
	hues = `text{fill:$ink}.paper{fill:$paper}.card{fill:$card;stroke:$edge}.head,.kind,.mark{fill:#fff}
.title,.what,.label,.jump,.small{fill:$soft}.rule{stroke:$edge}.key{fill:$card;stroke:$soft}.line{stroke:$line}.tip{fill:$line}
.voice{fill:$voice}.menu{fill:$menu}.input{fill:$reply}.talk,.start{fill:$talk}.world{fill:$world}.logic{fill:$logic}.end{fill:$over}
`
)

// palettes are the colours by light and by dark.
var palettes = [2]*strings.Replacer{
	strings.NewReplacer("$paper", "#fbfbfd", "$card", "#ffffff", "$edge", "#d9dce3", "$ink", "#1f2430", "$soft", "#667085", "$line", "#98a2b3",
		"$voice", "#2f6fde", "$menu", "#7a4fd6", "$reply", "#0f8f8c", "$talk", "#2c8a4b", "$world", "#c2571a", "$logic", "#a87908", "$over", "#5d6675"),
	strings.NewReplacer("$paper", "#14161b", "$card", "#1e222a", "$edge", "#353b47", "$ink", "#e8eaf0", "$soft", "#a3abba", "$line", "#6b7484",
		"$voice", "#6da2ff", "$menu", "#b08cff", "$reply", "#3fc9c4", "$talk", "#58c47c", "$world", "#f08f55", "$logic", "#e0b23c", "$over", "#98a2b3"),
}

// style is the look of all pictures.
func style() string {
	return shapes + palettes[0].Replace(hues) + "@media (prefers-color-scheme:dark){" + palettes[1].Replace(hues) + "}\n"
}

// SVG draws an application.
func SVG(f *flow.Flow) []byte {
	p := &pen{}
	y := float64(margin + 64)
	wide := 460.0
	for _, g := range f.Graphs() {
		if len(g.Nodes) == 0 {
			continue
		}
		if g.Sub != "" {
			y += 52
			p.text(margin, y, "big", "sub "+g.Sub)
			about := ""
			if len(g.Params) > 0 {
				about = "gets " + strings.Join(g.Params, ", ")
			}
			if len(g.Results) > 0 {
				about = strings.TrimPrefix(about+"; gives "+strings.Join(g.Results, ", "), "; ")
			}
			p.text(margin+width("sub "+g.Sub, 23)+24, y, "small", about)
			y += 30
		}
		w, h := p.graph(f, g, y)
		wide, y = max(wide, w), y+h
	}
	wide += margin
	high := y + margin
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="%s">`,
		wide, high, wide, high, escape(name(f)))
	fmt.Fprintf(&b, "\n<style>%s</style>\n<rect class=\"paper\" width=\"100%%\" height=\"100%%\" rx=\"14\"/>\n", style())
	head := &pen{}
	head.text(margin, margin+16, "big", name(f))
	head.text(margin, margin+36, "small", about(f))
	b.Write(head.b.Bytes())
	b.Write(p.b.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func name(f *flow.Flow) string {
	if f.Title != "" {
		return f.Title
	}
	return f.Name
}

// about says what holds for the whole application.
func about(f *flow.Flow) string {
	parts := []string{f.Name}
	nodes := 0
	for _, g := range f.Graphs() {
		nodes += len(g.Nodes)
	}
	parts = append(parts, fmt.Sprintf("%d nodes", nodes))
	if len(f.Languages) > 0 {
		parts = append(parts, strings.Join(f.Languages, " "))
	}
	if f.Zone != "" {
		parts = append(parts, f.Zone)
	}
	if f.Early {
		parts = append(parts, "in early media")
	}
	if r := f.OnError; r.Set() {
		parts = append(parts, "on error: "+r.Name)
	}
	if r := f.OnHangup; r.Set() {
		parts = append(parts, "after the caller hung up: "+r.Name)
	}
	if r := f.OnSubscribe; r.Set() {
		parts = append(parts, "for who subscribes: "+r.Name)
	}
	if r := f.Defaults.Failed; r != nil && r.Next.Set() {
		parts = append(parts, "after too many attempts: "+r.Next.Name)
	}
	return strings.Join(parts, "  ·  ")
}

// pen writes SVG.
type pen struct{ b bytes.Buffer }

func (p *pen) put(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '"':
			b.WriteString("&quot;")
		case r < ' ' && r != '\n', r == 0xfffd, r == 0xfffe, r == 0xffff:
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (p *pen) text(x, y float64, class, s string, more ...string) {
	if s != "" {
		p.put(`<text x="%.1f" y="%.1f" class="%s"%s>%s</text>`, x, y, class, strings.Join(more, ""), escape(s))
	}
}

// graph draws a graph below y; it tells how wide and high it is.
func (p *pen) graph(f *flow.Flow, g flow.Graph, y float64) (wide, high float64) {
	cs := cards(f, g)
	first := 0
	for i := range cs {
		if cs[i].name == g.First() {
			first = i
		}
	}
	all, begin := bands(cs, first)
	for n, ch := range all {
		if n > 0 {
			high += bandGap
		}
		w, h := p.chart(ch, y+high)
		if wide = max(wide, w); n == 0 {
			p.start(&ch.cards[begin])
		}
		high += h
	}
	return wide, high
}

// bandGap is between a chart and the one below it.
const bandGap = 58

// start draws the telephone that leads to the first card.
func (p *pen) start(c *card) {
	sy := c.y + headHeight/2
	p.put(`<path class="line" d="M%.1f %.1fH%.1f"/><path class="tip" d="M%.1f %.1fl-7 -4v8z"/>`, margin+32.0, sy, c.x-6, c.x-1, sy)
	p.put(`<circle class="start" cx="%.1f" cy="%.1f" r="16"/>`, margin+16.0, sy)
	p.text(margin+16, sy+5, "mark", "☎", ` text-anchor="middle" style="font-size:15px"`)
}

// chart draws a chart below y; it tells how wide and high it is.
func (p *pen) chart(ch *chart, y float64) (wide, high float64) {
	left := margin + 58.0
	for i := range ch.cards {
		c := &ch.cards[i]
		c.x, c.y = c.x+left, c.y+y
		wide, high = max(wide, c.x+cardWidth), max(high, c.y+c.height-y)
	}
	for i := range ch.items {
		ch.items[i].y += y
	}
	for _, l := range ch.lines {
		p.line(ch, l, left)
	}
	for i := range ch.cards {
		p.card(&ch.cards[i])
	}
	return wide, high
}

// line draws a line from a row to a card, over the layers it passes.
func (p *pen) line(ch *chart, l line, left float64) {
	from := &ch.cards[l.from]
	x, y := from.x+cardWidth, from.y+from.port(l.row)
	d := fmt.Sprintf("M%.1f %.1f", x, y)
	to := &ch.cards[l.to]
	curve := func(tx, ty float64) {
		bend := math.Max(28, (tx-x)/2)
		d += fmt.Sprintf("C%.1f %.1f %.1f %.1f %.1f %.1f", x+bend, y, tx-bend, ty, tx, ty)
		x, y = tx, ty
	}
	for n, i := range l.way {
		lx := left + float64(from.layer+1+n)*(cardWidth+gapX)
		curve(lx, ch.items[i].y)
		x += cardWidth
		d += fmt.Sprintf("H%.1f", x)
	}
	curve(to.x-6, to.y+headHeight/2)
	p.put(`<path class="line" d="%s"/><path class="tip" d="M%.1f %.1fl-7 -4v8z"/>`, d, to.x-1, to.y+headHeight/2)
}

// card draws a node.
func (p *pen) card(c *card) {
	p.put(`<g id="%s"><title>%s</title>`, escape(c.name), escape(c.tip))
	p.put(`<rect class="shade" x="%.1f" y="%.1f" width="%d" height="%.1f" rx="9"/>`, c.x+1, c.y+3, cardWidth, c.height)
	p.put(`<rect class="card" x="%.1f" y="%.1f" width="%d" height="%.1f" rx="9"/>`, c.x, c.y, cardWidth, c.height)
	p.put(`<path class="%s" d="M%.1f %.1fv%da9 9 0 0 1 9 -9h%da9 9 0 0 1 9 9v%dz"/>`, c.class, c.x, c.y+headHeight, -(headHeight - 9), cardWidth-18, headHeight-9)
	p.text(c.x+padding, c.y+22, "head", clip(c.name, cardWidth-2*padding-width(string(c.kind), 11)-12))
	p.text(c.x+cardWidth-padding, c.y+22, "kind", strings.ReplaceAll(string(c.kind), "_", " "), ` text-anchor="end"`)
	if len(c.from) > 0 {
		p.text(c.x+4, c.y-7, "jump", clip("from "+strings.Join(c.from, ", "), cardWidth-8))
	}
	y := c.y + headHeight
	if c.title != "" {
		y += lineHeight
		p.text(c.x+padding, y, "title", clip(c.title, cardWidth-2*padding))
	}
	if len(c.text) > 0 {
		y += 4
	}
	for i, t := range c.text {
		y += lineHeight
		if i < c.quote {
			p.put(`<rect class="%s" x="%.1f" y="%.1f" width="2.5" height="%d" opacity=".55"/>`, c.class, c.x+padding-4, y-13, lineHeight)
			p.text(c.x+padding+5, y, "said", t)
			continue
		}
		p.text(c.x+padding, y, "what", t)
	}
	for i, r := range c.rows {
		p.row(c, r, c.y+c.port(i))
	}
	p.put(`</g>`)
}

// row draws a branch: a key of a telephone or a word, and a dot where the line begins, or the name of where it goes.
func (p *pen) row(c *card, r row, y float64) {
	x := c.x + padding
	free := cardWidth - 2*padding - 10.0
	if r.key {
		w := math.Max(20, width(r.label, 11.5)+12)
		p.put(`<rect class="key" x="%.1f" y="%.1f" width="%.1f" height="18" rx="4"/>`, x, y-9, w)
		p.text(x+w/2, y+4, "keytext", r.label, ` text-anchor="middle"`)
		free -= w + 6
	} else {
		label := clip(r.label, free)
		if r.jump != "" {
			label = clip(r.label, free*0.6)
		}
		p.text(x, y+4, "label", label)
		free -= width(label, textSize) + 6
	}
	if r.jump == "" {
		p.put(`<circle class="%s" cx="%.1f" cy="%.1f" r="4"/>`, c.class, c.x+cardWidth, y)
		return
	}
	mark := "↩ "
	if r.ahead {
		mark = "↓ "
	}
	if strings.HasPrefix(r.jump, "end") {
		p.text(c.x+cardWidth-padding, y+4, "jump", "◼ "+clip(r.jump, free), ` text-anchor="end"`)
		return
	}
	p.put(`<a href="#%s">`, escape(r.jump))
	p.text(c.x+cardWidth-padding, y+4, "jump", mark+clip(r.jump, free), ` text-anchor="end"`)
	p.put(`</a>`)
}
