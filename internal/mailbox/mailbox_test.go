package mailbox

import (
	"sync"
	"testing"
)

func TestEventsOfOneSenderStayInOrderAndAlone(t *testing.T) {
	var b Box[[2]int]
	var wg sync.WaitGroup
	var inside, handled int // touched only by the holder: the race detector watches
	last := map[int]int{}
	handle := func(e [2]int) {
		inside++
		if inside != 1 {
			t.Error("two events at once")
		}
		if e[1] != last[e[0]]+1 {
			t.Errorf("sender %d: %d after %d", e[0], e[1], last[e[0]])
		}
		last[e[0]] = e[1]
		handled++
		inside--
	}
	for s := range 4 {
		wg.Go(func() {
			for i := 1; i <= 1000; i++ {
				e := [2]int{s, i}
				if !b.Enter(func() [2]int { return e }) {
					continue
				}
				for ok := true; ok; e, ok = b.Next() {
					handle(e)
				}
			}
		})
	}
	wg.Wait()
	if handled != 4000 {
		t.Errorf("%d of 4000 events handled", handled)
	}
}
