package ims

import (
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Faults counts what S-CSCFs send of registrations and we cannot read or do not keep, and logs it once a minute of each sort. It is
// safe for use by any goroutine; a nil one does nothing.
type Faults struct {
	counted *prometheus.CounterVec
	log     *slog.Logger
	now     func() time.Time

	mu   sync.Mutex
	said map[string]time.Time
}

// NewFaults makes the metric and registers it.
func NewFaults(r prometheus.Registerer, log *slog.Logger) *Faults {
	f := &Faults{log: log, now: time.Now, said: map[string]time.Time{},
		counted: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bifrons", Subsystem: "ims", Name: "registration_faults_total",
			Help: "What S-CSCFs tell of registrations and is not taken: refused (no identity), late (an old CSeq), full (ims.registration.max), " +
				"body (cannot be read), kind (a body of an unknown type), identity (no URI), limit (more parts, contacts or identities than are kept)."},
			[]string{"what"})}
	r.MustRegister(f.counted)
	return f
}

func (f *Faults) note(what, scscf string, err error) {
	if f == nil {
		return
	}
	f.counted.WithLabelValues(what).Inc()
	now := f.now()
	f.mu.Lock()
	quiet := now.Before(f.said[what].Add(time.Minute))
	if !quiet {
		f.said[what] = now
	}
	f.mu.Unlock()
	if !quiet {
		f.log.Warn("registration not taken whole", "what", what, "scscf", scscf, "err", err, "again", time.Minute)
	}
}
