package media

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the relay's counters. They are brought up to date about once a second, so that a packet costs them nothing.
type Metrics struct {
	packets *prometheus.CounterVec
	bytes   *prometheus.CounterVec
	dropped *prometheus.CounterVec
	latches prometheus.Counter
	leaks   prometheus.Counter
	ports   prometheus.Gauge
	played  prometheus.Counter
	late    prometheus.Counter
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		packets: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bifrons_media_packets_total", Help: "Packets by kind (rtp, rtcp) and direction (received, sent).",
		}, []string{"kind", "direction"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bifrons_media_bytes_total", Help: "Bytes of RTP and raw packets by direction (received, sent).",
		}, []string{"direction"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bifrons_media_dropped_total", Help: "Packets that were not relayed, by reason.",
		}, []string{"reason"}),
		leaks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bifrons_media_leaks_total", Help: "RTCP packets to one party with a name or source of the other.",
		}),
		latches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bifrons_media_latches_total", Help: "Times that a port has learnt the source of its party.",
		}),
		ports: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bifrons_media_ports", Help: "Open media ports, those in quarantine not counted.",
		}),
		played: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bifrons_media_played_packets_total", Help: "Packets that players and rooms have sent.",
		}),
		late: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bifrons_media_played_late_total", Help: "Packets of players and rooms sent more than 5 ms after their time.",
		}),
	}
	r.MustRegister(m.packets, m.bytes, m.dropped, m.latches, m.leaks, m.ports, m.played, m.late)
	return m
}

// totals counts over all ports since they were last brought to the metrics.
type totals struct {
	received     Flow
	sent         Flow
	rtcpReceived uint64
	rtcpSent     uint64
	strays       uint64
	latches      uint64
	leaks        uint64
	played       uint64
	late         uint64
	dropped      Dropped
}

// flush brings the totals to the metrics.
func (r *Relay) flush() {
	r.mu.Lock()
	t, open := r.totals, r.open
	r.totals = totals{}
	r.mu.Unlock()
	m := r.cfg.Metrics
	if m == nil {
		return
	}
	m.ports.Set(float64(open))
	m.latches.Add(float64(t.latches))
	m.leaks.Add(float64(t.leaks))
	m.played.Add(float64(t.played))
	m.late.Add(float64(t.late))
	m.packets.WithLabelValues("rtp", "received").Add(float64(t.received.Packets))
	m.packets.WithLabelValues("rtp", "sent").Add(float64(t.sent.Packets))
	m.packets.WithLabelValues("rtcp", "received").Add(float64(t.rtcpReceived))
	m.packets.WithLabelValues("rtcp", "sent").Add(float64(t.rtcpSent))
	m.bytes.WithLabelValues("received").Add(float64(t.received.Bytes))
	m.bytes.WithLabelValues("sent").Add(float64(t.sent.Bytes))
	for reason, n := range map[string]uint64{
		"stray": t.strays, "malformed": uint64(t.dropped.Malformed), "giant": uint64(t.dropped.Giant),
		"early": uint64(t.dropped.Early), "direction": uint64(t.dropped.Direction), "noaddress": uint64(t.dropped.NoAddress),
		"refused": uint64(t.dropped.Refused), "late": uint64(t.dropped.Late), "rtcp": uint64(t.dropped.RTCP),
	} {
		m.dropped.WithLabelValues(reason).Add(float64(n))
	}
}

// giant counts a packet that was too long to be read whole.
func (r *Relay) giant(id PortID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.lookup(id); p != nil {
		drop(&p.seen().dropped.Giant, &r.totals.dropped.Giant)
	}
}

// stray counts a packet of a stranger that was found in the queue of a socket just connected.
func (r *Relay) stray(id PortID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.lookup(id); p != nil {
		p.seen().strays++
		r.totals.strays++
	}
}

// refused takes a packet back out of the counts of what was sent.
func (r *Relay) refused(d *delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := d.port.traffic
	if t == nil {
		return // closed meanwhile
	}
	drop(&t.dropped.Refused, &r.totals.dropped.Refused)
	if d.rtcp {
		t.rtcpSent--
		return
	}
	t.sent.Packets--
	t.sent.Bytes -= uint64(len(d.data))
}
