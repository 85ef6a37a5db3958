package b2bua

// PolicyInfo is a policy of a running server as people see it: the pairs of sides that it is for, and what it does.
type PolicyInfo struct {
	Name    string     `json:"name"`
	Version int        `json:"version"`
	Pairs   []SidePair `json:"pairs"`
	Fields  []Exposure `json:"fields"`
}

// SidePair is from which side to which.
type SidePair struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Policies returns the policies that some pair of sides has, in the order of the sides.
func (s *Server) Policies() []PolicyInfo {
	out := []PolicyInfo{}
	at := map[*Policy]int{}
	for _, from := range s.cfg.Sides {
		for _, to := range s.cfg.Sides {
			p := s.policy(from, to)
			if p == nil {
				continue
			}
			i, known := at[p]
			if !known {
				i = len(out)
				at[p] = i
				out = append(out, PolicyInfo{Name: p.Name, Version: p.Version, Fields: p.Exposures()})
			}
			out[i].Pairs = append(out[i].Pairs, SidePair{from.Name, to.Name})
		}
	}
	return out
}
