package cache

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what a Cache does.
type Metrics struct {
	hit, miss, stale, standard, negative, failed prometheus.Counter
	age, staleAge                                prometheus.Observer
	entries                                      prometheus.Gauge
	evicted                                      prometheus.Counter
	applied, stray                               prometheus.Counter
	fetches                                      *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	opts := func(n, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "bifrons", Subsystem: "sh_cache", Name: n, Help: help}
	}
	vec := func(n, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts(opts(n, help)), []string{label})
	}
	requests := vec("requests_total", "Look-ups, by how they were served.", "result")
	notes := vec("notifications_total", "Notifications, by whether anybody was interested.", "result")
	ages := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "bifrons", Subsystem: "sh_cache", Name: "age_seconds", Help: "Age of data that were served from memory.",
		Buckets: prometheus.ExponentialBuckets(1, 4, 9),
	}, []string{"result"})
	m := &Metrics{
		hit: requests.WithLabelValues("hit"), miss: requests.WithLabelValues("miss"), stale: requests.WithLabelValues("stale"),
		standard: requests.WithLabelValues("default"), negative: requests.WithLabelValues("negative"), failed: requests.WithLabelValues("failed"),
		age: ages.WithLabelValues("hit"), staleAge: ages.WithLabelValues("stale"),
		entries: prometheus.NewGauge(prometheus.GaugeOpts(opts("entries", "Entries kept."))),
		evicted: prometheus.NewCounter(prometheus.CounterOpts(opts("evicted_total", "Entries that made room."))),
		applied: notes.WithLabelValues("applied"), stray: notes.WithLabelValues("stray"),
		fetches: vec("fetches_total", "Requests to the HSS, by outcome.", "outcome"),
	}
	r.MustRegister(requests, notes, ages, m.entries, m.evicted, m.fetches)
	return m
}
