package media

import (
	"net/netip"
	"time"
)

// Flow counts packets of one direction.
type Flow struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Dropped counts packets that were not relayed, by reason.
type Dropped struct {
	// Malformed: not RTP or RTCP, or truncated.
	Malformed uint32 `json:"malformed"`
	// Giant: longer than any packet we relay.
	Giant uint32 `json:"giant"`
	// Early: before the party's description was known.
	Early uint32 `json:"early"`
	// Direction: the party may not send now, or its peer may not receive.
	Direction uint32 `json:"direction"`
	// NoAddress: it is not known where the peer wants it.
	NoAddress uint32 `json:"noaddress"`
	// Refused: the kernel did not take it.
	Refused uint32 `json:"refused"`
	// Late: of a source that another one has replaced meanwhile.
	Late uint32 `json:"late"`
	// RTCP: parts of RTCP packets that end here (APP, XR, unknown types and SSRCs).
	RTCP uint32 `json:"rtcp"`
}

// Stats are the statistics of a port. They are plain data.
type Stats struct {
	// Received and Sent count what came from and went to the party: RTP, or anything on a raw link.
	Received Flow `json:"received"`
	Sent     Flow `json:"sent"`
	// RTCPReceived and RTCPSent count RTCP packets.
	RTCPReceived uint32 `json:"rtcpreceived"`
	RTCPSent     uint32 `json:"rtcpsent"`
	// Strays counts packets from a source that is not the party.
	Strays uint32 `json:"strays"`
	// Dropped counts what was received and not relayed.
	Dropped Dropped `json:"dropped"`
	// Lost is the number of RTP packets that did not arrive (RFC 3550 A.3); duplicates make it negative.
	Lost int64 `json:"lost"`
	// Jitter is the interarrival jitter in RTP clock ticks (RFC 3550 A.8).
	Jitter uint32 `json:"jitter"`
	// SSRC is the party's synchronisation source last seen.
	SSRC uint32 `json:"ssrc"`
	// PayloadType is the payload type last seen.
	PayloadType uint8 `json:"payloadtype"`
	// LossPercent is the share of the packets the party sent that did not arrive.
	LossPercent float64 `json:"losspercent"`
	// JitterMs is Jitter in milliseconds, 0 for a raw link.
	JitterMs float64 `json:"jitterms"`
	// Far is what the party itself has reported of what it gets from us, absent before its first report.
	Far *Far `json:"far,omitempty"`
	// RoundTripMs is the time to the party and back, as its reports tell; 0 is not known.
	RoundTripMs float64 `json:"roundtripms,omitempty"`
	// MOS estimates how what the party sends sounds, 1 (bad) to 4.4 (G.711 without loss), by the E-model (ITU-T G.107); 0 is
	// not known: nothing has come, or it is no speech.
	MOS float64 `json:"mos,omitempty"`
	// Silent tells that nothing has come for the configured time from a party that may send.
	Silent bool `json:"silent,omitempty"`
	// Forwarded tells that a Forwarder carries what the party sends.
	Forwarded bool `json:"forwarded,omitempty"`
	// Latched is where the party sends from, not valid before the first packet.
	Latched netip.AddrPort `json:"latched"`
}

// Far is what a party reports of the stream it gets from us (RFC 3550 6.4.1). Losses and jitter are those of the whole way
// from the other party when the reports of that one's stream cross.
type Far struct {
	Lost        int32   `json:"lost"`
	LossPercent float64 `json:"losspercent"` // between its last two reports
	JitterMs    float64 `json:"jitterms"`
}

// stats are the port's statistics now.
func (p *port) stats() Stats {
	t := p.traffic
	if t == nil {
		return Stats{Silent: p.silent}
	}
	in := &t.main.in
	s := Stats{
		Received: t.received, Sent: t.sent, RTCPReceived: t.rtcpReceived, RTCPSent: t.rtcpSent, Strays: t.strays,
		Dropped: t.dropped, Lost: in.missing(), Jitter: in.jitter >> 4, SSRC: in.ssrc, PayloadType: in.pt,
		Latched: t.latched, Silent: p.silent, Forwarded: t.path != nil, RoundTripMs: round(float64(t.far.trip) / float64(time.Millisecond)),
	}
	expected := in.expected()
	for _, l := range t.more {
		s.Lost += l.in.missing()
		expected += l.in.expected()
	}
	if expected > 0 && s.Lost > 0 {
		s.LossPercent = round(100 * float64(s.Lost) / float64(expected))
	}
	if in.clock > 0 {
		s.JitterMs = round(1000 * float64(s.Jitter) / float64(in.clock))
	}
	if t.far.is {
		clock := p.clock
		if p.peer != nil {
			clock = p.peer.clock
		}
		s.Far = &Far{Lost: t.far.lost, LossPercent: round(100 * float64(t.far.fraction) / 256),
			JitterMs: round(1000 * float64(t.far.jitter) / float64(max(clock, 1)))}
	}
	if in.started && !p.raw && p.clock <= speechClock {
		s.MOS = round(mos(in.pt, s.LossPercent, s.JitterMs, s.RoundTripMs))
	}
	return s
}

// round keeps two digits behind the point: more would be noise in a record.
func round(f float64) float64 { return float64(int64(f*100+0.5)) / 100 }
