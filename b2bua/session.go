package b2bua

import (
	"bytes"
	"strconv"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// Session is the session timer of a leg (RFC 4028), as data. It is there as soon as a party has asked for one, or was asked.
type Session struct {
	Interval time.Duration // agreed; 0 none yet, or none
	Min      time.Duration // the largest Min-SE seen
	Refresh  time.Duration // when we refresh
	Expire   time.Duration // when the session is over
	Ours     bool          // we refresh
	Timer    bool          // the party knows the timer
	Update   bool          // it allows UPDATE
	Asked    time.Duration // by the party's request that is open
	AskedBy  refresher     // of it
	Shown    []byte        // the description the party was last shown, for a re-INVITE
}

// refresher is the refresher parameter of Session-Expires.
type refresher uint8

const (
	refresherNone refresher = iota
	refresherUAC
	refresherUAS
)

const timerOption = "timer"

// due returns the next deadline, 0 for none.
func (s *Session) due() time.Duration {
	switch {
	case s == nil:
		return 0
	case s.Refresh > 0 && (s.Expire == 0 || s.Refresh < s.Expire):
		return s.Refresh
	}
	return s.Expire
}

// sessionExpires reads a Session-Expires.
func sessionExpires(m *sip.Message) (time.Duration, refresher) {
	v := m.Get(sip.HdrSessionExpires)
	by := refresherNone
	if i := bytes.IndexByte(v, ';'); i >= 0 {
		p, _ := sip.Params(v[i:]).Get("refresher")
		switch {
		case sip.EqualFold(p, "uac"):
			by = refresherUAC
		case sip.EqualFold(p, "uas"):
			by = refresherUAS
		}
		v = v[:i]
	}
	d, _ := sip.Seconds(v) // what is none counts as no header
	return d, by
}

func minSE(m *sip.Message) time.Duration {
	v, _, _ := bytes.Cut(m.Get(sip.HdrMinSE), []byte(";"))
	d, _ := sip.Seconds(v)
	return d
}

// tooShort returns the Min-SE line of the 422 that a request for too short a session gets, "" if it is long enough. One whose
// sender does not know the timer cannot be told (RFC 4028 9).
func (r *Liveness) tooShort(m *sip.Message) string {
	if want, _ := sessionExpires(m); r.Expires > 0 && want > 0 && want < r.MinExpires && m.HasToken(sip.HdrSupported, timerOption) {
		return "Min-SE: " + strconv.Itoa(int(r.MinExpires/time.Second)) + "\r\n"
	}
	return ""
}

// asked notes what an INVITE of the party says of the timer.
func (c *Call) asked(l *Leg, m *sip.Message) {
	r := c.rules(l)
	timer := m.HasToken(sip.HdrSupported, timerOption)
	want, by := sessionExpires(m)
	if r.Expires <= 0 || !timer && want == 0 && l.Session == nil {
		return
	}
	if l.Session == nil {
		l.Session = &Session{}
	}
	s := l.Session
	s.Timer, s.Update = timer, m.Method == sip.UPDATE || m.HasToken(sip.HdrAllow, "UPDATE")
	s.Min = max(s.Min, minSE(m), 90*time.Second)
	s.Asked, s.AskedBy = want, by
	if want == 0 {
		s.Asked = max(r.Expires, s.Min)
	}
}

// appendSessionAnswer prints the timer's fields of a 2xx to an INVITE or UPDATE and starts the session (RFC 4028 9, table 2). m
// is the far party's 2xx, nil for one of our own.
func (c *Call) appendSessionAnswer(b []byte, l *Leg, m *sip.Message) []byte {
	s, r := l.Session, c.rules(l)
	if m != nil && c.carriesTimer(l) {
		c.follow(l, m)
		return appendCarriedTimer(b, m)
	}
	if r.Expires > 0 {
		b = append(b, "Supported: timer\r\n"...)
	}
	if s == nil || s.Asked == 0 {
		return b
	}
	s.Interval = max(min(s.Asked, r.Expires), min(s.Min, s.Asked))
	s.Asked = 0
	switch {
	case !s.Timer:
		s.Ours = true
	case s.AskedBy == refresherNone:
		s.Ours = r.Refresher == PreferLocal
	default:
		s.Ours = s.AskedBy == refresherUAS
	}
	if !s.Ours {
		s.Shown = nil
	}
	c.startSession(s)
	by := refresherUAC
	if s.Ours {
		by = refresherUAS
	}
	b = appendSession(b, s.Interval, by)
	if by == refresherUAC {
		b = append(b, "Require: timer\r\n"...)
	}
	return b
}

func appendSession(b []byte, d time.Duration, by refresher) []byte {
	b = strconv.AppendInt(append(b, "Session-Expires: "...), int64(d/time.Second), 10)
	if by != refresherNone {
		b = append(append(b, ";refresher="...), [...]string{"", "uac", "uas"}[by]...)
	}
	return append(b, "\r\n"...)
}

func appendMinSE(b []byte, least time.Duration) []byte {
	if least <= 0 {
		return b
	}
	return append(strconv.AppendInt(append(b, "Min-SE: "...), int64(least/time.Second), 10), "\r\n"...)
}

// carriesTimer tells whether the parties of a leg and of its far end agree on the session timer by themselves: the policy of the
// pair carries its headers.
func (c *Call) carriesTimer(l *Leg) bool {
	if l.With != 0 || c.Legs[0].Ours { // they never agreed
		return false
	}
	if l.Slot == 0 {
		if c.Winner == 0 {
			return false
		}
		l = c.Legs[c.Winner]
	}
	return c.srv.policy(c.Legs[0].side, l.side).Headers[sip.HdrSessionExpires].Action == Carry
}

// appendCarriedTimer prints what the far party says of the timer.
func appendCarriedTimer(b []byte, m *sip.Message) []byte {
	if m.HasToken(sip.HdrSupported, timerOption) {
		b = append(b, "Supported: timer\r\n"...)
	}
	if m.HasToken(sip.HdrRequire, timerOption) {
		b = append(b, "Require: timer\r\n"...)
	}
	if want, by := sessionExpires(m); want > 0 {
		b = appendSession(b, want, by)
	}
	return appendMinSE(b, minSE(m))
}

// follow watches a session that the parties refresh by themselves: from a 2xx on, until it is over.
func (c *Call) follow(l *Leg, m *sip.Message) {
	want, _ := sessionExpires(m)
	if want == 0 || c.rules(l).Expires <= 0 {
		l.Session = nil
		return
	}
	if l.Session == nil {
		l.Session = &Session{}
	}
	l.Session.Asked, l.Session.Interval, l.Session.Ours, l.Session.Shown = 0, want, false, nil
	c.startSession(l.Session)
}

// tooShortFor returns what the caller gets for a callee's 422: with its Min-SE where the parties agree by themselves, else the
// failure is ours.
func (c *Call) tooShortFor() (status int, extra string) {
	for _, l := range c.Legs[1:] {
		if l.Session != nil && c.carriesTimer(l) {
			return 422, string(appendMinSE(nil, l.Session.Min))
		}
	}
	return 500, ""
}

// appendSessionAsk prints the timer's fields of an INVITE or UPDATE of ours, m being the far party's that it carries, if any.
// Inside a dialog the roles stay as they are (RFC 4028 7.4).
func (c *Call) appendSessionAsk(b []byte, l *Leg, m *sip.Message) []byte {
	r := c.rules(l)
	if c.carriesTimer(l) {
		if m != nil {
			b = appendCarriedTimer(b, m)
		}
		return b
	}
	if r.Expires <= 0 {
		return b
	}
	b = append(b, "Supported: timer\r\n"...)
	want, by, least := r.Expires, refresherUAS, r.MinExpires
	local := r.Refresher == PreferLocal
	if s := l.Session; s != nil {
		least = max(least, s.Min)
		if s.Interval > 0 {
			want, local = s.Interval, s.Ours
		}
	}
	if local {
		by = refresherUAC
	}
	b = appendSession(b, max(want, least), by)
	if least > 90*time.Second {
		b = appendMinSE(b, least)
	}
	return b
}

// agreed takes what a 2xx to an INVITE or UPDATE of ours says of the timer (RFC 4028 7.2); without the field there is no
// session to expire.
func (c *Call) agreed(l *Leg, m *sip.Message) {
	if c.carriesTimer(l) {
		c.follow(l, m)
		return
	}
	want, by := sessionExpires(m)
	if want == 0 || c.rules(l).Expires <= 0 {
		if s := l.Session; s != nil {
			s.Interval, s.Refresh, s.Expire = 0, 0, 0
		}
		return
	}
	if l.Session == nil {
		l.Session = &Session{}
	}
	s := l.Session
	s.Timer = m.HasToken(sip.HdrSupported, timerOption) || m.HasToken(sip.HdrRequire, timerOption)
	if m.Has(sip.HdrAllow) {
		s.Update = m.HasToken(sip.HdrAllow, "UPDATE")
	}
	s.Interval, s.Ours = want, by != refresherUAS
	c.startSession(s)
}

// startSession sets the deadlines: a refresh of ours after half the interval, the end min(32 s, interval/3) before it is over
// (RFC 4028 10).
func (c *Call) startSession(s *Session) {
	now := c.srv.now()
	s.Refresh, s.Expire = 0, now+s.Interval-min(32*time.Second, s.Interval/3)
	if s.Ours {
		s.Refresh = now + s.Interval/2
	}
}

// sessionDue refreshes a session, or ends the call whose session is over.
func (c *Call) sessionDue(l *Leg, s *Session, now time.Duration) {
	if s.Expire > 0 && now >= s.Expire {
		who := "the party did"
		if s.Ours {
			who = "we could"
		}
		c.lost(l, 408, who+" not refresh the session of "+s.Interval.String(), "session")
		return
	}
	if s.Refresh > 0 && now >= s.Refresh {
		c.refreshSession(l, s, now)
	}
}

// refreshSession sends UPDATE without a description where the party allows it and the rules want it, else a re-INVITE with the
// description the party knows, under an unchanged version (RFC 4028 7.4). During another INVITE it waits.
func (c *Call) refreshSession(l *Leg, s *Session, now time.Duration) {
	d := l.confirmed()
	open := func(t *Tx) bool {
		return t.State == sip.Calling || t.State == sip.Proceeding || t.Again > 0 || t.unacked()
	}
	if d == nil || l.asking(open) || l.find(sip.InviteServer, func(t *Tx) bool { return t.State == sip.Proceeding || t.State == sip.Accepted }) != nil {
		s.Refresh = now + 2*time.Second
		return
	}
	s.Refresh = now + max((s.Expire-now)/2, time.Second) // if this one should fail
	if s.Update && c.rules(l).Refresh != ByInvite || len(s.Shown) == 0 {
		c.send(l, d, sip.UPDATE, outgoing{}).Own = true
		return
	}
	c.send(l, d, sip.INVITE, outgoing{body: s.shown(&d.Offer), contentType: sdpType, describes: true}).Own = true
}

// shown returns the description the party knows. Its version has moved on where another one was refused since, or the call
// was taken over.
func (s *Session) shown(o *offer) []byte {
	line, rest, _ := bytes.Cut(s.Shown, []byte("\r\no=- "))
	f := bytes.SplitN(rest, []byte(" "), 3)
	if len(f) != 3 {
		return s.Shown
	}
	if v, err := strconv.ParseUint(string(f[1]), 10, 64); err == nil && v != o.Origin.Version {
		o.Origin.Version++
		o.Origin.Last = 1 // no description's checksum: the next one is another
		b := append(append([]byte(nil), line...), "\r\no=- "...)
		b = append(append(b, f[0]...), ' ')
		b = append(strconv.AppendUint(b, o.Origin.Version, 10), ' ')
		s.Shown = append(b, f[2]...)
	}
	return s.Shown
}

// show keeps a description that a party was shown and has not refused, where a re-INVITE of ours may have to repeat it: also
// where UPDATE is allowed, for there are parties that refuse it all the same.
func (c *Call) show(l *Leg, contentType string, body []byte) {
	if s := l.Session; s != nil && len(body) > 0 && contentType == sdpType && (s.Asked > 0 || s.Interval > 0 && s.Ours) {
		s.Shown = append([]byte(nil), body...)
	}
}

// showSent is show for the description in an INVITE of ours that was answered.
func (c *Call) showSent(l *Leg, invite []byte) {
	if l.Session == nil || len(invite) == 0 {
		return
	}
	var m sip.Message
	if m.Parse(append([]byte(nil), invite...)) == nil {
		c.show(l, sdpType, descriptionOf(&m))
	}
}

// refreshed takes the answer to an UPDATE of ours.
func (c *Call) refreshed(l *Leg, m *sip.Message) {
	switch {
	case m.Status < 300:
		c.agreed(l, m)
	case m.Status == 422 && l.Session != nil:
		c.longer(l, m)
	case m.Status == 481 || m.Status == 408: // RFC 4028 10
		c.lost(l, m.Status, strconv.Itoa(m.Status)+" to a session refresh", "session")
	case (m.Status == 405 || m.Status == 501) && l.Session != nil: // then by re-INVITE, at once
		l.Session.Update = false
		if len(l.Session.Shown) > 0 && l.Session.Ours {
			l.Session.Refresh = c.srv.now()
		}
	}
}

// renegotiate makes a session's changed rules known to its party: by a refresh at once. Without them in it the session ends
// (RFC 4028 7.2).
func (c *Call) renegotiate(l *Leg, by *Liveness) {
	s := l.Session
	if by.Expires == 0 && by.MinExpires == 0 && by.Refresher == 0 || s == nil || l.Phase != Confirmed || s.Interval == 0 || c.Cause != nil {
		return
	}
	s.Interval, s.Refresh = 0, c.srv.now()
}

// longer takes a 422: the next request asks for at least its Min-SE; one that is no longer than before asks in vain.
func (c *Call) longer(l *Leg, m *sip.Message) bool {
	if l.Session == nil {
		l.Session = &Session{}
	}
	s, least := l.Session, minSE(m)
	if least == 0 || least <= s.Min {
		return false
	}
	s.Min = least
	if s.Interval > 0 {
		s.Interval = max(s.Interval, least)
		s.Refresh = c.srv.now() + time.Second
	}
	return true
}

// askAgain sends an INVITE that was refused with 422 once more in the same leg, for a longer session (RFC 4028 7.3).
func (c *Call) askAgain(l *Leg, t *Tx, invite []byte, m *sip.Message) bool {
	if t.Cancel || t.Tries >= 3 || c.rules(l).Expires <= 0 || !c.longer(l, m) || c.carriesTimer(l) {
		return false
	}
	var inv sip.Message
	if inv.Parse(append([]byte(nil), invite...)) != nil {
		return false
	}
	least := l.Session.Min
	n := c.sendAgain(l, t, &inv, func() {
		want, _ := sessionExpires(&inv)
		by := bytes.IndexByte(inv.Get(sip.HdrSessionExpires), ';')
		v := strconv.AppendInt(nil, int64(max(want, least)/time.Second), 10)
		if by >= 0 {
			v = append(v, inv.Get(sip.HdrSessionExpires)[by:]...)
		}
		inv.Set(sip.HdrSessionExpires, v)
		inv.Set(sip.HdrMinSE, strconv.AppendInt(nil, int64(least/time.Second), 10))
	})
	n.Tries, n.Own = t.Tries+1, t.Own
	if l.Phase == Trying {
		l.First = n.Num
	}
	return true
}
