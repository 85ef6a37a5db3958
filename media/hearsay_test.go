package media

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bifrons/bifrons/internal/leak"
)

// compound is SR with a report block, SDES with CNAME and TOOL, and BYE with a reason.
func compound(sender, about uint32, cname, tool, reason string) []byte {
	b := beginRTCP(nil, 1, rtcpSR, sender)
	b = append(b, make([]byte, 20)...)
	b = append(b, byte(about>>24), byte(about>>16), byte(about>>8), byte(about))
	b = endRTCP(append(b, make([]byte, 20)...), 0)
	at := len(b)
	b = beginRTCP(b, 1, rtcpSDES, sender)
	b = append(append(b, 1, byte(len(cname))), cname...)
	b = append(append(b, 6, byte(len(tool))), tool...)
	for b = append(b, 0); (len(b)-at)%4 != 0; {
		b = append(b, 0)
	}
	b = endRTCP(b, at)
	at = len(b)
	b = beginRTCP(b, 1, rtcpBYE, sender)
	b = append(append(b, byte(len(reason))), reason...)
	for (len(b)-at)%4 != 0 {
		b = append(b, 0)
	}
	return endRTCP(b, at)
}

func TestWalkRTCP(t *testing.T) {
	var got []string
	WalkRTCP(compound(7, 9, "bob@192.0.2.7", "Phone 1.0", "he left"),
		func(s uint32) { got = append(got, fmt.Sprint("from ", s)) }, func(s uint32) { got = append(got, fmt.Sprint("about ", s)) },
		func(b []byte) { got = append(got, string(b)) })
	if want := []string{"from 7", "about 9", "from 7", "bob@192.0.2.7", "Phone 1.0", "from 7", "he left"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestHearsay: a text or a source of one party in a packet to another is found, unless the other has said it, too.
func TestHearsay(t *testing.T) {
	var alice, bob hearsay
	alice.hear(compound(0x11223344, 0x55667788, "alice@192.0.2.7", "AlicePhone", "left us"))
	bob.hear(compound(0x99aabbcc, 1, "bob@203.0.113.9", "AlicePhone", "goodbye"))
	for name, c := range map[string]struct {
		packet []byte
		want   bool
	}{
		"nothing":                {compound(5, 0x99aabbcc, "0123456789", "x", ""), false},
		"what bob says, too":     {compound(5, 0x99aabbcc, "0123456789", "AlicePhone", ""), false},
		"what alice spoke about": {compound(5, 0x55667788, "0123456789", "x", ""), false},
		"her name":               {compound(5, 6, "alice@192.0.2.7", "x", ""), true},
		"her name in a reason":   {compound(5, 6, "x", "x", "of alice@192.0.2.7"), true},
		"her source":             {compound(0x11223344, 6, "x", "x", ""), true},
		"a report about her":     {compound(5, 0x11223344, "x", "x", ""), true},
	} {
		if got := alice.in(c.packet, &bob); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func FuzzHearsay(f *testing.F) {
	f.Add(compound(7, 9, "bob@192.0.2.7", "Phone 1.0", "he left"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h, none hearsay
		h.hear(b)
		h.in(b, &none)
	})
}

// TestAuditOfRTCP: a packet with a name of one party does not go to the other, and is counted.
func TestAuditOfRTCP(t *testing.T) {
	for _, mode := range []leak.Mode{leak.Off, leak.Count, leak.Block} {
		r := &Relay{cfg: Config{Audit: mode}}
		p, q := &port{}, &port{}
		p.seen().hears().hear(compound(0x11223344, 1, "alice@192.0.2.7", "", ""))
		if !r.clean(p, q, compound(5, 6, "0123456789", "x", "")) {
			t.Errorf("mode %d: a clean packet is stopped", mode)
		}
		sent := r.clean(p, q, compound(5, 6, "alice@192.0.2.7", "x", ""))
		if leaks := r.totals.leaks; sent != (mode != leak.Block) || leaks != uint64(min(mode, 1)) {
			t.Errorf("mode %d: sent %v, %d leaks", mode, sent, leaks)
		}
	}
}
