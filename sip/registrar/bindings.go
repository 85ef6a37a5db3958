package registrar

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/bifrons/bifrons/sip"
)

// live drops what has expired of an address of record and returns the rest; r.mu is held.
func (r *Registrar) live(aor string, now time.Time) []Binding {
	all := r.aors[aor]
	if !slices.ContainsFunc(all, func(b Binding) bool { return !b.Expires.After(now) }) {
		return all
	}
	left := slices.DeleteFunc(slices.Clone(all), func(b Binding) bool { return !b.Expires.After(now) })
	r.put(aor, left)
	return left
}

// put replaces the bindings of an address of record; r.mu is held. Lists are never changed in place, so that Find can give
// them away.
func (r *Registrar) put(aor string, all []Binding) {
	r.total += len(all) - len(r.aors[aor])
	if len(all) == 0 {
		delete(r.aors, aor)
		return
	}
	r.aors[aor] = all
}

// full tells whether so many more bindings would be too many; r.mu is held.
func (r *Registrar) full(more int, now time.Time) bool {
	if r.total+more <= r.cfg.Total {
		return false
	}
	for aor := range r.aors {
		r.live(aor, now)
	}
	return r.total+more > r.cfg.Total
}

// Find returns the bindings of an address of record: the highest q first, of the same q the one registered or refreshed last.
func (r *Registrar) Find(aor string, now time.Time) []Binding {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Clone(r.live(aor, now))
	slices.SortStableFunc(out, func(a, b Binding) int { return cmp.Or(b.Q-a.Q, b.Updated.Compare(a.Updated)) })
	return out
}

// Has tells whether an address of record has a binding.
func (r *Registrar) Has(aor string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.aors[aor], func(b Binding) bool { return b.Expires.After(now) })
}

// All returns every binding, by address of record.
func (r *Registrar) All(now time.Time) []Binding {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Binding, 0, r.total)
	for aor := range r.aors {
		out = append(out, r.live(aor, now)...)
	}
	slices.SortStableFunc(out, func(a, b Binding) int { return cmp.Or(strings.Compare(a.AOR, b.AOR), strings.Compare(a.URI, b.URI)) })
	return out
}

// Len returns the number of bindings, those that have expired and were not looked at included.
func (r *Registrar) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// SameURI compares two SIP URIs (RFC 3261 19.1.4).
func SameURI(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := sip.ParseURI([]byte(a))
	y, errY := sip.ParseURI([]byte(b))
	if errX != nil || errY != nil || !x.IsSIP() || !y.IsSIP() {
		return false
	}
	return strings.EqualFold(string(x.Scheme), string(y.Scheme)) && Unescape(string(x.User)) == Unescape(string(y.User)) &&
		strings.EqualFold(string(x.Host), string(y.Host)) && x.Port == y.Port && string(x.Headers) == string(y.Headers) &&
		covers(x.Params, y.Params) && covers(y.Params, x.Params)
}

// covers tells whether the parameters of a are those of b where both have them, and whether b has those that may not be missing.
func covers(a, b sip.Params) bool {
	for {
		name, value, rest, ok := a.Next()
		if !ok {
			return true
		}
		a = rest
		other, there := b.Get(string(name))
		switch {
		case there && !strings.EqualFold(string(value), string(other)):
			return false
		case there:
		case sip.EqualFold(name, "user"), sip.EqualFold(name, "ttl"), sip.EqualFold(name, "method"), sip.EqualFold(name, "maddr"),
			sip.EqualFold(name, "transport"):
			return false
		}
	}
}

// Unescape replaces the %HH of a URI's user part by what they stand for (RFC 3261 19.1.4); a broken one stays.
func Unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	hex := func(c byte) int { return strings.IndexByte("0123456789abcdef", c|0x20) }
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if h, l := hex(s[i+1]), hex(s[i+2]); h >= 0 && l >= 0 {
				out = append(out, byte(h<<4|l))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
