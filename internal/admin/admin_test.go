package admin

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/cdr"
	"github.com/bifrons/bifrons/b2bua/trace"
	"github.com/bifrons/bifrons/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type core struct {
	draining bool
	made     b2bua.Origination
}

func (c *core) Trunks() []b2bua.TrunkInfo {
	return []b2bua.TrunkInfo{{Side: "carrier", AOR: "sip:t@carrier.example", State: "registered"}}
}

func (c *core) Bindings() []b2bua.BindingInfo {
	return []b2bua.BindingInfo{{AOR: "alice@home.example", Contact: "sip:alice@192.0.2.1", Q: 1}}
}

func (c *core) Calls() []b2bua.Info {
	return []b2bua.Info{{ID: 7, From: "<sip:a@b>", State: "ringing"}}
}
func (c *core) Targets() []b2bua.TargetInfo {
	return []b2bua.TargetInfo{{Side: "core", Target: "192.0.2.1:5060", State: "down"}}
}
func (c *core) Admission() b2bua.AdmissionInfo {
	return b2bua.AdmissionInfo{Gates: []b2bua.GateInfo{{Name: "all", Calls: 1, Max: 5}}}
}
func (c *core) Records() []cdr.Record {
	return []cdr.Record{{Call: 7, Status: 408, By: "callee", Evidence: "no answer to 3 probes"}}
}
func (c *core) Call(id uint64) (b2bua.Info, bool) {
	return b2bua.Info{ID: id, State: "ringing"}, id == 7
}
func (c *core) Hangup(id uint64, _ string) bool { return id == 7 }
func (c *core) Trace(id uint64) []trace.Message {
	if id != 7 {
		return nil
	}
	at, a, b := time.Unix(1, 0), netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("192.0.2.9:5060")
	head := "INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK-hidden-1\r\nFrom: <sip:a@x>;tag=hidden-tag\r\nTo: <sip:b@x>\r\nCall-ID: hidden-call\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
	return []trace.Message{{Call: 7, At: at, Side: "core", Local: a, Remote: b, Data: []byte(head)},
		{Call: 7, Leg: 1, Sent: true, At: at, Side: "carrier", Local: a, Remote: b, Data: []byte("INVITE sip:b@x SIP/2.0\r\n\r\n")}}
}
func (c *core) Look(uint64) func() []media.Packet {
	a, b := netip.MustParseAddrPort("192.0.2.1:20000"), netip.MustParseAddrPort("192.0.2.9:30000")
	return func() []media.Packet {
		return []media.Packet{{At: time.Unix(2, 0), Src: a, Dst: b, Length: 172, Head: make([]byte, 12)}}
	}
}
func (c *core) Policies() []b2bua.PolicyInfo {
	return []b2bua.PolicyInfo{{Name: "ims-home", Version: 3, Pairs: []b2bua.SidePair{{From: "core", To: "core"}}, Fields: []b2bua.Exposure{{Field: "Via", How: "own"}}}}
}
func (c *core) Spot(string, time.Duration) bool { return true }
func (c *core) Spotlights() []b2bua.Spotlight   { return []b2bua.Spotlight{{Number: "alice"}} }
func (c *core) Active() int                     { return 1 }
func (c *core) Draining() bool                  { return c.draining }

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
	var admission b2bua.AdmissionInfo
	if code, body := get("/v1/admission"); code != 200 || json.Unmarshal([]byte(body), &admission) != nil || len(admission.Gates) != 1 || admission.Gates[0].Max != 5 {
		t.Errorf("admission: %d %s", code, body)
	}
	var targets struct{ Targets []b2bua.TargetInfo }
	if code, body := get("/v1/targets"); code != 200 || json.Unmarshal([]byte(body), &targets) != nil || len(targets.Targets) != 1 || targets.Targets[0].State != "down" {
		t.Errorf("targets: %d %s", code, body)
	}
	var records struct{ Records []cdr.Record }
	if code, body := get("/v1/records"); code != 200 || json.Unmarshal([]byte(body), &records) != nil || len(records.Records) != 1 || records.Records[0].By != "callee" {
		t.Errorf("records: %d %s", code, body)
	}
	for path, want := range map[string]string{"/v1/trunks": "sip:t@carrier.example", "/v1/bindings": "alice@home.example", "/v1/policies": `"how": "own"`} {
		if code, body := get(path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
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

// TestOneCall: a call is shown, traced and hung up by its number; another number is 404, a word 400.
func TestOneCall(t *testing.T) {
	s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), Config{Calls: &core{}, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer http.DefaultClient.CloseIdleConnections()
	ask := func(method, path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/v1/calls/7", 200}, {"GET", "/v1/calls/8", 404}, {"GET", "/v1/calls/x", 400}, {"GET", "/v1/calls/8/trace", 404},
		{"DELETE", "/v1/calls/7", 204}, {"DELETE", "/v1/calls/8", 404}, {"POST", "/v1/calls/7", 405},
	} {
		if got, body := ask(c.method, c.path); got != c.want {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, got, body, c.want)
		}
	}
	var tr Trace
	if _, body := ask("GET", "/v1/calls/7/trace"); json.Unmarshal([]byte(body), &tr) != nil || len(tr.Messages) != 2 || tr.Call == nil || tr.Record == nil {
		t.Fatalf("trace: %s", body)
	}
	m := tr.Messages[0]
	var parts []string
	for _, h := range m.Hidden {
		parts = append(parts, string(m.Data[h.Start:h.End]))
	}
	if d := cmp.Diff([]string{"192.0.2.9", "z9hG4bK-hidden-1", "hidden-tag", "hidden-call"}, parts); d != "" {
		t.Error(d)
	}
	if _, body := ask("GET", "/v1/calls/7/trace?format=pcap"); len(body) < 300 || body[:4] != "\x4d\x3c\xb2\xa1" {
		t.Errorf("%d bytes of capture, %x", len(body), body[:min(4, len(body))])
	}
	_, plain := ask("GET", "/v1/calls/7/trace?format=pcap")
	if _, body := ask("GET", "/v1/calls/7/trace?format=pcap&rtp=10ms"); len(body) != len(plain)+16+20+8+12 {
		t.Errorf("with RTP the capture has %d bytes, without %d", len(body), len(plain))
	}
	for _, bad := range []string{"1h", "x", "-1s"} {
		if code, _ := ask("GET", "/v1/calls/7/trace?format=pcap&rtp="+bad); code != 400 {
			t.Errorf("rtp=%s: %d", bad, code)
		}
	}
}
