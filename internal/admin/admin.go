package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bifrons/bifrons/b2bua"
)

// Calls is the call core as the API sees it.
type Calls interface {
	Calls() []b2bua.Info
	Targets() []b2bua.TargetInfo
	Active() int
	Draining() bool
}

// Config is what a Server shows.
type Config struct {
	Calls   Calls
	Metrics prometheus.Gatherer
	Version string
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
	done sync.WaitGroup
}

// Listen starts the API on an address of the loopback interface; port 0 takes a free one.
func Listen(addr netip.AddrPort, cfg Config) (*Server, error) {
	if !addr.Addr().IsLoopback() {
		return nil, fmt.Errorf("admin: %s is not a loopback address, and the api has no authentication yet", addr)
	}
	l, err := net.Listen("tcp", addr.String())
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	s := &Server{addr: l.Addr().(*net.TCPAddr).AddrPort(), http: &http.Server{Handler: handler(cfg), ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 1 << 16}}
	s.done.Go(func() { _ = s.http.Serve(l) })
	return s, nil
}

// Addr returns the address it listens on.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Close ends the API; requests at hand get a second.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	s.done.Wait()
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
	mux.HandleFunc("GET /v1/calls", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"calls": cfg.Calls.Calls()})
	})
	mux.HandleFunc("GET /v1/targets", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"targets": cfg.Calls.Targets()})
	})
	return mux
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}
