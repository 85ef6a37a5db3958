package b2bua

import "github.com/bifrons/bifrons/sip"

// Max-Breadth (RFC 5393 5.3.3) bounds how many branches a request may have at the same time, at all who serve it together: who forks divides
// what came among the branches. So a called party whose contacts lead back to us costs a bounded number of calls, where Max-Forwards
// alone would let each round double them.

// maxBreadth is the Max-Breadth of a request that has none, and the most that one is taken for.
const maxBreadth = 60

// noBreadth says that a request has no Max-Breadth.
const noBreadth = -1

// breadth returns the Max-Breadth of a request.
func breadth(m *sip.Message) int {
	v := m.Get(sip.HdrMaxBreadth)
	if v == nil {
		return noBreadth
	}
	n := 0
	for _, c := range v {
		n = min(n*10+int(c-'0'), maxBreadth)
	}
	return n
}

// widen gives a branch, and those that ring beside it, their shares of the call's Max-Breadth; contacts that none is left for do not ring.
// An App may dial again before this branch has ended, so it gets half. False: nothing is left, not for one (440).
func (c *Call) widen(branch uint8, h *hop) bool {
	b := &c.Branches[branch]
	if b.By != 0 { // a transfer's INVITE is one of our own
		return true
	}
	left := b.Breadth
	if left == 0 {
		if left = c.breadthLeft(); b.Asked {
			left = (left + 1) / 2
		}
	}
	if left == 0 {
		return false
	}
	if n := len(h.beside); n >= left {
		c.srv.metrics.tooBroad.Add(float64(n - left + 1))
		h.beside = h.beside[:left-1]
	}
	h.share = left / (1 + len(h.beside))
	b.Breadth = left - h.share*len(h.beside)
	return true
}

// breadthLeft is what no branch has that waits for its answer.
func (c *Call) breadthLeft() int {
	left := c.Breadth
	if left == noBreadth {
		left = maxBreadth
	}
	for i := range c.Branches {
		if b := &c.Branches[i]; b.Leg != 0 && c.Legs[b.Leg].Phase == Trying {
			left -= b.Breadth
		}
	}
	return max(left, 0)
}

// tells is the Max-Breadth in a branch's request: none, where none came and nothing was divided.
func (c *Call) tells(branch uint8) int {
	b := c.Branches[branch].Breadth
	if c.Breadth == noBreadth && b == maxBreadth {
		return 0
	}
	return b
}
