package locate

// entry is one server of a group: a weight, and the addresses of its name in the order in which they are tried.
type entry struct {
	weight uint16
	places []Place
}

// group are the servers of one SRV priority.
type group []entry

// maxPlaces bounds what one question can lead to, whatever its zone says.
const maxPlaces = 32

// arrange puts the places of an answer in the order in which they are tried: groups as they stand, the servers of each by weight
// (RFC 2782). The same seed gives the same order, so that the requests of one call go to one server, and calls spread.
func arrange(dst []Place, groups []group, seed uint64) []Place {
	for _, g := range groups {
		if len(g) == 1 {
			dst = append(dst, g[0].places...)
			continue
		}
		var taken uint32
		for range g {
			i := pick(g, taken, &seed)
			taken |= 1 << i
			dst = append(dst, g[i].places...)
		}
	}
	return dst[:min(len(dst), maxPlaces)]
}

// pick chooses one that was not taken: those without weight stand first, with a small chance while others have one.
func pick(g group, taken uint32, seed *uint64) int {
	sum, first := uint64(0), -1
	for i := range g {
		if taken&(1<<i) == 0 {
			sum += uint64(g[i].weight)
			if first < 0 {
				first = i
			}
		}
	}
	at, run := next(seed)%(sum+1), uint64(0)
	for _, weighted := range [...]bool{false, true} {
		for i := range g {
			if taken&(1<<i) != 0 || g[i].weight > 0 != weighted {
				continue
			}
			if run += uint64(g[i].weight); run >= at {
				return i
			}
		}
	}
	return first
}

// next is a step of splitmix64, which makes good numbers of any seed.
func next(seed *uint64) uint64 {
	*seed += 0x9e3779b97f4a7c15
	z := *seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
