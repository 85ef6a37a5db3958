package sdp

import (
	"bytes"
	"net/netip"
)

// Session is a parsed description. Every slice in it is a view of the bytes given to Parse and is valid as long as those
// are. A Session may be parsed into again; it keeps its arrays, so that parsing allocates nothing once it is warm.
type Session struct {
	// Lines are the session-level lines, v= included, in the order received.
	Lines []Line
	// Media are the m= sections in the order received.
	Media []Media

	lines []Line
	conn  connection
	dir   Direction
	dirOK bool
}

// Line is one line of a description as received, without its line end.
type Line struct {
	// Value is what follows the equals sign.
	Value []byte
	// Type is the letter before the equals sign.
	Type byte

	attr  attribute
	colon int32 // of an attribute: where its name ends, or -1 (a property attribute)
}

// Name returns the name of an attribute line (RFC 8866 5.13).
func (l *Line) Name() []byte {
	if l.colon < 0 {
		return l.Value
	}
	return l.Value[:l.colon]
}

// Attr returns the value of an attribute line, nil for a property attribute such as a=sendrecv.
func (l *Line) Attr() []byte {
	if l.colon < 0 {
		return nil
	}
	return l.Value[l.colon+1:]
}

// Media is one m= section.
type Media struct {
	// Lines are the lines of the section after its m= line, in the order received.
	Lines []Line
	// Name is the media token as received, for example "audio".
	Name []byte
	// Transport is the transport token as received, for example "RTP/AVP".
	Transport []byte
	// Formats is the format list as received, for example "8 0 101".
	Formats []byte
	// MID is the value of a=mid (RFC 5888), empty if there is none.
	MID []byte
	// Kind is the media type.
	Kind Kind
	// Proto is the transport protocol.
	Proto Proto
	// Direction is what the party wrote: at media level, else at session level, else sendrecv (RFC 3264 5.1).
	Direction Direction
	// Port is the transport port; 0 is a rejected or disabled section (RFC 3264 6).
	Port uint16
	// NumPorts is the number of consecutive ports, 1 if none was written (RFC 8866 5.14).
	NumPorts uint16
	// Mux tells that the section has a=rtcp-mux (RFC 5761).
	Mux bool

	types    [2]uint64 // the payload types in Formats, a set
	conn     connection
	rtcpAddr netip.Addr
	rtcpPort uint16
	dirOK    bool // a direction stands in the section itself
	dirAny   bool // or at session level
	mline    []byte
	from, to int32
	number   int32 // of the m= line
}

// connection is a c= line, read but not yet judged: whether a bad one matters depends on the section.
type connection struct {
	addr netip.Addr
	line int32 // where it stands, 0 if there is none
	bad  bool
	name bool // the address is a host name
}

// Active tells whether the section is in use.
func (m *Media) Active() bool { return m.Port != 0 }

// Held tells that the party asks for silence with the null address of RFC 2543 (RFC 3264 8.4: c=0.0.0.0).
func (m *Media) Held() bool { return m.conn.addr.IsValid() && m.conn.addr.IsUnspecified() }

// Effective returns the direction with the null address taken into account: who gives it does not want to receive.
func (m *Media) Effective() Direction {
	if m.Held() {
		return m.Direction &^ recv
	}
	return m.Direction
}

// RTPAddr returns where the party wants its media. It is the zero value if the section is not active.
func (m *Media) RTPAddr() netip.AddrPort {
	if m.Port == 0 || !m.conn.addr.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(m.conn.addr, m.Port)
}

// RTCPAddr returns where the party wants its RTCP: what a=rtcp says (RFC 3605), the RTP address with rtcp-mux
// (RFC 5761 5.1.1), else the next port (RFC 3550 11).
func (m *Media) RTCPAddr() netip.AddrPort {
	rtp := m.RTPAddr()
	switch {
	case !rtp.IsValid() || m.Mux:
		return rtp
	case m.rtcpPort != 0 && m.rtcpAddr.IsValid():
		return netip.AddrPortFrom(m.rtcpAddr, m.rtcpPort)
	case m.rtcpPort != 0:
		return netip.AddrPortFrom(rtp.Addr(), m.rtcpPort)
	case m.Port == 65535:
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(rtp.Addr(), m.Port+1)
}

// Attr returns the value of the first attribute of that name in the section.
func (m *Media) Attr(name string) (value []byte, ok bool) {
	for i := range m.Lines {
		if l := &m.Lines[i]; l.Type == 'a' && string(l.Name()) == name {
			return l.Attr(), true
		}
	}
	return nil, false
}

// Clock returns the RTP clock rate of the section's first format: what its rtpmap says, else that of the static payload
// types of RFC 3551 6, which are 8000 for speech and 90000 for video.
func (m *Media) Clock() uint32 {
	f, _, _ := bytes.Cut(m.Formats, space)
	if pt, ok := decimal(f, 127); ok {
		if _, rate := m.rtpmap(f, uint8(pt)); rate != 0 {
			return rate
		}
	}
	if m.Kind == KindVideo {
		return 90000
	}
	return 8000
}

// Quiet tells that the party wants no RTCP at all (RFC 3556 2: b=RS:0 and b=RR:0).
func (m *Media) Quiet() bool {
	var rs, rr bool
	for i := range m.Lines {
		if l := &m.Lines[i]; l.Type == 'b' {
			rs, rr = rs || string(l.Value) == "RS:0", rr || string(l.Value) == "RR:0"
		}
	}
	return rs && rr
}

// Relayable tells whether we can anchor the section: RTP over UDP, and T.38 over udptl. TCP, MSRP, DTLS and what we do
// not know are refused, which is port 0 in what the other party sees.
func (m *Media) Relayable() bool { return m.Proto != ProtoOther }

// Raw tells that the packets of the section must be relayed byte for byte: they are not RTP, or SRTP authenticates their
// headers (RFC 3711 3.1).
func (m *Media) Raw() bool { return m.Proto == ProtoUDPTL || m.Secure() }

// Secure tells whether the section uses one of the SRTP profiles.
func (m *Media) Secure() bool { return m.Proto == ProtoSAVP || m.Proto == ProtoSAVPF }
