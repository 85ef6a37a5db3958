// Package announce is an application that plays an announcement to the caller before the call is answered, and then refuses it. The
// user part of the Request-URI names the prompt: sip:number-changed@example.net.
package announce

import (
	"regexp"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/sip"
)

// App is the application.
type App struct{}

// Name is its name in the catalogue.
func (App) Name() string { return "announce" }

// prompt is a name that may be asked for.
var prompt = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// Handle plays what is dialled; a caller that cannot hear it before the answer, and a name of no prompt, are refused at once: with
// 488 and a Warning if it is for the codecs that the caller offers.
func (App) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	switch ev := ev.(type) {
	case b2bua.Invite:
		var name string
		if u, err := sip.ParseURI([]byte(ev.RequestURI)); err == nil {
			name = string(u.User)
		}
		if !prompt.MatchString(name) {
			s.Do(b2bua.Reject{Status: 404, Reason: "no such announcement"})
			return b2bua.Stop
		}
		s.Do(b2bua.Play{Name: name, Items: []media.Item{{Prompt: name}}})
		return b2bua.Stop
	case b2bua.Played:
		no := b2bua.Reject{Status: 404, Reason: "announced"}
		if ev.Status != 0 {
			no = b2bua.Reject{Status: ev.Status, Reason: ev.Err}
		}
		s.Do(no)
	}
	return b2bua.Pass
}
