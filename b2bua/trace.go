package b2bua

import (
	"net/netip"

	"github.com/bifrons/bifrons/b2bua/trace"
	"github.com/bifrons/bifrons/media"
)

// noted keeps a message of a leg for whoever asks later.
func (c *Call) noted(l *Leg, at *Local, sent bool, remote netip.AddrPort, data []byte) {
	cfg := &c.srv.cfg
	if c.detail != nil {
		c.detailed("message", "leg", l.Slot, "side", l.Side, "sent", sent, "peer", remote, "line", firstLine(data))
	}
	if cfg.Trace == nil && cfg.Copies == nil || len(data) == 0 {
		return
	}
	m := trace.Message{Call: c.ID, Leg: l.Slot, Sent: sent, At: cfg.Clock.Wall(), Side: l.Side, Transport: at.Transport, Local: at.Addr, Remote: remote, Data: data}
	cfg.Trace.Note(&m, c.doomed)
	if cfg.Copies != nil {
		kept := m // so that m stays on the stack where nothing is copied
		cfg.Copies.Note(&kept)
	}
}

// Trace returns the last messages of a call, oldest first, as far as they are still there; the call may have ended.
func (s *Server) Trace(call uint64) []trace.Message { return s.cfg.Trace.Read(call) }

// looker is a relay whose packets can be looked at.
type looker interface {
	Look(call uint64) (stop func() []media.Packet)
}

// Look begins to note the heads of a call's RTP packets, until the function is called that it returns.
func (s *Server) Look(call uint64) (stop func() []media.Packet) {
	if t, ok := s.cfg.Media.(looker); ok {
		return t.Look(call)
	}
	return func() []media.Packet { return nil }
}
