// Package example is the smallest service: copy it to begin one of your own. It gives nobody's calls to directory enquiries
// to the next hop, marks all others with a Subject where they have none, and counts nothing, keeps nothing, blocks nothing.
package example

import (
	"strings"

	"github.com/bifrons/bifrons/b2bua"
)

// App is the service. One value serves all calls at once.
type App struct{}

// Name is what a chain calls it.
func (App) Name() string { return "example" }

// Handle looks at an event: it refuses calls to 118, and lets everything else pass.
func (App) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	inv, ok := ev.(b2bua.Invite)
	if !ok {
		return b2bua.Pass
	}
	if strings.HasPrefix(inv.RequestURI, "sip:118@") {
		s.Do(b2bua.Reject{Status: 603, Reason: "directory enquiries are barred"})
		return b2bua.Stop
	}
	if inv.Header("Subject") == "" {
		inv.Set("Subject", "Call by way of Bifrons")
	}
	return b2bua.Pass
}
