package b2bua_test

import (
	"testing"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
)

// store remembers the snapshots it was given.
type store struct {
	numbers []uint64
	last    []byte
	deleted int
}

func (s *store) Put(_, number uint64, data []byte) {
	s.numbers, s.last = append(s.numbers, number), data
}

func (s *store) Delete(uint64) { s.deleted++ }

// TestSnapshotsArePublished: none before the first 18x, then one after each step, numbered; none once the call is forgotten.
func TestSnapshotsArePublished(t *testing.T) {
	st := &store{}
	w := b2buatest.NewWorld(t, func(_ *b2buatest.World, c *b2bua.Config) { c.Store = st })
	for _, l := range []string{"alice > INVITE sdp", "alice < 100", "bob < INVITE", "bob > 100"} {
		w.Line(l)
	}
	if len(st.numbers) != 0 {
		t.Fatalf("%d snapshots before the first 18x", len(st.numbers))
	}
	for _, l := range []string{"bob > 180", "alice < 180", "bob > 200 sdp", "bob < ACK", "alice < 200", "alice > ACK"} {
		w.Line(l)
	}
	if n := len(st.numbers); n != 3 {
		t.Errorf("%d snapshots after 180, 200 and ACK, want 3", n)
	}
	for i := range st.numbers[1:] {
		if st.numbers[i+1] <= st.numbers[i] {
			t.Errorf("snapshot %d has number %d after %d", i+1, st.numbers[i+1], st.numbers[i])
		}
	}
	w.Wait(40 * time.Second)
	other := b2buatest.NewWorld(t, nil)
	if err := other.Server.Restore(st.last, true); err != nil {
		t.Errorf("the last snapshot is no call on another node: %v", err)
	}
	if other.Server.Active() != 1 {
		t.Error("the call is not there")
	}
	for _, l := range []string{"alice > BYE", "alice < 200", "bob < BYE", "bob > 200"} {
		w.Line(l)
	}
	w.Finish()
	if st.deleted != 1 {
		t.Errorf("deleted %d times, want once", st.deleted)
	}
}
