package cdr

import "github.com/prometheus/client_golang/prometheus"

// Metrics shows what Writers do, by the name of their store.
type Metrics struct{ writers map[string]*Writer }

// NewMetrics makes the metrics of some Writers and registers them.
func NewMetrics(r prometheus.Registerer, writers map[string]*Writer) *Metrics {
	m := &Metrics{writers}
	r.MustRegister(m)
	return m
}

func desc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("bifrons_cdr_"+name, help, []string{"store"}, nil)
}

func (m *Metrics) series() []struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(Status) float64
} {
	return []struct {
		desc  *prometheus.Desc
		kind  prometheus.ValueType
		value func(Status) float64
	}{
		{desc("records_written_total", "Call records their store took."), prometheus.CounterValue, func(s Status) float64 { return float64(s.Written) }},
		{desc("records_lost_total", "Call records dropped: no room in memory, or refused by their store."), prometheus.CounterValue,
			func(s Status) float64 { return float64(s.Lost) }},
		{desc("failures_total", "Groups of call records that their store did not take."), prometheus.CounterValue, func(s Status) float64 { return float64(s.Failures) }},
		{desc("records_waiting", "Call records in memory."), prometheus.GaugeValue, func(s Status) float64 { return float64(s.Waiting) }},
		{desc("failing", "1 while a store takes no call records."), prometheus.GaugeValue, func(s Status) float64 {
			if s.Failing {
				return 1
			}
			return 0
		}},
	}
}

// Describe tells the names.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, s := range m.series() {
		ch <- s.desc
	}
}

// Collect tells the values.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for name, w := range m.writers {
		st := w.Status()
		for _, s := range m.series() {
			ch <- prometheus.MustNewConstMetric(s.desc, s.kind, s.value(st), name)
		}
	}
}
