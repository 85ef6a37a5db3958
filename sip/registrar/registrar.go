package registrar

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// Config bounds what may be registered. DefaultConfig has the values of every day.
type Config struct {
	Min, Default, Max time.Duration // how long a binding lives: the shortest granted (423 below it), the usual, the longest
	PerAOR            int           // bindings of an address of record; one more gets 403
	Total             int           // bindings in all; one more gets 503
}

// DefaultConfig grants ten seconds to an hour, ten contacts to an address of record, and a thousand in all.
func DefaultConfig() Config {
	return Config{Min: 10 * time.Second, Default: time.Hour, Max: time.Hour, PerAOR: 10, Total: 1000}
}

// Origin is where a registration came from, which is where its requests are sent: the way back is known to work, and a Contact
// that names somebody else harms nobody.
type Origin struct {
	Side   string
	Local  uint8 // which of the side's addresses
	Source netip.AddrPort
}

// Binding is one contact of an address of record.
type Binding struct {
	AOR     string
	URI     string   // of the Contact
	Params  string   // of the Contact, less q and expires
	Q       int      // preference in thousandths
	Path    []string // from us to the contact (RFC 3327)
	Expires time.Time
	Updated time.Time
	Origin

	callID string
	cseq   uint32
	tx     uint64
}

// Registrar has the bindings.
type Registrar struct {
	cfg Config

	mu    sync.Mutex
	aors  map[string][]Binding
	total int
}

// New makes a registrar without bindings.
func New(cfg Config) *Registrar { return &Registrar{cfg: cfg, aors: map[string][]Binding{}} }

// Reply is the answer to a REGISTER: its status, and header lines.
type Reply struct {
	Status  int
	Headers []byte
}

// Bounds of what is kept of a binding; longer text is no phone's.
const (
	maxURI    = 512
	maxParams = 512
	maxCallID = 256
	maxPath   = 1024
)

// contact is one element of Contact.
type contact struct {
	uri, params string
	q           int
	expires     time.Duration
}

// Register obeys a REGISTER for an address of record (RFC 3261 10.3, steps 6 to 8): all of it or nothing. tx is the identity of its
// transaction; a repetition gets the same answer again.
func (r *Registrar) Register(m *sip.Message, aor string, from Origin, tx uint64, now time.Time) Reply {
	all, star, err := r.contacts(m)
	if err != 0 {
		return r.refusal(err)
	}
	path, ok := pathOf(m)
	callID := string(m.Get(sip.HdrCallID))
	if !ok || len(callID) > maxCallID {
		return Reply{Status: 400}
	}
	n, _ := m.CSeq()
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.live(aor, now)
	is := slices.Clone(was)
	old := func(b *Binding) bool { return b.callID == callID && b.cseq >= n && (b.cseq != n || b.tx != tx) }
	if star {
		if slices.ContainsFunc(is, func(b Binding) bool { return old(&b) }) {
			return Reply{Status: 500}
		}
		is = nil
	}
	for _, c := range all {
		i := slices.IndexFunc(is, func(b Binding) bool { return SameURI(b.URI, c.uri) })
		if i >= 0 && old(&is[i]) {
			return Reply{Status: 500}
		}
		if c.expires == 0 {
			if i >= 0 {
				is = slices.Delete(is, i, i+1)
			}
			continue
		}
		b := Binding{AOR: aor, URI: c.uri, Params: c.params, Q: c.q, Path: path, Expires: now.Add(c.expires), Updated: now, Origin: from,
			callID: callID, cseq: n, tx: tx}
		if i >= 0 {
			is[i] = b
		} else {
			is = append(is, b)
		}
	}
	switch {
	case len(is) > r.cfg.PerAOR && len(is) > len(was):
		return Reply{Status: 403}
	case len(is) > len(was) && r.full(len(is)-len(was), now):
		return Reply{Status: 503, Headers: []byte("Retry-After: 60\r\n")}
	}
	r.put(aor, is)
	return Reply{Status: 200, Headers: appendBindings(nil, is, m, now)}
}

func (r *Registrar) refusal(status int) Reply {
	if status != 423 {
		return Reply{Status: status}
	}
	b := strconv.AppendInt([]byte("Min-Expires: "), int64(r.cfg.Min/time.Second), 10)
	return Reply{Status: status, Headers: append(b, '\r', '\n')}
}

