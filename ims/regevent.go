package ims

import (
	"crypto/rand"
	"mime"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/sip"
)

// Sender sends a request outside calls; a b2bua.Server's Ask is one.
type Sender func(o b2bua.Outgoing, done func(*sip.Message)) error

// watch is our subscription to the registration of one user at one S-CSCF (RFC 3680, RFC 6665).
type watch struct {
	rec   *record
	side  string
	us    string // our identity
	state string // pending, active, terminated, refused

	callID, ours, theirs string // Call-ID and tags
	target               string
	routes               []string
	source               netip.AddrPort // of the REGISTER
	cseq, heard          uint32

	lasts   time.Duration // to ask for
	expires time.Time
	renew   time.Time // when to ask again; zero is never
	asking  bool
	again   bool // ask once more when the answer has come
	tries   int

	whole   bool // a full document has come
	version int
}

// margin is by how much a subscription outlasts the registration (TS 24.229 5.7.1.1).
const margin = 10 * time.Minute

func outlasting(expires time.Duration) time.Duration { return min(expires+margin, sip.MaxDelta) }

// watchFor makes or prolongs the subscription that goes with a REGISTER; nil when nothing need be sent. The lock is held.
func (r *Registrations) watchFor(rec *record, side *b2bua.Side, m *sip.Message, expires time.Duration) *watch {
	if !r.cfg.Subscribe || r.send == nil || expires == 0 {
		return nil
	}
	w := rec.watch
	until := r.now().Add(expires)
	if w != nil && w.state != "terminated" {
		if w.lasts = outlasting(expires); w.asking || w.state == "refused" || !w.expires.Before(until) {
			return nil
		}
		w.asking = true
		return w
	}
	r.drop(w)
	us := r.cfg.Identity
	if us == "" {
		us = "sip:" + side.Domain
	}
	w = &watch{rec: rec, side: side.Name, us: us, state: "pending", source: m.Source, lasts: outlasting(expires), asking: true}
	w.begin()
	rec.watch, r.watches[w.callID] = w, w
	return w
}

// begin gives a subscription a dialog of its own.
func (w *watch) begin() {
	w.callID, w.ours, w.theirs, w.target, w.routes = rand.Text(), rand.Text(), "", "", nil
	w.cseq, w.heard, w.whole, w.version = 0, 0, false, 0
}

// drop forgets a subscription. The lock is held.
func (r *Registrations) drop(w *watch) {
	if w != nil {
		delete(r.watches, w.callID)
		w.rec.watch, w.renew = nil, time.Time{}
	}
}

// dueWatches returns the subscriptions that must be renewed now. The lock is held.
func (r *Registrations) dueWatches(now time.Time) (out []*watch) {
	for _, w := range r.watches {
		if !w.asking && !w.renew.IsZero() && !now.Before(w.renew) {
			if w.rec.Registered {
				w.asking = true
				out = append(out, w)
			} else {
				r.drop(w)
			}
		}
	}
	return out
}

// subscribe sends SUBSCRIBE: the first, in a dialog that its answer or a NOTIFY makes, or another one in it. The watch is marked as
// asking.
func (r *Registrations) subscribe(w *watch) {
	r.mu.Lock()
	w.cseq++
	w.again = false
	o := b2bua.Outgoing{Side: w.side, Method: "SUBSCRIBE", URI: w.rec.User, CallID: w.callID, CSeq: w.cseq, Instead: w.source,
		From: "<" + w.us + ">;tag=" + w.ours, To: "<" + w.rec.User + ">", Routes: []string{"<" + withLR(w.rec.SCSCF) + ">"},
		Headers: []b2bua.Field{{Name: "Event", Value: "reg"}, {Name: "Accept", Value: "application/reginfo+xml"},
			{Name: "Expires", Value: strconv.Itoa(int(w.lasts / time.Second))}, {Name: "P-Asserted-Identity", Value: "<" + w.us + ">"},
			{Name: "P-Charging-Vector", Value: newVector(r.cfg.IOI)}}}
	if w.theirs != "" {
		o.URI, o.Routes, o.To = w.target, w.routes, o.To+";tag="+w.theirs
	}
	callID := w.callID
	r.mu.Unlock()
	err := r.send(o, func(m *sip.Message) { r.subscribed(w, callID, m) })
	if err != nil {
		r.subscribed(w, callID, nil)
	}
}

func withLR(uri string) string {
	if u, err := sip.ParseURI([]byte(uri)); err == nil {
		if _, ok := u.Params.Get("lr"); ok {
			return uri
		}
	}
	return uri + ";lr"
}

// subscribed takes the answer to a SUBSCRIBE, nil when there was none.
func (r *Registrations) subscribed(w *watch, callID string, m *sip.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w.asking = false; w.callID != callID || r.watches[callID] != w {
		return
	}
	now := r.now()
	switch {
	case m == nil || m.Status >= 500 || m.Status == 408 || m.Status == 423 || m.Status == 480:
		if m != nil && m.Status == 423 {
			least, _ := sip.Seconds(m.Get(sip.HdrMinExpires))
			w.lasts = max(w.lasts, least)
		}
		w.tries++
		w.renew = now.Add(min(time.Duration(1<<min(w.tries, 10))*time.Second, 10*time.Minute))
	case m.Status == 481: // the other end has lost the dialog
		r.anew(w)
	case m.Status >= 300:
		w.state, w.renew = "refused", time.Time{}
	default:
		w.tries = 0
		if to, err := sip.ParseAddress(m.Get(sip.HdrTo)); err == nil && w.theirs == "" {
			tag, _ := to.Params.Get("tag")
			w.theirs, w.target, w.routes = string(tag), contact(m), m.List(sip.HdrRecordRoute)
			slices.Reverse(w.routes)
		}
		lasts := w.lasts
		if d, ok := sip.Seconds(m.Get(sip.HdrExpires)); ok {
			lasts = d
		}
		w.prolong(now, lasts)
	}
	if w.again {
		w.renew = now
	}
}

