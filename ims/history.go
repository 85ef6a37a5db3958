package ims

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/sip"
)

// The causes of a diversion (RFC 4458, TS 24.604).
const (
	DivertedAlways     = 302
	DivertedBusy       = 486
	DivertedNoReply    = 408
	DivertedNotLogged  = 404 // not registered
	DivertedNotReached = 503
	Deflected          = 480
	DeflectedRinging   = 487
)

var causes = []int{DivertedAlways, DivertedBusy, DivertedNoReply, DivertedNotLogged, DivertedNotReached, Deflected, DeflectedRinging}

// MaxDiversions is how often a call may be sent on before it is refused.
const MaxDiversions = 5

// History is the way that a request took, as History-Info tells it (RFC 7044): the oldest target first.
type History []HistoryEntry

// HistoryEntry is one target of a request.
type HistoryEntry struct {
	URI    string // with its headers: a Reason, or a Privacy
	Index  string
	Params string // the others, as written, each with its semicolon
}

// HistoryOf reads the header of a draft; what is no entry is left out, and an index that is missing is put there.
func HistoryOf(d *b2bua.Draft) (h History) {
	for _, line := range d.Values("History-Info") {
		for v := []byte(line); len(v) > 0; {
			var one []byte
			one, v = sip.CutValue(v)
			a, err := sip.ParseAddress(one)
			if err != nil || len(a.URI) == 0 {
				continue
			}
			e := HistoryEntry{URI: string(a.URI)}
			for p := a.Params; ; {
				name, value, rest, ok := p.Next()
				if !ok {
					break
				}
				if p = rest; sip.EqualFold(name, "index") {
					e.Index = string(value)
					continue
				}
				e.Params += ";" + string(name)
				if value != nil {
					e.Params += "=" + string(value)
				}
			}
			switch n := len(h); {
			case e.Index != "":
			case n == 0:
				e.Index = "1"
			default:
				e.Index = h[n-1].Index + ".1"
			}
			h = append(h, e)
		}
	}
	return h
}

// String writes the header's value.
func (h History) String() string {
	all := make([]string, len(h))
	for i, e := range h {
		all[i] = "<" + e.URI + ">;index=" + e.Index + e.Params
	}
	return strings.Join(all, ", ")
}

// Diversions counts the entries that a diversion made.
func (h History) Diversions() (n int) {
	for _, e := range h {
		if e.diverted() {
			n++
		}
	}
	return n
}

// cause returns the cause of the diversion that made the entry, 0 if none did.
func (e *HistoryEntry) cause() int {
	u, err := sip.ParseURI([]byte(e.URI))
	if err != nil || !u.IsSIP() {
		return 0
	}
	v, _ := u.Params.Get("cause")
	n, _ := strconv.Atoi(string(v))
	if slices.Contains(causes, n) {
		return n
	}
	return 0
}

// diverted tells whether a diversion made the entry. A tel URI, which has no place for a cause, tells it by mp alone.
func (e *HistoryEntry) diverted() bool {
	_, mapped := sip.Params(e.Params).Get("mp")
	return e.cause() != 0 || mapped && strings.HasPrefix(sh.Canonical(e.URI), "tel:")
}

// diverter returns who has sent the request on last, "" if nobody has.
func (h History) diverter() string {
	if len(h) == 0 || !h[len(h)-1].diverted() {
		return ""
	}
	last := &h[len(h)-1]
	from, _ := sip.Params(last.Params).Get("mp")
	for i := len(h) - 2; i >= 0; i-- {
		if len(from) == 0 || h[i].Index == string(from) {
			return h[i].URI
		}
	}
	return ""
}

// Divert sends a draft to another target for one of the causes above (TS 24.604 4.5.2.6): the Request-URI is the new target with
// its cause, History-Info has the old target, if nobody has put it there, and the new one. The Route stays, so the request goes
// back to the S-CSCF, which sees by the Request-URI that the call was sent on. The new history is returned, for a 181.
func Divert(d *b2bua.Draft, to string, cause int) History {
	h := HistoryOf(d)
	old := d.RequestURI
	if n := len(h); n == 0 {
		h = History{{URI: old, Index: "1"}}
	} else if !sameUser(h[n-1].URI, old) {
		h = append(h, HistoryEntry{URI: old, Index: h[n-1].Index + ".0.1", Params: ";np=" + h[n-1].Index}) // RFC 7044 10.3: a gap
	}
	from := h[len(h)-1].Index
	to = withCause(to, old, cause)
	h = append(h, HistoryEntry{URI: to, Index: from + ".1", Params: ";mp=" + from})
	d.RequestURI = to
	d.Set("History-Info", h.String())
	return h
}

// withCause puts a cause into a target. A tel URI has no place for it (RFC 4458 3), so that becomes a SIP URI of the old
// target's domain.
func withCause(to, old string, cause int) string {
	u, err := sip.ParseURI([]byte(to))
	if err == nil && !u.IsSIP() && sip.EqualFold(u.Scheme, "tel") {
		o, err := sip.ParseURI([]byte(old))
		if err != nil || !o.IsSIP() {
			return to
		}
		number, _, _ := strings.Cut(strings.TrimPrefix(sh.Canonical(to), "tel:"), ";")
		to = "sip:" + number + "@" + string(o.Host) + ";user=phone"
	} else if err == nil && u.IsSIP() && len(u.Headers) > 0 {
		to = strings.TrimSuffix(to, "?"+string(u.Headers))
	}
	return to + ";cause=" + strconv.Itoa(cause)
}
