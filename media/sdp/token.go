package sdp

import "bytes"

// Kind is the media type of a section (RFC 8866 8.2.2).
type Kind uint8

// The registered media types; any other is KindOther.
const (
	KindOther Kind = iota
	KindAudio
	KindVideo
	KindText
	KindImage
	KindMessage
	KindApplication
)

var kindNames = [...]string{"other", "audio", "video", "text", "image", "message", "application"}

// String returns the media type as it stands in an m= line.
func (k Kind) String() string { return kindNames[k] }

func kindOf(b []byte) Kind {
	for k, name := range kindNames[1:] {
		if string(b) == name {
			return Kind(k + 1)
		}
	}
	return KindOther
}

// Proto is the transport protocol of a section.
type Proto uint8

// The transports we relay; any other is ProtoOther.
const (
	ProtoOther Proto = iota
	ProtoAVP
	ProtoAVPF
	ProtoSAVP
	ProtoSAVPF
	ProtoUDPTL
)

func protoOf(b []byte) Proto {
	switch string(b) {
	case "RTP/AVP":
		return ProtoAVP
	case "RTP/AVPF":
		return ProtoAVPF
	case "RTP/SAVP":
		return ProtoSAVP
	case "RTP/SAVPF":
		return ProtoSAVPF
	}
	if bytes.EqualFold(b, udptl) {
		return ProtoUDPTL
	}
	return ProtoOther
}

// RTP tells whether the transport carries RTP or SRTP.
func (p Proto) RTP() bool { return p >= ProtoAVP && p <= ProtoSAVPF }

// Direction is a set of what a party does with a stream: it sends, it receives (RFC 8866 6.7).
type Direction uint8

const (
	send Direction = 1 << iota
	recv
)

// The four directions, named after their attributes.
const (
	Inactive = Direction(0)
	SendOnly = send
	RecvOnly = recv
	SendRecv = send | recv
)

var directionNames = [...]string{"inactive", "sendonly", "recvonly", "sendrecv"}

// String returns the attribute that says the direction.
func (d Direction) String() string { return directionNames[d&SendRecv] }

// Sends tells whether the party sends.
func (d Direction) Sends() bool { return d&send != 0 }

// Receives tells whether the party receives.
func (d Direction) Receives() bool { return d&recv != 0 }

// Reverse returns the direction as the other party has to write it (RFC 3264 6.1).
func (d Direction) Reverse() Direction { return d&send<<1 | d&recv>>1 }

var (
	space = []byte(" ")
	cr    = []byte("\r")
	dot   = []byte(".")
	colon = []byte(":")
	t38   = []byte("T38")
	udptl = []byte("udptl")
)
