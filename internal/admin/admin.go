package admin

import (
	"context"
	"crypto/tls"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/cdr"
	"github.com/bifrons/bifrons/b2bua/trace"
	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/ivr"
	"github.com/bifrons/bifrons/media"
)

// Calls is the call core as the API sees it.
type Calls interface {
	Calls() []b2bua.Info
	Call(id uint64) (b2bua.Info, bool)
	Hangup(id uint64, by string) bool
	Trace(id uint64) []trace.Message
	Look(id uint64) (stop func() []media.Packet)
	Targets() []b2bua.TargetInfo
	Admission() b2bua.AdmissionInfo
	Policies() []b2bua.PolicyInfo
	Trunks() []b2bua.TrunkInfo
	Bindings() []b2bua.BindingInfo
	Records() []cdr.Record
	Spot(number string, d time.Duration) bool
	Spotlights() []b2bua.Spotlight
	Active() int
	Draining() bool
	Originate(b2bua.Origination) (uint64, error)
	HangUpLeg(call uint64, leg int) bool
	Move(call uint64, leg int, to uint64, with int) bool
}

// Peers are the Diameter peers; a diameter.Endpoint has them.
type Peers interface{ Status() []diameter.PeerStatus }

// Config is what a Server shows. What is nil is not there.
type Config struct {
	Calls   Calls
	Metrics prometheus.Gatherer
	Version string
	// TLS encrypts; nil is plain HTTP. Token is what who asks must show, "" nothing; Mutual tells that TLS asks for certificates.
	TLS    *tls.Config
	Token  string
	Mutual bool
	// Drain makes the server leave: no new calls, and its end when the others have ended or their time is over.
	Drain func()
	Peers Peers
	// Sh serves /v1/subscribers/ from the HSS, Subscribers the look-ups there that name a key with ?by=.
	Sh          http.Handler
	Subscribers ims.Source
	// Registrations serves /v1/registrations.
	Registrations Registrations
	// Explain answers POST /v1/explain: which chain a request would get.
	Explain http.Handler
	// Configuration serves /v1/config and /v1/reload.
	Configuration Configuration
	// Menus tells of the menus for callers; nil: there are none.
	Menus func() []ivr.Info
	// HSS is the API of a simulator inside the process, below /hss/.
	HSS http.Handler
}

// Health is the answer of /healthz.
type Health struct {
	Status  string `json:"status"` // ok, or draining
	Calls   int    `json:"calls"`
	Version string `json:"version"`
}

// Server is the HTTP API.
type Server struct {
	http *http.Server
	addr netip.AddrPort
	stop context.CancelFunc // ends requests that go on for long
	now  atomic.Pointer[http.Handler]
	done sync.WaitGroup
}

// Listen starts the API; port 0 takes a free one. On another interface than loopback it wants TLS, with a token or certificates of
// those who ask.
func Listen(addr netip.AddrPort, cfg Config) (*Server, error) {
	if !addr.Addr().IsLoopback() && (cfg.TLS == nil || cfg.Token == "" && !cfg.Mutual) {
		return nil, fmt.Errorf("admin: %s can be reached by others: it needs TLS, and a token or certificates of those who ask", addr)
	}
	l, err := net.Listen("tcp", addr.String())
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	bound := l.Addr().(*net.TCPAddr).AddrPort()
	if cfg.TLS != nil {
		l = tls.NewListener(l, cfg.TLS)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{addr: bound, stop: stop, http: &http.Server{ReadHeaderTimeout: 5 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 1 << 16}}
	s.Use(cfg)
	s.http.Handler = guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.now.Load()).ServeHTTP(w, r) }), &cfg)
	s.done.Go(func() { _ = s.http.Serve(l) })
	return s, nil
}

// Use shows something else from now on; who may ask stays as it was.
func (s *Server) Use(cfg Config) {
	h := handler(cfg)
	s.now.Store(&h)
}

// Addr returns the address it listens on.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Close ends the API; requests at hand get a second.
func (s *Server) Close() {
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	s.done.Wait()
}

//go:embed openapi.yaml
var description string

// pages are what is only looked at.
var pages = []struct {
	pattern string
	of      func(*Config) any
}{
	{"GET /v1/version", func(c *Config) any { return map[string]string{"version": c.Version} }},
	{"GET /v1/records", func(c *Config) any { return map[string]any{"records": c.Calls.Records()} }},
	{"GET /v1/debug", func(c *Config) any { return map[string]any{"numbers": c.Calls.Spotlights()} }},
	{"GET /v1/targets", func(c *Config) any { return map[string]any{"targets": c.Calls.Targets()} }},
	{"GET /v1/admission", func(c *Config) any { return c.Calls.Admission() }},
	{"GET /v1/policies", func(c *Config) any { return map[string]any{"policies": c.Calls.Policies()} }},
	{"GET /v1/trunks", func(c *Config) any { return map[string]any{"trunks": c.Calls.Trunks()} }},
	{"GET /v1/bindings", func(c *Config) any { return map[string]any{"bindings": c.Calls.Bindings()} }},
	{"GET /v1/menus", func(c *Config) any {
		var list []ivr.Info
		if c.Menus != nil {
			list = c.Menus()
		}
		return map[string]any{"menus": menus(list, c.Metrics)}
	}},
	{"GET /v1/diameter", func(c *Config) any {
		peers := []diameter.PeerStatus{}
		if c.Peers != nil {
			peers = c.Peers.Status()
		}
		return map[string]any{"peers": peers}
	}},
}

func handler(cfg Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		h := Health{Status: "ok", Calls: cfg.Calls.Active(), Version: cfg.Version}
		status := http.StatusOK
		if cfg.Calls.Draining() { // a load balancer shall send nothing new here
			h.Status, status = "draining", http.StatusServiceUnavailable
		}
		answer(w, status, h)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if cfg.Calls.Draining() {
			http.Error(w, "draining", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	})
	if cfg.Drain != nil {
		mux.HandleFunc("POST /v1/drain", func(w http.ResponseWriter, _ *http.Request) {
			cfg.Drain()
			answer(w, http.StatusAccepted, map[string]any{"calls": cfg.Calls.Active()})
		})
	}
	calls(mux, cfg.Calls)
	spots(mux, cfg.Calls)
	orders(mux, cfg.Calls)
	for _, p := range pages {
		mux.HandleFunc(p.pattern, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, p.of(&cfg)) })
	}
	mux.HandleFunc("GET /v1/openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = io.WriteString(w, description)
	})
	mux.Handle("/v1/subscribers/", subscribers(cfg))
	mux.Handle("GET /v1/registrations", registrations(cfg.Registrations))
	mux.Handle("GET /v1/registrations/{user}", registrations(cfg.Registrations))
	if cfg.Configuration != nil {
		configuration(mux, cfg.Configuration)
	}
	if cfg.Explain != nil {
		mux.Handle("POST /v1/explain", cfg.Explain)
	}
	if cfg.HSS != nil {
		mux.Handle("/hss/", http.StripPrefix("/hss", cfg.HSS))
	}
	return mux
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}
