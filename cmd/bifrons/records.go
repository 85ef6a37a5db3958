package main

import (
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/b2bua/cdr"
	"github.com/bifrons/bifrons/b2bua/cdr/postgres"
	"github.com/bifrons/bifrons/configs"
)

// openRecords opens what keeps the call detail records.
func (n *node) openRecords(c *configs.CDR, registry prometheus.Registerer) (cdr.Sink, error) {
	n.records = map[string]*cdr.Writer{}
	var sinks cdr.Sinks
	keep := func(name string, store cdr.Store) {
		n.records[name] = cdr.NewWriter(store, n.log.With("store", name))
		sinks = append(sinks, n.records[name])
	}
	switch c.File {
	case "":
	case "-":
		keep("file", cdr.Output(os.Stdout))
	default:
		f, err := cdr.OpenFile(c.File, cdr.Rotate(c.Rotate))
		if err != nil {
			return nil, fmt.Errorf("open call records: %w; make that directory writable for this user, or change `cdr.file`", err)
		}
		switch {
		case f.Shared:
			n.log.Warn("another process writes to the same call records; calls that it left open are not closed", "file", c.File)
		case f.Orphans > 0:
			n.log.Warn("calls that ended with the last process got their record", "calls", f.Orphans, "cause", cdr.NodeFailure)
		}
		keep("file", f)
	}
	if c.Postgres.URL != "" {
		name := c.Postgres.Node
		if name == "" {
			name, _ = os.Hostname()
		}
		store, err := postgres.New(c.Postgres.URL, name)
		if err != nil {
			return nil, fmt.Errorf("cdr.postgres.url: %w", err)
		}
		keep("postgres", store)
	}
	cdr.NewMetrics(registry, n.records)
	if len(sinks) == 1 {
		return sinks[0], nil
	}
	return sinks, nil
}
