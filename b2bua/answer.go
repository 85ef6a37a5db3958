package b2bua

import (
	"bytes"
	"context"
	"net/netip"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/locate"
)

// answerElsewhere takes a response whose connection is gone. It goes to the sender's address and the port of its Via, on a connection of
// its own (RFC 3261 18.2.2), and when nobody is there to where the name in the Via leads (RFC 3263 5). No call waits for it.
func (s *Server) answerElsewhere(l *Local, to netip.AddrPort, sent []byte) {
	var m sip.Message
	b := bytes.Clone(sent)
	if m.Parse(b) != nil {
		return
	}
	via, err := m.TopVia()
	if err != nil {
		return
	}
	from := sip.HostAddr(via.Host)
	if v, ok := via.Params.Get("received"); ok {
		from = sip.HostAddr(v)
	}
	port := via.Port
	if port == 0 {
		port = l.Transport.Port()
	}
	switch told := netip.AddrPortFrom(from, port); {
	case !from.IsValid() || to.Addr() != from:
		return // that was the last place
	case to != told:
		s.sendAnswer(l, b, told, "")
	case !sip.HostAddr(via.Host).IsValid():
		u := sip.URI{Host: via.Host, Port: via.Port}
		ask := locate.Ask(&u, l.Transport, l.side.served)
		ask.Told = true
		s.lookUp(func() {
			ctx, cancel := context.WithTimeout(s.ctx, findLimit)
			defer cancel()
			places, _ := s.cfg.Resolver.Find(ctx, ask, 0)
			for _, p := range places {
				if p.Addr.Addr() != from { // nobody is there
					s.sendAnswer(l.side.via(p.Addr, p.By), b, p.Addr, ask.Host)
					return
				}
			}
		})
	}
}

func (s *Server) sendAnswer(l *Local, b []byte, to netip.AddrPort, name string) {
	if err := l.send(b, to, name); err != nil {
		s.metrics.sendErrors.Inc()
	}
}
