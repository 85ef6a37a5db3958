package script

import (
	"fmt"

	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/form"
	"github.com/bifrons/bifrons/ivr/walk"
)

// Coverage counts which nodes and branches of an application walks came through. Branches that the file does not name do not
// count.
type Coverage struct {
	f    *flow.Flow
	seen map[walk.Note]bool
}

// NewCoverage begins to count.
func NewCoverage(f *flow.Flow) *Coverage { return &Coverage{f, map[walk.Note]bool{}} }

// Add counts what a walk tells of itself.
func (c *Coverage) Add(n walk.Note) {
	if n.What == walk.Entered || n.What == walk.Branched {
		c.seen[n] = true
	}
}

// Count tells how many nodes and branches there are, how many were walked, and which were not.
func (c *Coverage) Count() (nodes, nodesSeen, branches, branchesSeen int, left form.Problems) {
	for _, g := range c.f.Graphs() {
		for i := range g.Nodes {
			n := &g.Nodes[i]
			nodes++
			if !c.seen[walk.Note{Sub: g.Sub, Node: n.Name, What: walk.Entered}] {
				left = append(left, form.Problem{File: c.f.File, At: n.At, Text: "node " + form.Tick(n.Name) + " was not walked", Warning: true})
			} else {
				nodesSeen++
			}
			told := map[string]bool{}
			for _, b := range n.Value.Branches() {
				if !b.Said || told[b.Label] {
					continue
				}
				told[b.Label] = true
				branches++
				if c.seen[walk.Note{Sub: g.Sub, Node: n.Name, What: walk.Branched, Text: b.Label}] {
					branchesSeen++
				} else {
					left = append(left, form.Problem{File: c.f.File, At: b.At, Warning: true,
						Text: fmt.Sprintf("branch %s of node %s was not walked", form.Tick(b.Label), form.Tick(n.Name))})
				}
			}
		}
	}
	return nodes, nodesSeen, branches, branchesSeen, left.Sort()
}
