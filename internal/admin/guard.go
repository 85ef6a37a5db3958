package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guard lets through who may. Probes of a load balancer need no token. A page of a browser may ask for nothing: it is kept out by its
// Origin where something would change, and by the name it came by elsewhere, so that no name that leads here by chance or by intent
// (DNS rebinding) opens the API.
func guard(next http.Handler, cfg *Config) http.Handler {
	want := sha256.Sum256([]byte("Bearer " + cfg.Token))
	cross := http.NewCrossOriginProtection()
	return cross.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cfg.TLS == nil && !local(r.Host) {
			http.Error(w, "ask by address, or as localhost", http.StatusForbidden)
			return
		}
		open := r.URL.Path == "/healthz" || r.URL.Path == "/readyz"
		if cfg.Token != "" && !open {
			got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
			if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
				w.Header().Set("WWW-Authenticate", `Bearer realm="bifrons"`)
				http.Error(w, "a token is wanted: Authorization: Bearer ..., or bifrons ctl --token-file", http.StatusUnauthorized)
				return
			}
		}
		next.ServeHTTP(w, r)
	}))
}

// local tells whether a Host header is an address, or localhost.
func local(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost"
}
