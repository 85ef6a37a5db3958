// Package memo is an application to try recording with: it records what is said behind a beep, until # or four seconds of
// silence, and plays it back. The file stays, for whoever looks after the server.
package memo

import (
	"fmt"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/media"
)

// App is the application.
type App struct{}

// Name is its name in the catalogue.
func (App) Name() string { return "memo" }

// Handle goes through the call.
func (App) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	switch ev := ev.(type) {
	case b2bua.Invite:
		s.Do(b2bua.Accept{})
		s.Do(b2bua.Play{Name: "ask", Items: []media.Item{{Silence: 500 * time.Millisecond}, {Prompt: "leave-message"}}, Barge: true})
		return b2bua.Stop
	case b2bua.Played:
		if ev.Name == "ask" {
			s.Do(b2bua.Record{Path: fmt.Sprintf("memo-%016x", s.CallID()), Voices: media.VoicesParty, Beep: true, Max: time.Minute, Silence: 4 * time.Second, End: "#"})
			break
		}
		s.Do(b2bua.End{Cause: b2bua.Cause{Status: 200, By: b2bua.ByBifrons, Text: "played back"}})
	case b2bua.Recorded:
		if ev.Reason == media.ReasonFailed.String() {
			s.Do(b2bua.Play{Name: "failed", Items: []media.Item{{Prompt: "error"}}})
			break
		}
		var said []media.Item
		for _, f := range ev.Files {
			said = append(said, media.Item{File: f})
		}
		s.Do(b2bua.Play{Name: "back", Items: said})
	}
	return b2bua.Pass
}
