package sip

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestMillion runs the fuzz targets a million times in all, on seeds that are changed by a generator with a known start: what
// fails here fails everywhere. `make fuzz` looks for new inputs.
func TestMillion(t *testing.T) {
	for _, c := range []struct {
		name  string
		times int
		seeds []string
		try   func(*testing.T, []byte)
	}{
		{"parse", 50_000, parseSeeds, tryParse},
		{"frame", 10_000, frameSeeds, func(t *testing.T, b []byte) { tryFrame(t, b, 1+len(b)/3) }},
		{"address", 300_000, addressSeeds, tryAddress},
		{"uri", 290_000, uriSeeds, tryURI},
		{"via", 210_000, viaSeeds, tryVia},
		{"params", 140_000, paramsSeeds, tryParams},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := mutator{rand.New(rand.NewPCG(1, uint64(c.times))), c.seeds, nil}
			for range c.times {
				if c.try(t, m.next()); t.Failed() {
					t.Fatalf("with %q", m.buf)
				}
			}
		})
	}
}

// mutator makes inputs of seeds.
type mutator struct {
	*rand.Rand
	seeds []string
	buf   []byte
}

// bits are put into inputs: what grammars stumble over.
var bits = []string{"\r\n", "\r", "\n", " ", "\t", "\r\n ", ";", ",", ":", "=", "\"", "\\", "<", ">", "@", "?", "[", "]", "%", "\x00", "\xff", "sip:", ";tag=", "l: 5\r\n",
	"Content-Length: 0\r\n", "\r\n\r\n", "SIP/2.0", "z9hG4bK", "4294967296", "-1", "é"}

// next returns a seed with up to four changes; it is good until the next one.
func (m *mutator) next() []byte {
	b := append(m.buf[:0], m.seeds[m.IntN(len(m.seeds))]...)
	for range 1 + m.IntN(4) {
		at := m.IntN(len(b) + 1)
		switch m.IntN(5) {
		case 0:
			if at < len(b) {
				b[at] = byte(m.Uint32())
			}
		case 1: // out
			end := min(len(b), at+1+m.IntN(20))
			b = append(b[:at], b[end:]...)
		case 2: // twice
			end := min(len(b), at+1+m.IntN(60))
			b = append(b[:end:end], append(bytes.Clone(b[at:end]), b[end:]...)...)
		default:
			b = append(b[:at:at], append([]byte(bits[m.IntN(len(bits))]), b[at:]...)...)
		}
	}
	m.buf = b
	return b
}
