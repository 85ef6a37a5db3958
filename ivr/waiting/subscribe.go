package waiting

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/sip"
)

// Bounds of what is kept of a subscription; longer text is no phone's.
const (
	maxURI    = 512
	maxText   = 1024
	maxRoutes = 8
)

// countTime is how long a mailbox may take to be counted; a phone repeats its SUBSCRIBE meanwhile.
const countTime = 8 * time.Second

// Outside answers SUBSCRIBE to the mailboxes of a side and leaves all else to the server.
func (d *Desk) Outside(side *b2bua.Side, m *sip.Message) (b2bua.Reply, bool) {
	if m.Method != sip.SUBSCRIBE {
		return b2bua.Reply{}, false
	}
	k, tag := keyOf(m)
	if tag != "" {
		return d.again(side, m, k, tag)
	}
	box := d.mailbox(side, m)
	if box == nil {
		return b2bua.Reply{}, false
	}
	if r, known := d.repeated(k, m); known {
		return r, true
	}
	expires, refused := d.asked(m)
	identities := d.identities(side, m)
	switch {
	case refused.Status != 0:
		return refused, true
	case len(identities) == 0:
		return refuse(403, "Warning", `399 bifrons "only who is known by digest, by P-Asserted-Identity of a trusted side or by his registration may subscribe"`), true
	}
	return d.beside(m, func(ctx context.Context, m *sip.Message) b2bua.Reply {
		who := Caller{Called: string(m.RequestURI), Identity: identities[0], Name: display(m)}
		n, err := box.Summary(ctx, who)
		switch {
		case err != nil:
			return refuse(480, "Retry-After", "60")
		case !owns(side, identities, n.To):
			return refuse(403, "Warning", `399 bifrons "this mailbox is another's"`)
		}
		s := &subscription{key: k, side: side.Name, box: box, who: who, user: m.User, ours: d.cfg.Random(), counted: d.cfg.Now()}
		s.put(n)
		if !s.dialog(m) {
			return b2bua.Reply{Status: 400}
		}
		return d.take(s, m, expires)
	}), true
}

// refuse is a refusal with a header.
func refuse(status int, name, value string) b2bua.Reply {
	return b2bua.Reply{Status: status, Headers: []b2bua.Field{{Name: name, Value: value}}}
}

// mailbox finds the first menu of a side that takes the Request-URI.
func (d *Desk) mailbox(side *b2bua.Side, m *sip.Message) Mailbox {
	u, err := sip.ParseURI(m.RequestURI)
	if err != nil || len(m.RequestURI) > maxURI {
		return nil
	}
	for _, b := range d.cfg.Mailboxes(side.Name) {
		if b.Takes(name(&u)) {
			return b
		}
	}
	return nil
}

// asked reads what a SUBSCRIBE asks for, or says why it is refused (RFC 6665 4.2.1.1).
func (d *Desk) asked(m *sip.Message) (expires time.Duration, refused b2bua.Reply) {
	kind, _, _ := strings.Cut(m.Header("Event"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), event) {
		return 0, refuse(489, "Allow-Events", event)
	}
	if !takesSummaries(m) {
		return 0, refuse(406, "Accept", summaryType)
	}
	expires = d.cfg.Default
	if m.Has(sip.HdrExpires) {
		var ok bool
		if expires, ok = sip.Seconds(m.Get(sip.HdrExpires)); !ok {
			return 0, b2bua.Reply{Status: 400}
		}
	}
	if expires > 0 && expires < d.cfg.Min {
		return 0, refuse(423, "Min-Expires", strconv.Itoa(int(d.cfg.Min/time.Second)))
	}
	return min(expires, d.cfg.Max), b2bua.Reply{}
}

// takesSummaries tells whether a phone can read what it would get; without Accept it can (RFC 3842 3.5).
func takesSummaries(m *sip.Message) bool {
	said := false
	for one := range m.Values(sip.HdrAccept) {
		kind, _, _ := strings.Cut(string(one), ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "":
			continue
		case summaryType, "application/*", "*/*":
			return true
		}
		said = true
	}
	return !said
}

// beside answers a request once its mailbox has been counted. A repetition meanwhile gets no second answer.
func (d *Desk) beside(m *sip.Message, answer func(context.Context, *sip.Message) b2bua.Reply) b2bua.Reply {
	id := string(m.Get(sip.HdrCallID)) + "\n" + string(m.Get(sip.HdrFrom)) + "\n" + string(m.Get(sip.HdrCSeq))
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.busy[id]:
		return b2bua.Reply{}
	case len(d.busy) >= d.cfg.Counting:
		return refuse(503, "Retry-After", "10")
	}
	return b2bua.Reply{Later: func(ctx context.Context, m *sip.Message) b2bua.Reply {
		d.mu.Lock()
		if d.busy[id] {
			d.mu.Unlock()
			return b2bua.Reply{}
		}
		d.busy[id] = true
		d.mu.Unlock()
		defer func() {
			d.mu.Lock()
			delete(d.busy, id)
			d.mu.Unlock()
		}()
		ctx, cancel := context.WithTimeout(ctx, countTime)
		defer cancel()
		return answer(ctx, m)
	}}
}

// repeated answers the first SUBSCRIBE of a subscription once more.
func (d *Desk) repeated(k key, m *sip.Message) (b2bua.Reply, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.all[k]
	if s == nil || s.heard != cseq(m) {
		return b2bua.Reply{}, false
	}
	return s.accepted(), true
}

