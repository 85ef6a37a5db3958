package locate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/bifrons/bifrons/sip"
)

// walk is one way through the procedure of RFC 3263 4.
type walk struct {
	r    *Resolver
	ctx  context.Context
	q    Question
	note func(string) // nil: nobody listens

	mu    sync.Mutex // the servers of an SRV answer are looked up together
	ttl   time.Duration
	stale time.Time // when the first of its records may not even be used without an answer any more
}

func (w *walk) say(format string, args ...any) {
	if w.note == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(fmt.Sprintf(format, args...))
}

// get looks records up and lets the walk's answer live no longer than they do.
func (w *walk) get(name string, kind uint16) ([]dns.RR, error) {
	got, cached, err := w.r.lookUp(w.ctx, name, kind)
	if err != nil {
		w.say("%s %s: %v", dns.TypeToString[kind], name, err)
		return nil, err
	}
	left := got.until.Sub(w.r.now())
	w.mu.Lock()
	w.ttl = min(w.ttl, left)
	if got.err == nil {
		w.stale = earlier(w.stale, got.stale)
	}
	w.mu.Unlock()
	from := "asked"
	if cached {
		from = "from memory"
	}
	if got.err != nil {
		w.say("%s %s: %v (%s, kept %s)", dns.TypeToString[kind], name, got.err, from, left.Round(time.Second))
		return nil, got.err
	}
	if w.note != nil {
		for _, rr := range got.rrs {
			text := strings.TrimPrefix(rr.String(), rr.Header().String())
			w.say("%s %s: %s (%s, kept %s)", dns.TypeToString[kind], name, text, from, left.Round(time.Second))
		}
	}
	return got.rrs, nil
}

// places finds the servers of a question (RFC 3263 4.1, 4.2).
func (w *walk) places() ([]group, error) {
	q := w.q
	if _, ok := dns.IsDomainName(q.Host); !ok || len(q.Host) > 253 || strings.HasSuffix(q.Host, ".invalid") || q.Host == "invalid" {
		return nil, ErrNone // RFC 6761 6.4
	}
	usual := q.usual()
	if q.Secure && q.Told && q.By != sip.TLS && q.By != sip.TCP || !q.Served.by(usual) {
		w.say("the side has no %s listener", usual)
		return nil, ErrNone
	}
	port := q.Port
	if port == 0 {
		port = usual.Port()
	}
	switch {
	case q.Port != 0:
		w.say("%s has a port: only its addresses are looked up, over %s", q, usual)
		return w.plain(q.Host, port, usual)
	case len(w.r.files.host(&w.r.cfg, q.Host)) > 0:
		w.say("%s is a name of the system's own: no NAPTR, no SRV, over %s", q.Host, usual)
		return w.plain(q.Host, port, usual)
	case q.Told || q.Secure:
		w.say("%s says its transport, %s: no NAPTR", q, usual)
		groups, err := w.service(usual)
		if err == nil || !w.without(err) {
			return groups, err
		}
		w.say("no SRV: the addresses of the name itself, port %d", port)
		return w.plain(q.Host, port, usual)
	}
	return w.open(port, usual)
}

// without tells that an error leaves the procedure to go on with the next kind of record: there are none, or the servers refuse this
// kind, as some do. When nobody answers there is no use in asking on.
func (w *walk) without(err error) bool {
	return errors.Is(err, ErrNone) && !errors.Is(err, errDecided) || errors.Is(err, ErrRefused)
}

// errDecided is a domain that says that it has no such service (RFC 2782, target ".").
var errDecided = fmt.Errorf("%w: the domain says that it has no such service", ErrNone)

// open is the case where DNS says the transport: NAPTR, else the SRV of each transport served, else addresses.
func (w *walk) open(port uint16, usual sip.Transport) ([]group, error) {
	groups, err := w.pointers()
	if err == nil || !w.without(err) {
		return groups, err
	}
	var all []group
	decided, failed := false, err
	for _, t := range [...]sip.Transport{sip.UDP, sip.TCP, sip.TLS} {
		if !w.q.Served.by(t) {
			continue
		}
		groups, err := w.service(t)
		switch {
		case err == nil:
			all = append(all, groups...)
		case errors.Is(err, errDecided):
			decided = true
		case !w.without(err):
			if len(all) == 0 {
				return nil, err
			}
		case errors.Is(err, ErrRefused):
			failed = err
		}
	}
	switch {
	case len(all) > 0:
		return all, nil
	case decided:
		return nil, errDecided
	}
	w.say("no NAPTR and no SRV: the addresses of the name itself, port %d over %s", port, usual)
	groups, err = w.plain(w.q.Host, port, usual)
	if errors.Is(err, ErrNone) && errors.Is(failed, ErrRefused) {
		return nil, failed // nobody could say
	}
	return groups, err
}

// services are those of NAPTR that lead to a transport of ours (RFC 3263 4.1).
var services = map[string]sip.Transport{"SIP+D2U": sip.UDP, "SIP+D2T": sip.TCP, "SIPS+D2T": sip.TLS}

