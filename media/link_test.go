package media

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// TestNothingOfAPartyCrosses: SSRC, CSRCs, extension, sequence numbers and timestamps that b sees are ours.
func TestNothingOfAPartyCrosses(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{StripExtensions: true})
	h := rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: 5, Timestamp: 6, SSRC: a.ssrc, CSRC: []uint32{a.ssrc + 1}}
	if err := h.SetExtension(1, []byte("10.20.30.40")); err != nil {
		t.Fatal(err)
	}
	var first rtp.Packet
	for i := range 3 {
		h.SequenceNumber, h.Timestamp = uint16(5+i), uint32(6+160*i)
		a.write(a.rtp, a.to.Local, rtpPacket(t, rtp.Packet{Header: h, Payload: []byte("voice")}))
		var got rtp.Packet
		if err := got.Unmarshal(b.hear()); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = got
		}
		if got.SSRC == a.ssrc || len(got.CSRC) > 0 || got.Extension || string(got.Payload) != "voice" || got.PayloadType != 96 {
			t.Fatalf("b got %+v", got)
		}
		if got.SSRC != first.SSRC || got.SequenceNumber != first.SequenceNumber+uint16(i) || got.Timestamp != first.Timestamp+uint32(160*i) {
			t.Fatalf("b got %+v after %+v", got, first)
		}
	}
}

// talk lets both parties send once, so that both streams exist, and returns the SSRCs that a and b see.
func talk(t *testing.T, a, b *phone) (seenByA, seenByB uint32) {
	t.Helper()
	a.say("a")
	atB := b.hear()
	b.say("b")
	atA := a.hear()
	if atA == nil || atB == nil {
		t.Fatal("nothing heard")
	}
	return binary.BigEndian.Uint32(atA[8:]), binary.BigEndian.Uint32(atB[8:])
}

func TestRTCPIsTerminated(t *testing.T) {
	for name, mux := range map[string]bool{"two ports": false, "one port": true} {
		t.Run(name, func(t *testing.T) {
			r := newRelay(t, nil)
			a, b := pair(t, r, Join{})
			from, to, port := a.rtcp, b.rtcp, netip.AddrPortFrom(loopback, a.to.Local.Port()+1)
			if mux {
				from, to, port = a.rtp, b.rtp, a.to.Local
				for _, p := range []*phone{a, b} {
					remote := p.remote()
					remote.Mux = true
					r.Do(remote)
				}
			}
			seenByA, seenByB := talk(t, a, b)
			in, err := rtcp.Marshal([]rtcp.Packet{
				&rtcp.SenderReport{SSRC: a.ssrc, RTPTime: 7, Reports: []rtcp.ReceptionReport{{SSRC: seenByA, LastSequenceNumber: 9}}},
				&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: a.ssrc, Items: []rtcp.SourceDescriptionItem{
					{Type: rtcp.SDESCNAME, Text: "rue@10.20.30.40"}}}}},
				&rtcp.Goodbye{Sources: []uint32{a.ssrc}, Reason: "battery"},
			})
			if err != nil {
				t.Fatal(err)
			}
			a.write(from, port, in)
			out := b.read(to, 5*time.Second)
			got, err := rtcp.Unmarshal(out)
			if err != nil || len(got) != 3 {
				t.Fatalf("%v: %x", err, out)
			}
			sr, ok := got[0].(*rtcp.SenderReport)
			if !ok || sr.SSRC != seenByB || sr.PacketCount != 1 || sr.OctetCount != 1 || len(sr.Reports) != 1 || sr.Reports[0].SSRC != b.ssrc {
				t.Fatalf("report %+v", got[0])
			}
			var ssrc [4]byte
			binary.BigEndian.PutUint32(ssrc[:], a.ssrc)
			for _, secret := range [][]byte{[]byte("rue"), []byte("battery"), ssrc[:]} {
				if bytes.Contains(out, secret) {
					t.Fatalf("%q crossed in %x", secret, out)
				}
			}
			if s := r.Stats(a.to.ID); s.RTCPReceived != 1 || r.Stats(b.to.ID).RTCPSent != 1 {
				t.Fatalf("%+v", s)
			}
		})
	}
}

func TestRTCPFromAStranger(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{})
	remote := a.remote()
	remote.RTP, remote.RTCP = netip.MustParseAddrPort("127.0.0.9:4000"), netip.MustParseAddrPort("127.0.0.9:4001")
	r.Do(remote)
	in, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1}})
	if err != nil {
		t.Fatal(err)
	}
	a.write(a.rtcp, netip.AddrPortFrom(loopback, a.to.Local.Port()+1), in) // not signalled, nothing latched
	eventually(t, r, a.to.ID, "a stray", func(s Stats) bool { return s.Strays == 1 && s.RTCPReceived == 0 })
	if got := r.Stats(b.to.ID).RTCPSent; got != 0 {
		t.Fatalf("%d packets crossed", got)
	}
}

