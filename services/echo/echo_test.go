package echo

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
)

// play plays lines of a call through the service.
func play(t *testing.T, lines []string) {
	w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) {
		cfg.Apps = map[string]b2bua.Link{"echo": {App: App{}}}
		cfg.Sides[0].Apps = []string{"echo"}
	})
	for _, l := range lines {
		w.Line(l)
	}
	w.Finish()
}

func TestEcho(t *testing.T) {
	for name, lines := range map[string][]string{
		"keys come back": {"alice > INVITE to=welcome sdp", "alice < 100", "alice < 200 sdp", "alice > ACK", "plays alice silence:500ms prompt:welcome",
			"press alice 1", "plays alice nothing", "press alice 2", "press alice #", "tones alice 1@101/8000", "wait 210ms", "tones alice 2@101/8000",
			"wait 210ms", "alice < BYE", "alice > 200", "record status=200 by=bifrons cause=echoed"},
		"nothing pressed": {"alice > INVITE to=WELCOME sdp", "alice < 100", "alice < 200 sdp", "alice > ACK", "plays alice silence:500ms tone:beep",
			"played alice done", "wait 11s", "alice < BYE", "alice > 200", `record cause="nothing was pressed"`},
		"keys by INFO": {"alice > INVITE to=welcome sdp=noevents", "alice < 100", "alice < 200 sdp", "alice > ACK",
			`alice > INFO header="Content-Type: application/dtmf" body=7`, "alice < 200 for=INFO", "wait 3s", "alice < INFO has=Signal=7", "alice > 200",
			"alice < BYE", "alice > 200"},
	} {
		t.Run(name, func(t *testing.T) { play(t, lines) })
	}
}
