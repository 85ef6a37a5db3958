// Package room is an application to try a conference with: whoever dials the same user hears all others who do.
package room

import (
	"regexp"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/media"
	"github.com/bifrons/bifrons/media/codec"
	"github.com/bifrons/bifrons/sip"
)

// App is the application.
type App struct{}

// Name is its name in the catalogue.
func (App) Name() string { return "room" }

// name is a room that may be dialled.
var name = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// mixable are the codecs that can be mixed: a telephone that offers AMR as well is answered in one of these, one that offers
// nothing else gets 488.
var mixable = []string{codec.G722, codec.PCMA, codec.PCMU, codec.L16}

// Handle lets a caller in. Keys do nothing; who hangs up has left.
func (App) Handle(s *b2bua.Step, ev b2bua.Event) b2bua.Verdict {
	switch ev := ev.(type) {
	case b2bua.Invite:
		u, err := sip.ParseURI([]byte(ev.RequestURI))
		if err != nil || !name.Match(u.User) {
			s.Do(b2bua.Reject{Status: 404, Reason: "no such room"})
			return b2bua.Stop
		}
		s.Do(b2bua.Accept{Codecs: mixable})
		s.Do(b2bua.Connect{Legs: []int{0}, Room: string(u.User)})
		s.Do(b2bua.Play{Items: []media.Item{{Tone: "beep", Length: 200 * time.Millisecond}}})
		return b2bua.Stop
	case b2bua.Connected:
		if ev.Reason != media.ReasonDone.String() { // the room is full
			s.Do(b2bua.End{Cause: b2bua.Cause{Status: 486, By: b2bua.ByBifrons, Text: ev.Err}})
		}
	}
	return b2bua.Pass
}
