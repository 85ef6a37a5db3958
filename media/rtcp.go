package media

import (
	"encoding/binary"
	"encoding/hex"
)

// RTCP packet types (RFC 3550 12.1, RFC 4585 6.1).
const (
	rtcpSR    = 200
	rtcpRR    = 201
	rtcpSDES  = 202
	rtcpBYE   = 203
	rtcpRTPFB = 205
	rtcpPSFB  = 206
)

// Feedback message types of RTPFB and PSFB (RFC 4585 6.2 and 6.3, RFC 5104 4).
const (
	fbNACK  = 1
	fbTMMBR = 3
	fbTMMBN = 4

	fbPLI  = 1
	fbSLI  = 2
	fbFIR  = 4
	fbTSTR = 5
	fbTSTN = 6
	fbAFB  = 15
)

// crossing is what RTCP needs to get from one party to the other: the streams we send to the receiving party, and those we
// send to the party that the RTCP comes from. The first of each is always there.
type crossing struct {
	out   [maxLanes]*sender // stand for the party that the RTCP comes from
	back  [maxLanes]*sender // what that party reports on
	cname *[cnameLen]byte

	sent  uint32 // middle of the NTP time of the party's sender report, 0 without one,
	asked uint32 // the same if the report crossed as one
	block block  // what the party says of our first stream
}

// block is a report block (RFC 3550 6.4.1).
type block struct {
	lost     int32 // cumulative
	jitter   uint32
	last     uint32 // LSR
	delay    uint32 // DLSR, in 1/65536 s
	fraction uint8
	is       bool
}

const cnameLen = 12

// sdesSize is the SDES packet we write: header, SSRC, item, its end.
const sdesSize = 4 + 4 + 2 + 2*cnameLen + 2

// rewriteRTCP appends to dst what the other party gets to see of a compound packet. It is written anew from what we
// understand: reports, BYE and feedback with SSRCs, sequence numbers and timestamps translated, and an SDES of our own.
// dropped counts the parts that end here; a packet that is malformed anywhere is refused as a whole.
func rewriteRTCP(dst, in []byte, x *crossing) (out []byte, dropped uint32, ok bool) {
	start := len(dst)
	for first := true; len(in) > 0; first = false {
		p, rest, ok := cutRTCP(in)
		if !ok || first && p[1] != rtcpSR && p[1] != rtcpRR && p[1] != rtcpRTPFB && p[1] != rtcpPSFB {
			return dst[:start], 0, false // RFC 3550 6.1: a report comes first; RFC 5506: or it is feedback alone
		}
		in = rest
		before := len(dst)
		switch p[1] {
		case rtcpSR, rtcpRR:
			if dst, ok = x.report(dst, p); !ok {
				return dst[:start], 0, false
			}
			if before == start {
				dst = appendSDES(dst, x.own(p), x.cname)
			}
			continue
		case rtcpSDES:
			continue
		case rtcpBYE:
			dst = x.bye(dst, p)
		case rtcpRTPFB, rtcpPSFB:
			dst = x.feedback(dst, p)
		}
		if len(dst) == before {
			dropped++
		}
	}
	return dst, dropped, true
}

// cutRTCP takes the first packet off a compound one, its padding removed.
func cutRTCP(b []byte) (p, rest []byte, ok bool) {
	if len(b) < 4 || b[0]&0xc0 != rtpVersion {
		return nil, nil, false
	}
	n := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
	if n > len(b) {
		return nil, nil, false
	}
	p, rest = b[:n], b[n:]
	if b[0]&rtpPadding != 0 {
		pad := int(p[n-1])
		if len(rest) > 0 || pad == 0 || pad > n-4 {
			return nil, nil, false // RFC 3550 6.4.1: only the last packet may be padded
		}
		p = p[:n-pad]
	}
	return p, rest, true
}

// begin writes a packet header whose length is filled in by end.
func beginRTCP(dst []byte, count, kind byte, ssrc uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, rtpVersion|count, kind, 0, 0), ssrc)
}

func endRTCP(dst []byte, at int) []byte {
	binary.BigEndian.PutUint16(dst[at+2:], uint16((len(dst)-at)/4-1))
	return dst
}

// report rewrites an SR or RR. NTP times cross, so that LSR and DLSR measure the way from end to end; the counts are what
// we sent. Blocks about anything but our stream are left out, and so is what follows the blocks.
func (x *crossing) report(dst, p []byte) ([]byte, bool) {
	count, blocks := int(p[0]&0x1f), 8
	if p[1] == rtcpSR {
		blocks = 28
	}
	if len(p) < blocks+24*count {
		return dst, false
	}
	at := len(dst)
	if p[1] == rtcpSR {
		x.sent = binary.BigEndian.Uint32(p[10:])
	}
	if out := x.source(binary.BigEndian.Uint32(p[4:])); p[1] == rtcpSR && out != nil {
		dst = beginRTCP(dst, 0, rtcpSR, out.ssrc)
		dst = append(dst, p[8:16]...)
		dst = binary.BigEndian.AppendUint32(dst, binary.BigEndian.Uint32(p[16:])+out.time)
		dst = binary.BigEndian.AppendUint32(dst, out.packets)
		dst = binary.BigEndian.AppendUint32(dst, out.octets)
		x.asked = x.sent
	} else {
		dst = beginRTCP(dst, 0, rtcpRR, x.own(p))
	}
	for b := p[blocks : blocks+24*count]; len(b) > 0; b = b[24:] {
		x.read(b)
		back := x.target(binary.BigEndian.Uint32(b))
		if back == nil {
			continue
		}
		dst[at]++
		dst = binary.BigEndian.AppendUint32(dst, back.source)
		dst = append(dst, b[4:8]...)
		dst = binary.BigEndian.AppendUint32(dst, binary.BigEndian.Uint32(b[8:])-back.seq)
		dst = append(dst, b[12:24]...)
	}
	return endRTCP(dst, at), true
}

