package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bifrons/bifrons/configs"
)

// running is a server whose configuration is a sample.
type running struct{ err error }

func (r running) Settings() *configs.Settings {
	text, err := configs.Sample("minimal")
	if err != nil {
		panic(err)
	}
	_, s, err := configs.ParseSettings("minimal.yaml", text, configs.Known{})
	if err != nil {
		panic(err)
	}
	return s
}

func (r running) Compare(name string, text []byte) (Change, error) {
	_, to, err := configs.ParseSettings(name, text, configs.Known{})
	if err != nil {
		return Change{}, err
	}
	return Change{Changes: configs.Diff(r.Settings(), to)}, nil
}

func (r running) Reload() (Change, error) { return Change{Restart: []string{"cdr"}}, r.err }

func TestConfiguration(t *testing.T) {
	for _, c := range []struct {
		err              error
		request          string
		body, want, text string
	}{
		{nil, "GET /v1/config", "", "200 OK", `"max_forwards": 70`},
		{nil, "POST /v1/config/diff?name=x.yaml", "side: {}", "422 Unprocessable Entity", "x.yaml:1:1: unknown key `side`"},
		{nil, "POST /v1/config/diff", "sides: {inside: {listen: 'udp:127.0.0.1:1', next_hop: 'sip:127.0.0.1:2'}}", "200 OK", `"path": "sides.outside"`},
		{nil, "POST /v1/reload", "", "200 OK", `"cdr"`},
		{errors.New("the address is in use"), "POST /v1/reload", "", "409 Conflict", "the address is in use"},
		{configs.Errors{{File: "x", Line: 1, Column: 2, Text: "wrong"}}, "POST /v1/reload", "", "422 Unprocessable Entity", `"Line": 1`},
	} {
		s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), Config{Calls: &core{}, Metrics: prometheus.NewRegistry(), Configuration: running{c.err}})
		if err != nil {
			t.Fatal(err)
		}
		method, path, _ := strings.Cut(c.request, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.Status != c.want || !strings.Contains(string(b), c.text) || !json.Valid(b) {
			t.Errorf("%s %s: %s\n%s", c.request, c.body, res.Status, b)
		}
		http.DefaultClient.CloseIdleConnections()
		s.Close()
	}
}
