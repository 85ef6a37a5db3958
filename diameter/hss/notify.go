package hss

import (
	"context"
	"time"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
	"github.com/bifrons/bifrons/diameter/sh"
)

// notifyQueue bounds what may wait for one application server.
const notifyQueue = 4096

// notification is a PNR that is to be sent.
type notification struct {
	sub  *subscription
	subs []*subscription // all that it tells about
	data *sh.Data
}

// push queues a notification for its application server; the goroutine that sends them in order is made with the first
// and ends with the server. The lock is held.
func (s *Server) push(n *notification) {
	q := s.queues[n.sub.as.host]
	if q == nil {
		q = make(chan *notification, notifyQueue)
		s.queues[n.sub.as.host] = q
		s.wg.Go(func() { s.notify(q) })
	}
	select {
	case q <- n:
	default:
		s.log.Warn("notification dropped, too many are waiting", "as", n.sub.as.host)
	}
}

func (s *Server) notify(q chan *notification) {
	for {
		select {
		case <-s.ctx.Done():
			return
		case n := <-q:
			s.send(n)
		}
	}
}

// send sends one PNR and draws the consequences of its answer (TS 29.328 6.1.4).
func (s *Server) send(n *notification) {
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
	defer cancel()
	m := s.endpoint.NewRequest(dict.Sh, dict.PushNotification, diameter.Route{Realm: n.sub.as.realm, Host: n.sub.as.host})
	pnr := &sh.PNR{Identity: n.sub.key, Wildcards: n.sub.wilds, PrivateIdentity: n.sub.private, Data: n.data}
	if err := pnr.Append(m); err != nil {
		s.log.Error("notification cannot be written", "error", err)
		return
	}
	a, err := s.endpoint.Do(ctx, m)
	if err != nil {
		s.log.Warn("notification not delivered", "as", n.sub.as.host, "error", err)
		return
	}
	s.sent.Add(1)
	code, ok := diameter.Number(diameter.Group(diameter.Find(a.AVP, 0, dict.ExperimentalResult)), 0, dict.ExperimentalResultCode)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch code {
	case sh.UserUnknown:
		// The application server does not know the user: nothing about it interests it.
		s.unsubscribe(n.sub.r, func(x *subscription) bool { return x.as.host == n.sub.as.host })
	case sh.NoSubscriptionToData:
		for _, sub := range n.subs {
			s.unsubscribe(sub.r, sub.same)
		}
	}
}
