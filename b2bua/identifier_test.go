package b2bua

import "testing"

func TestIdentifiersLeadBackAndAreUnlinkable(t *testing.T) {
	m, other := newMinter([16]byte{1}, 7), newMinter([16]byte{2}, 7)
	seen := map[string]bool{}
	for i := range uint64(2000) {
		for k := idTag; k <= idBranch; k++ {
			r := ref{call: i << 20, slot: uint8(i), number: uint32(i)}
			id := m.append(nil, k, r)
			if got, ok := m.find(id, k); !ok || got != r {
				t.Fatalf("%s: got %d %v", id, got, ok)
			}
			if _, ok := m.find(id, k%3+1); ok {
				t.Fatal("taken for another kind")
			}
			if _, ok := other.find(id, k); ok {
				t.Fatal("read under another key")
			}
			if seen[string(id)] {
				t.Fatal("made twice")
			}
			seen[string(id)] = true
		}
	}
	if _, ok := m.find([]byte("zzzzzzzzzzzzzzzzzzzzzzzzzz"), idTag); ok {
		t.Error("foreign text accepted")
	}
}
