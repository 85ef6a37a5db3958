package b2bua_test

import (
	"testing"
	"time"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/b2buatest"
)

// TestPlayersGoOnAfterTakeover: another node begins a player where it was, a hold left out, and records on in a second file for as
// long as is left.
func TestPlayersGoOnAfterTakeover(t *testing.T) {
	w := b2buatest.NewWorld(t, func(w *b2buatest.World, c *b2bua.Config) {
		c.Apps = map[string]b2bua.Link{"puppet": puppet(w, []string{"on=invite: accept; play name=p prompt:long offset=1s repeat=-1; record name=r path=a.wav max=1m"})}
		c.Sides[0].Apps = []string{"puppet"}
	})
	w.Play(`alice > INVITE sdp
		alice < 100
		alice < 200
		alice > ACK
		wait 3s
		alice > INVITE sdp=hold
		alice < 100
		alice < 200
		alice > ACK
		wait 10s
		alice > INVITE sdp
		alice < 100
		alice < 200
		alice > ACK
		wait 2s`)
	w.Takeover()
	if len(w.Media.Playing) != 1 || len(w.Media.Writing) != 1 {
		t.Fatalf("after the takeover there are %d players and %d recorders", len(w.Media.Playing), len(w.Media.Writing))
	}
	for _, p := range w.Media.Playing {
		if p.Offset != 6*time.Second || p.Repeat != -1 {
			t.Errorf("the player begins at %v, want 6s", p.Offset)
		}
	}
	for _, r := range w.Media.Writing {
		if r.Path != "a-2.wav" || r.Max != 45*time.Second {
			t.Errorf("recorded on in %s for %v", r.Path, r.Max)
		}
	}
	w.Play("alice > BYE\nalice < 200\nports 0")
	w.Finish()
}
