package test

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

// TestLabAppFails: the service cannot ask the HSS, which is silent. As the catalogue declares, the call goes on without it. Where the
// configuration says terminate, the S-CSCF gets 500 before anything else and in time, and its default handling completes the call.
func TestLabAppFails(t *testing.T) {
	isolated(t, func(t *testing.T) {
		hss, err := net.Listen("tcp", "127.0.0.4:3868") // it takes connections, and says nothing
		if err != nil {
			t.Fatal(err)
		}
		defer hss.Close()
		l := startLab(t)
		users := filepath.Join(t.TempDir(), "users.yaml")
		away(t, users, "")
		s := serveAS(t, users)
		l.register(t, "alice", "bob")
		s.registrations(2, "none")
		s.stop(5 * time.Second) // it has forgotten them
		for handling, status := range map[string]int{"continue": 200, "terminate": 500} {
			s := serveAS(t, users, "{file: "+users+"}", "{sh: {services: [reachability]}}", "\nadmin:", "\ndiameter: {origin_host: as.ims.lab, origin_realm: ims.lab, peers: [{address: '127.0.0.4:3868'}]}"+
				"\nadmin:", "ims:\n", "ims:\n  default_handling: {reachability: "+handling+"}\n")
			l.answered(t, "alice", "bob")
			s.idle()
			failed := 0
			for _, r := range s.records(2) {
				switch {
				case r.Status == 500 && r.Ringing.IsZero() && r.End.Sub(r.Start) < 3*time.Second:
					failed++
				case r.Status != 200:
					t.Errorf("%s: %+v", handling, r)
				}
			}
			if (failed == 1) != (status == 500) {
				t.Errorf("%s: %d calls failed", handling, failed)
			}
			if n := s.metric(`bifrons_b2bua_app_failures_total{app="reachability",how="look-up"}`); n != 1 {
				t.Errorf("%s: the service has failed %v times", handling, n)
			}
			s.stop(5 * time.Second)
		}
	})
}
