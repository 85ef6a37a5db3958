package draw

import "slices"

// longest is how many layers a line may cross; a longer way is written as a name.
const longest = 4

// item is what has a place in a layer: a card, or a line that passes.
type item struct {
	card   int // -1 for a line that passes
	height float64
	y      float64 // of its middle
	left   []link  // to items of the layer before
	right  []link  // to items of the layer after
}

// link is a line to an item: where it begins or ends, from the middle of each.
type link struct {
	item      int
	own, that float64
}

// chart is a graph with places.
type chart struct {
	cards  []card
	items  []item
	layers [][]int // items, from above to below
	lines  []line
}

// line leads from a row of a card over passing items to a card.
type line struct {
	from, row int
	way       []int // items in between
	to        int
}

// cut turns rows that lead back into jumps: those to a card that is still being visited, going depth first.
func (ch *chart) cut(first int) {
	state := make([]int, len(ch.cards)) // 1 open, 2 done
	var visit func(int)
	visit = func(i int) {
		state[i] = 1
		for r := range ch.cards[i].rows {
			row := &ch.cards[i].rows[r]
			switch {
			case row.to < 0:
			case state[row.to] == 1:
				ch.jump(row)
			case state[row.to] == 0:
				visit(row.to)
			}
		}
		state[i] = 2
	}
	if len(ch.cards) > 0 {
		visit(first)
	}
	for i := range ch.cards {
		if state[i] == 0 {
			visit(i)
		}
	}
}

func (ch *chart) jump(r *row) { r.jump, r.to = ch.cards[r.to].name, -1 }

// rank puts each card a layer after all that lead to it. Lines that would cross too many layers become jumps, and what only
// they held away moves back.
func (ch *chart) rank() {
	for range 3 {
		for i := range ch.cards {
			ch.cards[i].layer = 0
		}
		for range ch.cards { // without circles that many rounds are enough
			moved := false
			for i := range ch.cards {
				for _, r := range ch.cards[i].rows {
					if r.to >= 0 && ch.cards[r.to].layer <= ch.cards[i].layer {
						ch.cards[r.to].layer = ch.cards[i].layer + 1
						moved = true
					}
				}
			}
			if !moved {
				break
			}
		}
		far := false
		for i := range ch.cards {
			for r := range ch.cards[i].rows {
				if row := &ch.cards[i].rows[r]; row.to >= 0 && ch.cards[row.to].layer-ch.cards[i].layer > longest && ch.others(row.to, i) {
					ch.jump(row)
					row.ahead, far = true, true
				}
			}
		}
		if !far {
			break
		}
	}
}

// others tells whether a card is reached by a line from elsewhere, too.
func (ch *chart) others(card, but int) bool {
	for i := range ch.cards {
		for _, r := range ch.cards[i].rows {
			if r.to == card && i != but {
				return true
			}
		}
	}
	return false
}

// lay makes the items and the lines between them.
func (ch *chart) lay() {
	deepest := 0
	for i := range ch.cards {
		deepest = max(deepest, ch.cards[i].layer)
		ch.items = append(ch.items, item{card: i, height: ch.cards[i].height})
	}
	ch.layers = make([][]int, deepest+1)
	for i := range ch.cards {
		l := ch.cards[i].layer
		ch.layers[l] = append(ch.layers[l], i)
	}
	for i := range ch.cards {
		for r, row := range ch.cards[i].rows {
			if row.to < 0 {
				continue
			}
			l := line{from: i, row: r, to: row.to}
			last, at := i, ch.cards[i].port(r)-ch.cards[i].height/2
			for layer := ch.cards[i].layer + 1; layer < ch.cards[row.to].layer; layer++ {
				ch.items = append(ch.items, item{card: -1, height: 6})
				n := len(ch.items) - 1
				ch.layers[layer] = append(ch.layers[layer], n)
				ch.link(last, n, at, 0)
				l.way = append(l.way, n)
				last, at = n, 0
			}
			ch.link(last, row.to, at, headHeight/2-ch.cards[row.to].height/2)
			ch.lines = append(ch.lines, l)
		}
	}
}

// port is how far below the top of a card a row has its line.
func (c *card) port(row int) float64 {
	return c.height - 6 - float64(len(c.rows)-row)*rowHeight + rowHeight/2
}

func (ch *chart) link(a, b int, from, to float64) {
	ch.items[a].right = append(ch.items[a].right, link{b, from, to})
	ch.items[b].left = append(ch.items[b].left, link{a, to, from})
}

// uncross orders each layer by the middle of its neighbours, sweeping to and fro, and keeps the order with the fewest crossings.
func (ch *chart) uncross() {
	pos := make([]float64, len(ch.items))
	number := func() {
		for _, layer := range ch.layers {
			y := 0.0
			for _, i := range layer {
				pos[i] = y + ch.items[i].height/2
				y += ch.items[i].height + gapY
			}
		}
	}
	number()
	best, few := clone(ch.layers), ch.crossings(pos)
	for sweep := range 24 {
		for n := range ch.layers {
			k, side := n, func(i *item) []link { return i.left }
			if sweep%2 == 1 {
				k, side = len(ch.layers)-1-n, func(i *item) []link { return i.right }
			}
			ch.sort(ch.layers[k], pos, side)
			number()
		}
		if c := ch.crossings(pos); c < few {
			best, few = clone(ch.layers), c
		}
	}
	ch.layers = best
}

func clone(layers [][]int) [][]int {
	out := make([][]int, len(layers))
	for i := range layers {
		out[i] = slices.Clone(layers[i])
	}
	return out
}

func (ch *chart) sort(layer []int, pos []float64, side func(*item) []link) {
	want := map[int]float64{}
	for _, i := range layer {
		want[i] = pos[i]
		if links := side(&ch.items[i]); len(links) > 0 {
			sum := 0.0
			for _, l := range links {
				sum += pos[l.item] + l.that
			}
			want[i] = sum / float64(len(links))
		}
	}
	slices.SortStableFunc(layer, func(a, b int) int {
		switch d := want[a] - want[b]; {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
}

// crossings counts lines that cross between neighbouring layers.
func (ch *chart) crossings(pos []float64) (n int) {
	for _, layer := range ch.layers {
		var ends [][2]float64
		for _, i := range layer {
			for _, l := range ch.items[i].right {
				ends = append(ends, [2]float64{pos[i] + l.own, pos[l.item] + l.that})
			}
		}
		for a := range ends {
			for _, b := range ends[:a] {
				if (ends[a][0]-b[0])*(ends[a][1]-b[1]) < 0 {
					n++
				}
			}
		}
	}
	return n
}
