package admin

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/ivr"
)

// Menu is a menu for callers and what they did there since the start, as the metrics count it.
type Menu struct {
	ivr.Info
	Calls int        `json:"calls"` // that came to it
	Ended int        `json:"ended"` // of them
	Nodes []MenuNode `json:"nodes"`
}

// MenuNode is a node of a menu, SUB/NODE in a sub.
type MenuNode struct {
	Node     string         `json:"node"`
	Entered  int            `json:"entered"`
	NoInput  int            `json:"no_input"`
	NoMatch  int            `json:"no_match"`
	GaveUp   int            `json:"gave_up"` // all attempts were used up
	Errors   int            `json:"errors"`
	Hangups  int            `json:"hangups"` // by the caller, here
	Branches map[string]int `json:"branches"`
}

// menus joins the menus with their counters.
func menus(list []ivr.Info, metrics prometheus.Gatherer) []Menu {
	out := make([]Menu, len(list))
	for i, info := range list {
		out[i] = Menu{Info: info, Nodes: []MenuNode{}}
		for _, name := range info.Names {
			out[i].node(name)
		}
	}
	families, _ := metrics.Gather() // what could be gathered
	for _, f := range families {
		name, is := strings.CutPrefix(f.GetName(), "bifrons_ivr_")
		if !is {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			i := slices.IndexFunc(out, func(m Menu) bool { return m.App == "ivr/"+labels["app"] })
			if i < 0 {
				continue
			}
			out[i].count(name, labels, int(m.GetCounter().GetValue()))
		}
	}
	return out
}

// node finds a node, or adds one.
func (m *Menu) node(name string) *MenuNode {
	i := slices.IndexFunc(m.Nodes, func(n MenuNode) bool { return n.Node == name })
	if i < 0 {
		i = len(m.Nodes)
		m.Nodes = append(m.Nodes, MenuNode{Node: name, Branches: map[string]int{}})
	}
	return &m.Nodes[i]
}

// count takes one counter.
func (m *Menu) count(name string, labels map[string]string, n int) {
	switch name {
	case "calls_total":
		m.Calls = n
	case "calls_ended_total":
		m.Ended = n
	case "node_branches_total":
		m.node(labels["node"]).Branches[labels["branch"]] = n
	case "node_events_total":
		node := m.node(labels["node"])
		switch labels["what"] {
		case "entered":
			node.Entered = n
		case "no_input":
			node.NoInput = n
		case "no_match":
			node.NoMatch = n
		case "gave_up":
			node.GaveUp = n
		case "error":
			node.Errors = n
		case "hangup":
			node.Hangups = n
		}
	}
}
