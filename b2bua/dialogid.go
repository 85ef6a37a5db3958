package b2bua

import (
	"bytes"
	"net/url"

	"github.com/bifrons/bifrons/sip"
)

// dialogID is what a party knows a confirmed dialog by, and which of ours it is. Calls share theirs so that a header of one
// call may speak of another (RFC 3891); what is shared is never changed.
type dialogID struct {
	callID string
	tag    string // the party's
	ref    ref    // of our tag
}

// share shows other calls the dialogs of an answered call.
func (c *Call) share() {
	if c.shared.Load() != nil || c.Cause != nil || c.Winner == 0 && c.Adopted == nil {
		return
	}
	x, y := c.talking()
	if y == nil {
		return
	}
	ids := new([2]dialogID)
	for i, l := range [...]*Leg{x, y} {
		d := l.confirmed()
		if d == nil {
			return
		}
		at := c.born(l)
		ids[i] = dialogID{c.srv.callID(c, l), d.RemoteTag, ref{at.Call, at.Slot, 0}}
		if !l.UAC {
			ids[i].ref.number = uint32(d.Number)
		}
	}
	c.shared.Store(ids)
}

// far finds the dialog at the other side of ours: the one with our tag in it, which tells the call, and its far leg's.
func (s *Server) far(r ref) (near, far dialogID, ok bool) {
	c := s.table.byID(r.call)
	if c == nil {
		return near, far, false
	}
	ids := c.shared.Load()
	if ids == nil {
		return near, far, false
	}
	switch r {
	case ids[0].ref:
		return ids[0], ids[1], true
	case ids[1].ref:
		return ids[1], ids[0], true
	}
	return near, far, false
}

// appendMapped prints a header that names dialogs with the identifiers of the other leg; it prints nothing when it names
// none of ours.
func (x *passage) appendMapped(dst []byte, h *sip.Header) []byte {
	switch h.ID {
	case sip.HdrReplaces, sip.HdrJoin:
		return x.srv.appendDialog(dst, h.Value, "to-tag", "from-tag")
	case sip.HdrTargetDialog:
		return x.srv.appendDialog(dst, h.Value, "local-tag", "remote-tag")
	case sip.HdrInReplyTo:
		return x.srv.appendCallIDs(dst, h.Value)
	case sip.HdrReferTo:
		return x.appendReferTo(dst, h.Value)
	}
	return dst
}

// appendDialog translates callid;a=tag;b=tag. One of the tags is ours and leads to the call; Call-ID and the party's tag must
// be right, too, so that nobody finds dialogs by guessing. The roles of us and the party stay as they are.
func (s *Server) appendDialog(dst, value []byte, a, b string) []byte {
	callID, params, _ := cutParams(value)
	callID = bytes.TrimSpace(callID)
	ta, _ := sip.Params(params).Get(a)
	tb, _ := sip.Params(params).Get(b)
	_, far, first, ok := s.translate(callID, ta, tb)
	if !ok {
		return dst
	}
	ours := s.mint.append(nil, idTag, far.ref)
	theirs := []byte(far.tag)
	if first { // from our point of view to theirs: we were the one addressed, now the party is
		ours, theirs = theirs, ours
	}
	dst = append(append(append(append(dst, far.callID...), ';'), a...), '=')
	dst = append(append(append(append(dst, ours...), ';'), b...), '=')
	dst = append(dst, theirs...)
	if _, early := sip.Params(params).Get("early-only"); early {
		dst = append(dst, ";early-only"...)
	}
	return dst
}

// translate finds a dialog of ours and the far one; first tells that our tag was the first. Three times the same tag of ours is the form in
// which a Refer-To has shown the dialog to a third party.
func (s *Server) translate(callID, a, b []byte) (near, far dialogID, first, ok bool) {
	if r, is := s.mint.find(callID, idTag); is && bytes.Equal(callID, a) && bytes.Equal(a, b) {
		near, far, ok = s.far(r)
		return near, far, true, ok
	}
	for i, t := range [...][2][]byte{{a, b}, {b, a}} {
		r, is := s.mint.find(t[0], idTag)
		if !is {
			continue
		}
		near, far, ok := s.far(r)
		if ok && near.callID == string(callID) && near.tag == string(t[1]) {
			return near, far, i == 0, true
		}
	}
	return dialogID{}, dialogID{}, false, false
}

// appendCallIDs translates the Call-IDs that are ours; those a party chose are not looked for.
func (s *Server) appendCallIDs(dst, list []byte) []byte {
	start := len(dst)
	for len(list) > 0 {
		var one []byte
		one, list = sip.CutValue(list)
		r, ok := s.mint.find(one, idCallID)
		if !ok {
			continue
		}
		if _, far, ok := s.far(ref{r.call, r.slot, 0}); ok {
			if len(dst) > start {
				dst = append(dst, ", "...)
			}
			dst = append(dst, far.callID...)
		}
	}
	return dst
}

// appendReferTo shows the target of a REFER under our host. A dialog it names is shown by our own tag alone, from which only
// we can tell whose it is; one that is not ours makes the whole header go, for the transfer would fail at its target.
func (x *passage) appendReferTo(dst, value []byte) []byte {
	a, err := sip.ParseAddress(value)
	if err != nil {
		return dst
	}
	u, err := sip.ParseURI(a.URI)
	if err != nil {
		return dst
	}
	var opaque []byte
	if len(u.Headers) > 0 {
		q, err := url.ParseQuery(string(bytes.ReplaceAll(u.Headers, []byte("+"), []byte("%2B"))))
		if err != nil {
			return dst
		}
		for k := range q {
			if !sip.EqualFold([]byte(k), "Replaces") {
				continue
			}
			_, params, _ := cutParams([]byte(q.Get(k)))
			for _, name := range [...]string{"to-tag", "from-tag"} {
				tag, _ := sip.Params(params).Get(name)
				if _, ours := x.srv.mint.find(tag, idTag); ours && len(x.srv.appendDialog(nil, []byte(q.Get(k)), "to-tag", "from-tag")) > 0 {
					opaque = tag
				}
			}
			if opaque == nil {
				return dst
			}
		}
	}
	uri := requestURI(a.URI)
	dst = x.appendURI(append(dst, '<'), []byte(uri), x.host)
	if opaque != nil {
		dst = append(append(dst, "?Replaces="...), opaque...)
		dst = append(append(dst, "%3Bto-tag%3D"...), opaque...)
		dst = append(append(dst, "%3Bfrom-tag%3D"...), opaque...)
	}
	return append(dst, '>')
}

// strayDialog tells that a request wants to replace or join a dialog that is not ours to find (RFC 3891 3: 481).
func (x *passage) strayDialog(m *sip.Message) bool {
	for i := range m.Headers {
		h := &m.Headers[i]
		if (h.ID == sip.HdrReplaces || h.ID == sip.HdrJoin) && x.rule(h).Action == Map && len(x.appendMapped(nil, h)) == 0 {
			return true
		}
	}
	return false
}
