package b2bua

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestWheel: who passes the time from one tick with calls to the next wakes each of them at its tick, whatever moved meanwhile.
func TestWheel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var w wheel
		now := time.Duration(random.IntN(1e6)) * time.Millisecond
		w.advance(now)
		want := map[*Call]time.Duration{}
		for range 1 + random.IntN(200) {
			c, due := &Call{}, now+time.Duration(random.IntN(200_000))*time.Millisecond
			for range random.IntN(3) { // it was to be woken at other times before
				w.schedule(c, now+time.Duration(random.IntN(200_000))*time.Millisecond)
			}
			w.schedule(c, due)
			want[c] = max((due+wheelTick-1)/wheelTick*wheelTick, now/wheelTick*wheelTick+wheelTick)
		}
		for turns := 0; len(want) > 0; turns++ {
			next := time.Duration(w.next()) * wheelTick
			if next <= now/wheelTick*wheelTick || turns > 5000 {
				t.Fatalf("%d calls left at %s, next look at %s", len(want), now, next)
			}
			now = next
			for _, c := range w.advance(now) {
				if want[c] != now {
					t.Fatalf("woken at %s, want %s", now, want[c])
				}
				w.schedule(c, 0) // as its step does
				delete(want, c)
			}
		}
	}
}
