package memo

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
)

func TestMemo(t *testing.T) {
	begin := []string{"alice > INVITE to=memo sdp", "alice < 100", "alice < 200 sdp", "alice > ACK", "plays alice silence:500ms prompt:leave-message", "played alice done"}
	for name, lines := range map[string][]string{
		"played back": {"recorded alice silence", "played alice done", "alice < BYE", "alice > 200", `record status=200 by=bifrons cause="played back"`},
		"full disk":   {"recorded alice failed", "plays alice prompt:error", "played alice done", "alice < BYE", "alice > 200"},
		"hung up":     {"alice > BYE", "alice < 200", "record status=200 by=caller"},
	} {
		t.Run(name, func(t *testing.T) {
			w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) {
				cfg.Apps = map[string]b2bua.Link{"memo": {App: App{}}}
				cfg.Sides[0].Apps = []string{"memo"}
			})
			for _, l := range append(begin, lines...) {
				w.Line(l)
			}
			w.Finish()
		})
	}
}
