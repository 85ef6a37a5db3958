package ivr

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bifrons/bifrons/ivr/walk"
	"github.com/bifrons/bifrons/media"
)

// TestStretch: a tone with a limit keeps its cadence until then, where it is not to be repeated.
func TestStretch(t *testing.T) {
	t.Parallel()
	ring, beep := media.Item{Tone: "ring", Length: toneLength}, media.Item{Tone: "beep"}
	long := media.Item{Tone: "ring", Length: time.Minute}
	for _, c := range []struct {
		name        string
		repeat      int
		items, want []media.Item
	}{
		{"at the end", 0, []media.Item{ring, ring}, []media.Item{ring, long}},
		{"before something else", 0, []media.Item{ring, beep}, []media.Item{ring, beep}},
		{"repeated", 1, []media.Item{ring}, []media.Item{ring}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			stretch(c.items, walk.Play{Repeat: c.repeat, Limit: time.Minute})
			if d := cmp.Diff(c.want, c.items); d != "" {
				t.Errorf("(-want +got): %s", d)
			}
		})
	}
}
