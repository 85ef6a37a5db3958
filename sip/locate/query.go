package locate

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Errors of a look-up. The first is what name servers say, the others may pass.
var (
	ErrNone    = errors.New("no such name, or no address that can be used")
	ErrRefused = errors.New("the name servers answer with an error")
	ErrSilent  = errors.New("no name server answers")
	ErrBusy    = errors.New("too many look-ups at once")
)

// records is what name servers said of a name and a type: records, or that there are none.
type records struct {
	rrs   []dns.RR
	err   error // ErrNone, or a failure
	until time.Time
	stale time.Time // until when it may be used if nobody answers
}

type nameType struct {
	name string // in lower case, with the last dot
	kind uint16
}

// flight is a query at work, for all who wait for it.
type flight struct {
	done chan struct{}
	got  *records // set before done is closed
}

// lookUp returns the records of a name: from the cache, or asked for. cached tells which.
func (r *Resolver) lookUp(ctx context.Context, name string, kind uint16) (got *records, cached bool, err error) {
	key := nameType{dns.CanonicalName(name), kind}
	r.mu.Lock()
	if got := r.records[key]; got != nil && r.now().Before(got.until) {
		r.mu.Unlock()
		return got, true, nil
	}
	f := r.flights[key]
	if f == nil {
		if len(r.flights) >= r.cfg.Queries || r.ctx.Err() != nil {
			r.mu.Unlock()
			r.cfg.Metrics.query("too_many")
			return nil, false, ErrBusy
		}
		f = &flight{done: make(chan struct{})}
		r.flights[key] = f
		r.threads.Go(func() { r.fly(key, f) })
	}
	r.mu.Unlock()
	select {
	case <-f.done:
		return f.got, false, nil
	case <-ctx.Done():
		return nil, false, ErrSilent
	}
}

// fly asks and keeps what comes. When nobody answers, what was known before stays in use.
func (r *Resolver) fly(key nameType, f *flight) {
	defer close(f.done)
	got := r.ask(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.flights, key)
	if was := r.records[key]; got.failed() && was != nil && !was.failed() && r.now().Before(was.stale) {
		got = &records{rrs: was.rrs, err: was.err, until: earlier(r.now().Add(retry), was.stale), stale: was.stale}
	}
	f.got = got
	if len(r.records) >= r.cfg.Size {
		for k, old := range r.records { // the expired ones, else whichever come first
			if delete(r.records, k); len(r.records) < r.cfg.Size-r.cfg.Size/16 && r.now().Before(old.until) {
				break
			}
		}
	}
	r.records[key] = got
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// failed tells that nobody could say.
func (g *records) failed() bool { return g.err != nil && !errors.Is(g.err, ErrNone) }

// maxAliases bounds the way from a name to its records.
const maxAliases = 8

// ask asks the name servers, following aliases that they do not follow themselves.
func (r *Resolver) ask(key nameType) *records {
	name, ttl := key.name, r.cfg.MaxTTL
	for range maxAliases {
		answer, err := r.exchange(name, key.kind)
		if err != nil {
			return &records{err: err, until: r.now().Add(retry)}
		}
		rrs, last, least := chain(answer, name, key.kind, ttl)
		ttl = least
		switch {
		case len(rrs) > 0:
			r.cfg.Metrics.query("answered")
			keep := max(ttl, r.cfg.MinTTL)
			return &records{rrs: rrs, until: r.now().Add(keep), stale: r.now().Add(keep + r.cfg.Stale)}
		case last != name && answer.Rcode == dns.RcodeSuccess && !hasSOA(answer):
			name = last
			continue
		}
		r.cfg.Metrics.query("empty")
		keep := min(ttl, r.none(answer))
		return &records{err: ErrNone, until: r.now().Add(keep), stale: r.now().Add(keep + r.cfg.Stale)}
	}
	r.cfg.Metrics.query("empty")
	return &records{err: ErrNone, until: r.now().Add(r.cfg.NegativeTTL)}
}

// chain follows the aliases of an answer from a name on and returns the records of the type at their end, what the last alias leads
// to, and the least time to live.
func chain(m *dns.Msg, name string, kind uint16, ttl time.Duration) (rrs []dns.RR, last string, least time.Duration) {
	for range maxAliases {
		alias := ""
		for _, rr := range m.Answer {
			h := rr.Header()
			if h.Class != dns.ClassINET || dns.CanonicalName(h.Name) != name {
				continue
			}
			if c, ok := rr.(*dns.CNAME); ok && kind != dns.TypeCNAME {
				alias = dns.CanonicalName(c.Target)
			} else if h.Rrtype != kind {
				continue
			} else if len(rrs) < maxRecords {
				rrs = append(rrs, rr)
			}
			ttl = min(ttl, time.Duration(h.Ttl)*time.Second)
		}
		if len(rrs) > 0 || alias == "" || alias == name {
			break
		}
		name = alias
	}
	return rrs, name, ttl
}

// maxRecords bounds what is taken of one answer.
const maxRecords = 32

func hasSOA(m *dns.Msg) bool {
	for _, rr := range m.Ns {
		if _, ok := rr.(*dns.SOA); ok {
			return true
		}
	}
	return false
}

// none returns how long it is remembered that there is nothing: as the zone says (RFC 2308 5), within bounds.
func (r *Resolver) none(m *dns.Msg) time.Duration {
	ttl := r.cfg.MinTTL // without a SOA it is not to be kept
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			ttl = time.Duration(min(soa.Minttl, soa.Hdr.Ttl)) * time.Second
		}
	}
	return min(max(ttl, r.cfg.MinTTL), max(r.cfg.NegativeTTL, r.cfg.MinTTL))
}

