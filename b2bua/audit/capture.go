package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/ip4defrag"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/gopacket/gopacket/tcpassembly"

	"github.com/bifrons/bifrons/sip"
)

// datagram is what a capture has of interest: a SIP message, or an RTP or RTCP packet, in one frame.
type datagram struct {
	frame    int
	at       time.Time
	src, dst netip.AddrPort
	data     []byte
}

// source is a capture file of either format.
type source interface {
	ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
	LinkType() layers.LinkType
}

// openCapture reads the head of a pcap or pcapng file.
func openCapture(r io.Reader) (source, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	magic, err := b.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("read capture: %w", err)
	}
	if bytes.Equal(magic, []byte{0x0a, 0x0d, 0x0d, 0x0a}) {
		s, err := pcapgo.NewNgReader(b, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
		if err != nil {
			return nil, fmt.Errorf("read pcapng: %w", err)
		}
		return s, nil
	}
	s, err := pcapgo.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("this is neither pcap nor pcapng: %w", err)
	}
	s.SetSnaplen(min(s.Snaplen(), maxMessage)) // a length that is a mistake must not cost gigabytes
	return s, nil
}

// reader takes a capture apart.
type reader struct {
	frame     int
	at        time.Time
	defrag    *ip4defrag.IPv4Defragmenter
	assembler *tcpassembly.Assembler
	give      func(datagram)
}

// readCapture gives every UDP datagram and every SIP message over TCP of a capture, in order; fragments and segments are put
// together. It returns the number of frames.
func readCapture(r io.Reader, give func(datagram)) (frames int, err error) {
	src, err := openCapture(r)
	if err != nil {
		return 0, err
	}
	x := &reader{defrag: ip4defrag.NewIPv4Defragmenter(), give: give}
	x.assembler = tcpassembly.NewAssembler(tcpassembly.NewStreamPool(x))
	x.assembler.MaxBufferedPagesPerConnection = 64
	for {
		data, info, err := src.ReadPacketData()
		if errors.Is(err, io.EOF) {
			x.assembler.FlushAll()
			return x.frame, nil
		}
		if err != nil {
			return x.frame, fmt.Errorf("frame %d: %w", x.frame+1, err)
		}
		x.frame++
		x.at = info.Timestamp
		link := src.LinkType()
		if len(info.AncillaryData) > 0 {
			if l, ok := info.AncillaryData[0].(layers.LinkType); ok {
				link = l
			}
		}
		x.packet(gopacket.NewPacket(data, link, gopacket.DecodeOptions{Lazy: true, NoCopy: true}))
	}
}

// packet finds the datagram or segment of a frame.
func (x *reader) packet(p gopacket.Packet) {
	if ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4); ok && (ip.Flags&layers.IPv4MoreFragments != 0 || ip.FragOffset != 0) {
		whole, err := x.defrag.DefragIPv4WithTimestamp(ip, x.at)
		if err != nil || whole == nil {
			return
		}
		if whole.Protocol == layers.IPProtocolUDP {
			var u layers.UDP
			if u.DecodeFromBytes(whole.Payload, gopacket.NilDecodeFeedback) == nil {
				x.udp(whole.NetworkFlow(), &u)
			}
		}
		return
	}
	network := p.NetworkLayer()
	if network == nil {
		return
	}
	switch t := p.TransportLayer().(type) {
	case *layers.UDP:
		x.udp(network.NetworkFlow(), t)
	case *layers.TCP:
		x.assembler.AssembleWithTimestamp(network.NetworkFlow(), t, x.at)
	}
}

func (x *reader) udp(ip gopacket.Flow, u *layers.UDP) {
	if len(u.Payload) > 0 {
		x.give(datagram{x.frame, x.at, endpoint(ip.Src(), uint16(u.SrcPort)), endpoint(ip.Dst(), uint16(u.DstPort)), bytes.Clone(u.Payload)})
	}
}

func endpoint(e gopacket.Endpoint, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(e.Raw())
	return netip.AddrPortFrom(a.Unmap(), port)
}

// New makes the stream of one direction of a TCP connection.
func (x *reader) New(ip, tcp gopacket.Flow) tcpassembly.Stream {
	port := func(e gopacket.Endpoint) uint16 { return uint16(e.Raw()[0])<<8 | uint16(e.Raw()[1]) }
	return &stream{x: x, src: endpoint(ip.Src(), port(tcp.Src())), dst: endpoint(ip.Dst(), port(tcp.Dst()))}
}

// stream cuts messages out of one direction of a connection.
type stream struct {
	x        *reader
	src, dst netip.AddrPort
	buf      []byte
}

// maxMessage bounds what is kept of a stream that is no SIP.
const maxMessage = 256 << 10

// Reassembled takes segments in order; after a gap it looks for the next message.
func (s *stream) Reassembled(parts []tcpassembly.Reassembly) {
	for _, r := range parts {
		if r.Skip != 0 {
			s.buf = nil
		}
		s.buf = append(s.buf, r.Bytes...)
	}
	for {
		s.buf = bytes.TrimLeft(s.buf, "\r\n")
		end := bytes.Index(s.buf, []byte("\r\n\r\n"))
		if end < 0 {
			break
		}
		n := end + 4 + contentLength(s.buf[:end])
		if n > maxMessage {
			s.buf = s.buf[end+4:]
			continue
		}
		if n > len(s.buf) {
			break
		}
		s.x.give(datagram{s.x.frame, s.x.at, s.src, s.dst, bytes.Clone(s.buf[:n])})
		s.buf = s.buf[n:]
	}
	if len(s.buf) > maxMessage {
		s.buf = nil
	}
}

// ReassemblyComplete ends a connection.
func (s *stream) ReassemblyComplete() {}

// contentLength reads the length of the body that a head announces.
func contentLength(head []byte) (n int) {
	for line := range bytes.SplitSeq(head, []byte("\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if name = bytes.TrimSpace(name); !ok || !sip.EqualFold(name, "Content-Length") && !sip.EqualFold(name, "l") {
			continue
		}
		for _, c := range bytes.TrimSpace(value) {
			if c-'0' > 9 || n > maxMessage {
				return n
			}
			n = n*10 + int(c-'0')
		}
	}
	return n
}
