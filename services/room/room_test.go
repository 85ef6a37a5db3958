package room

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
)

func TestRoom(t *testing.T) {
	for name, lines := range map[string][]string{
		"enters and leaves": {"alice > INVITE to=lobby sdp", "alice < 100", "alice < 200 sdp", "alice > ACK", "room alice", "plays alice tone:beep",
			"played alice done", "room alice", "alice > BYE", "alice < 200", "room", "record status=200 by=caller"},
		"is full": {"alice > INVITE to=lobby sdp", "alice < 100", "alice < 200 sdp", "alice > ACK", "left alice", "alice < BYE", "alice > 200",
			"record status=486 by=bifrons"},
		"no name": {"alice > INVITE to=%2e%2e%2flobby sdp", "alice < 100", "alice < 404", "alice > ACK"},
	} {
		t.Run(name, func(t *testing.T) {
			w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) {
				cfg.Apps = map[string]b2bua.Link{"room": {App: App{}}}
				cfg.Sides[0].Apps = []string{"room"}
			})
			for _, l := range lines {
				w.Line(l)
			}
			w.Finish()
		})
	}
}
