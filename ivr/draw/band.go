package draw

import "slices"

// widest is how many layers stand beside one another; what goes further goes on below, so that a picture fits a page.
const widest = 4

// bands lays a graph out as charts one below the other. Lines from one to another become jumps; the first chart has the first card.
func bands(cs []card, first int) (out []*chart, begin int) {
	whole := &chart{cards: cs}
	whole.cut(first)
	whole.rank()
	deepest := 0
	for i := range cs {
		deepest = max(deepest, cs[i].layer)
	}
	count := (deepest + widest) / widest
	per := (deepest + count) / count
	for i := range cs {
		for r := range cs[i].rows {
			row := &cs[i].rows[r]
			if row.to < 0 || cs[row.to].layer/per == cs[i].layer/per {
				continue
			}
			row.ahead = true
			whole.jump(row)
		}
	}
	whole.arrive()
	for b := range count {
		ch := &chart{}
		local := make([]int, len(cs))
		for i := range cs {
			if cs[i].layer/per == b {
				local[i] = len(ch.cards)
				if i == first {
					begin = local[i]
				}
				ch.cards = append(ch.cards, cs[i])
			}
		}
		for i := range ch.cards {
			for r := range ch.cards[i].rows {
				if row := &ch.cards[i].rows[r]; row.to >= 0 {
					row.to = local[row.to]
				}
			}
		}
		ch.layout()
		out = append(out, ch)
	}
	return out, begin
}

// arrive tells each card who leads to it without a line.
func (ch *chart) arrive() {
	for i := range ch.cards {
		for _, r := range ch.cards[i].rows {
			for k := range ch.cards {
				to := &ch.cards[k]
				if r.ahead && to.name == r.jump && !slices.Contains(to.from, ch.cards[i].name) {
					to.from = append(to.from, ch.cards[i].name)
				}
			}
		}
	}
}

// layout gives every card of a chart without circles its place.
func (ch *chart) layout() {
	ch.rank()
	ch.lay()
	ch.uncross()
	ch.settle()
}
