package admin

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/cdr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type core struct{ draining bool }

func (c *core) Calls() []b2bua.Info {
	return []b2bua.Info{{ID: 7, From: "<sip:a@b>", State: "ringing"}}
}
func (c *core) Targets() []b2bua.TargetInfo {
	return []b2bua.TargetInfo{{Side: "core", Target: "192.0.2.1:5060", State: "down"}}
}
func (c *core) Records() []cdr.Record {
	return []cdr.Record{{Call: 7, Status: 408, By: "callee", Evidence: "no answer to 3 probes"}}
}
func (c *core) Active() int    { return 1 }
func (c *core) Draining() bool { return c.draining }

func TestAPI(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "x_total", Help: "x"}, func() float64 { return 3 }))
	c := &core{}
	s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), Config{Calls: c, Metrics: reg, Version: "9"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer http.DefaultClient.CloseIdleConnections()
	get := func(path string) (int, string) {
		res, err := http.Get("http://" + s.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	if code, body := get("/metrics"); code != 200 || !strings.Contains(body, "x_total 3") {
		t.Errorf("metrics: %d %s", code, body)
	}
	var h Health
	if code, body := get("/healthz"); code != 200 || json.Unmarshal([]byte(body), &h) != nil {
		t.Errorf("health: %d %s", code, body)
	}
	if d := cmp.Diff(Health{"ok", 1, "9"}, h); d != "" {
		t.Error(d)
	}
	c.draining = true
	if code, body := get("/healthz"); code != 503 || !strings.Contains(body, "draining") {
		t.Errorf("health while draining: %d %s", code, body)
	}
	var calls struct{ Calls []b2bua.Info }
	if code, body := get("/v1/calls"); code != 200 || json.Unmarshal([]byte(body), &calls) != nil || len(calls.Calls) != 1 || calls.Calls[0].ID != 7 {
		t.Errorf("calls: %d %s", code, body)
	}
	var targets struct{ Targets []b2bua.TargetInfo }
	if code, body := get("/v1/targets"); code != 200 || json.Unmarshal([]byte(body), &targets) != nil || len(targets.Targets) != 1 || targets.Targets[0].State != "down" {
		t.Errorf("targets: %d %s", code, body)
	}
	var records struct{ Records []cdr.Record }
	if code, body := get("/v1/records"); code != 200 || json.Unmarshal([]byte(body), &records) != nil || len(records.Records) != 1 || records.Records[0].By != "callee" {
		t.Errorf("records: %d %s", code, body)
	}
	if code, _ := get("/v1/nothing"); code != 404 {
		t.Errorf("unknown path: %d", code)
	}
}

func TestNotOnOpenNetworks(t *testing.T) {
	if s, err := Listen(netip.MustParseAddrPort("192.0.2.1:80"), Config{}); err == nil {
		s.Close()
		t.Error("listens on an open network without authentication")
	}
}
