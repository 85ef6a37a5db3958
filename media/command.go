package media

import (
	"net/netip"

	"github.com/bifrons/bifrons/media/codec"
)

// PortID names a port of one relay. It is not used again for a long time after the port was closed.
type PortID uint32

// Place is where a port is opened, and for whom.
type Place struct {
	// Call and Leg are whose it is. The ports of one leg show one CNAME, so that its party can play them in time.
	Call uint64
	Leg  uint8
	// Local is the address to bind.
	Local netip.Addr
	// Number is the wanted even port, which a restored call had before; 0 takes any free pair of the range, at random, so
	// that it cannot be guessed.
	Number uint16
	// DSCP marks what is sent (RFC 2474 3); 0 is best effort.
	DSCP uint8
}

// Port is one m-line of one leg: an RTP socket and, on the next port number, an RTCP socket. It is plain data, part of a
// call's snapshot; on another relay the port is opened again with the same number and has another ID.
type Port struct {
	ID    PortID         `json:"id"`
	Local netip.AddrPort `json:"local"`
}

// Command changes a port or a link; it is one of Remote, Join, Part and Tone, or of those of an endpoint: Play, Stop, Listen,
// Record, Pause, StopRecord, Enter and Leave. A command for a port that is closed has no effect.
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
	// Payloads are the payload types, as the party sends them, that have another clock rate, another number on the far
	// side, or a meaning to the relay. All others pass as they are.
	Payloads []Payload `json:"payloads,omitempty"`
	// Formats are the speech formats of the description that Bifrons can speak itself (codec.Format.Check), by preference of
	// the party: the first is spoken to it, any may come from it. Without them the port is no endpoint.
	Formats []codec.Format `json:"formats,omitempty"`
	// Mux tells that RTCP uses the RTP port (RFC 5761).
	Mux bool `json:"mux,omitempty"`
	// Quiet tells that the party wants no RTCP (RFC 3556 2: b=RS:0 and b=RR:0): it gets none of our own.
	Quiet bool `json:"quiet,omitempty"`
	// Send and Receive tell what may be sent to the party and accepted from it. RTCP flows regardless (RFC 3264 5.1).
	Send    bool `json:"send"`
	Receive bool `json:"receive"`
	// Latch is how the party's source is learnt.
	Latch Latch `json:"latch,omitempty"`
}

// PayloadKind is what a payload type means to the relay.
type PayloadKind uint8

// Speech and pictures, telephone events (RFC 4733), and retransmissions with an SSRC of their own (RFC 4588).
const (
	PayloadMedia PayloadKind = iota
	PayloadEvent
	PayloadRepair
)

// Payload is what becomes of one payload type of a party.
type Payload struct {
	// Type is the number the party sends, To the one the far party expects.
	Type uint8 `json:"type"`
	To   uint8 `json:"to"`
	// Kind is what the packets are.
	Kind PayloadKind `json:"kind,omitempty"`
	// Stop keeps the packets from the far party, which gets its digits by another way.
	Stop bool `json:"stop,omitempty"`
	// Clock is the clock rate, ToClock that of the far party's format; durations of events are converted.
	Clock   uint32 `json:"clock"`
	ToClock uint32 `json:"toclock"`
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