// said is what a server answered.
type said struct {
	at  int // of the server
	m   *dns.Msg
	err error
}

// exchange asks one server after the other, the one that answered last first. Each has its time until the next is asked, too; the first
// answer counts, for a server that is slow would otherwise never be heard.
func (r *Resolver) exchange(name string, kind uint16) (*dns.Msg, error) {
	servers := r.files.servers(&r.cfg)
	rounds := r.cfg.Attempts * len(servers)
	ctx, cancel := context.WithTimeout(r.ctx, time.Duration(rounds)*r.cfg.Timeout)
	defer cancel()
	answers := make(chan said, rounds)
	failure := ErrSilent
	first := int(r.good.Load())
	for asked, open := 0, 0; asked < rounds || open > 0; {
		if asked < rounds {
			at := (first + asked) % len(servers)
			r.threads.Go(func() {
				m, err := r.query(ctx, servers[at], name, kind)
				answers <- said{at, m, err}
			})
			asked, open = asked+1, open+1
		}
		patience := time.NewTimer(r.cfg.Timeout)
		select {
		case s := <-answers:
			open--
			if s.err == nil && (s.m.Rcode == dns.RcodeSuccess || s.m.Rcode == dns.RcodeNameError) {
				r.good.Store(uint32(s.at))
				return s.m, nil
			}
			if r.failed(s) {
				failure = ErrRefused
			}
		case <-patience.C:
			r.cfg.Metrics.query("silent")
		case <-r.ctx.Done():
			return nil, ErrSilent
		}
		patience.Stop()
	}
	return nil, failure
}

// failed counts what is no answer; false for one that did not come.
func (r *Resolver) failed(s said) bool {
	var late net.Error
	switch {
	case s.err == nil:
		r.cfg.Metrics.query("refused")
	case errors.As(s.err, &late):
		if !late.Timeout() { // else it was counted when the next one was asked
			r.cfg.Metrics.query("silent")
		}
		return false
	default:
		r.cfg.Metrics.query("broken")
	}
	return true
}

// query asks one server: over UDP, and over TCP what does not fit into a datagram.
func (r *Resolver) query(ctx context.Context, server netip.AddrPort, name string, kind uint16) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(name, kind)
	m.SetEdns0(1232, false)
	in, err := over(ctx, "udp", m, server)
	if err == nil && in.Rcode == dns.RcodeFormatError { // a server of before EDNS
		m.Extra = nil
		in, err = over(ctx, "udp", m, server)
	}
	if err == nil && in.Truncated {
		in, err = over(ctx, "tcp", m, server)
	}
	switch {
	case err != nil:
		return nil, err
	case !asked(in, m):
		return nil, errors.New("locate: the answer is one to another question")
	}
	return in, nil
}

// over asks by one transport, until ctx ends.
func over(ctx context.Context, network string, m *dns.Msg, server netip.AddrPort) (*dns.Msg, error) {
	end, _ := ctx.Deadline()
	client := dns.Client{Net: network, UDPSize: 1232, Timeout: time.Until(end)}
	conn, err := client.DialContext(ctx, server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	in, _, err := client.ExchangeWithConnContext(ctx, m, conn)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return in, err
}

// asked tells whether an answer is one to the question.
func asked(in, m *dns.Msg) bool {
	return in.Response && len(in.Question) == 1 && in.Question[0].Qtype == m.Question[0].Qtype && in.Question[0].Qclass == m.Question[0].Qclass &&
		strings.EqualFold(in.Question[0].Name, m.Question[0].Name)
}
