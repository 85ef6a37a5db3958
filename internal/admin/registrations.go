package admin

import (
	"net/http"

	"github.com/bifrons/bifrons/ims"
)

// Registrations are what S-CSCFs have said of users; ims.Registrations has them.
type Registrations interface {
	List(user string) []ims.Registration
}

// registrations serves /v1/registrations, and /v1/registrations/{user} for one identity; without a source nobody is known.
func registrations(r Registrations) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		all := []ims.Registration{}
		if r != nil {
			all = r.List(q.PathValue("user"))
		}
		if q.PathValue("user") != "" && len(all) == 0 {
			http.Error(w, "no S-CSCF has told of this user", http.StatusNotFound)
			return
		}
		answer(w, http.StatusOK, map[string]any{"registrations": all})
	}
}
