package admin

import (
	"net/http"
	"time"
)

// How long the calls of a number are told in detail, and at most.
const (
	spotUsual = 10 * time.Minute
	spotMost  = 24 * time.Hour
)

// spots serves the numbers whose calls are told in detail.
func spots(mux *http.ServeMux, core Calls) {
	mux.HandleFunc("PUT /v1/debug/{number}", func(w http.ResponseWriter, r *http.Request) {
		d := spotUsual
		if text := r.URL.Query().Get("for"); text != "" {
			var err error
			if d, err = time.ParseDuration(text); err != nil || d <= 0 || d > spotMost {
				http.Error(w, "for="+text+": write how long, such as 10m; "+spotMost.String()+" at most", http.StatusBadRequest)
				return
			}
		}
		if !core.Spot(r.PathValue("number"), d) {
			http.Error(w, "too many numbers are on; take one off", http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /v1/debug/{number}", func(w http.ResponseWriter, r *http.Request) {
		core.Spot(r.PathValue("number"), 0)
		w.WriteHeader(http.StatusNoContent)
	})
}
