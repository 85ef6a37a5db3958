// Package echo is an application to try a telephone with: it answers, plays the prompt that the dialled user names, or a tone,
// listens for keys until # or a pause, and presses them back.
package echo

import (
	"regexp"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/sip"
)

// App is the application.
type App struct{}

// Name is its name in the catalogue.
func (App) Name() string { return "echo" }

// prompt is a name that may be asked for.
var prompt = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// Handle goes through the call.
func (App) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	switch ev := ev.(type) {
	case b2bua.Invite:
		beep := media.Item{Tone: "beep", Length: 200 * time.Millisecond}
		hello := beep
		if u, err := sip.ParseURI([]byte(ev.RequestURI)); err == nil && prompt.Match(u.User) {
			hello = media.Item{Prompt: string(u.User), Fallback: &beep}
		}
		s.Do(b2bua.Accept{})
		s.Do(b2bua.Play{Name: "hello", Items: []media.Item{{Silence: 500 * time.Millisecond}, hello}, Barge: true})
		s.Do(b2bua.Collect{Name: "keys", Max: 32, End: "#", First: 10 * time.Second, Between: 2 * time.Second})
		return b2bua.Stop
	case b2bua.Collected:
		if ev.Digits == "" {
			s.Do(b2bua.End{Cause: b2bua.Cause{Status: 200, By: b2bua.ByBifrons, Text: "nothing was pressed"}})
			break
		}
		s.Do(b2bua.SendDigits{Keys: ev.Digits})
	case b2bua.Sent:
		s.Do(b2bua.End{Cause: b2bua.Cause{Status: 200, By: b2bua.ByBifrons, Text: "echoed"}})
	}
	return b2bua.Pass
}
