package media

import "net/netip"

// PortID names a port of one relay. It is not used again for a long time after the port was closed.
type PortID uint32

// Port is one m-line of one leg: an RTP socket and, on the next port number, an RTCP socket. It is plain data, part of a
// call's snapshot; on another relay the port is opened again with the same number and has another ID.
type Port struct {
	ID    PortID         `json:"id"`
	Local netip.AddrPort `json:"local"`
}

// Command changes a port or a link; it is one of Remote, Join and Part. A command for a port that is closed has no effect.
type Command interface{ apply(*Relay) }

// Remote tells a port what was signalled about its party.
type Remote struct {
	// Port is the port the party sends to.
	Port PortID `json:"port"`
	// RTP and RTCP are the addresses of the party's description. Packets go to the latched source instead, once there
	// is one. A new RTP address makes the port latch anew.
	RTP  netip.AddrPort `json:"rtp"`
	RTCP netip.AddrPort `json:"rtcp"`
	// Clock is the RTP clock rate, used for the jitter estimate; 0 is 8000.
	Clock uint32 `json:"clock,omitempty"`
	// Mux tells that RTCP uses the RTP port (RFC 5761).
	Mux bool `json:"mux,omitempty"`
	// Send and Receive tell what may be sent to the party and accepted from it. RTCP flows regardless (RFC 3264 5.1).
	Send    bool `json:"send"`
	Receive bool `json:"receive"`
	// Strict accepts packets from the signalled address only, for networks without address translation.
	Strict bool `json:"strict,omitempty"`
}

// Join links two ports. A port has one link: an older one is parted first.
type Join struct {
	A PortID `json:"a"`
	B PortID `json:"b"`
	// StripExtensions removes RTP header extensions (RFC 8285), as an untrusted pair of sides needs it.
	StripExtensions bool `json:"stripextensions,omitempty"`
	// Raw relays packets byte for byte, for udptl, and for SRTP, which authenticates its headers. RTCP passes as it is, too.
	Raw bool `json:"raw,omitempty"`
}

// Part removes the link between two ports, if they are joined.
type Part struct {
	A PortID `json:"a"`
	B PortID `json:"b"`
}
