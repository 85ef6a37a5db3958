package walk_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/bifrons/bifrons/ivr/flow"
	"github.com/bifrons/bifrons/ivr/walk"
)

// TestMembers: what expressions may name of the call, the clock and the last dial is what there is.
func TestMembers(t *testing.T) {
	f, err := flow.Parse("x.yaml", []byte("nodes: {a: {say: x}}"))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := walk.Walker{Flow: f}.Start(walk.Call{}, nil, time.Now())
	env := walk.Env(f, s, time.Now())
	for _, name := range flow.Builtins() {
		m, _ := env[name].(map[string]any)
		if got, want := slices.Sorted(maps.Keys(m)), slices.Sorted(slices.Values(flow.Members(name))); !slices.Equal(got, want) {
			t.Errorf("%s has %q, expressions may name %q", name, got, want)
		}
	}
}
