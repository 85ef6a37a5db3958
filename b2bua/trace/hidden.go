package trace

import (
	"github.com/bifrons/bifrons/b2bua/audit"
	"github.com/bifrons/bifrons/internal/leak"
	"github.com/bifrons/bifrons/sip"
)

// Span is a part of a message: bytes Start to End of its Data, and what stands there.
type Span struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	Kind  string `json:"kind"`
}

// Hidden finds, for each message that came, what in it names its party or the party's network and was sent to no other party
// of the call. Messages that were sent have none.
func Hidden(all []Message) [][]Span {
	out := make([][]Span, len(all))
	ears := map[uint8]*audit.Ear{}
	var public audit.Public
	for _, m := range all {
		if m.Sent {
			continue
		}
		e := ears[m.Leg]
		if e == nil {
			e = &audit.Ear{}
			e.Limit = 1 << 20
			ears[m.Leg] = e
		}
		msg := sip.Message{Source: m.Remote}
		if msg.Parse(m.Data) == nil {
			e.Hear(&msg, &public)
		}
	}
	const crossed = 1
	for leg, e := range ears {
		for _, m := range all {
			if m.Sent && m.Leg != leg {
				hits(e, m.Data, func(h leak.Hit) { e.Mark(h, crossed) })
			}
		}
		for i, m := range all {
			if m.Sent || m.Leg != leg {
				continue
			}
			hits(e, m.Data, func(h leak.Hit) {
				if !e.Marked(h, crossed) {
					out[i] = append(out[i], Span{h.Start, h.End, h.Kind.String()})
				}
			})
		}
	}
	return out
}

func hits(e *audit.Ear, data []byte, f func(leak.Hit)) {
	for at := 0; ; {
		h, ok := e.Next(data, at)
		if !ok {
			return
		}
		f(h)
		at = h.End
	}
}
