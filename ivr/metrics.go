package ivr

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what callers do, by application and node.
type Metrics struct {
	begun    *prometheus.CounterVec
	ended    *prometheus.CounterVec
	nodes    *prometheus.CounterVec
	branches *prometheus.CounterVec
	lookups  *prometheus.HistogramVec
	reloads  *prometheus.CounterVec
}

// NewMetrics makes the counters of all applications and registers them; nil registers them nowhere.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "bifrons", Subsystem: "ivr", Name: name, Help: help}
	}
	m := &Metrics{
		begun:    prometheus.NewCounterVec(opts("calls_total", "Calls that came to a menu."), []string{"app"}),
		ended:    prometheus.NewCounterVec(opts("calls_ended_total", "Calls that have ended after they came to a menu."), []string{"app"}),
		nodes:    prometheus.NewCounterVec(opts("node_events_total", "What happened at a node: entered, no_input, no_match, gave_up, error, hangup."), []string{"app", "node", "what"}),
		branches: prometheus.NewCounterVec(opts("node_branches_total", "Branches that callers took from a node."), []string{"app", "node", "branch"}),
		reloads:  prometheus.NewCounterVec(opts("reloads_total", "Menus that were read again, and that were broken then."), []string{"app", "result"}),
		lookups: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "bifrons", Subsystem: "ivr", Name: "lookup_seconds",
			Help: "How long look-ups and hooks took, by how they ended: found, missing, failed.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)}, []string{"app", "source", "result"}),
	}
	if registry != nil {
		registry.MustRegister(m.begun, m.ended, m.nodes, m.branches, m.lookups, m.reloads)
	}
	return m
}
