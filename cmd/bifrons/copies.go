package main

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/trace"
	"github.com/bifrons/bifrons/configs"
)

// openTrace makes room for the last messages, and the way to their collector.
func (n *node) openTrace(c *configs.Trace, core *b2bua.Config, registry prometheus.Registerer) error {
	if c.Memory > 0 {
		core.Trace = trace.New(int(c.Memory), int(c.Failed))
	}
	if c.HEP.To == "" {
		return nil
	}
	h, err := trace.DialHEP(c.HEP.To, uint32(c.HEP.Agent), c.HEP.Password, n.log)
	if err != nil {
		return fmt.Errorf("trace.hep.to: %w", err)
	}
	n.copies, core.Copies = h, h
	count := func(name, help string, value func() uint64) {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "bifrons", Subsystem: "trace", Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
	count("copies_sent_total", "Messages copied to the collector.", func() uint64 { sent, _ := h.Counts(); return sent })
	count("copies_dropped_total", "Messages not copied to the collector: too many waited, or the network did not take them.",
		func() uint64 { _, dropped := h.Counts(); return dropped })
	return nil
}
