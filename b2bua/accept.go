package b2bua

import (
	"github.com/bifrons/bifrons/media/sdp"
	"github.com/bifrons/bifrons/sip"
)

// ringSelf sends the caller a provisional response of Bifrons' own.
func (c *Call) ringSelf(e Ring) bool {
	a := c.Legs[0]
	if a.Phase != Trying || a.initial() == nil {
		return false
	}
	c.ring(a, &Walk{Event: Progress{Status: e.Status}, Set: e.Headers})
	return true
}

// accept makes Bifrons the caller's other end: the leg's link is own.
func (c *Call) accept() bool {
	a := c.Legs[0]
	t := a.initial()
	if a.Phase != Trying || t == nil || c.srv.cfg.Media == nil {
		return false
	}
	d := a.Dialogs[0]
	if d.Rel.waits() && d.Rel.Described {
		return false
	}
	body, err := c.ownDescription(a, d, c.Invite.Message, t.Offered)
	if err != nil {
		c.end(Cause{Status: err.status, By: ByBifrons, Text: err.text})
		return true
	}
	c.giveUpOthers(nil, elsewhere)
	c.answered(a, t, d, reply{status: 200, out: outgoing{body: body, contentType: sdpType}})
	return true
}

// answerInDialog answers a request to a leg whose other end is Bifrons.
func (c *Call) answerInDialog(l *Leg, t *Tx, m *sip.Message) {
	if m.Method != sip.INVITE && !(m.Method == sip.UPDATE && t.Offered) {
		c.reply(l, t, reply{status: 200})
		return
	}
	body, err := c.ownDescription(l, l.Dialogs[t.Dialog], m, t.Offered)
	if err != nil {
		c.reply(l, t, reply{status: err.status})
		return
	}
	c.reply(l, t, reply{status: 200, out: outgoing{body: body, contentType: sdpType}})
}

// ownAnswer takes the party's answer to an offer of Bifrons' own, which stands in the ACK.
func (c *Call) ownAnswer(l *Leg, d *Dialog, m *sip.Message) {
	if !describes(m) {
		return
	}
	s := c.srv.sessions.Get().(*sdp.Session)
	defer c.srv.sessions.Put(s)
	if err := s.Parse(descriptionOf(m)); err != nil {
		c.end(Cause{Status: 488, By: l.party(), Text: err.Error()})
		return
	}
	d.Offer.Pending = streams(s)
	c.obeyOwn(l, d)
}

// obeyOwn tells the relay what the party of an own link has described.
func (c *Call) obeyOwn(l *Leg, d *Dialog) {
	d.Offer.commit()
	d.Offer.Turn = turnSettled
	c.describeOwn(l, d)
}

func (c *Call) describeOwn(l *Leg, d *Dialog) {
	for i, port := range l.Ports {
		if port.ID != 0 {
			c.srv.cfg.Media.Do(l.remote(i, d.Offer.stream(i), stream{}, nil, nil))
		}
	}
}
