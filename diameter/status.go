package diameter

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

// PeerStatus is what ctl shows about a peer.
type PeerStatus struct {
	Host     string `json:"host"`
	Realm    string `json:"realm"`
	Address  string `json:"address"`
	Accepted bool   `json:"accepted"`
	Relay    bool   `json:"relay"`
	// State is the watchdog's state while connected, else what the peer's dialler is doing.
	State        string        `json:"state"`
	Since        time.Time     `json:"since"`
	LastError    string        `json:"last_error,omitempty"`
	Applications []uint32      `json:"applications,omitempty"`
	Priority     int           `json:"priority"`
	Weight       int           `json:"weight"`
	InFlight     int           `json:"in_flight"`
	Answers      uint64        `json:"answers"`
	P50          time.Duration `json:"p50_ns"`
	P99          time.Duration `json:"p99_ns"`
}

// WriteStatus writes the peers as a table for people.
func WriteStatus(w io.Writer, peers []PeerStatus) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PEER\tADDRESS\tSTATE\tSINCE\tIN FLIGHT\tANSWERS\tP50\tP99\tLAST ERROR")
	for _, p := range peers {
		name, failed := p.Host, p.LastError
		if name == "" {
			name = "?"
		}
		if p.Relay {
			name += " (relay)"
		}
		if failed == "" {
			failed = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", name, p.Address, p.State, p.Since.Format(time.DateTime),
			p.InFlight, p.Answers, p.P50.Round(time.Microsecond), p.P99.Round(time.Microsecond), failed)
	}
	return t.Flush()
}

// Status returns the peers, the configured ones first.
func (e *Endpoint) Status() []PeerStatus {
	peers := *e.peers.Load()
	out := make([]PeerStatus, 0, len(peers))
	for _, p := range peers {
		out = append(out, p.status())
	}
	return out
}

func (p *peer) status() PeerStatus {
	p.mu.Lock()
	s := PeerStatus{
		Host: p.cfg.Host, Address: p.cfg.Address, Accepted: p.accepted, State: p.phase, Since: p.since,
		Priority: p.cfg.Priority, Weight: p.weight(),
	}
	if p.lastErr != nil {
		s.LastError = p.lastErr.Error()
	}
	if p.caps != nil {
		s.Host, s.Realm, s.Relay, s.Applications = p.caps.host, p.caps.realm, p.caps.relay, p.caps.apps
	}
	l := p.link
	if l != nil {
		s.State = p.wd.state.String()
	}
	p.mu.Unlock()
	if l != nil {
		l.mu.Lock()
		s.InFlight = len(l.pending)
		if l.leaving != disconnectCauseUnknown {
			s.State = "closing"
		}
		l.mu.Unlock()
	}
	s.Answers, s.P50, s.P99 = p.rtt.percentiles()
	return s
}

// roundTrips remembers the last answers' times.
type roundTrips struct {
	mu    sync.Mutex
	last  [1024]time.Duration
	count uint64
}

func (r *roundTrips) add(d time.Duration) {
	r.mu.Lock()
	r.last[r.count%uint64(len(r.last))] = d
	r.count++
	r.mu.Unlock()
}

func (r *roundTrips) percentiles() (n uint64, p50, p99 time.Duration) {
	r.mu.Lock()
	n = r.count
	s := slices.Clone(r.last[:min(n, uint64(len(r.last)))])
	r.mu.Unlock()
	if len(s) == 0 {
		return 0, 0, 0
	}
	slices.Sort(s)
	return n, s[len(s)/2], s[len(s)*99/100]
}
