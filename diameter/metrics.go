package diameter

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what an Endpoint does. Several endpoints may share one.
type Metrics struct {
	up       *prometheus.GaugeVec
	seconds  *prometheus.HistogramVec
	requests *prometheus.CounterVec
	received *prometheus.CounterVec
	resends  *prometheus.CounterVec
	refused  *prometheus.CounterVec
	ignored  prometheus.Counter
	stray    prometheus.Counter
	unsent   prometheus.Counter
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	name := func(n, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "bifrons", Subsystem: "diameter", Name: n, Help: help}
	}
	counter := func(n, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts(name(n, help)), labels)
	}
	m := &Metrics{
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts(name("peer_up", "Whether requests go to the peer.")), []string{"peer"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "bifrons", Subsystem: "diameter", Name: "round_trip_seconds",
			Help: "Time from request to answer.", Buckets: prometheus.ExponentialBuckets(0.0002, 2.5, 12),
		}, []string{"peer"}),
		requests: counter("requests_total", "Requests sent, by command and result.", "command", "result"),
		received: counter("received_requests_total", "Requests of peers, by command.", "command"),
		resends:  counter("resends_total", "Requests that looked for another peer, by reason.", "reason"),
		refused:  counter("refused_messages_total", "Messages that the guard let not through, by reason.", "reason"),
		ignored:  prometheus.NewCounter(prometheus.CounterOpts(name("ignored_avps_total", "Unknown AVPs that were cut."))),
		stray:    prometheus.NewCounter(prometheus.CounterOpts(name("stray_answers_total", "Answers that nobody waited for."))),
		unsent:   prometheus.NewCounter(prometheus.CounterOpts(name("unsent_messages_total", "Answers that could not be written."))),
	}
	r.MustRegister(m.up, m.seconds, m.requests, m.received, m.resends, m.refused, m.ignored, m.stray, m.unsent)
	return m
}
