package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/b2bua"
)

func (c *core) Originate(o b2bua.Origination) (uint64, error) {
	if o.Side == "" {
		return 0, errors.New("no side")
	}
	c.made = o
	return 8, nil
}
func (c *core) HangUpLeg(call uint64, leg int) bool {
	return call == 7 && leg == 1
}
func (c *core) Move(call uint64, leg int, to uint64, with int) bool {
	return call == 7 && leg == 1 && to == 9 && with == 2
}

// TestOrders: calls are made, ended and moved; what is no order, or cannot be done, is told so.
func TestOrders(t *testing.T) {
	c := &core{}
	s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), Config{Calls: c, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for _, o := range []struct {
		method, path, kind, body string
		want                     int
	}{
		{"POST", "/v1/calls", "application/json", `{"side":"in","from":"sip:a@b","to":"sip:c@d","and":"sip:e@f"}`, 201},
		{"POST", "/v1/calls", "application/json", `{"from":"sip:a@b"}`, 400},
		{"POST", "/v1/calls", "application/json", `{"whom":"sip:a@b"}`, 400},
		{"POST", "/v1/calls", "text/plain", `{"side":"in"}`, 415},
		{"DELETE", "/v1/calls/7/legs/1", "", "", 204},
		{"DELETE", "/v1/calls/7/legs/x", "", "", 409},
		{"POST", "/v1/calls/7/legs/1/move", "application/json", `{"call":9,"leg":2}`, 204},
		{"POST", "/v1/calls/7/legs/2/move", "application/json", `{"call":9,"leg":2}`, 409},
	} {
		req, _ := http.NewRequest(o.method, "http://"+s.Addr().String()+o.path, strings.NewReader(o.body))
		req.Header.Set("Content-Type", o.kind)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if res.StatusCode != o.want || res.StatusCode != 204 && json.NewDecoder(res.Body).Decode(&got) != nil {
			t.Errorf("%s %s %s: %s, want %d", o.method, o.path, o.body, res.Status, o.want)
		}
		res.Body.Close()
	}
	if d := cmp.Diff(b2bua.Origination{Side: "in", From: "sip:a@b", To: "sip:c@d", And: "sip:e@f"}, c.made); d != "" {
		t.Error(d)
	}
}
