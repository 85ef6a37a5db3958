package hss

import (
	"bytes"
	"slices"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/sh"
)

// subscription is one application server's interest in one view of one identity. It is kept per Origin-Host, so it
// survives reconnections and is shared by all nodes of that name.
type subscription struct {
	as       asker
	key      sh.Identity // as the application server named it; notifications name it so
	id       string
	r        *record
	view     view
	wilds    sh.Wildcards
	private  string
	expiry   time.Time
	oneTime  bool
	together bool // Notif-Eff: one notification may hold several changes
}

// same tells whether two subscriptions are one.
func (s *subscription) same(o *subscription) bool {
	a, b := s.view, o.view
	a.empty, b.empty, a.named, b.named = false, false, false, false
	return s.as.host == o.as.host && s.key == o.key && a == b
}

func (s *subscription) found() found { return found{record: s.r, id: s.id, wilds: s.wilds} }

func (s *Server) snr(r *diameter.Request, as asker, q *sh.SNR, tableErr error) (*diam.Message, error) {
	bits, feats, err := features(q.Features)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.admit(as, sh.Notify, q.Identity, q.References, q.PrivateIdentity, tableErr)
	if err != nil {
		return nil, err
	}
	views, err := f.subscribed(q, bits)
	if err != nil {
		return nil, err
	}
	answer := &sh.SNA{Wildcards: f.wilds, Features: feats}
	now := time.Now()
	s.expire(f.record, now)
	for _, v := range views {
		sub := &subscription{as: as, key: q.Identity, id: f.id, r: f.record, view: v, wilds: f.wilds, private: q.PrivateIdentity,
			oneTime: q.OneTime, together: bits&sh.NotifEff != 0}
		s.unsubscribe(f.record, sub.same)
		if q.Unsubscribe {
			continue
		}
		sub.expiry = s.expiry(now, q.Expiry)
		answer.Expiry = sub.expiry
		s.subscriptions[f.record] = append(s.subscriptions[f.record], sub)
	}
	if q.SendData && !q.Unsubscribe {
		d := new(sh.Data)
		for _, v := range views {
			v.empty = bits&sh.NotifEff != 0
			f.render(v, d)
		}
		if bits&sh.NotifEff != 0 || !empty(d) {
			answer.Data = d
		}
	}
	a := r.Answer(diameter.Success)
	return a, answer.Append(a)
}

// subscribed returns what an SNR is about; all or nothing.
func (f found) subscribed(q *sh.SNR, bits uint32) (out []view, err error) {
	for _, ref := range q.References {
		v := view{ref: ref, empty: true}
		if ref == sh.RefInitialFilterCriteria || ref == sh.RefDSAI {
			v.serverName = q.ServerName
		}
		vs, err := f.split(v, q.ServiceIndications, q.DSAITags, q.IdentitySets, bits)
		if err != nil {
			return nil, err
		}
		for _, v := range vs {
			_, ok := f.repos[repoKey{f.public(f.id).Alias, v.service}]
			if ref == sh.RefRepositoryData && !ok && !q.Unsubscribe {
				return nil, experimental(sh.SubsDataAbsent, v.service)
			}
		}
		out = append(out, vs...)
	}
	return out, nil
}

// expiry returns when a subscription ends: what was asked for, within our own bound.
func (s *Server) expiry(now, asked time.Time) time.Time {
	if s.cfg.MaxSubscription == 0 {
		return asked
	}
	latest := now.Add(s.cfg.MaxSubscription)
	if asked.IsZero() || asked.After(latest) {
		return latest
	}
	return asked
}

// unsubscribe forgets subscriptions to a subscriber's data. The lock is held.
func (s *Server) unsubscribe(r *record, which func(*subscription) bool) {
	if left := slices.DeleteFunc(s.subscriptions[r], which); len(left) > 0 {
		s.subscriptions[r] = left
	} else {
		delete(s.subscriptions, r)
	}
}

// expire forgets those that have ended. The lock is held.
func (s *Server) expire(r *record, now time.Time) {
	s.unsubscribe(r, func(x *subscription) bool { return !x.expiry.IsZero() && !now.Before(x.expiry) })
}

// shot is what a subscription showed before a change.
type shot struct {
	sub *subscription
	xml []byte
}

// mutate changes a subscriber and notifies whoever sees something else afterwards. The lock is held.
func (s *Server) mutate(r *record, do func()) {
	s.expire(r, time.Now())
	var before []shot
	for _, sub := range s.subscriptions[r] {
		before = append(before, shot{sub, sub.look()})
	}
	do()
	s.compare(before)
}

// look renders what the subscription is about.
func (s *subscription) look() []byte {
	d := new(sh.Data)
	s.found().render(s.view, d)
	b, err := d.XML()
	if err != nil {
		return nil
	}
	return b
}

// compare sends notifications for what has changed, joined per application server and identity where it may be.
func (s *Server) compare(before []shot) {
	type group struct {
		host string
		key  sh.Identity
	}
	joined := make(map[group]*notification)
	var out []*notification
	for _, b := range before {
		if bytes.Equal(b.xml, b.sub.look()) || !b.sub.notifies() {
			continue
		}
		g := group{b.sub.as.host, b.sub.key}
		n := joined[g]
		if n == nil || !b.sub.together {
			n = &notification{sub: b.sub, data: new(sh.Data)}
			if b.sub.together {
				joined[g] = n
			}
			out = append(out, n)
		}
		b.sub.found().render(b.sub.view, n.data)
		n.subs = append(n.subs, b.sub)
		if b.sub.oneTime || b.sub.gone() {
			s.unsubscribe(b.sub.r, b.sub.same)
		}
	}
	for _, n := range out {
		s.push(n)
	}
}

// notifies tells whether a change is one to tell: TS 29.328 7.6.3 leaves authentication pending out.
func (s *subscription) notifies() bool {
	return s.view.ref != sh.RefIMSUserState || s.found().state() != sh.AuthenticationPending
}

// gone tells whether the repository data were deleted: the subscription to them ends with its last notification.
func (s *subscription) gone() bool {
	_, ok := s.r.repos[repoKey{s.r.public(s.id).Alias, s.view.service}]
	return s.view.ref == sh.RefRepositoryData && !ok
}
