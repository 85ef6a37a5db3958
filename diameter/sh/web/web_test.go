package web

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
	"github.com/bifrons/bifrons/diameter/hss"
	"github.com/bifrons/bifrons/diameter/sh"
	"github.com/bifrons/bifrons/diameter/sh/cache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is the handler before a simulator.
type site struct {
	*httptest.Server
	client *sh.Client
}

func start(t *testing.T) *site {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	cfg, err := hss.Load("../../hss/testdata/hss.yaml")
	if err != nil {
		t.Fatal(err)
	}
	h, err := hss.New(cfg, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(context.Background()) })
	var c *cache.Cache
	d := diameter.DefaultConfig()
	d.OriginHost, d.OriginRealm = "as.ims.example", "ims.example"
	d.Peers = []diameter.PeerConfig{{Address: h.Addr()}}
	e, err := diameter.New(d, diameter.Handlers{sh.Command(dict.PushNotification): sh.PNRHandler(func(n *sh.PNR) error { return c.Notify(n) })}, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := sh.NewClient(e, diameter.Route{Realm: "ims.example"})
	if c, err = cache.New(cache.DefaultConfig(), client, log, nil); err != nil {
		t.Fatal(err)
	}
	e.Start()
	t.Cleanup(c.Close)
	t.Cleanup(func() { e.Close(context.Background(), diameter.Rebooting) })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.Ready(ctx, dict.Sh, diameter.Route{Realm: "ims.example"}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(Handler(client, c, Config{Policy: cache.Stale(time.Minute), ServerName: "sip:as.ims.example"}))
	t.Cleanup(s.Close)
	return &site{s, client}
}

func (s *site) do(t *testing.T, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestSubscriber(t *testing.T) {
	s := start(t)
	tests := []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/subscribers/sip:alice@ims.example", 200, `"IMSUserState":{"data":{"Sh-IMS-Data":{"IMSUserState":"REGISTERED"}}`},
		{"/v1/subscribers/sip:alice@ims.example?ref=IMSI", 200, `"data":{"IMSI":"001010000000001"}`},
		{"/v1/subscribers/sip:alice@ims.example?ref=UserState&domain=cs", 200, `"CSUserState":"AssumedIdle"`},
		{"/v1/subscribers/sip:alice@ims.example?service=mmtel", 200, `"ServiceData":"<simservs xmlns=\"urn:x\"/>"`},
		{"/v1/subscribers/sip:alice@ims.example?ref=IMSI&ref=PSIActivation", 200, `5101 DIAMETER_ERROR_OPERATION_NOT_ALLOWED`},
		{"/v1/subscribers/sip:nobody@ims.example", 404, "5001"},
		{"/v1/subscribers/nobody", 400, "is no SIP or tel URI"},
		{"/v1/subscribers/sip:alice@ims.example?ref=Shoesize", 400, "is no data reference"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			resp, body := s.do(t, "GET", tt.path, "")
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("%s: %s", resp.Status, body)
			}
		})
	}
}

func TestRepositoryWithETags(t *testing.T) {
	s := start(t)
	const path = "/v1/subscribers/sip:bob@ims.example/repository/app"
	steps := []struct {
		method, body string
		header       []string
		status       int
		etag         string
	}{
		{"GET", "", nil, 404, ""},
		{"PUT", "<a/>", []string{"If-Match", `"0"`}, 412, ""},
		{"PUT", "<a/>", []string{"If-Match", "*"}, 412, ""},
		{"PUT", "<a/>", []string{"If-None-Match", "*"}, 201, `"0"`},
		{"PUT", "<b/>", []string{"If-None-Match", "*"}, 412, ""},
		{"GET", "", nil, 200, `"0"`},
		{"GET", "", []string{"If-None-Match", `"0"`}, 304, `"0"`},
		{"PUT", "<b/>", []string{"If-Match", `"0"`}, 204, `"1"`},
		{"PUT", "<c/>", []string{"If-Match", `"0"`}, 412, ""},
		{"PUT", "<c/>", []string{"If-Match", `"0", "7"`}, 412, ""},
		{"PUT", "<c/>", []string{"If-Match", `"0", "1"`}, 204, `"2"`},
		{"PUT", "<d/>", []string{"If-Match", "*"}, 204, `"3"`},
		{"PUT", "<e/>", nil, 204, `"4"`},
		{"PUT", "<c>", nil, 400, ""},
		{"PUT", "<c>" + strings.Repeat("x", 300) + "</c>", nil, 413, ""},
		{"PUT", "<c/>", []string{"If-Match", "x"}, 400, ""},
		{"DELETE", "", []string{"If-Match", `"1"`}, 412, ""},
		{"DELETE", "", []string{"If-Match", `"4"`}, 204, ""},
		{"GET", "", nil, 404, ""},
	}
	for i, st := range steps {
		resp, body := s.do(t, st.method, path, st.body, st.header...)
		if resp.StatusCode != st.status || resp.Header.Get("ETag") != st.etag {
			t.Errorf("step %d %s: %s ETag %s: %s", i, st.method, resp.Status, resp.Header.Get("ETag"), body)
		}
	}
}

func TestEvents(t *testing.T) {
	s := start(t)
	ctx, stop := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/v1/subscribers/sip:alice@ims.example/events?service=mmtel", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer stop()
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		var b strings.Builder
		for lines.Scan() && lines.Text() != "" {
			b.WriteString(lines.Text() + "\n")
		}
		return b.String()
	}
	if got := next(); !strings.HasPrefix(got, "event: RepositoryData\ndata: ") || !strings.Contains(got, "simservs") {
		t.Errorf("first event %s", got)
	}
	if _, err := s.client.UpdateRepositoryData(ctx, sh.Public("sip:alice@ims.example"), "mmtel",
		func(sh.RawXML) (sh.RawXML, error) { return sh.RawXML("<changed/>"), nil }); err != nil {
		t.Fatal(err)
	}
	if got := next(); !strings.Contains(got, "<changed/>") {
		t.Errorf("second event %s", got)
	}
}
