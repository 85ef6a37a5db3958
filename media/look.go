package media

import (
	"net/netip"
	"time"
)

// Packet is the head of an RTP or RTCP packet of a call: what was said is not in it.
type Packet struct {
	At       time.Time
	Src, Dst netip.AddrPort
	Length   int    // of the whole packet, in bytes
	Head     []byte // the fixed RTP header with its sources, or the first 8 bytes of RTCP (RFC 3550 5.1, 6.4.1)
}

// maxLook bounds the packets of a look.
const maxLook = 20000

// look gathers the packets of a call; the relay's lock guards it.
type look struct{ packets []Packet }

// Look begins to note the heads of all packets of a call, both ways, and what came from strangers; the function it returns ends that and
// gives what was noted, 20000 packets at most. While no call is looked at it costs a packet nothing.
func (r *Relay) Look(call uint64) (stop func() []Packet) {
	t := &look{}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.looks == nil {
		r.looks = map[uint64]*look{}
	}
	if old := r.looks[call]; old != nil {
		t = old // two who look see the same
	}
	r.looks[call] = t
	r.looking.Store(true)
	return func() []Packet {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.looks[call] == t {
			delete(r.looks, call)
			r.looking.Store(len(r.looks) > 0)
		}
		return t.packets
	}
}

// noteIn notes a packet that came to a port's socket; the lock is held.
func (r *Relay) noteIn(id PortID, s socket, from netip.AddrPort, b []byte) {
	p := r.lookup(id)
	if p == nil {
		return
	}
	t := r.looks[p.call]
	if t == nil {
		return
	}
	local := p.local
	switch s {
	case sockRTCP:
		local = netip.AddrPortFrom(local.Addr(), local.Port()+1)
	case sockPeer:
		if p.traffic != nil {
			from = p.traffic.conn
		}
	}
	t.note(from, local, b)
}

// noteOut notes a packet that leaves.
func (r *Relay) noteOut(d *delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.port == nil {
		return
	}
	t := r.looks[d.port.call]
	if t == nil {
		return
	}
	local, to := d.port.local, d.to
	if d.rtcp && !d.port.mux {
		local = netip.AddrPortFrom(local.Addr(), local.Port()+1)
	}
	if !to.IsValid() && d.port.traffic != nil {
		to = d.port.traffic.conn
	}
	t.note(local, to, d.data)
}

func (t *look) note(src, dst netip.AddrPort, b []byte) {
	if len(t.packets) >= maxLook || !src.IsValid() || !dst.IsValid() {
		return
	}
	head := min(len(b), 8)
	if !isRTCP(b) && len(b) > 0 {
		head = min(len(b), rtpFixed+4*int(b[0]&15))
	}
	t.packets = append(t.packets, Packet{At: time.Now(), Src: src, Dst: dst, Length: len(b), Head: append([]byte(nil), b[:head]...)})
}
