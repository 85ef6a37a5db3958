package announce

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
)

// play plays lines of a call through the service.
func play(t *testing.T, lines []string, codecs ...string) {
	w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) {
		cfg.Apps = map[string]b2bua.Link{"announce": {App: App{}}}
		cfg.Sides[0].Apps, cfg.Sides[0].Codecs = []string{"announce"}, codecs
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

// TestAnnounceNoCodec tells a caller that offers no codec spoken here so.
func TestAnnounceNoCodec(t *testing.T) {
	play(t, []string{"alice > INVITE to=number-changed sdp=pcmu", "alice < 100",
		`alice < 488 has="Warning: 305 10.0.0.1:5060 \"no codec in common: this end speaks PCMA"`, "alice > ACK", "record status=488 by=bifrons"}, "PCMA")
}
