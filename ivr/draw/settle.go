package draw

// settle finds the heights: each item wants to be level with its neighbours; where items of a layer want the same place they share
// the middle (pool adjacent violators). The sweeps let the wishes of far layers meet.
func (ch *chart) settle() {
	for _, layer := range ch.layers {
		y := 0.0
		for _, i := range layer {
			ch.items[i].y = y + ch.items[i].height/2
			y += ch.items[i].height + gapY
		}
	}
	for sweep := range 16 {
		for n := range ch.layers {
			k := n
			if sweep%2 == 1 {
				k = len(ch.layers) - 1 - n
			}
			ch.level(ch.layers[k], sweep)
		}
	}
	top := 0.0
	for i := range ch.items {
		top = min(top, ch.items[i].y-ch.items[i].height/2)
	}
	for i := range ch.items {
		it := &ch.items[i]
		it.y -= top
		if it.card >= 0 {
			c := &ch.cards[it.card]
			c.x = float64(c.layer) * (cardWidth + gapX)
			c.y = it.y - it.height/2
		}
	}
}

// level moves the items of a layer towards their wishes, keeping their order and distance.
func (ch *chart) level(layer []int, sweep int) {
	type block struct {
		first, last  int     // items of the layer
		want, weight float64 // of the first item's place, by the wishes of all
	}
	var blocks []block
	offset := 0.0 // of the item within a layer packed tight
	offsets := make([]float64, len(layer))
	for n, i := range layer {
		it := &ch.items[i]
		if n > 0 {
			offset += (ch.items[layer[n-1]].height+it.height)/2 + ch.space(layer[n-1], i)
		}
		offsets[n] = offset
		want, weight := ch.wish(it, sweep)
		b := block{first: n, last: n, want: want - offset, weight: weight}
		blocks = append(blocks, b)
		for len(blocks) > 1 && blocks[len(blocks)-2].want > blocks[len(blocks)-1].want {
			a, b := blocks[len(blocks)-2], blocks[len(blocks)-1]
			w := a.weight + b.weight
			blocks = append(blocks[:len(blocks)-2], block{first: a.first, last: b.last, weight: w, want: (a.want*a.weight + b.want*b.weight) / w})
		}
	}
	for _, b := range blocks {
		for n := b.first; n <= b.last; n++ {
			ch.items[layer[n]].y = b.want + offsets[n]
		}
	}
}

// space is the least distance between neighbours; lines may run closer together.
func (ch *chart) space(a, b int) float64 {
	if ch.items[a].card < 0 && ch.items[b].card < 0 {
		return 10
	}
	if ch.items[a].card < 0 || ch.items[b].card < 0 {
		return 16
	}
	return gapY
}

// wish is where an item would like to be, and how much. Passing lines want to be straight more than cards want to be level.
func (ch *chart) wish(it *item, sweep int) (y, weight float64) {
	links := it.left
	if sweep%2 == 1 {
		links = it.right
	}
	if sweep >= 12 {
		links = append(append([]link(nil), it.left...), it.right...)
	}
	if len(links) == 0 {
		return it.y, 0.2
	}
	for _, l := range links {
		w := 1.0
		if it.card < 0 && ch.items[l.item].card < 0 {
			w = 4
		}
		y += w * (ch.items[l.item].y + l.that - l.own)
		weight += w
	}
	return y / weight, weight
}