// read keeps what the party says of our first stream.
func (x *crossing) read(b []byte) {
	if binary.BigEndian.Uint32(b) != x.back[0].ssrc {
		return
	}
	lost := binary.BigEndian.Uint32(b[4:])
	x.block = block{lost: int32(lost<<8) >> 8, fraction: uint8(lost >> 24), jitter: binary.BigEndian.Uint32(b[12:]),
		last: binary.BigEndian.Uint32(b[16:]), delay: binary.BigEndian.Uint32(b[20:]), is: true}
}

// source returns the stream that carries a source of the party, nil if none does.
func (x *crossing) source(ssrc uint32) *sender {
	for _, s := range x.out {
		if s != nil && s.mapped && s.source == ssrc {
			return s
		}
	}
	return nil
}

// own returns the SSRC that stands for the sender of a packet.
func (x *crossing) own(p []byte) uint32 {
	if s := x.source(binary.BigEndian.Uint32(p[4:])); s != nil {
		return s.ssrc
	}
	return x.out[0].ssrc
}

// target finds the stream of an SSRC that the party knows from us; its source is behind it.
func (x *crossing) target(ssrc uint32) *sender {
	for _, s := range x.back {
		if s != nil && s.mapped && s.ssrc == ssrc {
			return s
		}
	}
	return nil
}

// appendSDES writes our own source description: a random CNAME and nothing else (RFC 7022 4.2).
func appendSDES(dst []byte, ssrc uint32, cname *[cnameLen]byte) []byte {
	at := len(dst)
	dst = beginRTCP(dst, 1, rtcpSDES, ssrc)
	dst = append(dst, 1, 2*cnameLen)
	dst = hex.AppendEncode(dst, cname[:])
	for len(dst)-at < sdesSize {
		dst = append(dst, 0)
	}
	return endRTCP(dst, at)
}

// bye passes the end of the stream on, without the reason.
func (x *crossing) bye(dst, p []byte) []byte {
	count := int(p[0] & 0x1f)
	if len(p) < 4+4*count {
		return dst
	}
	for ; count > 0; count-- {
		s := x.source(binary.BigEndian.Uint32(p[4*count:]))
		if s == nil && !x.out[0].mapped {
			s = x.out[0]
		}
		if s != nil {
			at := len(dst)
			return endRTCP(beginRTCP(dst, 1, rtcpBYE, s.ssrc), at)
		}
	}
	return dst
}

// feedback rewrites the messages that we know; dst is returned as it was for any other.
func (x *crossing) feedback(dst, p []byte) []byte {
	if len(p) < 12 || !x.back[0].mapped && x.back[1] == nil {
		return dst
	}
	at, kind, format, fci := len(dst), p[1], p[0]&0x1f, p[12:]
	back, media := x.target(binary.BigEndian.Uint32(p[8:])), uint32(0)
	about := back != nil
	if about {
		media = back.source
	}
	dst = binary.BigEndian.AppendUint32(beginRTCP(dst, format, kind, x.own(p)), media)
	head := len(dst)
	switch {
	case kind == rtcpRTPFB && format == fbNACK && about:
		for ; len(fci) >= 4; fci = fci[4:] {
			dst = binary.BigEndian.AppendUint16(dst, binary.BigEndian.Uint16(fci)-uint16(back.seq))
			dst = append(dst, fci[2:4]...)
		}
	case kind == rtcpPSFB && format == fbPLI && about:
		return endRTCP(dst, at)
	case kind == rtcpPSFB && format == fbSLI && about:
		dst = append(dst, fci[:len(fci)&^3]...)
	case kind == rtcpRTPFB && (format == fbTMMBR || format == fbTMMBN),
		kind == rtcpPSFB && (format == fbFIR || format == fbTSTR || format == fbTSTN):
		dst = x.entries(dst, fci)
	case kind == rtcpPSFB && format == fbAFB:
		dst = x.remb(dst, fci)
	}
	if len(dst) == head {
		return dst[:at]
	}
	return endRTCP(dst, at)
}

// entries copies the 8-byte entries of RFC 5104 4 that begin with an SSRC we know.
func (x *crossing) entries(dst, fci []byte) []byte {
	for ; len(fci) >= 8; fci = fci[8:] {
		ssrc := binary.BigEndian.Uint32(fci)
		if s := x.target(ssrc); s != nil {
			ssrc = s.source
		} else if s := x.source(ssrc); s != nil { // TMMBN names the owner of a limit
			ssrc = s.ssrc
		} else {
			continue
		}
		dst = binary.BigEndian.AppendUint32(dst, ssrc)
		dst = append(dst, fci[4:8]...)
	}
	return dst
}

// remb copies a receiver estimated maximum bit rate (draft-alvestrand-rmcat-remb 2.2) about our stream.
func (x *crossing) remb(dst, fci []byte) []byte {
	if len(fci) < 8 || string(fci[:4]) != "REMB" || len(fci) < 8+4*int(fci[4]) {
		return dst
	}
	for i := range int(fci[4]) {
		if s := x.target(binary.BigEndian.Uint32(fci[8+4*i:])); s != nil {
			dst = append(append(dst, "REMB\x01"...), fci[5:8]...)
			return binary.BigEndian.AppendUint32(dst, s.source)
		}
	}
	return dst
}
