package b2bua

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPolicies: each policy in use is told of once, with its pairs and all that it does.
func TestPolicies(t *testing.T) {
	t.Parallel()
	a, b := &Side{Name: "a"}, &Side{Name: "b"}
	hide, home := UntrustedPolicy(), TransparentPolicy()
	s := &Server{cfg: Config{Sides: []*Side{a, b}}, policies: map[[2]*Side]*Policy{{a, a}: home, {a, b}: hide, {b, a}: hide}}
	want := []PolicyInfo{{Name: home.Name, Version: home.Version, Pairs: []SidePair{{"a", "a"}}, Fields: home.Exposures()},
		{Name: hide.Name, Version: hide.Version, Pairs: []SidePair{{"a", "b"}, {"b", "a"}}, Fields: hide.Exposures()}}
	if d := cmp.Diff(want, s.Policies()); d != "" || len(want[0].Fields) == 0 {
		t.Errorf("want - got +\n%s", d)
	}
}
