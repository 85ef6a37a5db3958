package b2bua

import "github.com/bifrons/bifrons/b2bua/cdr"

// record is what there is to tell of a call at any time.
func (c *Call) record(kind cdr.Kind) cdr.Record {
	a := c.Legs[0]
	r := cdr.Record{Kind: kind, Call: c.ID, Node: c.srv.cfg.Node, Method: c.method(), ICID: c.ICID, From: a.Them, To: a.Us, Start: c.Started, Ringing: c.Rang, Answer: c.Answer,
		Legs: make([]cdr.Leg, 0, len(c.Legs))}
	for _, l := range c.Legs {
		r.Legs = append(r.Legs, cdr.Leg{Side: l.Side, CallID: c.srv.callID(c, l)})
	}
	return r
}

// began notes the answer of a call, and writes its first record.
func (c *Call) began() {
	c.Answer = c.srv.cfg.Clock.Wall()
	r := c.record(cdr.Start)
	r.Status = 200
	c.srv.cfg.CDR.Write(r)
}
