package example

import (
	"testing"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
)

// TestExample plays calls through the service.
func TestExample(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
	}{
		{"a call without Subject gets one", []string{
			"alice > INVITE sdp", "alice < 100", `bob < INVITE has="Subject: Call by way of Bifrons"`, "bob > 486", "bob < ACK", "alice < 486", "alice > ACK",
		}},
		{"directory enquiries are barred", []string{
			"alice > INVITE to=118 sdp", "alice < 100", "alice < 603", "alice > ACK", "bob < nothing", "record status=603 by=bifrons",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := b2buatest.NewWorld(t, func(_ *b2buatest.World, cfg *b2bua.Config) {
				cfg.Apps = map[string]b2bua.Link{"example": {App: App{}}}
				cfg.Sides[0].Apps = []string{"example"}
			})
			for _, l := range c.lines {
				w.Line(l)
			}
			w.Finish()
		})
	}
}
