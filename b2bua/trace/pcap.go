package trace

import (
	"io"
	"net"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/sip"
)

// segment is the most that one TCP segment of a capture carries.
const segment = 32 << 10

// WritePcap writes messages as a capture: a packet each, with the addresses and the transport they had, and heads of RTP packets among
// them in order of time. What came or went by TLS stands there as TCP, in clear.
func WritePcap(w io.Writer, all []Message, speech []media.Packet) error {
	out := pcapgo.NewWriterNanos(w)
	if err := out.WriteFileHeader(1<<18, layers.LinkTypeRaw); err != nil {
		return err
	}
	sent := map[[2]netip.AddrPort]uint32{} // bytes, by direction of a stream
	for i := range all {
		m := &all[i]
		for len(speech) > 0 && speech[0].At.Before(m.At) {
			if err := writeSpeech(out, &speech[0]); err != nil {
				return err
			}
			speech = speech[1:]
		}
		src, dst := m.Remote, m.Local
		if m.Sent {
			src, dst = dst, src
		}
		if m.Transport != sip.TCP && m.Transport != sip.TLS {
			if err := writePacket(out, m, src, dst, &layers.UDP{SrcPort: layers.UDPPort(src.Port()), DstPort: layers.UDPPort(dst.Port())}, m.Data, len(m.Data)); err != nil {
				return err
			}
			continue
		}
		for data := m.Data; len(data) > 0; {
			part := data[:min(len(data), segment)]
			data = data[len(part):]
			there, back := [2]netip.AddrPort{src, dst}, [2]netip.AddrPort{dst, src}
			tcp := &layers.TCP{SrcPort: layers.TCPPort(src.Port()), DstPort: layers.TCPPort(dst.Port()), Seq: 1 + sent[there], Ack: 1 + sent[back],
				ACK: true, PSH: len(data) == 0, Window: 65535}
			sent[there] += uint32(len(part))
			if err := writePacket(out, m, src, dst, tcp, part, len(part)); err != nil {
				return err
			}
		}
	}
	for i := range speech {
		if err := writeSpeech(out, &speech[i]); err != nil {
			return err
		}
	}
	return nil
}

// writeSpeech writes the head of an RTP packet as the beginning of a longer one.
func writeSpeech(out *pcapgo.Writer, p *media.Packet) error {
	udp := &layers.UDP{SrcPort: layers.UDPPort(p.Src.Port()), DstPort: layers.UDPPort(p.Dst.Port())}
	return writePacket(out, &Message{At: p.At}, p.Src, p.Dst, udp, append(p.Head[:len(p.Head):len(p.Head)], make([]byte, max(p.Length-len(p.Head), 0))...), len(p.Head))
}

// transport is a layer whose checksum needs the addresses below it.
type transport interface {
	gopacket.SerializableLayer
	SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
}

// writePacket writes a packet of which so many bytes of its data are kept.
func writePacket(out *pcapgo.Writer, m *Message, src, dst netip.AddrPort, t transport, data []byte, keep int) error {
	protocol := layers.IPProtocolUDP
	if _, ok := t.(*layers.TCP); ok {
		protocol = layers.IPProtocolTCP
	}
	var network gopacket.SerializableLayer
	if src.Addr().Is4() && dst.Addr().Is4() {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: net.IP(src.Addr().AsSlice()), DstIP: net.IP(dst.Addr().AsSlice())}
		_ = t.SetNetworkLayerForChecksum(ip)
		network = ip
	} else {
		a, b := src.Addr().As16(), dst.Addr().As16()
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: a[:], DstIP: b[:]}
		_ = t.SetNetworkLayerForChecksum(ip)
		network = ip
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, network, t, gopacket.Payload(data)); err != nil {
		return err
	}
	b := buf.Bytes()
	kept := b[:len(b)-len(data)+keep]
	return out.WritePacket(gopacket.CaptureInfo{Timestamp: m.At, CaptureLength: len(kept), Length: len(b)}, kept)
}