// pointers follows the NAPTR records whose service is served, in their order.
func (w *walk) pointers() ([]group, error) {
	rrs, err := w.get(w.q.Host, dns.TypeNAPTR)
	if err != nil {
		return nil, err
	}
	var usable []*dns.NAPTR
	for _, rr := range rrs {
		n, ok := rr.(*dns.NAPTR)
		if !ok {
			continue
		}
		t, known := services[strings.ToUpper(n.Service)]
		if known && w.q.Served.by(t) && n.Regexp == "" && (strings.EqualFold(n.Flags, "s") || strings.EqualFold(n.Flags, "a")) {
			usable = append(usable, n)
		}
	}
	slices.SortStableFunc(usable, func(a, b *dns.NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	var all []group
	err = ErrNone
	for _, n := range usable[:min(len(usable), 8)] {
		t := services[strings.ToUpper(n.Service)]
		var groups []group
		var failed error
		if strings.EqualFold(n.Flags, "s") {
			groups, failed = w.servers(n.Replacement, t)
		} else {
			groups, failed = w.plain(n.Replacement, t.Port(), t)
		}
		if all = append(all, groups...); failed != nil && !errors.Is(failed, ErrNone) {
			err = failed
		}
	}
	if len(all) == 0 {
		return nil, err
	}
	return all, nil
}

// service looks for the SRV of a transport.
func (w *walk) service(t sip.Transport) ([]group, error) {
	return w.servers([...]string{"_sip._udp.", "_sip._tcp.", "_sips._tcp."}[t]+w.q.Host, t)
}

// servers looks an SRV name up and the addresses of its targets.
func (w *walk) servers(name string, t sip.Transport) ([]group, error) {
	rrs, err := w.get(name, dns.TypeSRV)
	if err != nil {
		return nil, err
	}
	var srvs []*dns.SRV
	for _, rr := range rrs {
		if s, ok := rr.(*dns.SRV); ok && s.Target != "." && s.Port != 0 {
			srvs = append(srvs, s)
		}
	}
	if len(srvs) == 0 {
		return nil, errDecided
	}
	slices.SortStableFunc(srvs, func(a, b *dns.SRV) int { return cmp.Compare(a.Priority, b.Priority) })
	found, failed := make([][]Place, len(srvs)), make([]error, len(srvs))
	var all sync.WaitGroup
	for i, s := range srvs {
		all.Go(func() { found[i], failed[i] = w.addresses(s.Target, s.Port, t) })
	}
	all.Wait()
	var groups []group
	last := -1 // priority of the last group
	err = ErrNone
	for i, s := range srvs {
		if failed[i] != nil {
			if !errors.Is(failed[i], ErrNone) {
				err = failed[i]
			}
			continue
		}
		if int(s.Priority) != last {
			groups, last = append(groups, nil), int(s.Priority)
		}
		g := &groups[len(groups)-1]
		*g = append(*g, entry{s.Weight, found[i]})
	}
	if len(groups) == 0 {
		return nil, err
	}
	return groups, nil
}

// plain makes the group of one server without weight.
func (w *walk) plain(name string, port uint16, t sip.Transport) ([]group, error) {
	places, err := w.addresses(name, port, t)
	if err != nil {
		return nil, err
	}
	return []group{{{0, places}}}, nil
}

// addresses looks up the addresses of a name in the IP versions that a transport is served over.
func (w *walk) addresses(name string, port uint16, t sip.Transport) ([]Place, error) {
	var v4, v6 []netip.Addr
	var err error
	want4, want6 := w.q.Served&Serve(t, false) != 0, w.q.Served&Serve(t, true) != 0
	if own := w.r.files.host(&w.r.cfg, strings.ToLower(strings.TrimSuffix(name, "."))); len(own) > 0 {
		for _, a := range own {
			if a.Is4() && want4 {
				v4 = append(v4, a)
			} else if a.Is6() && want6 {
				v6 = append(v6, a)
			}
		}
		w.say("%s is in %s: %v", name, cmp.Or(w.r.cfg.Hosts, "the system"), own)
	} else {
		v4, v6, err = w.both(name, want4, want6)
	}
	if w.q.Served&ipv6First != 0 {
		v4, v6 = v6, v4
	}
	all := append(v4, v6...)
	if len(all) == 0 {
		return nil, err
	}
	places := make([]Place, len(all))
	for i, a := range all {
		places[i] = Place{netip.AddrPortFrom(a, port), t}
	}
	return places, nil
}

// both asks for A and AAAA together.
func (w *walk) both(name string, want4, want6 bool) (v4, v6 []netip.Addr, err error) {
	var err6 error
	var other sync.WaitGroup
	err = ErrNone
	if want6 {
		other.Go(func() { v6, err6 = w.family(name, dns.TypeAAAA) })
	}
	if want4 {
		v4, err = w.family(name, dns.TypeA)
	}
	other.Wait()
	if err6 != nil && (err == nil || errors.Is(err, ErrNone)) {
		err = err6
	}
	return v4, v6, err
}

func (w *walk) family(name string, kind uint16) (out []netip.Addr, err error) {
	rrs, err := w.get(name, kind)
	for _, rr := range rrs {
		a, ok := netip.Addr{}, false
		switch x := rr.(type) {
		case *dns.A:
			a, ok = netip.AddrFromSlice(x.A)
		case *dns.AAAA:
			a, ok = netip.AddrFromSlice(x.AAAA)
		}
		if a = a.Unmap(); ok && !a.IsUnspecified() && !a.IsMulticast() && a.Is4() == (kind == dns.TypeA) {
			out = append(out, a)
		}
	}
	if err == nil && len(out) == 0 {
		err = ErrNone
	}
	return out, err
}