func TestMalformedPackets(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{})
	talk(t, a, b)
	rtcpPort := netip.AddrPortFrom(loopback, a.to.Local.Port()+1)
	a.write(a.rtp, a.to.Local, []byte("\x80\x08short"))
	a.write(a.rtp, a.to.Local, nil)
	a.write(a.rtp, a.to.Local, make([]byte, 3000))
	a.write(a.rtcp, rtcpPort, []byte("\x80\xc9\x00\x09"))
	app, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: a.ssrc}, &rtcp.ApplicationDefined{SSRC: a.ssrc, Name: "TEST"}})
	if err != nil {
		t.Fatal(err)
	}
	a.write(a.rtcp, rtcpPort, app)
	s := eventually(t, r, a.to.ID, "all counted", func(s Stats) bool {
		return s.Dropped.Malformed == 3 && s.Dropped.Giant == 1 && s.Dropped.RTCP == 1
	})
	if s.Received.Packets != 1 || r.Stats(b.to.ID).Sent.Packets != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestDirection(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{})
	talk(t, a, b)
	remote := b.remote() // b has put the call on hold: it may send, and gets nothing
	remote.Send = false
	r.Do(remote)
	a.say("unheard")
	eventually(t, r, a.to.ID, "dropped", func(s Stats) bool { return s.Dropped.Direction == 1 })
	b.say("music")
	if got := a.hear(); string(got[12:]) != "music" {
		t.Fatalf("a heard %q", got)
	}
	remote.Receive = false
	r.Do(remote)
	b.say("unheard")
	eventually(t, r, b.to.ID, "dropped", func(s Stats) bool { return s.Dropped.Direction == 1 })
	if s := r.Stats(b.to.ID); s.Sent.Packets != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestRawLink(t *testing.T) {
	r := newRelay(t, nil)
	a, b := pair(t, r, Join{Raw: true})
	for _, packet := range []string{"\x00\x01udptl", "x", string(a.packet("srtp"))} {
		a.write(a.rtp, a.to.Local, []byte(packet))
		if got := b.hear(); string(got) != packet {
			t.Fatalf("b got %q", got)
		}
	}
	a.write(a.rtp, a.to.Local, nil)
	eventually(t, r, a.to.ID, "an empty packet dropped", func(s Stats) bool { return s.Dropped.Malformed == 1 })
	a.write(a.rtcp, netip.AddrPortFrom(loopback, a.to.Local.Port()+1), []byte("srtcp"))
	if got := b.read(b.rtcp, 5*time.Second); string(got) != "srtcp" {
		t.Fatalf("b got %q", got)
	}
}

// TestMovedLink: a call is transferred. The party that stays keeps seeing one stream; the one that left hears no more.
func TestMovedLink(t *testing.T) {
	r := newRelay(t, func(c *Config) { c.Threads = 2 })
	a, b := pair(t, r, Join{})
	_, seenByB := talk(t, a, b)
	c := newPhone(t, 0xcccc)
	var err error
	if c.to, err = r.Open(Place{Call: 8, Local: loopback}); err != nil { // another call, on the other thread
		t.Fatal(err)
	}
	r.Do(c.remote())
	r.Do(Join{A: b.to.ID, B: c.to.ID})
	c.say("c")
	if got := b.hear(); string(got[12:]) != "c" || binary.BigEndian.Uint32(got[8:]) != seenByB {
		t.Fatalf("b got %x", got)
	}
	b.say("b")
	if got := c.hear(); string(got[12:]) != "b" {
		t.Fatalf("c got %x", got)
	}
	a.say("alone") // a's port is Bifrons' own end now
	eventually(t, r, a.to.ID, "counted", func(s Stats) bool { return s.Received.Packets == 2 })
	r.Do(Part{A: a.to.ID, B: b.to.ID}) // not joined: no effect
	c.say("still")
	if b.hear() == nil {
		t.Fatal("the link is gone")
	}
	r.Do(Part{A: c.to.ID, B: b.to.ID})
	c.say("alone")
	eventually(t, r, c.to.ID, "counted", func(s Stats) bool { return s.Received.Packets == 3 })
	if s := r.Stats(b.to.ID); s.Sent.Packets != 3 {
		t.Fatalf("%+v", s)
	}
}

// FuzzJudge: no packet, by whatever socket and on whatever link, does harm; nothing is sent that is empty or too long.
func FuzzJudge(f *testing.F) {
	f.Add([]byte("\x80\x08\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03voice"), uint8(0), uint8(0))
	f.Add([]byte("\x80\xc9\x00\x01\x00\x00\x00\x01"), uint8(1), uint8(1))
	f.Add([]byte("\x80\x08\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x05\x8a\x01\x00"), uint8(2), uint8(72))
	f.Fuzz(func(t *testing.T, in []byte, sock, flags uint8) {
		if len(in) > maxPacket || sock > uint8(sockPeer) {
			return
		}
		party := netip.MustParseAddrPort("127.0.0.1:4000")
		a, b := &port{id: 1 << slotBits}, &port{id: 1<<slotBits | 1}
		r := &Relay{slots: []slot{{port: a}, {port: b}}}
		for _, p := range []*port{a, b} {
			p.rtp, p.rtcp, p.clock, p.known, p.send, p.receive, p.mux = party, party, 8000, true, true, true, flags&1 != 0
		}
		Join{A: a.id, B: b.id, StripExtensions: flags&2 != 0, Raw: flags&4 != 0}.apply(r)
		a.seen().latched, a.seen().conn = party, party
		if flags&8 != 0 {
			a.payloads = []Payload{{Type: 8, To: 96, Kind: PayloadKind(flags >> 6 % 3), Clock: 8000, ToClock: 16000, Stop: flags&16 != 0}}
		}
		if flags&32 != 0 {
			a.latch = LatchAgain
			a.traffic.gone = replaced{ssrc: 3, is: true}
			a.traffic.main.in.started = true
		}
		var scratch [maxPacket + sdesSize]byte
		d := r.judge(a.id, socket(sock), party, bytes.Clone(in), scratch[:], 1)
		if d.data != nil && (len(d.data) == 0 || len(d.data) > len(in)+sdesSize || d.port != b || d.to != party) {
			t.Fatalf("%x became %+v", in, d)
		}
	})
}
