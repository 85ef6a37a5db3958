package b2bua

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/sip"
)

// Metrics are the counters of a Server. Each counts what happened once: a retransmission, a second 180 or a re-INVITE is
// no attempt and no answer.
type Metrics struct {
	all    []prometheus.Collector
	newest atomic.Pointer[Server] // whose state is shown

	attempts, answered, absorbed, strays, malformed, forbidden prometheus.Counter
	unanswerable                                               prometheus.Counter
	retransmissions, sendErrors, portsExhausted, queueFull     prometheus.Counter
	tooBroad                                                   prometheus.Counter
	effectsRefused, keysDropped, panics, probes, failovers     prometheus.Counter
	lostBy, leaks, unlocated                                   *prometheus.CounterVec
	endedBy, refusedBy, requestsBy                             *prometheus.CounterVec
	appFailures, notTrusted, logins, challenges                *prometheus.CounterVec
	registrations                                              *prometheus.CounterVec
	targetUp, trunkUp                                          *prometheus.GaugeVec
	trunkAnswers                                               *prometheus.CounterVec
	setUp, postDial, steps, mailboxWait                        prometheus.Histogram
	turnedAway, exempt, mailboxFull                            *prometheus.CounterVec
	methods                                                    [16]prometheus.Counter
	ends                                                       [7]prometheus.Counter
}

func newMetrics(s *Server) *Metrics {
	m := &Metrics{}
	m.newest.Store(s)
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "bifrons", Subsystem: "b2bua", Name: name, Help: help})
		m.all = append(m.all, c)
		return c
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bifrons", Subsystem: "b2bua", Name: name, Help: help}, labels)
		m.all = append(m.all, c)
		return c
	}
	m.attempts = counter("call_attempts_total", "INVITEs that became a call.")
	m.answered = counter("calls_answered_total", "Calls whose caller got a 2xx.")
	m.turnedAway = vec("admission_refused_total", "Calls and legs refused by a gate (all, SIDE in, SIDE out, route NUMBER), or by the overload control, for the calls there or their rate.", "gate", "why")
	m.mailboxFull = vec("mailbox_full_total", "Messages that found too many others waiting for their call: refused with 500, or lost.", "how")
	m.exempt = vec("admission_exempt_total", "New calls that no limit refuses, by class.", "class")
	m.turnedAway.WithLabelValues("overload", "rate")
	for _, class := range classNames[Emergency:] {
		m.exempt.WithLabelValues(class)
	}
	m.endedBy = vec("calls_ended_total", "Ended calls by class of the status that tells the cause.", "class")
	m.refusedBy = vec("calls_refused_total", "INVITEs refused before they became a call, by status.", "status")
	m.requestsBy = vec("requests_received_total", "Well-formed requests received, by method, repetitions included.", "method")
	m.absorbed = counter("retransmissions_absorbed_total", "Messages that repeated what had been handled.")
	m.retransmissions = counter("retransmissions_sent_total", "Messages sent again because nobody answered.")
	m.strays = counter("stray_messages_total", "Messages that belong to no call or transaction.")
	m.malformed = counter("malformed_messages_total", "Messages that break the rules of SIP; all that can be is answered with 4xx or 5xx.")
	m.unanswerable = counter("unanswerable_messages_total", "Malformed messages that got no answer, for too little of them could be read.")
	m.forbidden = counter("forbidden_messages_total", "Messages from sources outside the side's access list.")
	m.sendErrors = counter("send_errors_total", "Messages the network did not take.")
	m.portsExhausted = counter("media_ports_exhausted_total", "Offers refused because no media port was free.")
	m.queueFull = counter("held_queue_full_total", "Events dropped because too many waited behind a hold.")
	m.tooBroad = counter("contacts_not_rung_total", "Contacts of called parties that did not ring, for the Max-Breadth of the call left them nothing (RFC 5393).")
	m.effectsRefused = counter("effects_refused_total", "Effects of applications that did not fit the call.")
	m.keysDropped = counter("keys_dropped_total", "Keys forgotten because too many were pressed before an application asked for them.")
	m.panics = counter("internal_errors_total", "Steps that panicked; each cost its call.")
	m.probes = counter("probes_sent_total", "OPTIONS sent to confirmed legs, without repetitions.")
	m.failovers = counter("failovers_total", "INVITEs given to another target because one did not answer, or with 503.")
	m.lostBy = vec("parties_lost_total", "Calls ended because a party was lost, by how that was known.", "how")
	m.unlocated = vec("next_hops_unlocated_total", "Names of next hops without a place: none (name servers say so) or failed (they say nothing).", "why")
	m.leaks = vec("leaks_total", "Secrets of one party found in messages to another, by header or field.", "field")
	m.leaks.WithLabelValues("other header") // so that there is something to watch before the first
	m.notTrusted = vec("headers_not_trusted_total", "Header fields that a side may not set, taken off.", "side", "header")
	m.logins = vec("logins_total", "Requests of senders who have to prove who they are, by outcome.", "side", "outcome")
	m.challenges = vec("challenges_unanswered_total", "Challenges to us for which no credentials are right.", "side")
	m.registrations = vec("registrations_received_total", "REGISTERs to the registrar, by answer.", "side", "answer")
	m.appFailures = vec("app_failures_total", "Applications that panicked, hung or failed to answer.", "app", "how")
	m.openHistograms()
	calls := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "bifrons", Subsystem: "b2bua", Name: "calls", Help: "Calls that have not ended."},
		func() float64 { return float64(m.newest.Load().Active()) })
	linger := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "bifrons", Subsystem: "b2bua", Name: "calls_lingering",
		Help: "Ended calls that wait for their last transaction timers."}, func() float64 { return float64(m.newest.Load().Lingering()) })
	m.all = append(m.all, gateGauges{m}, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "bifrons", Subsystem: "b2bua", Name: "overload_wait_seconds",
		Help: "How long messages waited lately before they were read, the worst listener's mean."}, func() float64 { return m.newest.Load().overload.info().Wait.Seconds() }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "bifrons", Subsystem: "b2bua", Name: "overload_rate",
			Help: "New calls per second that the overload control takes, 0 for all."}, func() float64 { return m.newest.Load().overload.info().Rate }))
	m.targetUp = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "bifrons", Subsystem: "b2bua", Name: "target_up",
		Help: "1 for a target that gets its calls, 0.5 for one that returns, 0 for one that is down."}, []string{"side", "target"})
	m.trunkUp = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "bifrons", Subsystem: "b2bua", Name: "trunk_registered",
		Help: "1 while a trunk is registered."}, []string{"side", "aor"})
	m.trunkAnswers = vec("trunk_answers_total", "Answers to REGISTERs of ours, by status.", "side", "status")
	m.all = append(m.all, m.trunkUp, m.targetUp, calls, linger)
	for i := range m.methods {
		name := sip.Method(min(i, int(sip.PUBLISH))).String()
		if name == "" {
			name = "other"
		}
		m.methods[i] = m.requestsBy.WithLabelValues(name)
	}
	for i := range m.ends {
		m.ends[i] = m.endedBy.WithLabelValues(strconv.Itoa(i) + "xx")
	}
	return m
}

