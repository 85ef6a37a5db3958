package trace

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/bifrons/bifrons/sip"
)

func note(call uint64, n, size int) Message {
	return Message{Call: call, Leg: uint8(n % 2), Sent: n%3 == 0, At: time.Unix(int64(n), 5), Side: "core", Transport: sip.TCP,
		Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("[2001:db8::7]:5070"),
		Data: bytes.Repeat([]byte{byte('a' + n%26)}, size)}
}

// TestLast: what is read is a suffix of what was noted, whatever the sizes, and it fits the memory.
func TestLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(4096, 20000).Draw(t, "memory")
		b := New(size*shards, 0)
		var all []Message
		for i, n := range rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 7, 60, 300, 499, 500, 30000}), 1, 60).Draw(t, "sizes") {
			m := note(8, i, n)
			b.Note(&m, false)
			if round(headSize+4+n) <= size/2 {
				all = append(all, m)
			}
		}
		got := b.Read(8)
		if len(got) > len(all) {
			t.Fatalf("%d messages of %d", len(got), len(all))
		}
		if d := cmp.Diff(all[len(all)-len(got):], got, cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
		kept := 0
		for _, m := range got {
			kept += round(headSize + len(m.Side) + len(m.Data))
		}
		if len(got) < len(all) && kept < size-1200 {
			t.Fatalf("%d bytes of %d are used, and %d messages are gone", kept, size, len(all)-len(got))
		}
	})
}

// TestFailedStay: the messages of a call that failed outlive any number of others.
func TestFailedStay(t *testing.T) {
	b := New(16<<10*shards, 16<<10*shards)
	for n := range 4 {
		m := note(8, n, 100)
		b.Note(&m, false)
	}
	b.Fail(8)
	late := note(8, 4, 100)
	b.Note(&late, true)
	if got := b.Read(8); len(got) != 5 {
		t.Fatalf("%d messages, want 5: none twice", len(got))
	}
	for n := range 1000 {
		m := note(16, n, 200)
		b.Note(&m, false)
	}
	if got := b.Read(8); len(got) != 5 || got[4].Data[0] != 'e' {
		t.Errorf("%d messages, want 5", len(got))
	}
	if got := b.Read(24); got != nil {
		t.Errorf("a call nobody knows has %d messages", len(got))
	}
}

// TestManyThreads: calls on many threads do not disturb one another.
func TestManyThreads(t *testing.T) {
	b := New(1<<20, 1<<16)
	var wg sync.WaitGroup
	for call := range uint64(16) {
		wg.Go(func() {
			for n := range 200 {
				m := note(call, n, n)
				b.Note(&m, false)
				if n%50 == 0 {
					b.Read(call)
				}
			}
			b.Fail(call)
		})
	}
	wg.Wait()
	for call := range uint64(16) {
		for _, m := range b.Read(call) {
			if m.Call != call {
				t.Fatalf("call %d has a message of %d", call, m.Call)
			}
		}
	}
	var none *Buffer
	none.Note(&Message{}, false)
	none.Fail(1)
	if none.Read(1) != nil || New(0, 0).Read(1) != nil {
		t.Error("no memory, and messages")
	}
}

func BenchmarkNote(b *testing.B) {
	buf := New(16<<20, 4<<20)
	for _, size := range []int{600, 2200} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			m := note(1, 1, size)
			b.ReportAllocs()
			for b.Loop() {
				m.Call++
				buf.Note(&m, false)
			}
		})
	}
}
