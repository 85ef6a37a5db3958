package admin

import (
	"errors"
	"io"
	"net/http"

	"github.com/bifrons/bifrons/configs"
)

// Configuration is what the server runs on, and how that is changed.
type Configuration interface {
	// Settings are those that it runs on now.
	Settings() *configs.Settings
	// Compare reads a configuration as a reload would, and tells what it would change. Its mistakes are configs.Errors.
	Compare(name string, text []byte) (Change, error)
	// Reload reads the file again and runs on it. After an error nothing has changed.
	Reload() (Change, error)
}

// Change is what a new configuration changes.
type Change struct {
	Changes []configs.Difference `json:"changes"`
	Restart []string             `json:"restart"` // sections among them that are obeyed after a restart only
}

// configuration serves what the server runs on.
func configuration(mux *http.ServeMux, c Configuration) {
	mux.HandleFunc("GET /v1/config", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, c.Settings())
	})
	mux.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, _ *http.Request) { changed(w, c.Reload) })
	mux.HandleFunc("POST /v1/config/diff", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		changed(w, func() (Change, error) { return c.Compare(r.URL.Query().Get("name"), text) })
	})
}

// changed answers with a change, or with what is wrong.
func changed(w http.ResponseWriter, f func() (Change, error)) {
	change, err := f()
	var mistakes configs.Errors
	switch {
	case err == nil:
		if change.Changes == nil {
			change.Changes = []configs.Difference{}
		}
		if change.Restart == nil {
			change.Restart = []string{}
		}
		answer(w, http.StatusOK, change)
	case errors.As(err, &mistakes):
		answer(w, http.StatusUnprocessableEntity, map[string]any{"error": err.Error(), "mistakes": mistakes})
	default:
		answer(w, http.StatusConflict, map[string]string{"error": err.Error()})
	}
}
