package waiting

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/ivr/walk"
	"github.com/bifrons/bifrons/sip"
)

// key names a subscription by the subscriber's half of its dialog.
type key struct{ callID, tag string }

// subscription is one of a phone to a mailbox (RFC 6665). The lock of the Desk is for all of it.
type subscription struct {
	key
	side string
	box  Mailbox
	who  Caller
	user string // who has proved to be the subscriber, "" if he was known otherwise

	ours, us, them string // our tag, and To and From of the SUBSCRIBE
	id             string // of the Event
	target         string
	routes         []string
	source         netip.AddrPort
	heard, said    uint32 // the last CSeq of each

	owner   string // the account
	phone   string // user part of whom it is told
	since   time.Time
	granted time.Duration
	until   time.Time

	summary walk.Notify
	counted time.Time
	told    time.Time // when the last NOTIFY went out
	changed bool      // the phone does not know of it yet
	due     bool      // a NOTIFY has to follow at once
	waits   bool      // for the answer to a NOTIFY: there is no second one meanwhile
	over    bool
	reason  string // of the end
}

// pause is between two changes that a phone is told of (RFC 3842 3.10).
const pause = time.Second

// extend grants a time; 0 ends the subscription.
func (s *subscription) extend(m *sip.Message, expires time.Duration, now time.Time) {
	s.heard, s.granted, s.until, s.due = cseq(m), expires, now.Add(expires), true
	if expires == 0 {
		s.over, s.reason = true, "timeout"
	}
}

// accepted is the answer to the last SUBSCRIBE.
func (s *subscription) accepted() b2bua.Reply {
	return b2bua.Reply{Status: 200, Contact: true, Dialog: true, Tag: s.ours,
		Headers: []b2bua.Field{{Name: "Expires", Value: strconv.Itoa(int(s.granted / time.Second))}}}
}

// put takes a new count.
func (s *subscription) put(n walk.Notify) {
	s.changed = s.changed || n != s.summary
	s.summary = n
	if u, err := sip.ParseURI([]byte(n.To)); err == nil {
		s.phone = name(&u)
	}
}

// tell sends the NOTIFY that is due, or that a change asks for; after an answer to the one before, and a pause.
func (d *Desk) tell(s *subscription) {
	d.mu.Lock()
	now := d.cfg.Now()
	if d.all[s.key] != s || s.waits || !s.due && (!s.changed || now.Sub(s.told) < pause) {
		d.mu.Unlock()
		return
	}
	s.due, s.changed, s.waits, s.told = false, false, true, now
	s.said++
	kind, state := event, "active;expires="+strconv.Itoa(max(1, int(s.until.Sub(now).Round(time.Second)/time.Second)))
	if s.id != "" {
		kind += ";id=" + s.id
	}
	if s.over {
		state = "terminated;reason=" + s.reason
	}
	o := b2bua.Outgoing{Side: s.side, Method: "NOTIFY", URI: s.target, Routes: s.routes, From: s.us + ";tag=" + s.ours, To: s.them, CallID: s.callID, CSeq: s.said,
		Headers:     []b2bua.Field{{Name: "Event", Value: kind}, {Name: "Subscription-State", Value: state}},
		ContentType: summaryType, Body: summary(s.summary), Instead: s.source, At: s.behind()}
	last := s.over
	d.mu.Unlock()
	if d.cfg.Ask(o, func(m *sip.Message) { d.answered(s, m, last) }) != nil {
		d.answered(s, nil, last)
	}
}

// behind is where a subscriber sends from whose Contact is an address of another network, as that of a phone behind a translator.
func (s *subscription) behind() netip.AddrPort {
	u, err := sip.ParseURI([]byte(s.target))
	if err != nil || len(s.routes) > 0 {
		return netip.AddrPort{}
	}
	if a := sip.HostAddr(u.Host); !a.IsValid() || a.Unmap() == s.source.Addr().Unmap() {
		return netip.AddrPort{}
	}
	return s.source
}

// answered takes the answer to a NOTIFY, nil when there was none: a phone that does not know the subscription, or is not there, has
// none any more (RFC 6665 4.2.2).
func (d *Desk) answered(s *subscription, m *sip.Message, last bool) {
	d.mu.Lock()
	s.waits = false
	lost := m == nil || m.Status >= 300 && m.Header("Retry-After") == ""
	if (lost || last) && d.all[s.key] == s {
		delete(d.all, s.key)
		if d.count[s.owner]--; d.count[s.owner] <= 0 {
			delete(d.count, s.owner)
		}
	}
	more := !lost && !last && (s.due || s.changed)
	d.mu.Unlock()
	if more {
		d.tell(s)
	}
}

// finish ends a subscription from our side.
func (d *Desk) finish(s *subscription, reason string) {
	d.mu.Lock()
	if !s.over {
		s.over, s.due, s.reason = true, true, reason
	}
	d.mu.Unlock()
	d.tell(s)
}

// atOnce bounds how many phones are told of the end at once.
const atOnce = 256

// Close ends all subscriptions, which nobody keeps: each phone is told to subscribe anew (RFC 6665 4.1.3, deactivated). It waits for their
// answers until the context ends.
func (d *Desk) Close(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	all := d.those(func(*subscription) bool { return true })
	for next := 0; next < len(all) || d.Len() > 0; {
		for ; next < len(all) && d.Len()-(len(all)-next) < atOnce; next++ {
			d.finish(all[next], "deactivated")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// changed counts anew what belongs to a user, and gives the places of the phones that hear of it so.
func (d *Desk) changed(ctx context.Context, user string) map[string]bool {
	told := map[string]bool{}
	list := d.those(func(s *subscription) bool {
		if s.phone == user {
			told[hostPort(s.target)] = true
		}
		return s.phone == user
	})
	for _, s := range list {
		d.recount(ctx, s)
		d.tell(s)
	}
	return told
}

// those gives the subscriptions that fit, the oldest first.
func (d *Desk) those(fit func(*subscription) bool) (out []*subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.all {
		if !s.over && fit(s) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *subscription) int { return a.since.Compare(b.since) })
	return out
}

// recount asks the mailbox how many messages there are. What cannot be counted stays as it was.
func (d *Desk) recount(ctx context.Context, s *subscription) {
	n, err := s.box.Summary(ctx, s.who)
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.counted = d.cfg.Now(); err == nil && n.To == s.summary.To {
		s.put(n)
	}
}

// Tick ends what has run out and tells of what has changed, once a second or so.
func (d *Desk) Tick() {
	now := d.cfg.Now()
	for _, s := range d.those(func(s *subscription) bool { return !now.Before(s.until) || s.changed }) {
		d.mu.Lock()
		out := !now.Before(s.until)
		d.mu.Unlock()
		if out {
			d.finish(s, "timeout")
		} else {
			d.tell(s)
		}
	}
}

// Recount counts mailboxes that nobody has told of for long: a message may have come or gone by another way. It waits for their
// sources.
func (d *Desk) Recount(ctx context.Context) {
	now := d.cfg.Now()
	for _, s := range d.those(func(s *subscription) bool { return now.Sub(s.counted) >= d.cfg.Stale }) {
		if ctx.Err() != nil {
			return
		}
		d.recount(ctx, s)
		d.tell(s)
	}
}

// Len is how many subscriptions there are.
func (d *Desk) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.all)
}