// anew lets a subscription begin again with the next tick. The lock is held.
func (r *Registrations) anew(w *watch) {
	delete(r.watches, w.callID)
	w.begin()
	r.watches[w.callID] = w
	w.state, w.renew = "pending", r.now()
}

// prolong sets when to ask again: ten minutes before the end, or half-way of a short one (TS 24.229 5.7.1.1).
func (w *watch) prolong(now time.Time, lasts time.Duration) {
	w.expires = now.Add(lasts)
	if w.renew = now.Add(lasts / 2); lasts > 2*margin {
		w.renew = w.expires.Add(-margin)
	}
}

func contact(m *sip.Message) string {
	a, err := sip.ParseAddress(first(m.Get(sip.HdrContact)))
	if err != nil {
		return ""
	}
	return string(a.URI)
}

// notified takes a NOTIFY of a subscription of ours; another one is not ours to answer.
func (r *Registrations) notified(side *b2bua.Side, m *sip.Message) (b2bua.Reply, bool) {
	from, err := sip.ParseAddress(m.Get(sip.HdrFrom))
	to, err2 := sip.ParseAddress(m.Get(sip.HdrTo))
	if err != nil || err2 != nil {
		return b2bua.Reply{}, false
	}
	theirs, _ := from.Params.Get("tag")
	ours, _ := to.Params.Get("tag")
	n, _ := m.CSeq()
	event, _, _ := strings.Cut(m.Header("Event"), ";")
	r.mu.Lock()
	w := r.watches[string(m.Get(sip.HdrCallID))]
	switch {
	case w == nil || w.ours != string(ours) || w.side != side.Name || w.theirs != "" && w.theirs != string(theirs):
		r.mu.Unlock()
		return b2bua.Reply{}, false // 481
	case !strings.EqualFold(strings.TrimSpace(event), "reg"):
		r.mu.Unlock()
		return b2bua.Reply{Status: 489, Headers: []b2bua.Field{{Name: "Allow-Events", Value: "reg"}}}, true
	case w.heard != 0 && n < w.heard:
		r.mu.Unlock()
		return b2bua.Reply{Status: 500}, true
	case n == w.heard:
		r.mu.Unlock()
		return b2bua.Reply{Status: 200, Contact: true}, true
	}
	if w.theirs == "" { // it was faster than the answer to SUBSCRIBE (RFC 6665 4.1.2.4)
		w.theirs, w.routes = string(theirs), m.List(sip.HdrRecordRoute)
	}
	if c := contact(m); c != "" {
		w.target = c
	}
	var news []RegistrationChanged
	status := 200
	if len(m.Body) > 0 {
		_, params, _ := mime.ParseMediaType(string(m.Get(sip.HdrContentType)))
		if doc, err := parseReginfo(m.Body, params["charset"]); err != nil {
			status = 400
			r.Faults.note("body", w.rec.SCSCF, err)
		} else {
			news = r.document(w, doc)
		}
	}
	if status == 200 {
		w.heard = n
		r.subscriptionState(w, m.Header("Subscription-State"))
	}
	r.mu.Unlock()
	for _, c := range news {
		r.tell(c)
	}
	return b2bua.Reply{Status: status, Contact: status == 200}, true
}

// document takes a document in its turn: an old one tells nothing, and after a gap the whole state is asked for (RFC 3680 5.1). The
// lock is held.
func (r *Registrations) document(w *watch, doc *reginfo) []RegistrationChanged {
	if doc.State == "partial" && (!w.whole || doc.version > w.version+1) {
		w.whole = false
		if w.again = true; !w.asking {
			w.renew = r.now()
		}
		return nil
	}
	if w.whole && doc.version <= w.version {
		return nil
	}
	w.whole, w.version = true, doc.version
	return []RegistrationChanged{r.put(w.rec, "notify", func(g *Registration) {
		g.By = "reg"
		doc.apply(g, r.now())
	})}
}

// subscriptionState reads what the notifier says of the subscription (RFC 6665 4.1.3). The lock is held.
func (r *Registrations) subscriptionState(w *watch, v string) {
	state, params, _ := strings.Cut(v, ";")
	state = strings.ToLower(strings.TrimSpace(state))
	p := sip.Params(params)
	now := r.now()
	switch state {
	case "active", "pending":
		w.state = state
		if d, ok := sip.Seconds(param(p, "expires")); ok && d > 0 && w.renew.After(now) {
			w.prolong(now, d)
		}
	case "terminated":
		w.state, w.renew = "terminated", time.Time{}
		delete(r.watches, w.callID)
		if !w.rec.Registered {
			return
		}
		switch reason := param(p, "reason"); reason {
		case "rejected", "noresource", "invariant":
		case "probation", "giveup":
			after, _ := sip.Seconds(param(p, "retry-after"))
			r.anew(w)
			w.renew = now.Add(max(min(after, 24*time.Hour), 10*time.Second))
		default: // deactivated, timeout
			r.anew(w)
		}
	}
}