// contacts reads what a REGISTER asks for; status is the refusal.
func (r *Registrar) contacts(m *sip.Message) (all []contact, star bool, status int) {
	usual, told := r.cfg.Default, false
	if v := m.Get(sip.HdrExpires); v != nil {
		usual, told = seconds(v, r.cfg.Default), true
	}
	for one := range m.Values(sip.HdrContact) {
		if string(one) == "*" {
			star = true
			continue
		}
		c, ok := r.contact(one, usual)
		if !ok || len(all) == 4*r.cfg.PerAOR {
			return nil, false, 400
		}
		all = append(all, c)
	}
	if star && (len(all) > 0 || !told || usual != 0) { // RFC 3261 10.3 step 6
		return nil, false, 400
	}
	for _, c := range all {
		if c.expires > 0 && c.expires < r.cfg.Min {
			return nil, false, 423
		}
	}
	return all, star, 0
}

func (r *Registrar) contact(v []byte, expires time.Duration) (c contact, ok bool) {
	a, err := sip.ParseAddress(v)
	if err != nil || len(a.URI) > maxURI {
		return c, false
	}
	if u, err := sip.ParseURI(a.URI); err != nil || !u.IsSIP() { // we can reach no other
		return c, false
	}
	c = contact{uri: string(a.URI), q: 1000, expires: expires}
	for p := a.Params; ; {
		name, value, rest, more := p.Next()
		if !more {
			break
		}
		switch p = rest; {
		case sip.EqualFold(name, "expires"):
			c.expires = seconds(value, time.Hour)
		case sip.EqualFold(name, "q"):
			if c.q, ok = quality(string(value)); !ok {
				return c, false
			}
		case value == nil:
			c.params += ";" + string(name)
		default:
			c.params += ";" + string(name) + "=" + string(value)
		}
	}
	c.expires = min(c.expires, r.cfg.Max)
	return c, len(c.params) <= maxParams
}

// seconds reads a number of seconds; what is none is the usual (RFC 3261 10.3, 20.10).
func seconds(v []byte, usual time.Duration) time.Duration {
	if d, ok := sip.Seconds(v); ok {
		return d
	}
	return usual
}

// quality reads a q value in thousandths (RFC 3261 25.1, qvalue).
func quality(s string) (int, bool) {
	whole, part, _ := strings.Cut(s, ".")
	if whole != "0" && whole != "1" || len(part) > 3 || strings.Trim(part, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.Atoi((part + "000")[:3])
	if whole == "1" {
		return 1000, n == 0
	}
	return n, true
}

// pathOf returns the Path values of a REGISTER, in their order.
func pathOf(m *sip.Message) (out []string, ok bool) {
	size := 0
	for one := range m.Values(sip.HdrPath) {
		a, err := sip.ParseAddress(one)
		if err != nil {
			return nil, false
		}
		if _, err := sip.ParseURI(a.URI); err != nil {
			return nil, false
		}
		size += len(one)
		out = append(out, string(one))
	}
	return out, size <= maxPath
}

// appendBindings prints what a 200 tells: every binding that is left, and the Path that was understood (RFC 3327 5.3).
func appendBindings(b []byte, all []Binding, m *sip.Message, now time.Time) []byte {
	for i := range all {
		c := &all[i]
		b = append(append(append(append(b, "Contact: <"...), c.URI...), '>'), c.Params...)
		if c.Q < 1000 {
			b = append(append(b, ";q=0."...), strings.TrimRight(strconv.Itoa(1000 + c.Q)[1:], "0")...)
			if c.Q == 0 {
				b = append(b, '0')
			}
		}
		left := (c.Expires.Sub(now) + time.Second - 1) / time.Second
		b = append(strconv.AppendInt(append(b, ";expires="...), int64(left), 10), '\r', '\n')
	}
	for i := range m.Headers {
		if m.Headers[i].ID == sip.HdrPath {
			b = sip.AppendHeader(b, "Path", m.Headers[i].Value)
		}
	}
	return append(append(append(b, "Date: "...), now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")...), '\r', '\n')
}
