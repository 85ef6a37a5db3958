package trace

import (
	"encoding/binary"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// HEP sends copies of messages to a collector such as Homer, one datagram each, in version 3 of the HEP/EEP protocol. Both
// legs of a call have the same correlation id in the copies, and nothing in common on the wire.
type HEP struct {
	agent    uint32
	password string
	conn     net.Conn
	queue    chan Message
	done     sync.WaitGroup
	log      *slog.Logger

	sent, dropped atomic.Uint64
}

// hepQueue bounds the copies that wait for the network.
const hepQueue = 4096

// DialHEP opens the way to a collector at host:port, over UDP; agent is the number of this server there, password goes into
// each copy unless empty.
func DialHEP(address string, agent uint32, password string, log *slog.Logger) (*HEP, error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return nil, err
	}
	h := &HEP{agent: agent, password: password, conn: conn, queue: make(chan Message, hepQueue), log: log}
	h.done.Go(h.run)
	return h, nil
}

// Note sends a copy of a message, or drops and counts it when too many wait.
func (h *HEP) Note(m *Message) {
	c := *m
	c.Data = append([]byte(nil), m.Data...)
	select {
	case h.queue <- c:
	default:
		h.dropped.Add(1)
	}
}

// Counts returns how many copies were sent, and how many dropped.
func (h *HEP) Counts() (sent, dropped uint64) { return h.sent.Load(), h.dropped.Load() }

// Close ends the sender; no Note may follow.
func (h *HEP) Close() {
	close(h.queue)
	h.done.Wait()
	_ = h.conn.Close()
}

func (h *HEP) run() {
	var b []byte
	var next time.Time
	for m := range h.queue {
		b = AppendHEP(b[:0], &m, h.agent, h.password)
		if _, err := h.conn.Write(b); err != nil {
			h.dropped.Add(1)
			if now := time.Now(); now.After(next) {
				next = now.Add(time.Minute)
				h.log.Warn("copies of messages do not reach their collector", "to", h.conn.RemoteAddr(), "error", err)
			}
			continue
		}
		h.sent.Add(1)
	}
}

// Chunks of HEP version 3, of the generic vendor 0.
const (
	hepFamily      = 1
	hepProtocol    = 2
	hepSource4     = 3
	hepDest4       = 4
	hepSource6     = 5
	hepDest6       = 6
	hepSourcePort  = 7
	hepDestPort    = 8
	hepSeconds     = 9
	hepMicros      = 10
	hepType        = 11
	hepAgent       = 12
	hepPassword    = 14
	hepPayload     = 15
	hepCorrelation = 17

	hepSIP  = 1
	hepMost = 65535 // the length of a packet has 16 bits
)

// AppendHEP appends a message as a HEP packet; a payload that is too long for one is cut.
func AppendHEP(b []byte, m *Message, agent uint32, password string) []byte {
	start := len(b)
	b = append(b, "HEP3\x00\x00"...)
	chunk := func(kind uint16, data ...byte) {
		b = binary.BigEndian.AppendUint16(append(b, 0, 0), kind)
		b = binary.BigEndian.AppendUint16(b, uint16(6+len(data)))
		b = append(b, data...)
	}
	short := func(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }
	long := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	src, dst := m.Remote, m.Local
	if m.Sent {
		src, dst = dst, src
	}
	protocol := byte(17)
	if m.Transport == sip.TCP || m.Transport == sip.TLS {
		protocol = 6
	}
	if src.Addr().Is4() && dst.Addr().Is4() {
		chunk(hepFamily, 2)
		chunk(hepSource4, src.Addr().AsSlice()...)
		chunk(hepDest4, dst.Addr().AsSlice()...)
	} else {
		s, d := src.Addr().As16(), dst.Addr().As16()
		chunk(hepFamily, 10)
		chunk(hepSource6, s[:]...)
		chunk(hepDest6, d[:]...)
	}
	chunk(hepProtocol, protocol)
	chunk(hepSourcePort, short(src.Port())...)
	chunk(hepDestPort, short(dst.Port())...)
	chunk(hepSeconds, long(uint32(m.At.Unix()))...)
	chunk(hepMicros, long(uint32(m.At.Nanosecond()/1000))...)
	chunk(hepType, hepSIP)
	chunk(hepAgent, long(agent)...)
	if password != "" {
		chunk(hepPassword, []byte(password)...)
	}
	chunk(hepCorrelation, strconv.AppendUint(nil, m.Call, 10)...)
	chunk(hepPayload, m.Data[:min(len(m.Data), hepMost-(len(b)-start)-6)]...)
	binary.BigEndian.PutUint16(b[start+4:], uint16(len(b)-start))
	return b
}
