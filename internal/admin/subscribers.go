package admin

import (
	"errors"
	"net/http"

	"github.com/bifrons/bifrons/ims"
)

// subscribers serves /v1/subscribers/: with ?by= from the sources in their order, else from the HSS. Without an HSS a public
// identity is looked up in the sources, too.
func subscribers(cfg Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/subscribers/", func(w http.ResponseWriter, r *http.Request) {
		if cfg.Sh == nil {
			http.Error(w, "no HSS is configured: see diameter in docs/configuration.md", http.StatusNotFound)
			return
		}
		cfg.Sh.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /v1/subscribers/{identity}", func(w http.ResponseWriter, r *http.Request) {
		by := ims.By(r.URL.Query().Get("by"))
		switch {
		case by == "" && cfg.Sh != nil:
			cfg.Sh.ServeHTTP(w, r)
			return
		case cfg.Subscribers == nil:
			http.Error(w, "no source of subscribers is configured: see subscribers in docs/configuration.md", http.StatusNotFound)
			return
		case by == "":
			by = ims.ByIMPU
		}
		s, err := cfg.Subscribers.Load(r.Context(), ims.Query{By: by, Value: r.PathValue("identity")})
		switch {
		case err == nil:
			answer(w, http.StatusOK, map[string]any{"identity": r.PathValue("identity"), "by": by, "subscriber": s})
		case errors.Is(err, ims.ErrNotFound):
			http.Error(w, err.Error(), http.StatusNotFound)
		case errors.Is(err, ims.ErrQuery):
			http.Error(w, err.Error(), http.StatusBadRequest)
		default:
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
	return mux
}