func (m *Metrics) openHistograms() {
	histogram := func(name, help string, buckets ...float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "bifrons", Subsystem: "b2bua", Name: name, Help: help, Buckets: buckets})
		m.all = append(m.all, h)
		return h
	}
	m.setUp = histogram("call_set_up_seconds", "Time from INVITE to 2xx.", .01, .05, .1, .5, 1, 2, 5, 10, 20, 60)
	m.postDial = histogram("post_dial_delay_seconds", "Time from INVITE to the first 180.", .01, .05, .1, .5, 1, 2, 5, 10, 20)
	m.steps = histogram("step_seconds", "How long a call's steps take.", .00002, .00005, .0001, .0002, .0005, .001, .005, .05, .5)
	m.mailboxWait = histogram("mailbox_wait_seconds", "How long events waited that found their call busy.", .0001, .0005, .001, .005, .05, .5, 5)
}

func (m *Metrics) request(method sip.Method) { m.methods[int(method)%len(m.methods)].Inc() }

func (m *Metrics) ended(status int) { m.ends[min(max(status/100, 0), 6)].Inc() }

func (m *Metrics) refused(status int) { m.refusedBy.WithLabelValues(strconv.Itoa(status)).Inc() }

// Describe sends the descriptions of all counters.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all {
		c.Describe(ch)
	}
}

// Collect sends the values of all counters.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all {
		c.Collect(ch)
	}
}

// gateGauges are the calls that stand in each gate.
type gateGauges struct{ m *Metrics }

var gateCalls = prometheus.NewDesc("bifrons_b2bua_admission_calls", "Calls, of a side's out and of a route legs, that passed a gate and have not ended.", []string{"gate"}, nil)

// Describe sends the one description.
func (g gateGauges) Describe(ch chan<- *prometheus.Desc) { ch <- gateCalls }

// Collect sends the value of each gate.
func (g gateGauges) Collect(ch chan<- prometheus.Metric) {
	for _, one := range g.m.newest.Load().gates {
		ch <- prometheus.MustNewConstMetric(gateCalls, prometheus.GaugeValue, float64(one.calls.Load()), one.name)
	}
}
