package media

import (
	"net/netip"
	"testing"
)

// BenchmarkJudge is all that is decided about one packet of speech on a latched link.
func BenchmarkJudge(b *testing.B) {
	party := netip.MustParseAddrPort("127.0.0.1:4000")
	p, q := &port{id: 1 << slotBits}, &port{id: 1<<slotBits | 1}
	r := &Relay{slots: []slot{{port: p}, {port: q}}}
	for _, x := range []*port{p, q} {
		x.rtp, x.rtcp, x.clock, x.known, x.send, x.receive = party, party, 8000, true, true, true
	}
	Join{A: p.id, B: q.id}.apply(r)
	for _, x := range []*port{p, q} {
		x.fd[sockPeer] = 5
		x.seen().latched, x.seen().conn = party, party
	}
	in := make([]byte, 172)
	var scratch [maxPacket + sdesSize]byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		in[0], in[1], in[2], in[3] = 0x80, 8, byte(i>>8), byte(i)
		in[8], in[9], in[10], in[11] = 1, 2, 3, 4
		if d := r.judge(p.id, sockPeer, party, in, scratch[:], int64(i)*20e6); d.data == nil {
			b.Fatal("not sent")
		}
	}
}
