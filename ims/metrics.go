package ims

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts look-ups of subscribers.
type Metrics struct {
	lookups *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bifrons", Subsystem: "ims", Name: "lookups_total",
			Help: "Look-ups of subscribers, by source and result: found, unknown, failed."}, []string{"source", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "bifrons", Subsystem: "ims", Name: "lookup_seconds",
			Help: "Time of a look-up, by source.", Buckets: prometheus.ExponentialBuckets(0.00001, 5, 9)}, []string{"source"}),
	}
	r.MustRegister(m.lookups, m.seconds)
	return m
}

// measured is a source whose look-ups are counted.
type measured struct {
	Source
	m *Metrics
}

// Measure returns the source with its look-ups counted.
func (m *Metrics) Measure(s Source) Source { return measured{s, m} }

// Load implements Source.
func (s measured) Load(ctx context.Context, q Query) (*Subscriber, error) {
	began := time.Now()
	sub, err := s.Source.Load(ctx, q)
	result := "found"
	switch {
	case errors.Is(err, ErrNotFound):
		result = "unknown"
	case err != nil:
		result = "failed"
	}
	s.m.lookups.WithLabelValues(s.Name(), result).Inc()
	s.m.seconds.WithLabelValues(s.Name()).Observe(time.Since(began).Seconds())
	return sub, err
}