// again takes a SUBSCRIBE in a subscription: a refresh, or its end.
func (d *Desk) again(side *b2bua.Side, m *sip.Message, k key, tag string) (b2bua.Reply, bool) {
	n := cseq(m)
	d.mu.Lock()
	s := d.all[k]
	if s == nil || s.ours != tag || s.side != side.Name || s.over && cseq(m) != s.heard {
		d.mu.Unlock()
		return b2bua.Reply{}, false // 481
	}
	user, heard, repeated := s.user, s.heard, s.accepted()
	d.mu.Unlock()
	expires, refused := d.asked(m)
	switch {
	case n == heard:
		return repeated, true
	case n < heard: // RFC 3261 12.2.2
		return b2bua.Reply{Status: 500}, true
	case user != m.User:
		return b2bua.Reply{Status: 403}, true
	case refused.Status != 0:
		return refused, true
	}
	return d.beside(m, func(ctx context.Context, m *sip.Message) b2bua.Reply {
		if expires > 0 {
			d.recount(ctx, s)
		}
		return d.prolong(s, m, expires)
	}), true
}

// take files a new subscription; its first NOTIFY follows the answer.
func (d *Desk) take(s *subscription, m *sip.Message, expires time.Duration) b2bua.Reply {
	d.mu.Lock()
	owner, now := accountOf(s.summary), d.cfg.Now()
	oldest := d.oldest(owner)
	full := d.count[owner] >= d.cfg.PerOwner
	switch {
	case d.all[s.key] != nil: // the same request came by another way
		d.mu.Unlock()
		return b2bua.Reply{Status: 482}
	case len(d.all) >= d.cfg.Total, full && (oldest == nil || now.Sub(oldest.since) < churn), d.count[owner] >= 2*d.cfg.PerOwner:
		d.mu.Unlock()
		return refuse(503, "Retry-After", "60")
	}
	s.owner, s.since = owner, now
	d.all[s.key] = s
	d.count[owner]++
	s.extend(m, expires, d.cfg.Now())
	r := s.accepted()
	d.mu.Unlock()
	if full {
		d.finish(oldest, "giveup")
	}
	r.Sent = func() { d.tell(s) }
	return r
}

// churn is how long a subscription stands at least before one more of its owner ends it: a phone that subscribes again and again is
// refused.
const churn = 10 * time.Second

// oldest gives the oldest subscription of an owner, nil if there is none. The lock is held.
func (d *Desk) oldest(owner string) (found *subscription) {
	if d.count[owner] < d.cfg.PerOwner {
		return nil
	}
	for _, o := range d.all {
		if o.owner == owner && !o.over && (found == nil || o.since.Before(found.since)) {
			found = o
		}
	}
	return found
}

// prolong sets when a subscription ends; at once for 0. The phone hears by a NOTIFY how it is then.
func (d *Desk) prolong(s *subscription, m *sip.Message, expires time.Duration) b2bua.Reply {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all[s.key] != s || s.over {
		return b2bua.Reply{Status: 481}
	}
	s.extend(m, expires, d.cfg.Now())
	if c := contact(m); c != "" {
		s.target = c
	}
	r := s.accepted()
	r.Sent = func() { d.tell(s) }
	return r
}

// keyOf names the subscription of a SUBSCRIBE: by the subscriber's half of the dialog. The tag is ours, "" in a first one.
func keyOf(m *sip.Message) (k key, tag string) {
	if from, err := sip.ParseAddress(m.Get(sip.HdrFrom)); err == nil {
		t, _ := from.Params.Get("tag")
		k = key{string(m.Get(sip.HdrCallID)), string(t)}
	}
	if to, err := sip.ParseAddress(m.Get(sip.HdrTo)); err == nil {
		t, _ := to.Params.Get("tag")
		tag = string(t)
	}
	return k, tag
}

func cseq(m *sip.Message) uint32 {
	n, _ := m.CSeq()
	return n
}

// contact is the URI of the Contact.
func contact(m *sip.Message) string {
	one, _ := sip.CutValue(m.Get(sip.HdrContact))
	a, err := sip.ParseAddress(one)
	if err != nil || len(a.URI) > maxURI || bytes.ContainsAny(a.URI, "\r\n<>") {
		return ""
	}
	if _, err := sip.ParseURI(a.URI); err != nil {
		return ""
	}
	return string(a.URI)
}

// display is the name that the subscriber gives himself.
func display(m *sip.Message) string {
	a, err := sip.ParseAddress(m.Get(sip.HdrFrom))
	if err != nil {
		return ""
	}
	return strings.Trim(string(a.Display), `"`)
}

// dialog takes the subscriber's half of the dialog from his request; false if it is not fit.
func (s *subscription) dialog(m *sip.Message) bool {
	s.target, s.source = contact(m), m.Source
	s.us, s.them = string(m.Get(sip.HdrTo)), string(m.Get(sip.HdrFrom))
	s.id = idOf(m)
	s.routes = m.List(sip.HdrRecordRoute)
	size := len(s.us) + len(s.them) + len(s.key.callID) + len(s.key.tag) + len(s.id)
	for _, r := range s.routes {
		size += len(r)
	}
	return s.target != "" && s.key.tag != "" && size <= 4*maxText && len(s.routes) <= maxRoutes
}

// idOf is the id of the Event, which comes back in each NOTIFY (RFC 6665 8.2.1).
func idOf(m *sip.Message) string {
	_, params, _ := strings.Cut(m.Header("Event"), ";")
	id, _ := sip.Params(params).Get("id")
	return string(id)
}
