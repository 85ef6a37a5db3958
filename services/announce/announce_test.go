package announce

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
)

// play plays lines of a call through the service.
func play(t *testing.T, lines []string) {
	w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) {
		cfg.Apps = map[string]b2bua.Link{"announce": {App: App{}}}
		cfg.Sides[0].Apps = []string{"announce"}
	})
	for _, l := range lines {
		w.Line(l)
	}
	w.Finish()
}

func TestAnnounce(t *testing.T) {
	for name, lines := range map[string][]string{
		"played before the refusal": {"alice > INVITE to=number-changed sdp", "alice < 100", "alice < 183 sdp", "plays alice prompt:number-changed",
			"played alice done", "alice < 404", "alice > ACK", "record status=404 by=bifrons"},
		"no such prompt": {"alice > INVITE to=nothing sdp", "alice < 100", "alice < 183 sdp", `played alice failed "no such prompt"`, "alice < 404", "alice > ACK"},
		"no name":        {"alice > INVITE to=%2e%2e%2fsecret sdp", "alice < 100", "alice < 404", "alice > ACK"},
		"no offer":       {"alice > INVITE to=number-changed", "alice < 100", "alice < 404", "alice > ACK"},
		"cancelled":      {"alice > INVITE to=number-changed sdp", "alice < 100", "alice < 183 sdp", "alice > CANCEL", "alice < 200", "alice < 487", "alice > ACK"},
	} {
		t.Run(name, func(t *testing.T) { play(t, lines) })
	}
}
