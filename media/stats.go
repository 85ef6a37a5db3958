package media

import "net/netip"

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
	// Latched is where the party sends from, not valid before the first packet.
	Latched netip.AddrPort `json:"latched"`
}
