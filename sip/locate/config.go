package locate

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says whom to ask and how long to remember. DefaultConfig gives the values of every day.
type Config struct {
	Servers []netip.AddrPort // name servers; none: those of Resolv
	Resolv  string           // file in the form of resolv.conf(5), read again when it changes
	Hosts   string           // file in the form of hosts(5), asked before any name server; "" is none

	Timeout  time.Duration // until the next server is asked, or the same again; a later answer still counts
	Attempts int           // rounds through the servers

	MinTTL      time.Duration // records are kept at least,
	MaxTTL      time.Duration // and at most so long
	NegativeTTL time.Duration // and at most so long that there are none (RFC 2308)
	Stale       time.Duration // for how long after that an answer may be used while it is asked for again, or nobody answers (RFC 8767)
	Size        int           // names in the cache, and questions
	Queries     int           // at once

	Metrics *Metrics         // nil counts nothing
	Now     func() time.Time // nil is the system's clock
}

// DefaultConfig asks the name servers of the system.
func DefaultConfig() Config {
	return Config{Resolv: "/etc/resolv.conf", Hosts: "/etc/hosts", Timeout: time.Second, Attempts: 2, MinTTL: time.Second, MaxTTL: time.Hour,
		NegativeTTL: 30 * time.Second, Stale: time.Hour, Size: 10000, Queries: 256}
}

// Validate says what cannot work.
func (c *Config) Validate() error {
	switch {
	case c.Timeout <= 0 || c.Attempts < 1:
		return errors.New("locate: a query needs a time limit and an attempt")
	case c.MinTTL < 0 || c.MaxTTL < c.MinTTL || c.NegativeTTL < 0 || c.Stale < 0:
		return fmt.Errorf("locate: records cannot be kept for %s to %s, %s and %s", c.MinTTL, c.MaxTTL, c.NegativeTTL, c.Stale)
	case c.Size < 1 || c.Queries < 1:
		return errors.New("locate: there must be room for one name and one query")
	case len(c.Servers) == 0 && c.Resolv == "":
		return errors.New("locate: no name server")
	}
	return nil
}

// retry is how long a failure is remembered, so that dead servers are not asked for every call (RFC 9520 asks for a second at least).
const retry = 2 * time.Second

// Metrics count questions and queries. NewMetrics makes them.
type Metrics struct {
	questions, queries *prometheus.CounterVec

	fresh, stale prometheus.Counter // of the questions: those that calls wait for
}

// NewMetrics makes the counters and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		questions: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bifrons", Subsystem: "sip_locate", Name: "questions_total",
			Help: "Names of next hops, Routes and Contacts that were looked for: fresh or stale in memory, asked for, none (no address), or failed."}, []string{"outcome"}),
		queries: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bifrons", Subsystem: "sip_locate", Name: "queries_total",
			Help: "Queries to name servers: answered, empty, refused (by an error code), silent, broken, or too_many at once."}, []string{"outcome"}),
	}
	m.fresh, m.stale = m.questions.WithLabelValues("fresh"), m.questions.WithLabelValues("stale")
	r.MustRegister(m.questions, m.queries)
	return m
}

func (m *Metrics) remembered(fresh bool) {
	switch {
	case m == nil:
	case fresh:
		m.fresh.Inc()
	default:
		m.stale.Inc()
	}
}

func (m *Metrics) question(outcome string) {
	if m != nil {
		m.questions.WithLabelValues(outcome).Inc()
	}
}

func (m *Metrics) query(outcome string) {
	if m != nil {
		m.queries.WithLabelValues(outcome).Inc()
	}
}
