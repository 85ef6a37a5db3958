package admin

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestGuard: without the token nothing but the probes is answered; pages of a browser and names that lead here are kept out.
func TestGuard(t *testing.T) {
	drained := 0
	s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), Config{Calls: &core{}, Metrics: prometheus.NewRegistry(), Token: "word", Drain: func() { drained++ }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for _, c := range []struct {
		name, method, path string
		header             map[string]string
		want               int
	}{
		{"a probe", "GET", "/healthz", nil, 200},
		{"readiness", "GET", "/readyz", nil, 200},
		{"metrics without a token", "GET", "/metrics", nil, 401},
		{"calls without a token", "GET", "/v1/calls", nil, 401},
		{"another token", "GET", "/v1/calls", map[string]string{"Authorization": "Bearer wort"}, 401},
		{"the token alone", "GET", "/v1/calls", map[string]string{"Authorization": "word"}, 401},
		{"the token", "GET", "/v1/calls", map[string]string{"Authorization": "Bearer word"}, 200},
		{"a page elsewhere", "POST", "/v1/drain", map[string]string{"Authorization": "Bearer word", "Origin": "https://evil.example"}, 403},
		{"a page elsewhere, as a new browser tells", "POST", "/v1/drain", map[string]string{"Authorization": "Bearer word", "Sec-Fetch-Site": "cross-site"}, 403},
		{"a name that leads here", "GET", "/v1/calls", map[string]string{"Authorization": "Bearer word", "Host": "evil.example"}, 403},
		{"localhost", "GET", "/v1/calls", map[string]string{"Authorization": "Bearer word", "Host": "localhost:8070"}, 200},
		{"an order", "POST", "/v1/drain", map[string]string{"Authorization": "Bearer word"}, 202},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+s.Addr().String()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range c.header {
			if k == "Host" {
				req.Host = v
			}
			req.Header.Set(k, v)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", c.name, res.StatusCode, c.want)
		}
	}
	if drained != 1 {
		t.Errorf("drained %d times, want once", drained)
	}
	if _, err := Listen(netip.MustParseAddrPort("192.0.2.1:1"), Config{Calls: &core{}, Token: "word"}); err == nil {
		t.Error("a token goes over the network in clear")
	}
}
