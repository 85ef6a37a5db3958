package trace

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/bifrons/bifrons/sip"
)

func messages() []Message {
	v4, far4 := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("192.0.2.9:5070")
	v6, far6 := netip.MustParseAddrPort("[2001:db8::1]:5061"), netip.MustParseAddrPort("[2001:db8::9]:5071")
	at := time.Unix(1700000000, 123456000)
	return []Message{
		{Call: 77, At: at, Side: "core", Local: v4, Remote: far4, Transport: sip.UDP, Data: []byte("INVITE sip:b@x SIP/2.0\r\n\r\n")},
		{Call: 77, Leg: 1, Sent: true, At: at.Add(time.Millisecond), Side: "carrier", Local: v6, Remote: far6, Transport: sip.TLS, Data: bytes.Repeat([]byte("x"), 40000)},
		{Call: 77, Leg: 1, Sent: true, At: at.Add(2 * time.Millisecond), Side: "carrier", Local: v6, Remote: far6, Transport: sip.TLS, Data: []byte("y")},
	}
}

// TestPcap: a reader of captures finds each message with its time and addresses; those of a stream follow each other.
func TestPcap(t *testing.T) {
	var b bytes.Buffer
	if err := WritePcap(&b, messages(), nil); err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	next := uint32(1)
	for {
		data, info, err := r.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		p := gopacket.NewPacket(data, r.LinkType(), gopacket.Default)
		if e := p.ErrorLayer(); e != nil {
			t.Fatal(e.Error())
		}
		n := p.NetworkLayer().NetworkFlow()
		if tcp, ok := p.TransportLayer().(*layers.TCP); ok {
			if tcp.Seq != next {
				t.Errorf("segment at %d, want %d", tcp.Seq, next)
			}
			next += uint32(len(tcp.Payload))
		}
		got = append(got, info.Timestamp.UTC().Format("05.000000 ")+n.String()+" "+p.TransportLayer().TransportFlow().String())
	}
	want := []string{"20.123456 192.0.2.9->192.0.2.1 5070->5060", "20.124456 2001:db8::1->2001:db8::9 5061->5071",
		"20.124456 2001:db8::1->2001:db8::9 5061->5071", "20.125456 2001:db8::1->2001:db8::9 5061->5071"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if next != 40002 {
		t.Errorf("%d bytes in the stream", next-1)
	}
}

// chunks takes a HEP packet apart, as a collector does.
func chunks(t *testing.T, b []byte) map[uint16][]byte {
	t.Helper()
	if string(b[:4]) != "HEP3" || int(binary.BigEndian.Uint16(b[4:])) != len(b) {
		t.Fatalf("a packet of %d bytes begins with %q", len(b), b[:6])
	}
	out := map[uint16][]byte{}
	for rest := b[6:]; len(rest) > 0; {
		n := binary.BigEndian.Uint16(rest[4:])
		if vendor := binary.BigEndian.Uint16(rest); vendor != 0 {
			t.Errorf("vendor %d", vendor)
		}
		out[binary.BigEndian.Uint16(rest[2:])] = rest[6:n]
		rest = rest[n:]
	}
	return out
}

// TestHEP: a collector gets each message with addresses, time and payload; both legs have the same correlation id.
func TestHEP(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	h, err := DialHEP(l.LocalAddr().String(), 9, "word", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	all := messages()
	for i := range all {
		h.Note(&all[i])
	}
	h.Close()
	if sent, dropped := h.Counts(); sent != 3 || dropped != 0 {
		t.Errorf("%d sent, %d dropped", sent, dropped)
	}
	b := make([]byte, 1<<16)
	for i, m := range all {
		_ = l.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, _, err := l.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		c := chunks(t, b[:n])
		if string(c[17]) != "77" || string(c[14]) != "word" || !bytes.Equal(c[15], m.Data) || c[11][0] != 1 || binary.BigEndian.Uint32(c[12]) != 9 ||
			binary.BigEndian.Uint32(c[9]) != 1700000000 || binary.BigEndian.Uint32(c[10]) != 123456+1000*uint32(i) {
			t.Errorf("message %d: %v", i, c)
		}
		if i == 0 && (c[1][0] != 2 || c[2][0] != 17 || net.IP(c[3]).String() != "192.0.2.9" || net.IP(c[4]).String() != "192.0.2.1" || binary.BigEndian.Uint16(c[7]) != 5070) {
			t.Errorf("addresses %v", c)
		}
		if i == 1 && (c[1][0] != 10 || c[2][0] != 6 || net.IP(c[5]).String() != "2001:db8::1" || net.IP(c[6]).String() != "2001:db8::9" || binary.BigEndian.Uint16(c[8]) != 5071) {
			t.Errorf("addresses %v", c)
		}
	}
	long := Message{Local: all[0].Local, Remote: all[0].Remote, Data: make([]byte, 70000)}
	if b := AppendHEP(nil, &long, 1, strings.Repeat("p", 100)); len(b) != hepMost {
		t.Errorf("a message that is too long makes a packet of %d bytes", len(b))
	}
}

// TestHEPDrops: a collector that nobody runs costs copies, not calls.
func TestHEPDrops(t *testing.T) {
	h := &HEP{queue: make(chan Message, 1)}
	m := messages()[0]
	h.Note(&m)
	h.Note(&m)
	if _, dropped := h.Counts(); dropped != 1 {
		t.Errorf("%d dropped, want 1", dropped)
	}
	if _, err := DialHEP("no port", 1, "", nil); err == nil {
		t.Error("an address without a port is taken")
	}
}
