package media

import "encoding/binary"

// Bits and sizes of the RTP header (RFC 3550 5.1).
const (
	rtpVersion   = 0x80
	rtpPadding   = 0x20
	rtpExtension = 0x10
	rtpFixed     = 12
)

// header is what we read of an RTP packet.
type header struct {
	size    int // of the whole header: fixed part, CSRCs, extension
	csrcs   int // bytes of the CSRC list
	payload int // bytes of payload, padding not counted
	ssrc    uint32
	time    uint32
	seq     uint16
	pt      uint8
}

// parseRTP reads and checks the header; what does not add up is refused.
func parseRTP(b []byte) (h header, ok bool) {
	if len(b) < rtpFixed || b[0]&0xc0 != rtpVersion {
		return h, false
	}
	h = header{
		csrcs: int(b[0]&0x0f) * 4,
		pt:    b[1] & 0x7f,
		seq:   binary.BigEndian.Uint16(b[2:]),
		time:  binary.BigEndian.Uint32(b[4:]),
		ssrc:  binary.BigEndian.Uint32(b[8:]),
	}
	h.size = rtpFixed + h.csrcs
	if b[0]&rtpExtension != 0 {
		if len(b) < h.size+4 {
			return h, false
		}
		h.size += 4 + 4*int(binary.BigEndian.Uint16(b[h.size+2:]))
	}
	if h.payload = len(b) - h.size; h.payload < 0 {
		return h, false
	}
	if b[0]&rtpPadding != 0 {
		// RFC 3550 5.1: the last byte counts the padding, itself included.
		pad := int(b[len(b)-1])
		if h.payload == 0 || pad == 0 || pad > h.payload {
			return h, false
		}
		h.payload -= pad
	}
	return h, true
}

// rewriteRTP puts a header of ours in front of the payload, inside b, and returns the packet. The CSRC list goes, it names
// the parties of a mixer; the extension goes if strip is set; payload type, marker, payload and padding stay.
func rewriteRTP(b []byte, h header, strip bool, seq uint16, time, ssrc uint32) []byte {
	first, second := b[0]&(rtpVersion|rtpPadding), b[1]
	start := h.size - rtpFixed
	if b[0]&rtpExtension != 0 && !strip {
		first |= rtpExtension
		start = h.csrcs
	}
	b = b[start:]
	b[0], b[1] = first, second
	putRTP(b, seq, time, ssrc)
	return b
}

// putRTP writes the numbers of a header.
func putRTP(b []byte, seq uint16, time, ssrc uint32) {
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], time)
	binary.BigEndian.PutUint32(b[8:], ssrc)
}

// isRTCP tells RTCP from RTP when both share a port (RFC 5761 4).
func isRTCP(b []byte) bool {
	return len(b) >= 8 && b[0]&0xc0 == rtpVersion && b[1] >= 192 && b[1] <= 223
}
