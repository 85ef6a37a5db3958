package b2bua

// Who talks with whom: the caller with the callee that answered, unless legs were put together otherwise.

// other returns the leg at the far end of l: the winner for the caller, the caller for everybody else, unless they were paired
// otherwise; nil if there is none, or it is Bifrons itself.
func (c *Call) other(l *Leg) *Leg {
	switch {
	case l.Own:
		return nil
	case l.With != 0 && int(l.With) <= len(c.Legs):
		return c.Legs[l.With-1]
	case c.Legs[0].Ours:
		return nil
	}
	if l.Slot != 0 {
		return c.Legs[0]
	}
	if c.Winner == 0 {
		return nil
	}
	return c.Legs[c.Winner]
}

// pair makes two legs each other's far end.
func (c *Call) pair(x, y *Leg) { x.With, y.With, x.Own, y.Own = y.Slot+1, x.Slot+1, false, false }

// mate finds the dialog at the other end of one: of the other leg's answered dialog, or of the early one that shows it or is shown
// by it. Without a leg Bifrons is the other end.
func (c *Call) mate(l *Leg, d *Dialog) (*Leg, *Dialog) {
	if l.Phase == Confirmed {
		if o := c.other(l); o != nil {
			return o, o.confirmed()
		}
		return nil, nil
	}
	a := c.Legs[0]
	if l != a {
		if d.Twin != noTwin && int(d.Twin) < len(a.Dialogs) && a.Phase == Trying {
			return a, a.Dialogs[d.Twin]
		}
		return a, nil
	}
	at := a.index(d)
	for _, o := range c.Legs[1:] {
		for _, od := range o.Dialogs {
			if o.Phase != Over && !od.Ended && od.Twin == at && od.RemoteTag != "" {
				return o, od
			}
		}
	}
	return nil, nil
}

// talking returns the first two legs that are each other's far end; nil if there are none yet.
func (c *Call) talking() (x, y *Leg) {
	for _, x := range c.Legs {
		if y := c.other(x); y != nil && x.Phase == Confirmed && y.Phase == Confirmed && c.other(y) == x {
			return x, y
		}
	}
	return nil, nil
}

// othersTalk tells whether two other parties of a call that was joined talk with each other: the end of this pair is not theirs.
func (c *Call) othersTalk(l *Leg) bool {
	if len(c.Adopted) == 0 {
		return false
	}
	o := c.other(l)
	for _, x := range c.Legs {
		if y := c.other(x); x != l && x != o && x.Phase == Confirmed && y != nil && y != l && y != o && y.Phase == Confirmed {
			return true
		}
	}
	return false
}
